// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/target"
)

// showPlan says what is going to be run, and how long that will take.
func (c *certification) showPlan() (*coapstone.Preview, error) {
	p, err := coapstone.Foresee(c.options)
	if err != nil {
		return nil, err
	}
	return p, writePlan(c.cmd.OutOrStdout(), c.target, p)
}

func writePlan(w io.Writer, t *target.File, p *coapstone.Preview) error {
	var b strings.Builder
	say := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	say("target", "%s, %s", t.Title(), t.Role)
	say("declares", "%s", strings.Join(t.Declared(), ", "))
	more := ""
	if p.Judged > 0 {
		more += fmt.Sprintf("; %d judged in an earlier sitting", p.Judged)
	}
	if p.Excused > 0 {
		more += fmt.Sprintf("; %d do not apply to what is declared, or are left out", p.Excused)
	}
	if p.Scenarios == 0 {
		say("plan", "nothing is left to run, so the bench is not checked%s", more)
	} else {
		say("plan", "%s, %s%s", count(p.Scenarios, "scenario"), about(p.Expected), more)
	}
	if len(p.Groups) > 1 || len(p.Groups) == 1 && p.Groups[0].Name != "" {
		say("", "in the order in which the device is set up:")
		for _, g := range p.Groups {
			name := g.Name
			if name == "" {
				name = "as it is"
			}
			say("", "  %3d  %s, %s", g.Scenarios, name, about(g.Expected))
		}
	}
	if people := peopleFor(t, p); people != "" {
		say("people", "%s", people)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// peopleFor is what somebody has to be there for.
func peopleFor(t *target.File, p *coapstone.Preview) string {
	if p.Triggers == 0 {
		return ""
	}
	switch h := t.Hooks.Trigger; {
	case h == nil:
		return fmt.Sprintf("there is no hook trigger: the device is waited for %d times, until it sends by itself", p.Triggers)
	case h.Person != "":
		return fmt.Sprintf("somebody is asked %d times to trigger the device", p.Triggers)
	}
	return ""
}

// preflight checks the bench, and says where the target does not fit what is
// declared of it.
func (c *certification) preflight(ctx context.Context) (misfits []string, err error) {
	w := c.cmd.ErrOrStderr()
	result, err := preflight.Run(ctx, c.target, preflight.Options{
		Runner:   c.runner,
		Observer: func(s preflight.Step) { _, _ = fmt.Fprintln(w, s) },
	})
	if err != nil {
		return nil, environmentError{err}
	}
	if result.Fault() == preflight.Environment {
		return nil, environmentError{fmt.Errorf("the bench is not ready, so nothing was judged: mend what is marked ✗ above, and look again with coapstone target check %s", c.flags.target)}
	}
	for _, s := range result.Steps {
		if s.State == preflight.Failed {
			misfits = append(misfits, oneLine(s.Name+": "+s.Detail))
		}
	}
	return misfits, nil
}
