// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/coapstone/coapstone/harness/credential"
)

func newKey() *cobra.Command {
	key := &cobra.Command{
		Use:   "key",
		Short: "Derive what a device needs from a password, or make a signing key",
		Long: `Derive what a device needs from a RunMyProcess password, or make the key that
signs statements. The password is asked for on a terminal, or is the first line of
the standard input. It is never an argument: the process list and the shell's
history would show it.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	key.AddCommand(newKeyPSK(), newKeyAuthToken(), newKeySigning())
	return key
}

func newKeyPSK() *cobra.Command {
	return &cobra.Command{
		Use:   "psk",
		Short: "Print the pre-shared key of a password",
		Long: `Print the pre-shared key of a password: SHA-256 of it, as 64 hex digits.

The key itself is the 32 bytes. The PSK identity is the user name. Tools that
take text alone use the 64 digits as the key: declare psk-key: hex then.`,
		Example: `  coapstone key psk
  coapstone key psk < password.txt
  coap-client -u hello -k "$(coapstone key psk < password.txt)" coaps://…`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), credential.PSKKey(password))
			return err
		},
	}
}

func newKeyAuthToken() *cobra.Command {
	return &cobra.Command{
		Use:   "authtoken USER",
		Short: "Print the AuthToken of a user and a password",
		Long: `Print the AuthToken for the query of a Proxy-Uri: Base64 of user:password, with
no line feed at the end of the password.`,
		Example: `  coapstone key authtoken hello
  coapstone key authtoken hello < password.txt`,
		Args: exactly("USER, the user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Before the password is asked for: the name alone may be wrong.
			if _, err := credential.AuthToken(args[0], ""); err != nil {
				return usagef("%w", err)
			}
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			token, err := credential.AuthToken(args[0], password)
			if err != nil {
				return usagef("%w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
}

// readPassword asks for the password on a terminal; elsewhere it is the first
// line of the standard input.
func readPassword(cmd *cobra.Command) (string, error) {
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return askPassword(cmd.Context(), f, cmd.ErrOrStderr())
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", usagef("cannot read the password: %w", err)
	}
	return checkPassword(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
}

// askPassword reads a line from the terminal without showing it. When ctx ends
// first the terminal is put back as it was: the read itself cannot be stopped.
func askPassword(ctx context.Context, f *os.File, prompt io.Writer) (string, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", usagef("cannot read the password from the terminal: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	_, _ = fmt.Fprint(prompt, "Password: ")
	read := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		read <- line{b, err}
	}()
	select {
	case l := <-read:
		_, _ = fmt.Fprintln(prompt)
		if l.err != nil {
			return "", usagef("cannot read the password from the terminal: %w", l.err)
		}
		return checkPassword(string(l.text))
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = fmt.Fprintln(prompt)
		return "", environmentError{fmt.Errorf("interrupted: %w", context.Cause(ctx))}
	}
}

func checkPassword(password string) (string, error) {
	if password == "" {
		return "", usagef("no password: type it at the prompt, or give it as the first line of the standard input")
	}
	return password, nil
}
