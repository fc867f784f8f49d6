// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/reports/statement"
)

func newKeySigning() *cobra.Command {
	var out, kind string
	cmd := &cobra.Command{
		Use:   "signing --out FILE",
		Short: "Make a key pair that signs statements",
		Long: `Make a key pair that signs the statements of coapstone certify: the private key
in FILE, for its owner alone, and the public key beside it, with the ending .pub,
for whoever shall verify. Neither may be there already. What is printed last is
the fingerprint of the public key: hand it on by another way than the key.

The private key is PKCS#8 in PEM, without a passphrase: who reads it can sign.`,
		Example: `  coapstone key signing --out signing.pem
  coapstone certify --target lamp.yaml --out lamp --key signing.pem
  coapstone verify --key signing.pub lamp/statement.json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("--out is missing: name the file for the private key, for example --out signing.pem")
			}
			private, public, err := statement.Generate(statement.Kind(kind))
			if err != nil {
				return usagef("--type: %w", err)
			}
			pub := publicName(out)
			if err := writeKeyPair(out, private, pub, public); err != nil {
				return err
			}
			key, err := statement.ParseKey(pub, public)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "private key   %s (keep it to yourself)\npublic key    %s\nfingerprint   %s\n", out, pub, key.Fingerprint())
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the `FILE` of the private key")
	cmd.Flags().StringVar(&kind, "type", string(statement.ECDSAP256), "the `TYPE` of the key: "+kinds())
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(strings.Split(kinds(), ", "), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func kinds() string {
	var all []string
	for _, k := range statement.Kinds() {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

// writeKeyPair writes both halves, or neither. It overwrites nothing: a key that
// is lost cannot sign again.
func writeKeyPair(name string, private []byte, publicName string, public []byte) error {
	if err := create(name, private); err != nil {
		return err
	}
	if err := create(publicName, public); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// publicName is the file of the public half: signing.pub beside signing.pem.
func publicName(private string) string {
	for _, ext := range []string{".pem", ".key"} {
		private = strings.TrimSuffix(private, ext)
	}
	return private + ".pub"
}

// create writes a new file, for its owner alone.
func create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usagef("%s is there already, and no key is ever overwritten: name another file with --out, or move it away", name)
	case err != nil:
		return usagef("cannot write the key: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return environmentError{errors.Join(fmt.Errorf("cannot write the key: %w", err), os.Remove(name))}
	}
	return nil
}
