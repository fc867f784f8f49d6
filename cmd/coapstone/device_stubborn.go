// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/stubborn"
)

// stubbornFlags is the flags of device stubborn.
type stubbornFlags struct {
	button, local         string
	method                string
	passwordFile, keyFile string
	options               stubborn.Options
}

func newDeviceStubborn() *cobra.Command {
	var f stubbornFlags
	cmd := &cobra.Command{
		Use:   "stubborn URL API",
		Short: "Be a device that is hard to test",
		Long: `Be a device that calls the Composite API at API through the gateway at URL, each
time its button is pressed, until it is interrupted. Both are burnt in, and so are
its one user and its one key, of 16 bytes at most. It has pre-shared keys alone, no
extended master secret, no clock, and one session at a time: while it is busy, the
button does nothing. What it has to say goes to the standard output.

Its button is a socket in the file system, for coapstone device press.`,
		Example: `  coapstone device stubborn coaps://192.0.2.1/coap2http \
      "https://live.runmyprocess.com/live/acme/host/plant/service/orders?P_mode=TEST" \
      --user hello --password-file password.txt --key-file key.txt --button button`,
		Args: exactly("URL of the gateway, as in coaps://192.0.2.1/coap2http", "API: the URL of a Composite API"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.options.URL, f.options.API = args[0], args[1]
			return beStubborn(cmd, f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.button, "button", "button", "make the button this `SOCKET`")
	fs.StringVar(&f.options.User, "user", "", "the `NAME` of its user, and its PSK identity")
	fs.StringVar(&f.passwordFile, "password-file", "", "the `FILE` whose first line is the user's password")
	fs.StringVar(&f.keyFile, "key-file", "", "the `FILE` whose first line is the PSK key: text, or hex digits behind hex:")
	fs.StringVar(&f.method, "method", "GET", "its request's `METHOD`: GET, POST, PUT or DELETE")
	fs.StringVar(&f.options.Payload, "payload", "", "its request's payload `TEXT`")
	fs.StringVar(&f.local, "local", "", "send from this `ADDRESS`")
	fs.DurationVar(&f.options.Boot, "boot", time.Second, "how long it takes to be back after a reset")
	return cmd
}

// burn is what the flags burn in.
func (f stubbornFlags) burn() (stubborn.Options, error) {
	o := f.options
	if o.User == "" || f.passwordFile == "" {
		return o, usagef("the device needs its user: --user and --password-file")
	}
	b, err := os.ReadFile(f.passwordFile)
	if err != nil {
		return o, usagef("cannot read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	o.Password = secret.Text(strings.TrimSuffix(line, "\r"))
	if f.keyFile != "" {
		key, err := readKey(f.keyFile)
		if err != nil {
			return o, err
		}
		o.Key = secret.Text(key)
	}
	if f.local != "" {
		if o.Local, err = netip.ParseAddr(f.local); err != nil {
			return o, usagef("--local: %w", err)
		}
	}
	methods := map[string]coap.Code{"GET": coap.GET, "POST": coap.POST, "PUT": coap.PUT, "DELETE": coap.DELETE}
	var ok bool
	if o.Method, ok = methods[strings.ToUpper(f.method)]; !ok {
		return o, usagef("method %q: want GET, POST, PUT or DELETE", f.method)
	}
	return o, nil
}

func beStubborn(cmd *cobra.Command, f stubbornFlags) error {
	o, err := f.burn()
	if err != nil {
		return err
	}
	o.Console = cmd.OutOrStdout()
	d, err := stubborn.New(o)
	if err != nil {
		return usageError{err}
	}
	defer d.Close()
	button, err := stubborn.Wire(context.WithoutCancel(cmd.Context()), d, f.button)
	if err != nil {
		return environmentError{fmt.Errorf("%w: if no other device has it, remove the file, or name another with --button", err)}
	}
	<-cmd.Context().Done()
	return button.Close()
}

func newDevicePress() *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:   "press SOCKET",
		Short: "Press the button of the stubborn device",
		Long: `Press the button of a device that coapstone device stubborn is. A device that is
busy does not notice, as a real one would not, and this is no error.`,
		Example: `  coapstone device press button
  coapstone device press button --reset`,
		Args: exactly("SOCKET: the device's button"),
		RunE: func(cmd *cobra.Command, args []string) error {
			finger := stubborn.Press
			if reset {
				finger = stubborn.Reset
			}
			err := finger(cmd.Context(), args[0])
			if errors.Is(err, stubborn.ErrBusy) {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "the device is busy: it did not notice")
				return nil
			}
			if err != nil {
				return environmentError{err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "restart the device instead: it forgets what it was doing")
	return cmd
}
