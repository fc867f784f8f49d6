// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

func TestWhatTheBenchCouldNotLookAtIsUnproven(t *testing.T) {
	const journal, api = "the target's platform has no journal", "there is no way by which a connector could be called"
	r := &Report{}
	add := func(id string, requirement, scenario verdict.Verdict, why string, ran bool) {
		s := &Scenario{Requirement: id, Verdict: scenario, Finding: &Finding{Reason: why}}
		if ran {
			s.StartedAt = time.Unix(1, 0)
		}
		r.Scenarios = append(r.Scenarios, s)
		if r.requirement(id) == nil {
			r.Requirements = append(r.Requirements, &Requirement{Requirement: &verdict.Requirement{ID: id}, Verdict: requirement})
		}
	}
	add("A-1-1", verdict.NotApplicable, verdict.NotApplicable, api, true)
	add("A-1-2", verdict.NotApplicable, verdict.NotApplicable, journal, true)
	add("A-1-3", verdict.NotApplicable, verdict.NotApplicable, journal, true)
	add("A-1-4", verdict.NotApplicable, verdict.NotApplicable, "the target does not declare the capability psk", false)
	add("A-1-5", verdict.Pass, verdict.NotApplicable, journal, true)
	add("A-1-5", verdict.Pass, verdict.Pass, "", true)
	want := []Unproven{{journal, []string{"A-1-2", "A-1-3"}}, {api, []string{"A-1-1"}}}
	r.Unproven = FindUnproven(r)
	if d := cmp.Diff(want, r.Unproven); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	var b strings.Builder
	if err := WriteText(&b, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"unproven      3 requirements that this bench could not look at:\n",
		"                the target's platform has no journal: A-1-2, A-1-3\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
