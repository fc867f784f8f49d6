// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
)

func TestAnErrorStandsForAVerdict(t *testing.T) {
	cause := errors.New("connection refused")
	for _, tc := range []struct {
		name string
		err  error
		want verdict.Verdict
		text string
	}{
		{"none", nil, verdict.Pass, ""},
		{"a failure", verdict.Failed("2.05 Content", "4.04 Not Found"), verdict.Fail, "expected 2.05 Content, got 4.04 Not Found"},
		{"a failure, wrapped", fmt.Errorf("step 3: %w", verdict.Failed("a", "b")), verdict.Fail, "step 3: expected a, got b"},
		{"a precondition", verdict.CannotJudge(cause, "the user %q could not be made", "hello"), verdict.Inconclusive, `the user "hello" could not be made: connection refused`},
		{"a capability", verdict.DoesNotApply("no journal"), verdict.NotApplicable, "no journal"},
		{"the harness", verdict.Broken(cause, "the lab"), verdict.Error, "the lab: connection refused"},
		{"a cause alone", &verdict.Finding{Verdict: verdict.Fail, Err: cause}, verdict.Fail, "connection refused"},
		{"any other error", context.DeadlineExceeded, verdict.Error, "context deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := verdict.Of(tc.err); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if tc.err != nil && tc.err.Error() != tc.text {
				t.Errorf("%q, want %q", tc.err, tc.text)
			}
		})
	}
	if !errors.Is(verdict.Broken(cause, "the lab"), cause) {
		t.Error("the cause is hidden from errors.Is")
	}
}
