// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coapstone/coapstone/harness/verdict"
)

// knownRun is a report with a known failure and an expectation in each state.
func knownRun(t *testing.T) *Report {
	entry := func(id, scenario, at string) verdict.Expectation {
		return verdict.Expectation{
			Requirement: id, Scenario: scenario, Sentence: "The AuthToken does not travel on.", Packet: "GET with AuthToken=…",
			Why: "Mended in the next <release>.", Link: "https://example.com/issues/7", At: at,
		}
	}
	r := run(t)
	known := entry("RMP-3.1-06", "", "known.yaml:2:5")
	r.Scenarios = []*Scenario{r.Scenarios[0], r.Scenarios[2], r.Scenarios[4]}
	r.Scenarios[0].Known = &known
	r.Shard = &Shard{Index: 2, Count: 4}
	r.Expectations = []*Expectation{
		{Expectation: known, State: Confirmed, Scenarios: []string{"s0001"}},
		{Expectation: entry("RMP-1-01", "pass", "known.yaml:8:5"), State: Stale, Reason: "it no longer fails: take the entry out", Scenarios: []string{"s0005"}},
		{Expectation: entry("RMP-9-01", "", "known.yaml:15:5"), State: Unseen, Reason: "its scenarios are not selected in this run"},
	}
	r.Counts.Scenarios, r.Counts.Known, r.Counts.ByVerdict = 3, 1, Tally{verdict.Fail: 1, verdict.Inconclusive: 1, verdict.Pass: 1}
	r.ExitCode, r.ExitReason = ExitFailed, "inconclusive: RMP-4.2-02"
	return r
}

func TestKnownFailuresAndStaleExpectationsInText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteText(&b, knownRun(t), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "known.golden", b.Bytes())
}

func TestKnownFailuresAreSkippedInJUnitAndStaleExpectationsFail(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJUnit(&b, knownRun(t)); err != nil {
		t.Fatal(err)
	}
	type note struct {
		Message string `xml:"message,attr"`
	}
	var read struct {
		Tests, Failures, Errors, Skipped int `xml:",attr"`
		Suites                           []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Skipped *note  `xml:"skipped"`
				Failure *note  `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	text := b.String()
	for _, name := range []string{"tests", "failures", "errors", "skipped"} { // encoding/xml wants the case of the field
		text = strings.ReplaceAll(text, " "+name+"=", " "+strings.ToUpper(name[:1])+name[1:]+"=")
	}
	if err := xml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatal(err)
	}
	if read.Tests != 4 || read.Failures != 1 || read.Errors != 1 || read.Skipped != 1 {
		t.Errorf("tests, failures, errors, skipped: %d %d %d %d; want 4 1 1 1", read.Tests, read.Failures, read.Errors, read.Skipped)
	}
	first, last := read.Suites[0].Cases[0], read.Suites[len(read.Suites)-1].Cases[0]
	const why = "known fail: Mended in the next <release>. (https://example.com/issues/7): expected one request"
	if first.Failure != nil || first.Skipped == nil || !strings.HasPrefix(first.Skipped.Message, why) {
		t.Errorf("the known failure: %+v", first)
	}
	if last.Name != "RMP-1-01, pass" || last.Failure == nil || !strings.Contains(last.Failure.Message, "known.yaml:8:5: it no longer fails") {
		t.Errorf("the stale expectation: %+v", last)
	}
}

func TestKnownFailuresAreSkippedInCucumber(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCucumber(&b, knownRun(t)); err != nil {
		t.Fatal(err)
	}
	var features []*cucumberFeature
	if err := json.Unmarshal(b.Bytes(), &features); err != nil {
		t.Fatal(err)
	}
	result := features[0].Elements[0].Steps[4].Result
	if result.Status != "skipped" || !strings.HasPrefix(result.Error, "known fail: ") || !strings.Contains(result.Error, "Mended in") {
		t.Errorf("%+v", result)
	}
}

func TestKnownFailuresStandInTheReport(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, knownRun(t)); err != nil {
		t.Fatal(err)
	}
	r, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Scenarios[0]; s.Known == nil || s.Known.At != "known.yaml:2:5" || s.Verdict != verdict.Fail {
		t.Errorf("%s is %s, known as %v", s.ID, s.Verdict, s.Known)
	}
	if r.Shard == nil || r.Shard.String() != "2/4" || r.Counts.Known != 1 || len(r.Expectations) != 3 || r.Expectations[1].State != Stale || r.Expectations[1].Requirement != "RMP-1-01" {
		t.Errorf("shard %v, %d known, %d expectations", r.Shard, r.Counts.Known, len(r.Expectations))
	}
}

func TestTemplate(t *testing.T) {
	r := run(t)
	r.Scenarios = append(r.Scenarios, r.Scenarios[0], &Scenario{
		ID: "s0009", Name: "Untagged", File: "x.feature", Line: 3, Verdict: verdict.Fail, Finding: &Finding{Expected: "a", Got: "b"},
	})
	var b bytes.Buffer
	if err := WriteTemplate(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "template.golden", b.Bytes())
	if strings.Contains(b.String(), "aGVsbG8") {
		t.Error("credentials stand in what is to be kept with the sources")
	}
	for _, s := range r.Scenarios {
		s.Known = new(verdict.Expectation)
	}
	b.Reset()
	if err := WriteTemplate(&b, r); err != nil || b.Len() > 0 {
		t.Errorf("without unexpected failures it says %q, %v", &b, err)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("A name", "4.04 Not Found")
	f.Add("a: \"b\" # c\\n\u2028\x7f\u0085", "'\n---\n\t- x: |\x00\x1b[31m\U0001f600")
	f.Fuzz(func(t *testing.T, name, got string) {
		if !utf8.ValidString(name) || strings.TrimSpace(name) == "" || strings.Contains(name+got, verdict.ChangeMe) {
			return // no name that a feature can have
		}
		q := &verdict.Requirement{ID: "A-1-01", Section: "1", Source: "S", Text: got + "."}
		r := &Report{
			Requirements: []*Requirement{{Requirement: q}},
			Scenarios:    []*Scenario{{Name: name, Requirement: q.ID, Verdict: verdict.Fail, Finding: &Finding{Got: "x" + got}}},
		}
		var b strings.Builder
		if err := WriteTemplate(&b, r); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("why: "+verdict.ChangeMe, "why: W", "link: "+verdict.ChangeMe, "link: http://a/").Replace(b.String())
		read, err := verdict.ParseExpectations("f", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(read) != 1 || read[0].Scenario != name || read[0].Requirement != q.ID {
			t.Errorf("%q is read as %+v", name, read)
		}
	})
}
