// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/target"
)

// How a hook can come to nothing, for errors.Is. One that took too long is
// context.DeadlineExceeded.
var (
	// ErrNone: the target file has no such hook.
	ErrNone = errors.New("the target file has no such hook")
	// ErrDeclined: the person said that it cannot be done.
	ErrDeclined = errors.New("the person at the terminal said that it cannot be done")
	// ErrNobody: there is nobody to ask.
	ErrNobody = errors.New("there is no terminal at which to ask somebody")
)

// Runner runs hooks. The zero value runs programs and HTTP calls, from the
// current folder. It is safe for use by several goroutines.
type Runner struct {
	// Dir is the folder of the target file. Programs run there, and relative ones
	// are looked for there.
	Dir string
	// Prompter asks people; nil if there is nobody to ask.
	Prompter Prompter
	// Secrets are blotted out in outputs and errors. The variables {password},
	// {token} and {key} are, anyway.
	Secrets []secret.Text
	// Watch shows a person what arrives while they are asked: it calls show for each
	// packet until ctx ends, and returns then. It may be nil.
	Watch func(ctx context.Context, show func(line string))
	// Started is told that a hook is about to run. It may be nil.
	Started func(name string, h *target.Hook)
}

// Result is what came of a hook. It holds no secrets.
type Result struct {
	// Output is what a program printed, or what the body of an HTTP answer was: the
	// last 64 KiB of it.
	Output string
	// Elapsed is how long it took.
	Elapsed time.Duration
}

// occasion is one run of a hook.
type occasion struct {
	*Runner
	name string
	hook *target.Hook
	vars map[string]string
	blot func(string) string
}

// Run runs the hook h. Its name is its key under hooks in the target file:
// "trigger". {x} in its texts stands for vars["x"]; one that is not there is an
// error. The result tells the output of a hook that failed, too.
func (r *Runner) Run(ctx context.Context, name string, h *target.Hook, vars map[string]string) (Result, error) {
	if h == nil {
		return Result{}, fmt.Errorf("hook %s: %w: add hooks.%s to it, or do without", name, ErrNone, name)
	}
	o := &occasion{Runner: r, name: name, hook: h, vars: vars, blot: blotter(r.Secrets, vars)}
	run, err := o.kind()
	if err != nil {
		return Result{}, o.errorf("%w", err)
	}
	timeout := h.Patience()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if r.Started != nil {
		r.Started(name, h)
	}
	begin := time.Now()
	out, err := run(ctx)
	result := Result{Output: o.blot(out), Elapsed: time.Since(begin)}
	if errors.Is(err, context.DeadlineExceeded) && result.Elapsed >= timeout {
		err = o.late(err, timeout, result.Output)
	}
	if err != nil {
		return result, o.errorf("%w", err)
	}
	return result, nil
}

// kind is how the hook is run.
func (o *occasion) kind() (run func(context.Context) (string, error), err error) {
	h, n := o.hook, 0
	if h.Command != nil {
		n, run = n+1, o.command
	}
	if h.HTTP != nil {
		n, run = n+1, o.call
	}
	if h.Person != "" {
		n, run = n+1, o.person
	}
	if n != 1 {
		return nil, fmt.Errorf("it has %d of command, http and person: want exactly one in hooks.%s", n, o.name)
	}
	return run, nil
}

// late is the error of a hook that did not come to an end in time.
func (o *occasion) late(err error, timeout time.Duration, output string) error {
	if o.hook.Person != "" {
		return fmt.Errorf("nobody answered within %s: %w: give hooks.%s.timeout more, or have a command or an HTTP call do it", timeout, err, o.name)
	}
	return fmt.Errorf("not done within %s: %w: make it quicker, or give hooks.%s.timeout more%s", timeout, err, o.name, saying(output))
}

func (o *occasion) errorf(format string, args ...any) error {
	return fmt.Errorf("hook %s: %w", o.name, fmt.Errorf(format, args...))
}
