// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/target"
)

// check is one run through the steps.
type check struct {
	t        *target.File
	o        Options
	result   *Result
	declared map[string]bool
	// gone are the families, true is IPv6, whose bench address cannot be used.
	gone map[bool]bool
	// looked are the capabilities that a step has looked at.
	looked []string
	// answering is an endpoint that answered, for what comes later.
	answering *endpoint
	door      *peer.Security // what opened a session there; nil is plain CoAP
	spoken    bool           // something was sent to the target already
}

// outcome is what a step found.
type outcome struct {
	state        State
	fault        Fault
	detail, next string
}

func well(format string, args ...any) outcome {
	return outcome{state: OK, detail: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) outcome {
	return outcome{state: Skipped, detail: fmt.Sprintf(format, args...)}
}

// blocked is the environment's fault.
func blocked(next, format string, args ...any) outcome {
	return outcome{Failed, Environment, fmt.Sprintf(format, args...), next}
}

// untrue is the statement's fault.
func untrue(next, format string, args ...any) outcome {
	return outcome{Failed, Statement, fmt.Sprintf(format, args...), next}
}

// step does one step and tells it. When ctx has ended nothing is done any more.
func (c *check) step(ctx context.Context, name string, do func(context.Context) outcome) outcome {
	if ctx.Err() != nil {
		return outcome{state: Skipped}
	}
	begun := time.Now()
	o := do(ctx)
	if ctx.Err() != nil && o.state == Failed {
		o = skipped("broken off") // what came of it says nothing of the target
	}
	s := Step{Name: name, State: o.state, Fault: o.fault, Detail: printable(o.detail), Next: o.next, Elapsed: time.Since(begun)}
	c.result.Steps = append(c.result.Steps, s)
	if c.o.Observer != nil {
		c.o.Observer(s)
	}
	return o
}

// printable is a text that a terminal may show: parts of it may come from the wire.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// about notes that a step looks at the capability.
func (c *check) about(capability string) {
	if capability != "" {
		c.looked = append(c.looked, capability)
	}
}

// denied says whether the statement says no outright.
func (c *check) denied(capability string) bool {
	yes, said := c.t.Declares[capability]
	return said && !yes
}

// pause leaves the target alone for as long as its file asks, between two things
// that are sent to it.
func (c *check) pause(ctx context.Context) {
	if !c.spoken {
		c.spoken = true
		return
	}
	wait(ctx, time.Duration(c.t.Bench.Pause))
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// file says what is going to be looked at.
func (c *check) file(ctx context.Context) {
	c.step(ctx, "target file", func(context.Context) outcome {
		name := strings.Join(strings.Fields(c.t.Vendor+" "+c.t.Name+" "+c.t.Version), " ")
		return well("%s, a %s that declares %s", name, c.t.Role, strings.Join(c.t.Declared(), ", "))
	})
}

// leftover names what was declared or denied and that nothing here looked at.
func (c *check) leftover(ctx context.Context) {
	var unseen []string
	for name := range c.t.Declares {
		if !slices.Contains(c.looked, name) {
			unseen = append(unseen, name)
		}
	}
	if len(unseen) == 0 {
		return
	}
	slices.Sort(unseen)
	c.step(ctx, "statement", func(context.Context) outcome {
		return skipped("taken as it is said, and seen by the suite alone: %s", strings.Join(unseen, ", "))
	})
}
