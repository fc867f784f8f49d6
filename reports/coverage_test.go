// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

// covered is a coverage with one requirement of each kind.
func covered() *Coverage {
	gateway := []verdict.Role{verdict.Gateway}
	requirement := func(id, section, text string, level verdict.Level) *verdict.Requirement {
		return &verdict.Requirement{ID: id, Section: section, Text: text, Level: level, Binds: gateway, Since: "1", Source: "RFC 7252"}
	}
	c := &Coverage{Schema: Schema, Suite: Suite{Name: "Coapstone", Version: "v1.2.3", Edition: "2", Digest: "sha256:1"}}
	add := func(r *verdict.Requirement, scenarios ...*CoveredScenario) *verdict.Requirement {
		if scenarios == nil {
			scenarios = []*CoveredScenario{}
		}
		c.Requirements = append(c.Requirements, &CoveredRequirement{Requirement: r, Scenarios: scenarios, Deviants: []CoveredDeviant{}})
		return r
	}
	add(requirement("RFC7252-4.2-01", "4.2", "A ping is answered with a Reset.", verdict.Must), &CoveredScenario{Name: "A ping", File: "coap/messages.feature", Line: 6})
	add(requirement("RFC7252-4.2-02", "4.2", "A Confirmable message with a message format error is rejected with a Reset, which is a sentence that needs more than one line.", verdict.Must),
		&CoveredScenario{Name: "A format error", File: "coap/messages.feature", Line: 11, Rows: 12},
		&CoveredScenario{Name: "A row", File: "coap/messages.feature", Line: 40, Rows: 1, Full: true},
		&CoveredScenario{Name: "Over DTLS", File: "encryption/psk.feature", Line: 3})
	add(requirement("RFC7252-5.2.3-01", "5.2.3", "A Non-confirmable request is answered in a Non-confirmable message.", verdict.Should), &CoveredScenario{Name: "NON", File: "coap/messages.feature", Line: 50}).Since = "2"
	r := add(requirement("RMP-2.2.2-99", "2.2.2", "What holds is <kept> | counted.", verdict.Profile))
	r.Source, r.Untested, r.Note = "Using CoAP with RunMyProcess", verdict.NotObservable, "Nobody sees it."
	r = add(requirement("RMP-3-04", "3", "A device that has IPv6 uses it.", verdict.Must))
	r.Source, r.Binds, r.Capability = "Using CoAP with RunMyProcess", []verdict.Role{verdict.DeviceClient, verdict.DeviceServer}, "ipv6"
	if !c.AddDeviant("RFC7252-4.2-01", CoveredDeviant{Name: "answers a ping with an Acknowledgement"}) ||
		!c.AddDeviant("RFC7252-4.2-01", CoveredDeviant{Name: "does not answer a ping", Also: []string{"RFC7252-4.2-02", "RMP-3-04"}}) {
		panic("no such requirement")
	}
	c.Count()
	return c
}

// judged is covered with the verdicts of a run.
func judged() *Coverage {
	c := covered()
	ran := &Report{Target: "greenhouse 1.2", Role: verdict.Gateway, Profile: "standard", StartedAt: start, Suite: Suite{Digest: "sha256:2"}}
	for id, v := range map[string]verdict.Verdict{"RFC7252-4.2-01": verdict.Pass, "RFC7252-4.2-02": verdict.Fail, "RMP-3-04": verdict.NotApplicable, "RMP-9-99": verdict.Pass} {
		ran.Requirements = append(ran.Requirements, &Requirement{Requirement: &verdict.Requirement{ID: id}, Verdict: v})
	}
	c.AddVerdicts("out/report.json", ran)
	c.Count()
	return c
}

func TestCoverageAsPeopleReadIt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		write func(*bytes.Buffer) error
	}{
		{"coverage.golden", func(b *bytes.Buffer) error { return WriteCoverageText(b, covered(), 0) }},
		{"coverage-judged.golden", func(b *bytes.Buffer) error { return WriteCoverageText(b, judged(), 100) }},
		{"coverage-details.golden", func(b *bytes.Buffer) error { return WriteCoverageDetails(b, judged(), TextOptions{Width: 80}) }},
		{"coverage-details-unjudged.golden", func(b *bytes.Buffer) error { return WriteCoverageDetails(b, covered(), TextOptions{}) }},
		{"coverage.md", func(b *bytes.Buffer) error { return WriteCoverageMarkdown(b, covered(), "../features") }},
		{"coverage-judged.md", func(b *bytes.Buffer) error { return WriteCoverageMarkdown(b, judged(), "../features") }},
		{"coverage.json", func(b *bytes.Buffer) error { return WriteCoverageJSON(b, judged()) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := tc.write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name, b.Bytes())
		})
	}
}

func TestCoverageJSONCanBeReadAgain(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCoverageJSON(&b, judged()); err != nil {
		t.Fatal(err)
	}
	var read Coverage
	if err := json.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(judged(), &read); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func TestCoverageCountsWhatIsSelected(t *testing.T) {
	c := judged()
	c.Select(func(r *CoveredRequirement) bool { return r.Source == "RFC 7252" })
	c.Count()
	want := CoverageCounts{
		Requirements: 3, Must: 2, Should: 1, WithScenarios: 3, WithDeviants: 1,
		MustWithoutDeviant: []string{"RFC7252-4.2-02"},
		ByVerdict:          Tally{verdict.Pass: 1, verdict.Fail: 1},
	}
	if diff := cmp.Diff(want, c.Counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.AddDeviant("RMP-3-04", CoveredDeviant{Name: "x"}) {
		t.Error("a deviant was entered with a requirement that is not there")
	}
}

func TestARunOfTheSameSuiteIsNotCalledAnother(t *testing.T) {
	for _, tc := range []struct {
		name    string
		report  Report
		another bool
	}{
		{"the same suite", Report{Suite: Suite{Digest: "sha256:1"}}, false},
		{"another", Report{Suite: Suite{Digest: "sha256:2"}}, true},
		{"features of one's own", Report{Suite: Suite{Digest: "sha256:2"}, Paths: []string{"my.feature"}}, false},
	} {
		c := covered()
		c.AddVerdicts("out/report.json", &tc.report)
		if c.Run.Another != tc.another {
			t.Errorf("%s: another version of the suite: %t", tc.name, c.Run.Another)
		}
	}
}
