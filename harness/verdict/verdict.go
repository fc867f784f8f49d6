// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"slices"
)

// Verdict is a judgement. They are ordered: the verdict of a whole is the worst
// of its parts. The zero value is NotApplicable.
type Verdict int8

// The verdicts, from the least to the worst.
const (
	// NotApplicable: the target does not have the role or the capability.
	NotApplicable Verdict = iota
	// Pass: what is required was seen.
	Pass
	// Warning: a SHOULD is not met. The target still conforms.
	Warning
	// Skipped: left out by the operator's choice, with a reason.
	Skipped
	// Inconclusive: a precondition could not be made, so nothing was judged.
	Inconclusive
	// Fail: what is required was not seen, or what is forbidden was.
	Fail
	// Error: the harness or its environment broke. Never the target's fault.
	Error
)

var names = [...]string{"not-applicable", "pass", "warning", "skipped", "inconclusive", "fail", "error"}

// String is the verdict as reports write it: "not-applicable", "pass", ….
func (v Verdict) String() string {
	if v >= 0 && int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Parse reads a verdict as String writes it.
func Parse(s string) (Verdict, error) {
	if i := slices.Index(names[:], s); i >= 0 {
		return Verdict(i), nil //nolint:gosec // seven names
	}
	return 0, fmt.Errorf("verdict %q: want one of %v", s, names)
}

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is Parse.
func (v *Verdict) UnmarshalText(b []byte) (err error) {
	*v, err = Parse(string(b))
	return err
}

// Worst is the worst of the verdicts; of none it is NotApplicable.
func Worst(vs ...Verdict) Verdict {
	w := NotApplicable
	for _, v := range vs {
		w = max(w, v)
	}
	return w
}

// All is every verdict, from the least to the worst.
func All() []Verdict {
	return []Verdict{NotApplicable, Pass, Warning, Skipped, Inconclusive, Fail, Error}
}
