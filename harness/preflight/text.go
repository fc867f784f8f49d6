// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"strings"
	"time"
)

// Sign is the step's state as one character.
func (s Step) Sign() string {
	return map[State]string{OK: "✓", Failed: "✗", Skipped: "–"}[s.State]
}

// noticeable is how long a step must take for its time to be told.
const noticeable = time.Second

// String is the step for a person: what was seen on one line, and what to do next
// below it.
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Sign(), s.Name)
	if s.Detail != "" {
		b.WriteString(": " + strings.ReplaceAll(s.Detail, "\n", "\n    "))
	}
	if took := brief(s.Elapsed); s.Elapsed >= noticeable && !strings.Contains(s.Detail, took) {
		fmt.Fprintf(&b, " (%s)", took)
	}
	for i, line := range strings.Split(s.Next, "\n") {
		switch {
		case line == "":
		case i == 0:
			b.WriteString("\n  → " + line)
		case strings.HasPrefix(line, " "): // what to type
			b.WriteString("\n    " + line)
		default:
			b.WriteString("\n  → " + line)
		}
	}
	return b.String()
}

// Summary is the result in one sentence.
func (r *Result) Summary() string {
	counts := fmt.Sprintf("%d of %d steps went well", r.Count(OK), len(r.Steps))
	if n := r.Count(Skipped); n > 0 {
		counts += fmt.Sprintf(", %d not looked at", n)
	}
	if n := r.Count(Failed); n > 0 {
		counts += fmt.Sprintf(", %d not", n)
	}
	switch r.Fault() {
	case Environment:
		return "Not ready: something is in the way. " + counts + "."
	case Statement:
		return "Not ready: the target is not as its file says. " + counts + "."
	default:
		return "Ready: " + counts + "."
	}
}
