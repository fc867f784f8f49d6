// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/target"
)

func TestAStepIsToldWithWhatToDoNext(t *testing.T) {
	for _, tt := range []struct {
		step Step
		want string
	}{
		{Step{Name: "a", State: OK}, "✓ a"},
		{Step{Name: "a", State: Skipped, Detail: "not tried"}, "– a: not tried"},
		{Step{Name: "a", State: OK, Detail: "done", Elapsed: 1500 * time.Millisecond}, "✓ a: done (1.5 s)"},
		{Step{Name: "a", State: OK, Detail: "back after 1.5 s", Elapsed: 1500 * time.Millisecond}, "✓ a: back after 1.5 s"},
		{
			Step{Name: "a", State: Failed, Detail: "it says\nboom", Next: "do this:\n  type this\nand do that"},
			"✗ a: it says\n    boom\n  → do this:\n      type this\n  → and do that",
		},
	} {
		if d := cmp.Diff(tt.want, tt.step.String()); d != "" {
			t.Error("(-want +got)\n" + d)
		}
	}
}

func TestWhatComesFromTheWireCannotSteerATerminal(t *testing.T) {
	c := &check{t: &target.File{}, result: &Result{}}
	c.step(t.Context(), "a", func(context.Context) outcome { return well("%s", "path\x1b[2J\a\u202e") })
	if got := c.result.Steps[0].String(); strings.ContainsAny(got, "\x1b\a\u202e") || !strings.Contains(got, "path") {
		t.Errorf("%q", got)
	}
}

func TestTheGravestFaultIsTheResults(t *testing.T) {
	statement, environment := Step{State: Failed, Fault: Statement}, Step{State: Failed, Fault: Environment}
	for _, tt := range []struct {
		steps []Step
		want  Fault
		says  string
	}{
		{[]Step{{State: OK}, {State: Skipped}}, "", "Ready: 1 of 2 steps went well, 1 not looked at."},
		{[]Step{{State: OK}, statement}, Statement, "Not ready: the target is not as its file says. 1 of 2 steps went well, 1 not."},
		{[]Step{statement, environment}, Environment, "Not ready: something is in the way. 0 of 2 steps went well, 2 not."},
	} {
		r := &Result{tt.steps}
		if r.Fault() != tt.want || r.Summary() != tt.says {
			t.Errorf("%q, %q; want %q, %q", r.Fault(), r.Summary(), tt.want, tt.says)
		}
	}
}
