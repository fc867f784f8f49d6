// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// runTimeout bounds a run: it ends by itself, long before.
const runTimeout = 5 * time.Minute

// runIn runs a suite in a lab of containers, which the observer gets to know, and
// fails if anything of it is left afterwards.
func runIn(t *testing.T, o coapstone.Options, observe func(*Lab, coapstone.Event)) (*reports.Report, error) {
	t.Helper()
	need.Docker(t)
	var mu sync.Mutex
	var opened []*Lab // the shared one first, then those of single scenarios; guarded by mu
	o.Lab = func(ctx context.Context) (lab.Lab, error) {
		l, err := Open(Options{})(ctx)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, l.(*Lab))
		}
		return l, err
	}
	shared := func() *Lab {
		mu.Lock()
		defer mu.Unlock()
		if len(opened) == 0 {
			return nil
		}
		return opened[0]
	}
	o.Observer = func(e coapstone.Event) { observe(shared(), e) }
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	report, err := coapstone.Run(ctx, o)
	if shared() == nil {
		t.Fatalf("there was no lab: %v", err)
	}
	cli, cerr := connect(t.Context())
	if cerr != nil {
		t.Fatal(cerr)
	}
	defer func() { _ = cli.Close() }()
	for _, l := range opened {
		if left := labelled(t, cli, l.id); len(left) > 0 {
			t.Errorf("the run leaves %v", left)
		}
	}
	return report, err
}

func TestTheBuiltInSuitePassesInContainers(t *testing.T) {
	t.Parallel()
	o := coapstone.Options{}
	if testing.Short() {
		o.Profile = coapstone.Smoke
	}
	report, err := runIn(t, o, func(*Lab, coapstone.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, s := range report.Scenarios {
		if s.Verdict == verdict.Pass || s.Verdict == verdict.NotApplicable {
			continue
		}
		if err := reports.WriteFailure(&text, report, s, reports.TextOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if text.Len() > 0 || report.ExitCode != reports.ExitConformant || report.Lab.Kind != string(lab.Containers) {
		t.Errorf("exit code %d in the lab %q, want %d in containers\n%s", report.ExitCode, report.Lab.Kind, reports.ExitConformant, &text)
	}
	t.Logf("%d scenarios in %s", len(report.Scenarios), report.Elapsed.Round(time.Millisecond))
}

// Nothing of the gateway runs in this process: when its container is killed in
// the middle of a run, nothing that starts later passes, and the run still ends.
func TestARunTurnsRedWhenTheGatewaysContainerIsKilled(t *testing.T) {
	t.Parallel()
	const before = 4 // scenarios that end before the gateway does
	var ended, started []*reports.Scenario
	report, err := runIn(t, coapstone.Options{
		Tags: "@smoke or @RFC7252-4.2-02", Workers: 4, Seed: 1, StepTimeout: 3 * time.Second,
	}, func(l *Lab, e coapstone.Event) {
		switch e.Kind {
		case coapstone.ScenarioStarted:
			if len(ended) >= before {
				started = append(started, e.Scenario)
			}
		case coapstone.ScenarioEnded:
			if ended = append(ended, e.Scenario); len(ended) == before {
				if err := l.KillGateway(t.Context()); err != nil {
					t.Error(err)
				}
			}
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ended[:before] {
		if s.Observed != verdict.Pass {
			t.Errorf("%s ended before the gateway did: %s: %s", s.Location(), s.Observed, s.Finding)
		}
	}
	for _, s := range started {
		if !slices.Contains([]verdict.Verdict{verdict.Fail, verdict.Error, verdict.Inconclusive}, s.Observed) || s.Finding == nil {
			t.Errorf("%s started when the gateway was dead: %s: %s", s.Location(), s.Observed, s.Finding)
		}
	}
	due := 0
	for _, s := range report.Scenarios {
		if s.Verdict != verdict.NotApplicable {
			due++
		}
	}
	if len(started) < before || len(ended) != due {
		t.Errorf("%d scenarios were due, of which %d ended and %d started when the gateway was dead", due, len(ended), len(started))
	}
	// On a machine too busy to blame anybody, failures are errors.
	if c := report.ExitCode; c != reports.ExitFailed && c != reports.ExitEnvironment {
		t.Errorf("exit code %d (%s), want %d or %d", c, report.ExitReason, reports.ExitFailed, reports.ExitEnvironment)
	}
}
