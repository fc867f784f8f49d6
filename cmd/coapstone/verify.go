// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/reports/statement"
)

func newVerify() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "verify --key PUB STATEMENT",
		Short: "Check a signed statement, and say what it claims",
		Long: `Check a signed statement of coapstone certify: that one of the public keys given
with --key signed it, that every file that it names lies beside it and is the one
that was signed for, and that it says what the report says. Then say what it
claims, and what it does not.

STATEMENT is a statement.json, or the folder that it lies in. A statement that
does not verify ends with exit code 7; one that verifies ends with 0, whatever
result it states: read the result.`,
		Example: `  coapstone verify --key signing.pub lamp/statement.json
  coapstone verify --key lab.pub --key vendor.pub lamp`,
		Args: exactly("STATEMENT, a statement.json or its folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := readKeys(files)
			if err != nil {
				return err
			}
			v, err := statement.Verify(cmd.Context(), args[0], keys)
			if err != nil {
				return usageUnlessCoded(err)
			}
			return statement.WriteText(cmd.OutOrStdout(), v, statement.TextOptions{Program: ownDigest(), Suite: ownSuite()})
		},
	}
	cmd.Flags().StringArrayVar(&files, "key", nil, "the public key `PUB` (PEM) of somebody whose word is taken; may stand several times")
	return cmd
}

func readKeys(files []string) ([]*statement.Key, error) {
	var keys []*statement.Key
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("--key: %w", err)
		}
		k, err := statement.ParseKey(name, text)
		if err != nil {
			return nil, usagef("--key: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// usageUnlessCoded makes a caller's mistake of an error that has no exit code: a
// statement that is not there.
func usageUnlessCoded(err error) error {
	var coder exitCoder
	if errors.As(err, &coder) {
		return err
	}
	return usagef("cannot read the statement: %w: name the statement.json of a certified run, or its folder", err)
}

// ownSuite is the digest of the suite that is built in, in hex; "" when there is
// none, which only means that it cannot be compared.
func ownSuite() string {
	digest, _, err := coapstone.Digest(coapstone.Options{})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(digest, "sha256:")
}

// ownDigest is the digest of this program; "" when it cannot be read, which only
// means that it cannot be compared.
func ownDigest() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
