// SPDX-License-Identifier: Apache-2.0

package reports_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// untestedCatalogue has requirements that no scenario of the reports below proves.
const untestedCatalogue = `source: Using CoAP with RunMyProcess
requirements:
  - {id: RMP-9-01, section: "9", text: A MUST., binds: [device-client]}
  - {id: RMP-9-02, section: "9", text: A SHOULD., level: SHOULD, binds: [device-client]}
  - {id: RMP-9-03, section: "9", text: Of a capability., capability: flying, binds: [device-client]}
`

// proved adds a requirement of a device-client with one scenario that ran.
func proved(r *reports.Report, id, source string, v verdict.Verdict, change ...func(*reports.Requirement, *reports.Scenario)) {
	s := &reports.Scenario{ID: "s" + id, Verdict: v, Requirement: id, StartedAt: time.Unix(1, 0)}
	if v != verdict.Pass {
		s.Finding = &reports.Finding{Reason: "as the test has it"}
	}
	q := &reports.Requirement{
		Requirement: &verdict.Requirement{ID: id, Source: source, Level: verdict.Must, Binds: []verdict.Role{verdict.DeviceClient}},
		Verdict:     v, Scenarios: []string{s.ID},
	}
	for _, fn := range change {
		fn(q, s)
	}
	r.Scenarios, r.Requirements = append(r.Scenarios, s), append(r.Requirements, q)
}

// certified is a report that reaches every level, by certificates and PSK.
func certified() *reports.Report {
	r := &reports.Report{Role: verdict.DeviceClient, Profile: "full"}
	proved(r, "RMP-3-20", reports.Document, verdict.Pass)
	proved(r, "RMP-4.1-20", reports.Document, verdict.Pass)
	proved(r, "RMP-4.2-20", reports.Document, verdict.Pass)
	proved(r, "RFC7252-4.2-03", "RFC 7252", verdict.Pass)
	return r
}

func levelsOf(t *testing.T, r *reports.Report, declared []string, c reports.Certify) []reports.Level {
	t.Helper()
	catalogue, err := verdict.LoadCatalogue(fstest.MapFS{"c/a.yaml": {Data: []byte(untestedCatalogue)}}, "c")
	if err != nil {
		t.Fatal(err)
	}
	return reports.JudgeLevels(r, catalogue, declared, c)
}

// reached is the names of the levels that are.
func reached(levels []reports.Level) string {
	var names []string
	for _, l := range levels {
		if l.Reached != (len(l.Blocks) == 0) {
			names = append(names, l.Name+" contradicts its blocks")
		}
		if l.Reached {
			names = append(names, l.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestEachWayToForfeitALevel(t *testing.T) {
	should := func(q *reports.Requirement, _ *reports.Scenario) { q.Level = verdict.Should }
	profile := func(q *reports.Requirement, _ *reports.Scenario) { q.Level = verdict.Profile }
	notRun := func(_ *reports.Requirement, s *reports.Scenario) { s.StartedAt = time.Time{} }
	away := func(q *reports.Requirement, s *reports.Scenario) {
		q.Capability, s.StartedAt = "flying", time.Time{}
	}
	awayByTag := func(_ *reports.Requirement, s *reports.Scenario) {
		s.Tags, s.StartedAt = []string{"@capability:flying"}, time.Time{}
	}
	known := func(_ *reports.Requirement, s *reports.Scenario) { s.Known = &verdict.Expectation{} }
	ownLab := func(_ *reports.Requirement, s *reports.Scenario) { s.OwnLab, s.StartedAt = true, time.Time{} }
	add := func(id, source string, v verdict.Verdict, change ...func(*reports.Requirement, *reports.Scenario)) func(*reports.Report) {
		return func(r *reports.Report) { proved(r, id, source, v, change...) }
	}
	untested := func(ids ...string) func(*reports.Report) {
		return func(r *reports.Report) { r.Untested = ids }
	}
	only := func(keep ...string) func(*reports.Report) {
		return func(r *reports.Report) {
			r.Requirements = slices.DeleteFunc(r.Requirements, func(q *reports.Requirement) bool { return !slices.Contains(keep, q.ID) })
		}
	}
	const doc, rfc = reports.Document, "RFC 7252"
	const all, coapOnly, docOnly = "Core Secure CoAP", "CoAP", "Core Secure"
	for _, tt := range []struct {
		name   string
		change func(*reports.Report)
		want   string
		says   string // a block or a note
	}{
		{"nothing", func(*reports.Report) {}, all, ""},
		{"a MUST failed", add("RMP-1-01", doc, verdict.Fail), coapOnly, "RMP-1-01 failed"},
		{"a MUST is inconclusive", add("RMP-1-01", doc, verdict.Inconclusive), coapOnly, "RMP-1-01 is inconclusive"},
		{"a MUST was skipped", add("RMP-1-01", doc, verdict.Skipped, notRun), coapOnly, "RMP-1-01 is skipped"},
		{"the harness broke at a MUST", add("RMP-1-01", doc, verdict.Error), coapOnly, "RMP-1-01 is error"},
		{"a MUST is a known failure", add("RMP-1-01", doc, verdict.Fail, known), coapOnly, "a known failure"},
		{"a requirement of a profile failed", add("RMP-1-01", doc, verdict.Fail, profile), coapOnly, "RMP-1-01 failed"},
		{"a MUST was not proven", add("RMP-1-01", doc, verdict.NotApplicable), coapOnly, "RMP-1-01 was not proven: as the test has it"},
		{"a MUST is untested", untested("RMP-9-01"), coapOnly, "RMP-9-01 is untested"},
		{"a SHOULD is untested", untested("RMP-9-02"), all, ""},
		{"what is untested is declared away", untested("RMP-9-03"), all, ""},
		{"a SHOULD failed", add("RMP-1-01", doc, verdict.Warning, should), all, ""},
		{"a SHOULD is inconclusive", add("RMP-1-01", doc, verdict.Inconclusive, should), all, ""},
		{"a MUST is declared away", add("RMP-1-01", doc, verdict.NotApplicable, away), all, "declared away by the conformance statement: flying (RMP-1-01)"},
		{"a MUST is declared away by its scenario", add("RMP-1-01", doc, verdict.NotApplicable, awayByTag), all, "declared away by the conformance statement: flying (RMP-1-01)"},
		{"a MUST needs a lab of its own", add("RMP-1-01", doc, verdict.NotApplicable, ownLab), all, "does not start by itself: RMP-1-01"},
		{"a MUST of another role failed", add("RMP-1-01", doc, verdict.Fail, func(q *reports.Requirement, _ *reports.Scenario) {
			q.Binds = []verdict.Role{verdict.Gateway}
		}), all, ""},
		{"a MUST of an RFC failed", add("RFC7252-1-01", rfc, verdict.Fail), docOnly, "RFC7252-1-01 failed"},
		{"no RFC applies", only("RMP-3-20", "RMP-4.1-20", "RMP-4.2-20"), docOnly, "none of its requirements applies to this device-client"},
		{"nothing applies", only(), "", "none of its requirements applies"},
		{"over coap alone", only("RMP-3-20", "RFC7252-4.2-03"), "Core CoAP", "not secure: shown over coap:// alone"},
		{"over certificates alone", only("RMP-3-20", "RMP-4.1-20", "RFC7252-4.2-03"), all, "over coaps with certificates"},
		{"over pre-shared keys alone", only("RMP-3-20", "RMP-4.2-20", "RFC7252-4.2-03"), all, "a weak key"},
		{"the run is partial", func(r *reports.Report) { r.Partial = true }, "", "ended before its time"},
		{"it is a dry run", func(r *reports.Report) { r.DryRun = true }, "", "dry run"},
		{"the profile is standard", func(r *reports.Report) { r.Profile = "standard" }, "", "only a part"},
		{"tags selected", func(r *reports.Report) { r.Tags = "@x" }, "", "only a part"},
		{"paths selected", func(r *reports.Report) { r.Paths = []string{"a.feature"} }, "", "only a part"},
		{"it is a shard", func(r *reports.Report) { r.Shard = &reports.Shard{Index: 1, Count: 2} }, "", "only a part"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := certified()
			tt.change(r)
			got := levelsOf(t, r, []string{"walking"}, reports.Certify{PSK: []string{"a weak key"}})
			if reached(got) != tt.want {
				t.Errorf("reached %q, want %q: %+v", reached(got), tt.want, got)
			}
			if !strings.Contains(said(got), tt.says) {
				t.Errorf("nothing says %q:\n%s", tt.says, said(got))
			}
		})
	}
}

// said is all blocks and notes.
func said(levels []reports.Level) string {
	var all []string
	for _, l := range levels {
		all = append(append(all, l.Blocks...), l.Notes...)
	}
	return strings.Join(all, "\n")
}

func TestAStatementThatDoesNotFitForfeitsEveryLevel(t *testing.T) {
	got := levelsOf(t, certified(), nil, reports.Certify{Misfits: []string{"it denies psk, and does it"}})
	if reached(got) != "" || !strings.Contains(said(got), "it denies psk, and does it") {
		t.Errorf("%+v", got)
	}
}

func TestThePSKNoteIsForThoseWhoUsedOne(t *testing.T) {
	r := certified()
	r.Requirements = slices.DeleteFunc(r.Requirements, func(q *reports.Requirement) bool { return q.ID == "RMP-4.2-20" })
	if got := levelsOf(t, r, nil, reports.Certify{PSK: []string{"a weak key"}}); strings.Contains(said(got), "a weak key") {
		t.Errorf("no pre-shared key was used, and yet: %s", said(got))
	}
}

// The requirements that prove a session must be there, and bind the role, or no
// target ever reaches Secure.
func TestTheProofsOfSecureAreInTheCatalogue(t *testing.T) {
	catalogue, err := verdict.LoadCatalogue(features.FS, features.Requirements)
	if err != nil {
		t.Fatal(err)
	}
	for role, ids := range reports.Proofs() {
		for _, id := range ids {
			q, ok := catalogue.Get(id)
			if !ok || !slices.Contains(q.Binds, role) || q.Source != reports.Document || q.Level == verdict.Should {
				t.Errorf("%s of %s: %+v", id, role, q)
			}
		}
	}
}

func TestTheTextTellsTheLevels(t *testing.T) {
	r := certified()
	for _, id := range []string{"RMP-1-01", "RMP-1-02", "RMP-1-03", "RMP-1-04", "RMP-1-05", "RMP-1-06", "RMP-1-07"} {
		proved(r, id, reports.Document, verdict.Skipped, func(_ *reports.Requirement, s *reports.Scenario) { s.StartedAt = time.Time{} })
	}
	r.Levels = levelsOf(t, r, nil, reports.Certify{PSK: []string{"a weak key"}})
	r.Partial = true
	var text bytes.Buffer
	if err := reports.WriteText(&text, r, reports.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	_, levels, _ := strings.Cut(text.String(), "\nlevel")
	const want = `         Core    not reached
      blocked   RMP-1-01 is skipped
      blocked   RMP-1-02 is skipped
      blocked   RMP-1-03 is skipped
      blocked   RMP-1-04 is skipped
      blocked   RMP-1-05 is skipped
                and 2 more
level         Secure  not reached
      blocked   Core is not reached
      note      over coaps with certificates
      note      over coaps with pre-shared keys
      note      a weak key
level         CoAP    reached
partial       the run ended before its time: what has no verdict yet is skipped or inconclusive
result         (exit 0)
`
	if diff := cmp.Diff(want, levels); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
