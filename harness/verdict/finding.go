// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"errors"
	"fmt"
)

// Finding is the error by which a step ends with a verdict other than pass.
type Finding struct {
	Verdict Verdict
	// Expected is what the requirement asks for, in words.
	Expected string
	// Got is what came instead, decoded.
	Got string
	// Reason is used instead of Expected and Got where nothing was compared.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

// Error is the finding on one line.
func (f *Finding) Error() string {
	s := f.Reason
	if f.Expected != "" || f.Got != "" {
		s = fmt.Sprintf("expected %s, got %s", f.Expected, f.Got)
	}
	if f.Err != nil && s == "" {
		return f.Err.Error()
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (f *Finding) Unwrap() error { return f.Err }

// Failed says that the target did not do what it must: expected and got are
// phrases that follow "expected" and "got".
func Failed(expected, got string) error {
	return &Finding{Verdict: Fail, Expected: expected, Got: got}
}

// CannotJudge says that a precondition could not be made.
func CannotJudge(err error, format string, args ...any) error {
	return &Finding{Verdict: Inconclusive, Reason: fmt.Sprintf(format, args...), Err: err}
}

// DoesNotApply says that the target, or the lab, cannot be asked this.
func DoesNotApply(format string, args ...any) error {
	return &Finding{Verdict: NotApplicable, Reason: fmt.Sprintf(format, args...)}
}

// Broken says that the harness or its environment broke.
func Broken(err error, format string, args ...any) error {
	return &Finding{Verdict: Error, Reason: fmt.Sprintf(format, args...), Err: err}
}

// ErrLate is the cause of an error that the harness's own lateness is behind: the
// target may have been in time.
var ErrLate = errors.New("the harness was late")

// Of is the verdict that a step's error stands for: nil is Pass, a Finding
// speaks for itself, anything else is a fault of the harness.
func Of(err error) Verdict {
	if err == nil {
		return Pass
	}
	var f *Finding
	if errors.As(err, &f) {
		return f.Verdict
	}
	return Error
}
