// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// expectation is a known failure and the scenarios that it names.
type expectation struct {
	verdict.Expectation
	// file and line are those of its scenario, if it is named so.
	file string
	line int
	// jobs are all that it names, selected or not.
	jobs []*job
}

// fileAndLine is how a scenario is named by its place.
var fileAndLine = regexp.MustCompile(`^(.+\.feature):([0-9]+)$`)

// expectationsOf looks the options' expectations up in the catalogue.
func expectationsOf(o *Options) ([]*expectation, error) {
	var all []*expectation
	for i, e := range o.Expectations {
		if e.At == "" {
			e.At = fmt.Sprintf("expectation %d", i+1)
		}
		if _, ok := o.Catalogue.Get(e.Requirement); !ok {
			return nil, usage("%s: the catalogue has no requirement %q", e.At, e.Requirement)
		}
		if strings.TrimSpace(e.Why) == "" {
			return nil, usage("%s: %s: say why the failure is accepted", e.At, e.Requirement)
		}
		x := &expectation{Expectation: e}
		if m := fileAndLine.FindStringSubmatch(e.Scenario); m != nil {
			if n, err := strconv.Atoi(m[2]); err == nil {
				x.file, x.line = path.Clean(filepath.ToSlash(m[1])), n
			}
		}
		all = append(all, x)
	}
	return all, nil
}

// meet takes note of a job if the expectation names it.
func (e *expectation) meet(j *job) {
	if s := j.result; s.Requirement == e.Requirement && (e.Scenario == "" || e.Scenario == s.Name || e.Scenario == s.Title() || e.isAt(j)) {
		e.jobs = append(e.jobs, j)
	}
}

// isAt says whether the job stands in what stands at the expectation's line.
func (e *expectation) isAt(j *job) bool {
	if e.file == "" || e.file != path.Clean(filepath.ToSlash(j.result.File)) {
		return false
	}
	at, ok := j.doc.at(e.line)
	return ok && at.scenario > 0 && j.place.within(at)
}

func (e *expectation) names(s *reports.Scenario) bool {
	return slices.ContainsFunc(e.jobs, func(j *job) bool { return j.result == s })
}

// known is the expectation that covers the verdict of a scenario that ran, one
// that names the scenario before one that names the requirement alone, or nil.
func (pl *plan) known(s *reports.Scenario) *verdict.Expectation {
	var found *verdict.Expectation
	for _, e := range pl.expectations {
		if s.Ran() && e.Covers(s.Verdict) && e.names(s) && (found == nil || found.Scenario == "") {
			found = &e.Expectation
		}
	}
	return found
}

// judgeExpectations says what became of the expectations.
func judgeExpectations(r *reports.Report, pl *plan) {
	for _, e := range pl.expectations {
		x := &reports.Expectation{Expectation: e.Expectation}
		x.State, x.Reason = e.judge(r, pl)
		for _, s := range r.Scenarios {
			if e.names(s) {
				x.Scenarios = append(x.Scenarios, s.ID)
			}
		}
		r.Expectations = append(r.Expectations, x)
	}
}

// judge is what became of one expectation. It is stale if the run had every
// chance to see the failure and did not: then it must not go on hiding one.
func (e *expectation) judge(r *reports.Report, pl *plan) (reports.State, string) {
	if r.DryRun {
		return reports.Unseen, "dry run"
	}
	if len(e.jobs) == 0 {
		if len(pl.opts.Paths) > 0 {
			return reports.Unseen, "the files of this run have no such scenario"
		}
		return reports.Stale, "it never ran: the suite has no such scenario; take the entry out, or name the scenario as it is called now"
	}
	passed, excused, unseen := "", "", ""
	for _, j := range e.jobs {
		s := j.result
		switch {
		case !slices.Contains(r.Scenarios, s):
			unseen = "its scenarios are not selected in this run"
		case s.Ran() && e.Covers(s.Verdict):
			return reports.Confirmed, ""
		case s.Verdict == verdict.Pass:
			passed = "it no longer fails: take the entry out"
		case s.Verdict == verdict.Error:
			unseen = fmt.Sprintf("the harness broke in %s", s.ID)
		case j.later:
			unseen = s.Finding.String()
		case j.stopped, !s.Ran() && !j.excused:
			unseen = "the run ended before " + s.ID
		default:
			excused = fmt.Sprintf("it cannot fail here: %s is %s: %s", s.ID, s.Verdict, s.Finding)
		}
	}
	switch {
	case unseen != "": // what was not seen may be what fails
		return reports.Unseen, unseen
	case passed != "":
		return reports.Stale, passed
	}
	return reports.Stale, excused
}
