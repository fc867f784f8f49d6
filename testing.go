// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// Test runs a suite as subtests of t, one for each scenario, named after its
// file and its title; -run picks among them. They run at once, under this
// package's own scheduler, and tell their verdicts when all are over: a failure
// is only blamed once it is known what it leaned on.
func Test(t *testing.T, opts Options) {
	t.Helper()
	r, err := prepare(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := testContext(t)
	t.Cleanup(cancel)

	// A subtest that -run leaves out is never called: those that are called want
	// to be run. They pause in Parallel until this function has returned.
	var wanted []*job
	over := make(chan struct{})
	var report *reports.Report
	for _, j := range r.plan.jobs {
		t.Run(subtestName(j.result), func(t *testing.T) {
			wanted = append(wanted, j)
			t.Parallel()
			<-over
			tellTest(t, report, err, j.result)
		})
	}
	go func() {
		defer close(over)
		if len(wanted) > 0 {
			report, err = r.run(ctx, wanted)
		}
	}()
	t.Cleanup(func() {
		<-over
		if err == nil && report != nil {
			tellStale(t, report)
		}
	})
}

// testContext ends some time before the test binary's own deadline does, so
// that labs are closed.
func testContext(t *testing.T) (context.Context, context.CancelFunc) {
	deadline, ok := t.Deadline()
	if !ok {
		return context.WithCancel(context.WithoutCancel(t.Context()))
	}
	return context.WithDeadline(context.WithoutCancel(t.Context()), deadline.Add(-time.Until(deadline)/20-time.Second))
}

func subtestName(s *reports.Scenario) string {
	name := strings.TrimSuffix(path.Clean(s.File), ".feature") + "/" + s.Name
	if s.Row != nil {
		name += "/" + strings.Join(s.Row, ", ")
	}
	return name
}

// tellStale fails the test for each expectation that is to be taken out.
func tellStale(t *testing.T, report *reports.Report) {
	t.Helper()
	for _, e := range report.Expectations {
		if e.State == reports.Stale {
			t.Errorf("%s: %s: stale: %s", e.At, e.Expectation.String(), e.Reason)
		}
	}
}

// tellTest tells a subtest the verdict of its scenario.
func tellTest(t *testing.T, report *reports.Report, err error, s *reports.Scenario) {
	t.Helper()
	if err != nil && !s.Ran() {
		t.Fatal(err)
	}
	var text strings.Builder
	if werr := reports.WriteFailure(&text, report, s, reports.TextOptions{}); werr != nil {
		t.Fatal(werr)
	}
	if s.Known != nil {
		t.Skipf("known %s: %s (%s): %s", s.Verdict, s.Known.Why, s.Known.Link, s.Finding)
	}
	switch s.Verdict {
	case verdict.Pass:
	case verdict.Warning:
		t.Log("\n" + strings.TrimSpace(text.String()))
	case verdict.Skipped, verdict.NotApplicable:
		t.Skipf("%s: %s", s.Verdict, s.Finding)
	case verdict.Inconclusive, verdict.Fail, verdict.Error:
		t.Error("\n" + strings.TrimSpace(text.String()))
	}
}
