// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// State is how a step went.
type State string

// The states.
const (
	OK     State = "ok"
	Failed State = "failed"
	// Skipped was not looked at; the step says why.
	Skipped State = "skipped"
)

// Fault is what a step that failed blames.
type Fault string

// The faults.
const (
	// Environment is what stands between the bench and the target, or on the bench.
	Environment Fault = "environment"
	// Statement is something that the target file says of the target and that is not
	// so.
	Statement Fault = "statement"
)

// Step is one thing that was looked at.
type Step struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Fault is set where the state is Failed.
	Fault Fault `json:"fault,omitempty"`
	// Detail is what was seen.
	Detail string `json:"detail,omitempty"`
	// Next is what to do about it.
	Next string `json:"next,omitempty"`
	// Elapsed is how long it took, in nanoseconds.
	Elapsed time.Duration `json:"elapsed"`
}

// Result is all steps, in their order.
type Result struct {
	Steps []Step `json:"steps"`
}

// Fault is the gravest of all: while the environment is in the way, nothing is
// known of the statement. It is empty when every step went well.
func (r *Result) Fault() Fault {
	var worst Fault
	for _, s := range r.Steps {
		switch {
		case s.State != Failed:
		case s.Fault == Environment:
			return Environment
		default:
			worst = s.Fault
		}
	}
	return worst
}

// Count is how many steps have the state.
func (r *Result) Count(s State) int {
	n := 0
	for i := range r.Steps {
		if r.Steps[i].State == s {
			n++
		}
	}
	return n
}

// Options is how the check is done.
type Options struct {
	// Runner runs the hooks. Nil runs none: what needs one is skipped.
	Runner *hook.Runner
	// Disruptive allows to reset the target and to take its power away.
	Disruptive bool
	// Observer is told each step when it has ended.
	Observer func(Step)
	// Reach bounds the wait for an answer, or for a datagram of a device that sends
	// by itself; 0 is 5 s, and 2 min for the latter.
	Reach time.Duration
	// Handshake bounds a handshake; 0 is 15 s: small devices take their time.
	Handshake time.Duration
}

// The timeouts that Options leaves open.
const (
	reachTimeout     = 5 * time.Second
	waitTimeout      = 2 * time.Minute
	handshakeTimeout = 15 * time.Second
	bootDefault      = 30 * time.Second
)

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Run looks at everything that the target file says and that can be seen from
// here. The error is ctx's, when that ended first; what was seen until then is in
// the result, which is never nil.
func Run(ctx context.Context, t *target.File, o Options) (*Result, error) {
	c := &check{t: t, o: o, result: &Result{}, declared: map[string]bool{}, gone: map[bool]bool{}}
	for _, name := range t.Declared() {
		c.declared[name] = true
	}
	c.file(ctx)
	c.bench(ctx)
	switch t.Role {
	case verdict.DeviceClient:
		c.caller(ctx)
	default:
		c.served(ctx)
	}
	c.console(ctx)
	c.platform(ctx)
	c.restarts(ctx)
	c.leftover(ctx)
	if err := ctx.Err(); err != nil {
		return c.result, fmt.Errorf("the check was broken off, and what was seen until then is no result: %w", err)
	}
	return c.result, nil
}
