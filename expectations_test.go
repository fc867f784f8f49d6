// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// expect is a known failure of a requirement of the tests.
func expect(requirement, scenario string) verdict.Expectation {
	return verdict.Expectation{
		Requirement: requirement, Scenario: scenario, Sentence: "It must hold.", Packet: "4.04", Why: "It is being mended.", Link: "https://example.com/1",
	}
}

const knownFeature = `Feature: F
  @T-1-01
  Scenario: one
    Then it fails

  @T-1-01
  Scenario: another
    Then nothing happens

  @T-1-02
  Scenario: should
    Then it fails

  @T-1-03
  Scenario: unsure
    Then it cannot be judged

  @T-1-04
  Scenario: broken
    Then it breaks

  @T-2-01
  Scenario: of a device
    Then it fails

  @T-2-02
  Scenario: cannot be asked
    Then it does not apply

  @T-3-01 @full
  Scenario: long
    Then it fails

  @T-3-01
  Scenario Outline: rows
    Given the number <a>
    Then the sum is 1

    Examples:
      | a |
      | 1 |
      | 2 |
`

// lineOf is the place of a line in knownFeature.
func lineOf(t *testing.T, text string) string {
	t.Helper()
	for i, l := range strings.Split(knownFeature, "\n") {
		if strings.TrimSpace(l) == text {
			return "f.feature:" + string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		}
	}
	t.Fatalf("no line %q", text)
	return ""
}

func TestWhatBecomesOfExpectations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tags   string
		change func(*Options)
		expect []verdict.Expectation
		states string // of each expectation: its state, a reason
		known  string // names of the known failures
		code   int
	}{
		{name: "none", tags: "@T-1-01", code: reports.ExitFailed},
		{name: "of the requirement", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-01", "")}, states: "confirmed", known: "one"},
		{name: "of the scenario", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-01", "one")}, states: "confirmed", known: "one"},
		{name: "at its line", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-01", lineOf(t, "Scenario: one"))}, states: "confirmed", known: "one"},
		{name: "of both", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-01", ""), expect("T-1-01", "one")}, states: "confirmed; confirmed", known: "one"},
		{name: "of another scenario", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-01", "another")}, states: "stale: no longer fails", code: reports.ExitFailed},
		{name: "of another requirement", tags: "@T-1-01", expect: []verdict.Expectation{expect("T-1-02", "")}, states: "unseen: not selected", code: reports.ExitFailed},
		{name: "one row", tags: "@T-3-01", expect: []verdict.Expectation{expect("T-3-01", "rows (a = 2)")}, states: "confirmed", known: "rows"},
		{name: "one row at its line", tags: "@T-3-01", expect: []verdict.Expectation{expect("T-3-01", lineOf(t, "| 2 |"))}, states: "confirmed", known: "rows"},
		{name: "the other row at its line", tags: "@T-3-01", expect: []verdict.Expectation{expect("T-3-01", lineOf(t, "| 1 |"))}, states: "stale: no longer fails", code: reports.ExitFailed},
		{name: "every row", tags: "@T-3-01", expect: []verdict.Expectation{expect("T-3-01", "rows")}, states: "confirmed", known: "rows"},
		{name: "a SHOULD", tags: "@T-1-02", expect: []verdict.Expectation{expect("T-1-02", "")}, states: "confirmed", known: "should"},
		{name: "inconclusive", tags: "@T-1-03", expect: []verdict.Expectation{expect("T-1-03", "")}, states: "confirmed", known: "unsure"},
		{name: "an error", tags: "@T-1-04", expect: []verdict.Expectation{expect("T-1-04", "")}, states: "unseen: harness broke", code: reports.ExitEnvironment},
		{
			name: "it passes", tags: "@T-1-01", change: func(o *Options) { o.Paths = []string{lineOf(t, "Scenario: another")} },
			expect: []verdict.Expectation{expect("T-1-01", "")}, states: "unseen: not selected",
		},
		{
			name: "it passes, all of it", tags: "@T-1-01", change: func(o *Options) { o.Paths = []string{lineOf(t, "Scenario: another")} },
			expect: []verdict.Expectation{expect("T-1-01", "another")}, states: "stale: no longer fails", code: reports.ExitStale,
		},
		{
			name: "it does not apply", tags: "@T-2-01 or @T-1-02", expect: []verdict.Expectation{expect("T-2-01", "")},
			states: "stale: it binds device-server", code: reports.ExitStale,
		},
		{
			name: "it says that it does not apply", tags: "@T-2-02", expect: []verdict.Expectation{expect("T-2-02", "")},
			states: "stale: no journal", code: reports.ExitStale,
		},
		{
			name: "it is left out", tags: "@T-1-01 or @T-1-02", change: func(o *Options) { o.Skip = map[string]string{"T-1-01": "on loan"} },
			expect: []verdict.Expectation{expect("T-1-01", "")}, states: "stale: on loan", code: reports.ExitStale,
		},
		{
			name: "the profile leaves it out", tags: "@T-3-01 or @T-1-02", change: func(o *Options) { o.Tags = "@T-1-02" },
			expect: []verdict.Expectation{expect("T-3-01", "long")}, states: "unseen: not selected",
		},
		{
			name: "there is no such scenario", tags: "@T-1-02", change: func(o *Options) { o.Paths = nil },
			expect: []verdict.Expectation{expect("T-1-01", "two")}, states: "stale: no such scenario", code: reports.ExitStale,
		},
		{
			name: "at the line of the feature", tags: "@T-1-01",
			expect: []verdict.Expectation{expect("T-1-01", lineOf(t, "Feature: F"))}, states: "unseen: no such scenario", code: reports.ExitFailed,
		},
		{
			name: "no such scenario in these files", tags: "@T-1-02",
			expect: []verdict.Expectation{expect("T-1-01", "two")}, states: "unseen: no such scenario",
		},
		{
			name: "dry run", tags: "@T-1-01", change: func(o *Options) { o.DryRun = true },
			expect: []verdict.Expectation{expect("T-1-01", "another")}, states: "unseen: dry run",
		},
		{
			name: "fail-fast goes on", tags: "@T-1-01 or @T-3-01", change: func(o *Options) { o.FailFast, o.Workers = true, 1 },
			expect: []verdict.Expectation{expect("T-1-01", ""), expect("T-3-01", "")}, states: "confirmed; confirmed", known: "one rows",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(t, new(fakeLab), "f.feature")
			o.Features = fstest.MapFS{"f.feature": {Data: []byte(knownFeature)}}
			o.Tags, o.Expectations = tt.tags, tt.expect
			if tt.change != nil {
				tt.change(&o)
			}
			r := mustRun(t, o)
			var known []string
			for _, s := range r.Scenarios {
				if s.Known != nil {
					known = append(known, s.Name)
					if s.Verdict == verdict.Pass || s.Finding == nil {
						t.Errorf("%s is known, and is %s", s.Name, s.Verdict)
					}
				}
			}
			if got := strings.Join(known, " "); got != tt.known {
				t.Errorf("known failures %q, want %q", got, tt.known)
			}
			if r.Counts.Known != len(known) {
				t.Errorf("counted %d known failures of %d", r.Counts.Known, len(known))
			}
			var want []string
			if tt.states != "" {
				want = strings.Split(tt.states, "; ")
			}
			if len(want) != len(r.Expectations) {
				t.Fatalf("%d expectations, want %d", len(r.Expectations), len(want))
			}
			for i, e := range r.Expectations {
				state, reason, _ := strings.Cut(want[i], ": ")
				if string(e.State) != state || !strings.Contains(e.Reason, reason) {
					t.Errorf("%s is %s (%s), want %s", e.Expectation.String(), e.State, e.Reason, want[i])
				}
			}
			if r.ExitCode != tt.code {
				t.Errorf("exit code %d (%s), want %d", r.ExitCode, r.ExitReason, tt.code)
			}
		})
	}
}

func TestTheMostExactExpectationIsNamed(t *testing.T) {
	for _, es := range [][]verdict.Expectation{
		{expect("T-1-01", ""), expect("T-1-01", "one")},
		{expect("T-1-01", "one"), expect("T-1-01", "")},
	} {
		o := testOptions(t, new(fakeLab), "f.feature")
		o.Features = fstest.MapFS{"f.feature": {Data: []byte(knownFeature)}}
		o.Tags, o.Expectations = "@T-1-01", es
		if known := scenario(t, mustRun(t, o), "one").Known; known == nil || known.Scenario != "one" {
			t.Errorf("%v", known)
		}
	}
}

func TestWhatLeansOnAKnownFailureIsNotExcusedByIt(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature")
	o.Capabilities = []string{"swimming"}
	o.Expectations = []verdict.Expectation{expect("T-1-01", "")}
	r := mustRun(t, o)
	if r.ExitCode != reports.ExitFailed || !strings.Contains(r.ExitReason, "inconclusive: T-1-03, T-1-04") {
		t.Errorf("exit %d: %s", r.ExitCode, r.ExitReason)
	}
	o.Expectations = append(o.Expectations, expect("T-1-03", ""), expect("T-1-04", ""))
	if r := mustRun(t, o); r.ExitCode != reports.ExitConformant || !strings.Contains(r.ExitReason, "T-1-01, T-1-03, T-1-04") {
		t.Errorf("exit %d: %s", r.ExitCode, r.ExitReason)
	}
}

func TestATemplateOfWhatFailedIsAllThatWasMissing(t *testing.T) {
	o := testOptions(t, new(fakeLab), "f.feature")
	o.Features = fstest.MapFS{"f.feature": {Data: []byte(knownFeature)}}
	o.Tags, o.Profile = "not @T-1-04", Full
	r := mustRun(t, o)
	if r.ExitCode != reports.ExitFailed {
		t.Fatalf("exit %d: %s", r.ExitCode, r.ExitReason)
	}
	var b strings.Builder
	if err := reports.WriteTemplate(&b, r); err != nil {
		t.Fatal(err)
	}
	if _, err := verdict.ParseExpectations("f", []byte(b.String())); err == nil || !strings.Contains(err.Error(), verdict.ChangeMe) {
		t.Errorf("a template is taken as it is: %v", err)
	}
	text := strings.NewReplacer("why: "+verdict.ChangeMe, "why: W", "link: "+verdict.ChangeMe, "link: http://a/").Replace(b.String())
	var err error
	if o.Expectations, err = verdict.ParseExpectations("f", []byte(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r = mustRun(t, o)
	if r.ExitCode != reports.ExitConformant {
		t.Errorf("exit %d: %s, with\n%s", r.ExitCode, r.ExitReason, text)
	}
	if len(r.Unexpected()) != 0 || r.Counts.Known != 4 {
		t.Errorf("%d unexpected, %d known; want 0 and 4", len(r.Unexpected()), r.Counts.Known)
	}
}

func TestAnInterruptedRunMakesNothingStale(t *testing.T) {
	o := testOptions(t, new(fakeLab), "f.feature")
	l := &fakeLab{openErr: errors.New("no room")}
	o.Lab = l.open
	o.Features = fstest.MapFS{"f.feature": {Data: []byte(knownFeature)}}
	o.Expectations = []verdict.Expectation{expect("T-1-01", "another")}
	r, err := Run(t.Context(), o)
	if ExitCode(err) != reports.ExitEnvironment || r.Expectations[0].State != reports.Unseen {
		t.Errorf("%v, %s: %s", err, r.Expectations[0].State, r.Expectations[0].Reason)
	}
}

func TestExpectationsThatCannotBeMeantAreUsageErrors(t *testing.T) {
	noWhy := expect("T-1-01", "")
	noWhy.Why = ""
	unknown := expect("T-9-99", "")
	unknown.At = "known.yaml:3:5"
	for want, e := range map[string]verdict.Expectation{"expectation 1: T-1-01: say why": noWhy, `known.yaml:3:5: the catalogue has no requirement "T-9-99"`: unknown} {
		o := testOptions(t, new(fakeLab), "given.feature")
		o.Expectations = []verdict.Expectation{e}
		if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestShardsAreReadAndChecked(t *testing.T) {
	for s, want := range map[string]string{
		"1/1": "", "2/4": "", "4/4": "",
		"0/4": "want one from 1/4 to 4/4", "5/4": "want one from 1/4 to 4/4", "-1/4": "no such shard", "1/0": "at least one", "0/0": "at least one", "1/-2": "at least one",
		"x": "want I/N", "": "want I/N", "1": "want I/N", "1/2/3": "want I/N", "a/2": "want I/N", "1/ 2": "want I/N",
	} {
		shard, err := ParseShard(s)
		switch {
		case want == "" && (err != nil || shard.String() != s):
			t.Errorf("%q: %v, %v", s, shard, err)
		case want != "" && (ExitCode(err) != reports.ExitUsage || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	o := testOptions(t, new(fakeLab), "given.feature")
	o.Shard = reports.Shard{Index: 3, Count: 2}
	if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitUsage {
		t.Errorf("shard 3/2 of options: %v", err)
	}
}

func TestEveryScenarioIsInOneShard(t *testing.T) {
	files := []string{"outline.feature", "verdicts.feature", "given.feature"}
	for _, n := range []int{1, 2, 3, 7, 40} {
		o := testOptions(t, new(fakeLab), files...)
		o.StepTimeout = 50 * time.Millisecond
		o.DryRun = true
		want := map[string]string{}
		for _, s := range mustRun(t, o).Scenarios {
			want[s.ID] = s.Location()
		}
		got := map[string]string{}
		for i := 1; i <= n; i++ {
			o.Shard = reports.Shard{Index: i, Count: n}
			r := mustRun(t, o)
			if r.Shard == nil || *r.Shard != o.Shard || r.ExitCode != 0 {
				t.Errorf("shard %s: the report says %v, exit %d", o.Shard, r.Shard, r.ExitCode)
			}
			for _, s := range r.Scenarios {
				if at, twice := got[s.ID]; twice {
					t.Errorf("%d shards: %s is in two of them (%s, %s)", n, s.ID, at, s.Location())
				}
				got[s.ID] = s.Location()
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d shards (-all +shards together):\n%s", n, diff)
		}
	}
}

// A scenario moves when this test changes: pipelines that keep times or results
// by shard notice.
func TestAScenarioStaysInItsShard(t *testing.T) {
	s := &reports.Scenario{File: "inbound/authtoken.feature", Name: "The AuthToken does not travel on", Line: 19, ID: "s0001"}
	row := &reports.Scenario{File: s.File, Name: s.Name, Row: []string{"a = 1"}}
	for _, tt := range []struct {
		s    *reports.Scenario
		n    int
		want int
	}{{s, 2, 2}, {s, 4, 4}, {s, 100, 72}, {row, 4, 2}} {
		for i := 1; i <= tt.n; i++ {
			if inShard(reports.Shard{Index: i, Count: tt.n}, tt.s) != (i == tt.want) {
				t.Errorf("%q of %d: shard %d is not as it was", tt.s.Title(), tt.n, i)
			}
		}
	}
	moved := *s
	moved.Line, moved.ID, moved.Tags = 99, "s0777", []string{"@new"}
	if !inShard(reports.Shard{Index: 72, Count: 100}, &moved) {
		t.Error("a line, an id or a tag moves a scenario to another shard")
	}
}

func TestAnEmptyShardIsConformantAndOpensNoLab(t *testing.T) {
	empty := 0
	for i := 1; i <= 9; i++ {
		l := new(fakeLab)
		o := testOptions(t, l, "given.feature")
		o.Tags = "@T-1-04 and @given:T-1-01" // one scenario, which passes
		o.Shard = reports.Shard{Index: i, Count: 9}
		r := mustRun(t, o)
		if r.ExitCode != reports.ExitConformant {
			t.Errorf("shard %s: exit %d: %s", o.Shard, r.ExitCode, r.ExitReason)
		}
		if len(r.Scenarios) == 0 {
			empty++
			if l.opened.Load() != 0 || !strings.Contains(r.ExitReason, "is empty") {
				t.Errorf("shard %s: %d labs opened; %s", o.Shard, l.opened.Load(), r.ExitReason)
			}
		}
	}
	if empty != 8 {
		t.Errorf("%d shards of 9 are empty, want 8", empty)
	}
	for _, tags := range []string{"@nosuch", "@T-2-01"} { // nothing selected; nothing that applies
		for i := 1; i <= 2; i++ {
			o := testOptions(t, new(fakeLab), "given.feature")
			o.Tags, o.Shard = tags, reports.Shard{Index: i, Count: 2}
			if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitNothing {
				t.Errorf("%s, shard %s: %v", tags, o.Shard, err)
			}
		}
	}
}

func TestAShardOfWhatDoesNotApplyIsRightlyEmpty(t *testing.T) {
	codes := map[string]int{}
	for i := 1; i <= 64; i++ {
		o := testOptions(t, new(fakeLab), "given.feature")
		o.Tags, o.Shard = "@T-2-01 or (@T-1-04 and @given:T-1-01)", reports.Shard{Index: i, Count: 64}
		r := mustRun(t, o)
		for _, s := range r.Scenarios {
			codes[s.Name] = r.ExitCode
		}
	}
	if diff := cmp.Diff(map[string]int{"of a device": 0, "leans on the root and passes": 0}, codes); diff != "" {
		t.Error(diff)
	}
}

// editions is options with a requirement of a later edition.
func editions(t *testing.T, edition string) Options {
	o := testOptions(t, new(fakeLab))
	o.Features = fstest.MapFS{
		"f.feature": {Data: []byte("Feature: F\n  @A-1-01\n  Scenario: old\n    Then nothing happens\n\n  @A-1-02\n  Scenario: new\n    Then it fails\n")},
		"r/a.yaml": {Data: []byte("source: S\nrequirements:\n  - {id: A-1-01, section: '1', text: Old.}\n" +
			"  - {id: A-1-02, section: '1', text: New., since: '2'}\n  - {id: A-1-03, section: '1', text: Newer., since: '3'}\n")},
	}
	var err error
	if o.Catalogue, err = verdict.LoadCatalogue(o.Features, "r"); err != nil {
		t.Fatal(err)
	}
	o.Edition = edition
	return o
}

func TestAnEditionLeavesLaterRequirementsOut(t *testing.T) {
	for _, tt := range []struct {
		edition, reported string
		code              int
		verdict           string
		untested          []string
	}{
		{"1", "1", reports.ExitConformant, "not-applicable", nil},
		{"2", "2", reports.ExitFailed, "fail", nil},
		{"", "3", reports.ExitFailed, "fail", []string{"A-1-03"}},
	} {
		r := mustRun(t, editions(t, tt.edition))
		if r.ExitCode != tt.code || r.Suite.Edition != tt.reported {
			t.Errorf("edition %q: exit %d (%s), reported as %q", tt.edition, r.ExitCode, r.ExitReason, r.Suite.Edition)
		}
		if diff := cmp.Diff(map[string]string{"old": "pass", "new": tt.verdict}, verdicts(r)); diff != "" {
			t.Errorf("edition %q: %s", tt.edition, diff)
		}
		if diff := cmp.Diff(tt.untested, r.Untested); diff != "" {
			t.Errorf("edition %q, untested: %s", tt.edition, diff)
		}
	}
	o := editions(t, "1")
	o.Expectations = []verdict.Expectation{expect("A-1-02", "")}
	if r := mustRun(t, o); r.ExitCode != 0 || r.Expectations[0].State != reports.Unseen {
		t.Errorf("an expectation of a later edition: exit %d, %s", r.ExitCode, r.Expectations[0].State)
	}
}

func TestAnUnknownEditionIsAUsageError(t *testing.T) {
	for _, edition := range []string{"4", "0", "-1", "one", "1.0"} {
		if _, err := Run(t.Context(), editions(t, edition)); ExitCode(err) != reports.ExitUsage || !strings.Contains(err.Error(), "want one from 1 to 3") {
			t.Errorf("%q: %v", edition, err)
		}
	}
}

func TestTheProgramsEditionIsThatOfItsRequirements(t *testing.T) {
	c, err := verdict.LoadCatalogue(os.DirFS("features"), "requirements")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := verdict.ParseEdition(Edition); err != nil || n != c.Newest() {
		t.Errorf("Edition is %q, the newest requirement is of edition %d", Edition, c.Newest())
	}
}
