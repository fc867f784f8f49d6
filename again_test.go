// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

// runLate runs scenarios whose harness is late as often as their step says.
func runLate(t *testing.T, change func(*Options)) (*reports.Report, map[string]int) {
	t.Helper()
	var mu sync.Mutex
	runs, told := map[string]int{}, map[string]int{}
	o := testOptions(t, new(fakeLab))
	o.Once = false
	o.Features = fstest.MapFS{"a.feature": {Data: []byte("Feature: f\n" +
		"  Scenario: in time\n    When it is late 0 times, and passes\n" +
		"  Scenario: late once\n    When it is late 1 times, and passes\n" +
		"  Scenario: late, and then wrong\n    When it is late 1 times, and fails\n" +
		"  Scenario: always late\n    When it is late 9 times, and passes\n" +
		"  Scenario: wrong\n    When it is late 0 times, and fails\n" +
		"  Scenario: broken\n    When it breaks\n")}}
	o.Vocabulary.Add(steps.Step{Expression: `it is late {int} times, and {word}`, Run: func(_ context.Context, w *steps.World, a steps.Args) error {
		id := strings.TrimSuffix(w.Stage.(*fakeStage).id, "-again")
		mu.Lock()
		defer mu.Unlock()
		runs[id]++
		switch {
		case runs[id] <= a.Int(0):
			return verdict.Broken(verdict.ErrLate, "it came after 3 s")
		case a.String(1) == "fails":
			return verdict.Failed("2.05 Content", "4.04 Not Found")
		}
		return nil
	}})
	o.Observer = func(e Event) {
		if e.Kind == ScenarioEnded {
			told[e.Scenario.Name]++
		}
	}
	change(&o)
	r := mustRun(t, o)
	byName := map[string]int{}
	for _, s := range r.Scenarios {
		byName[s.Name] = runs[s.ID]
		if told[s.Name] != 1 {
			t.Errorf("%s: the observer heard %d times of its end", s.Name, told[s.Name])
		}
	}
	return r, byName
}

func TestWhatTheHarnessWasTooLateForIsRunOnceMore(t *testing.T) {
	r, runs := runLate(t, func(*Options) {})
	want := map[string]string{
		"in time": "pass", "late once": "pass", "late, and then wrong": "fail", "always late": "error", "wrong": "fail", "broken": "error",
	}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"in time": 1, "late once": 2, "late, and then wrong": 2, "always late": 2, "wrong": 1, "broken": 0}, runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	s := scenario(t, r, "late once")
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "run a second time") || s.Finding != nil || s.Steps[0].Status != reports.Passed {
		t.Errorf("notes %q, finding %s, step %s: want a note of the first run, and all else of the second", s.Notes, s.Finding, s.Steps[0].Status)
	}
}

func TestOnceIsOnce(t *testing.T) {
	r, runs := runLate(t, func(o *Options) { o.Once = true })
	if v := scenario(t, r, "late once").Verdict; v != verdict.Error || runs["late once"] != 1 {
		t.Errorf("%s after %d runs: want error after one", v, runs["late once"])
	}
}

// A fail that the harness's health puts in doubt is judged again, and then stands.
func TestAFailOfALateHarnessStandsWhenItIsSeenAgain(t *testing.T) {
	o := testOptions(t, new(fakeLab))
	o.Once = false
	o.Features = fstest.MapFS{"a.feature": {Data: []byte("Feature: f\n  Scenario: dropped once\n    When a datagram may be lost\n    Then it fails\n")}}
	o.Vocabulary.Add(steps.Step{Expression: `a datagram may be lost`, Run: func(_ context.Context, w *steps.World, _ steps.Args) error {
		if !strings.HasSuffix(w.Stage.(*fakeStage).id, "-again") {
			w.Stage.Trace().Dropped(1)
		}
		return nil
	}})
	r := mustRun(t, o)
	if s := scenario(t, r, "dropped once"); s.Verdict != verdict.Fail || s.Drops != 0 || len(s.Notes) != 1 {
		t.Errorf("%s, %d drops, notes %q: want the fail of the second run", s.Verdict, s.Drops, s.Notes)
	}
}
