// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/preflight/draft"
	"github.com/coapstone/coapstone/harness/verdict"
)

// targetNewFlags is the flags of target new.
type targetNewFlags struct {
	role  string
	set   []string
	force bool
}

func newTargetNew() *cobra.Command {
	var f targetNewFlags
	cmd := &cobra.Command{
		Use:   "new [FILE]",
		Short: "Ask what is under test, and write its target file",
		Long: `Ask what is under test, and write its target file: target.yaml, if no other name
is given. Only what its role needs is asked for, every answer is looked at when it
is given, and no secret is taken: the file says where one is.

Without a terminal nobody is asked. Answers come from --role and --set then, and
what is required and not said is taken from what would have been offered. In a
terminal what is set is not asked for.

--set takes the place of the answer in the file: device.coap=192.0.2.10:5683. Lists
have spaces or commas in them, a secret's place is env:NAME or file:PATH, a hook is
a command, a URL, or "person: what to do". declares=NAMES and denies=NAMES make the
conformance statement.`,
		Example: `  coapstone target new
  coapstone target new door.yaml --role device-server
  coapstone target new --role device-server --set name=Door --set device.coap=192.0.2.10:5683
  coapstone target new --role device-client --set name=Button \
    --set 'hooks.trigger=person: Press the button.' --set users.hello.name=button-1 \
    --set users.hello.password=env:BUTTON_PASSWORD --set denies=clock`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := "target.yaml"
			if len(args) > 0 {
				file = args[0]
			}
			return newTargetFile(cmd, file, f)
		},
		ValidArgsFunction: cobra.FixedCompletions(
			[]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	fs := cmd.Flags()
	fs.StringVar(&f.role, "role", "", "what it is: `gateway|device-client|device-server`")
	fs.StringArrayVar(&f.set, "set", nil, "an answer: `KEY=VALUE`, as often as needed")
	fs.BoolVar(&f.force, "force", false, "write over a file that is there")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(
		[]string{string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer)}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func newTargetFile(cmd *cobra.Command, file string, f targetNewFlags) error {
	if _, err := os.Stat(file); err == nil && !f.force {
		return usagef("%s is there already: name another file, or give --force to write over it", file)
	}
	d := draft.New(machine(cmd.Context()))
	if err := f.answer(d); err != nil {
		return err
	}
	if _, ok := terminal(cmd.InOrStdin()); ok {
		if err := d.Interview(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
			return environmentError{fmt.Errorf("nothing is written: %w", err)}
		}
	}
	if missing := d.Complete(); len(missing) > 0 {
		return usagef("there is no terminal to ask at, and not everything is answered: give %s", flagsFor(missing))
	}
	b, err := d.File(file)
	if err != nil {
		return usagef("nothing is written: %w", err)
	}
	if err := writeNew(file, b, f.force); err != nil {
		return environmentError{fmt.Errorf("cannot write the target file: %w", err)}
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written. Next: coapstone target check %s\n", file, file)
	return err
}

// answer takes the answers of the flags; the role goes first.
func (f targetNewFlags) answer(d *draft.Draft) error {
	if err := d.Set("role", f.role); err != nil {
		return usagef("--%w", err)
	}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return usagef("--set %q: want KEY=VALUE, for example device.coap=192.0.2.10:5683", s)
		}
		if err := d.Set(key, value); err != nil {
			return usagef("--set %w", err)
		}
	}
	return nil
}

// flagsFor are the flags that answer the keys.
func flagsFor(keys []string) string {
	flags := make([]string, len(keys))
	for i, key := range keys {
		flags[i] = "--set " + strings.ReplaceAll(key, " or ", "=… or --set ") + "=…"
	}
	return strings.Join(flags, ", ")
}

// writeNew writes a file that was not there, or writes over it by force.
func writeNew(file string, b []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Clean(file), flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: make the folder first", err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// machine is what this machine offers a bench.
func machine(ctx context.Context) draft.Machine {
	m := draft.Machine{Towards: func(a netip.Addr) netip.Addr {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(a, 9).String()) // sends nothing
		if err != nil {
			return netip.Addr{}
		}
		defer func() { _ = c.Close() }()
		local, err := netip.ParseAddrPort(c.LocalAddr().String())
		if err != nil {
			return netip.Addr{}
		}
		return local.Addr()
	}}
	for _, n := range preflight.Networks() {
		m.Networks = append(m.Networks, draft.Network(n))
	}
	return m
}
