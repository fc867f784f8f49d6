// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// jobOf is a job with these steps.
func jobOf(texts ...string) *job {
	s := &reports.Scenario{}
	for _, text := range texts {
		s.Steps = append(s.Steps, &reports.Step{Text: text})
	}
	return &job{parsed: &parsed{}, result: s}
}

func TestHowLongAStepWaits(t *testing.T) {
	for _, tt := range []struct {
		step string
		want time.Duration
	}{
		{"the scripted gateway receives a request", 0},
		{"the scripted gateway receives nothing more for 50 s", 50 * time.Second},
		{"the device receives nothing for 500 ms", 500 * time.Millisecond},
		{"the Composite API \"orders\" waits 2.5 s before it answers", 2500 * time.Millisecond},
		{"the scripted gateway receives the request again after 2 s to 3 s", 3 * time.Second},
		{"the scripted gateway receives the request 3 times, each wait twice as long as the one before", 9 * time.Second},
		{"the scripted gateway receives the request 5 times", 45 * time.Second},
		{"the device receives the same message 4 times again, 2 s to 3 s later, then each time after twice as long, and no more", 93 * time.Second},
		{"the payload is \"12 seconds\"", 0},
	} {
		if got := waitOf(tt.step); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.step, got, tt.want)
		}
	}
}

func TestATriggerAndAPauseTakeTheirTime(t *testing.T) {
	j := jobOf("the device under test is triggered", "the device under test is triggered", "the scripted gateway receives nothing more for 4 s")
	got := j.expected(&Options{Pause: time.Second, Trigger: 30 * time.Second})
	if want := usual + time.Second + time.Minute + 4*time.Second; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhatRunsAtOnceTakesAsLongAsTheLongest(t *testing.T) {
	jobs := []*job{jobOf("the device receives nothing for 10 s"), jobOf("x"), jobOf("x")}
	if got, want := together(&Options{Workers: 3}, jobs), 10*time.Second+usual; got != want {
		t.Errorf("three at once: %s, want %s", got, want)
	}
	if got, want := together(&Options{Workers: 1}, jobs), 10*time.Second+3*usual; got != want {
		t.Errorf("one after the other: %s, want %s", got, want)
	}
}

func TestThePlanKnowsWhatIsJudged(t *testing.T) {
	o := manyOptions(t, 12)
	before, err := Foresee(o)
	if err != nil {
		t.Fatal(err)
	}
	j := withJournal(t, &o, filepath.Join(t.TempDir(), "journal.jsonl"))
	mustRun(t, o)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o.Judged = map[string]*reports.Scenario{}
	for _, s := range mustRun(t, manyOptions(t, 12)).Scenarios {
		if Settled(s) {
			o.Judged[Place(s)] = s
		}
	}
	after, err := Foresee(o)
	if err != nil {
		t.Fatal(err)
	}
	if before.Scenarios != 12 || before.Judged != 0 || after.Judged != 6 || after.Scenarios != 6 {
		t.Errorf("before %+v, after %+v: want 6 of 12 judged", before, after)
	}
}

func TestTheTimeLeftGoesDownToNothing(t *testing.T) {
	o := manyOptions(t, 12)
	last := time.Duration(-1)
	o.Observer = func(e Event) {
		switch e.Kind {
		case LabOpened:
			if e.Left <= 0 {
				t.Errorf("%s left at the start", e.Left)
			}
		case ScenarioEnded:
			last = e.Left
			if e.Left < 0 || e.Left > 12*(usual+time.Second) {
				t.Errorf("%s left after %d of %d", e.Left, e.Done, e.Total)
			}
		case Planned, ScenarioStarted, Judged:
		}
	}
	mustRun(t, o)
	if last != 0 {
		t.Errorf("%s left at the end", last)
	}
}

func TestACertificationLeavesNoMUSTOut(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature")
	c := o.Catalogue.All()
	o.Skip = map[string]string{}
	for _, q := range c {
		if q.Level != verdict.Should {
			o.Skip[q.ID] = "no time"
		}
	}
	plain, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Certify = &reports.Certify{}
	certified, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Levels != nil || plain.ExitCode == reports.ExitFailed {
		t.Errorf("a run: exit code %d (%s), levels %v", plain.ExitCode, plain.ExitReason, plain.Levels)
	}
	if !strings.Contains(certified.ExitReason, "leaves no MUST out") {
		t.Errorf("the reason is %q", certified.ExitReason)
	}
	if certified.ExitCode != reports.ExitFailed || certified.Level(reports.Core) == nil || certified.Level(reports.Core).Reached {
		t.Errorf("a certification: exit code %d (%s), levels %v", certified.ExitCode, certified.ExitReason, certified.Levels)
	}
}
