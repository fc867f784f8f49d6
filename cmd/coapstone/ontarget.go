// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// How long a hook is taken to need, before anything is run.
const (
	machineTakes = time.Second
	personTakes  = 30 * time.Second
)

// ofTarget fills in o what a target file says of how its target is to be judged.
func ofTarget(o *coapstone.Options, t *target.File) {
	o.Target, o.Role, o.Capabilities = t.Title(), t.Role, t.Declared()
	o.Grouped = t.Role != verdict.Gateway
	o.Pause = time.Duration(t.Bench.Pause)
	if most := t.AtOnce(); o.Workers == 0 || o.Workers > most {
		o.Workers = most // more would only wait, and their time with them
	}
	if h := t.Hooks.Trigger; h != nil {
		o.Trigger = machineTakes
		if h.Person != "" {
			o.Trigger = personTakes
		}
	}
}

// openKeyLog opens a key log for appending, as SSLKEYLOGFILE has it. Whoever reads
// it reads the sessions: it must be the owner's alone, and no link to elsewhere.
func openKeyLog(name string) (io.WriteCloser, error) {
	was, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, usagef("--keylog: %w", err)
	case !was.Mode().IsRegular():
		return nil, usagef("--keylog %s: it is no regular file: name one, or a file that is not there yet", name)
	case was.Mode().Perm()&0o077 != 0:
		return nil, usagef("--keylog %s: others may read or write it (%s), and it opens the sessions: chmod 600 it, or name another file", name, was.Mode().Perm())
	}
	flags := os.O_APPEND | os.O_WRONLY
	if was == nil {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, usagef("--keylog: %w", err)
	}
	is, err := f.Stat()
	if err == nil && was != nil && !os.SameFile(was, is) {
		err = fmt.Errorf("%s was put in another's place while it was opened", name)
	}
	if err != nil {
		return nil, usagef("--keylog: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// hooksOf is what runs a target's hooks, with the terminal if there is one. The
// closer is never nil.
func hooksOf(t *target.File) (*hook.Runner, func()) {
	r := &hook.Runner{Dir: t.Dir(), Secrets: t.Secrets()}
	terminal, err := hook.OpenTerminal()
	if err != nil {
		return r, func() {}
	}
	r.Prompter = terminal
	return r, func() { _ = terminal.Close() }
}

// openTarget is the lab around a target.
func openTarget(t *target.File, hooks *hook.Runner) lab.Opener {
	return external.Options{Hooks: hooks}.Open(t)
}
