// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Schema is the version of the shape of report.json. A reader that knows
// version 1 can read every report that says 1; a field may be added, none is
// renamed or changes its meaning.
const Schema = 1

// The exit codes of a run, the same everywhere.
const (
	ExitConformant  = 0
	ExitUsage       = 1 // usage or configuration
	ExitFeatures    = 2 // features do not parse, or have undefined or ambiguous steps
	ExitEnvironment = 3 // the harness or its environment broke
	ExitFailed      = 4 // an applicable requirement failed, or a MUST is inconclusive
	ExitNothing     = 5 // nothing was selected, or nothing ran
	ExitStale       = 6 // an expected failure no longer fails, or never ran
	ExitUnverified  = 7 // a statement does not verify, or its signer is unknown
)

// Report is one run.
type Report struct {
	// Schema is the version of this shape.
	Schema int   `json:"schema"`
	Suite  Suite `json:"suite"`
	Lab    Lab   `json:"lab"`
	// Role is the role in which the target was judged.
	Role verdict.Role `json:"role"`
	// Target is the name of what was under test.
	Target string `json:"target"`
	// Profile, Tags and Paths are what selected the scenarios.
	Profile string   `json:"profile"`
	Tags    string   `json:"tags,omitempty"`
	Paths   []string `json:"paths,omitempty"`
	// Shard is the part of the selected scenarios that this run is of; nil means
	// all of them.
	Shard *Shard `json:"shard,omitempty"`
	// Seed gives the same order again.
	Seed    uint64 `json:"seed"`
	Workers int    `json:"workers"`
	// DryRun says that steps were looked up and nothing was run.
	DryRun     bool          `json:"dryRun,omitempty"`
	StartedAt  time.Time     `json:"startedAt"`
	Elapsed    time.Duration `json:"elapsed"`
	Scenarios  []*Scenario   `json:"scenarios"`
	Counts     Counts        `json:"counts"`
	ExitCode   int           `json:"exitCode"`
	ExitReason string        `json:"exitReason"`
	// Requirements are those that a scenario of this run stands for, in the
	// catalogue's order.
	Requirements []*Requirement `json:"requirements"`
	// Untested are the ids of the requirements that bind the target and that no
	// selected scenario stands for.
	Untested []string `json:"untested,omitempty"`
	// Unproven are requirements at which the bench of a target could not look.
	Unproven []Unproven `json:"unproven,omitempty"`
	// Levels are what a certification asks for; a run has none.
	Levels []Level `json:"levels,omitempty"`
	// Partial says that the run ended before its time: what is not judged yet has
	// the verdict skipped, or inconclusive.
	Partial bool `json:"partial,omitempty"`
	// Expectations are the known failures that the run was told of.
	Expectations []*Expectation `json:"expectations,omitempty"`
}

// Suite is what was run.
type Suite struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Edition is the one that was run: requirements of later ones did not apply.
	Edition string `json:"edition"`
	// Digest is "sha256:…" over the names and bytes of the features and the
	// catalogue that the run used.
	Digest string `json:"digest"`
}

// Lab is where it was run.
type Lab struct {
	Kind  string `json:"kind,omitempty"`
	Facts []Fact `json:"facts,omitempty"`
}

// Fact is a name with a value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Shard is one of Count parts of a suite. Index counts from 1.
type Shard struct {
	Index int `json:"index"`
	Count int `json:"count"`
}

// String is the shard as it is asked for: "2/4".
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// Counts is how many scenarios got each verdict.
type Counts struct {
	Scenarios int   `json:"scenarios"`
	ByVerdict Tally `json:"byVerdict"`
	// Known is how many of the scenarios are known failures.
	Known                 int   `json:"known,omitempty"`
	Requirements          int   `json:"requirements"`
	RequirementsByVerdict Tally `json:"requirementsByVerdict"`
}

// Tally is how often each verdict was given.
type Tally map[verdict.Verdict]int

// Scenario is one scenario, or one row of an outline.
type Scenario struct {
	// ID is unique in the run: "s0042".
	ID   string `json:"id"`
	Name string `json:"name"`
	// Keyword is what the feature calls it: "Scenario", "Scenario Outline".
	Keyword     string `json:"keyword"`
	Feature     string `json:"feature"`
	FeatureLine int    `json:"featureLine"`
	Rule        string `json:"rule,omitempty"`
	File        string `json:"file"`
	// Line is that of the scenario, or of the outline's row.
	Line int `json:"line"`
	// Row is the cells of the outline's row.
	Row  []string `json:"row,omitempty"`
	Tags []string `json:"tags,omitempty"`
	// Requirement is the one that the scenario proves, Given those it leans on.
	Requirement string          `json:"requirement,omitempty"`
	Given       []string        `json:"given,omitempty"`
	OwnLab      bool            `json:"ownLab,omitempty"`
	Verdict     verdict.Verdict `json:"verdict"`
	// Observed is the verdict before others were weighed: before a failed SHOULD
	// became a warning, or a requirement that it leans on made it inconclusive.
	Observed verdict.Verdict `json:"observed"`
	// Known is the operator's expectation that covers the verdict: nil unless it
	// is a known failure.
	Known *verdict.Expectation `json:"known,omitempty"`
	// Finding is what stood against a pass.
	Finding *Finding `json:"finding,omitempty"`
	// StartedAt is zero when it did not run.
	StartedAt time.Time     `json:"startedAt,omitzero"`
	Elapsed   time.Duration `json:"elapsed,omitempty"`
	// Lag is the longest time that the harness itself was not scheduled while
	// the scenario ran.
	Lag time.Duration `json:"lag,omitempty"`
	// Late is the most that the harness was late within any 2 s of the scenario:
	// all its lags, added up.
	Late time.Duration `json:"late,omitempty"`
	// Drops is how many datagrams reached the harness's own sockets and were
	// thrown away because it did not read them in time. Linux alone tells.
	Drops int           `json:"drops,omitempty"`
	Steps []*Step       `json:"steps"`
	Trace []trace.Event `json:"trace,omitempty"`
	// Keys is the TLS key log. It opens the capture and stays out of report.json.
	Keys []byte `json:"-"`
	// Notes are what else was seen, beside the finding.
	Notes []string `json:"notes,omitempty"`
	// Files are what a reader can open, relative to the report.
	Files []string `json:"files,omitempty"`
}

// Longest is the scenario that took the longest time; nil when none ran. A run
// of scenarios at once need not take much longer.
func (r *Report) Longest() *Scenario {
	var long *Scenario
	for _, s := range r.Scenarios {
		if s.Ran() && (long == nil || s.Elapsed > long.Elapsed) {
			long = s
		}
	}
	return long
}

// Ran says whether the scenario was run.
func (s *Scenario) Ran() bool { return !s.StartedAt.IsZero() }

// Title is the name, with the cells of an outline's row.
func (s *Scenario) Title() string {
	if s.Row == nil {
		return s.Name
	}
	return s.Name + " (" + strings.Join(s.Row, ", ") + ")"
}

// Location is file:line.
func (s *Scenario) Location() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Status is what became of one step.
type Status string

// The statuses of a step.
const (
	Passed Status = "passed"
	Failed Status = "failed"
	// NotRun: an earlier step ended the scenario, or it was not run at all.
	NotRun Status = "not-run"
)

// Step is one step of a scenario.
type Step struct {
	// Keyword is Given, When, Then, And, But or *.
	Keyword   string     `json:"keyword"`
	Text      string     `json:"text"`
	Line      int        `json:"line"`
	Table     [][]string `json:"table,omitempty"`
	DocString string     `json:"docString,omitempty"`
	DocType   string     `json:"docType,omitempty"`
	// HasDocString says that there is a doc string; it may be empty.
	HasDocString bool `json:"hasDocString,omitempty"`
	// Expression is the word of the vocabulary that it matches.
	Expression string        `json:"expression,omitempty"`
	Status     Status        `json:"status"`
	StartedAt  time.Time     `json:"startedAt,omitzero"`
	Elapsed    time.Duration `json:"elapsed,omitempty"`
}

// Finding is what stood against a pass.
type Finding struct {
	// Expected and Got follow the words "expected" and "got"; where nothing was
	// compared there is a Reason.
	Expected string `json:"expected,omitempty"`
	Got      string `json:"got,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Cause is the error behind it.
	Cause string `json:"cause,omitempty"`
	// Stack is where a step panicked, or stood still.
	Stack string `json:"stack,omitempty"`
	// Step is the index of the step that ended the scenario, or -1.
	Step int `json:"step"`
	// At is when it was found.
	At time.Time `json:"at,omitzero"`
}

// String is the finding on one line, or a few.
func (f *Finding) String() string {
	if f == nil {
		return ""
	}
	s := f.Reason
	if f.Expected != "" || f.Got != "" {
		s = "expected " + f.Expected + ", got " + f.Got
	}
	switch {
	case f.Cause == "":
		return s
	case s == "":
		return f.Cause
	}
	return s + ": " + f.Cause
}

// Requirement is what the run says of one requirement.
type Requirement struct {
	*verdict.Requirement
	Verdict verdict.Verdict `json:"verdict"`
	// Reason says why it is not applicable, if it is not.
	Reason string `json:"reason,omitempty"`
	// Scenarios are the ids of those that prove it.
	Scenarios []string `json:"scenarios"`
}

// WriteJSON writes report.json.
func WriteJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// ReadJSON reads report.json.
func ReadJSON(r io.Reader) (*Report, error) {
	report := new(Report)
	if err := json.NewDecoder(r).Decode(report); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if report.Schema != Schema {
		return nil, fmt.Errorf("report: schema %d: this program reads schema %d", report.Schema, Schema)
	}
	return report, nil
}

// requirement is the entry for an id, or nil.
func (r *Report) requirement(id string) *Requirement {
	for _, q := range r.Requirements {
		if q.ID == id {
			return q
		}
	}
	return nil
}
