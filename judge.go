// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// judge turns what the scenarios observed into verdicts: of the scenarios, of
// the requirements, and of the run.
func judge(r *reports.Report, pl *plan) {
	c := pl.opts.Catalogue
	for _, s := range r.Scenarios {
		s.Observed = s.Verdict
	}
	leanOnGiven(r.Scenarios)
	for _, s := range r.Scenarios {
		if q, ok := c.Get(s.Requirement); ok && q.Level == verdict.Should && s.Verdict == verdict.Fail {
			s.Verdict = verdict.Warning
		}
	}
	judgeRequirements(r, pl)
	judgeExpectations(r, pl)
	if r.Lab.Kind == string(lab.External) {
		r.Unproven = reports.FindUnproven(r) // the other labs have all that the suite needs
	}
	r.Counts = count(r)
	if o := pl.opts; o.Certify != nil {
		r.Levels = reports.JudgeLevels(r, c, o.Capabilities, *o.Certify)
	}
	r.ExitCode, r.ExitReason = exit(r, pl)
}

// leanOnGiven makes a failed scenario inconclusive when a requirement that it
// leans on was broken by another scenario, so that one fault turns one
// requirement red. It goes from the scenarios that lean on nothing broken
// outwards: of two that only lean on each other, both stay failed.
func leanOnGiven(all []*reports.Scenario) {
	failed := map[string][]*reports.Scenario{} // by requirement
	for _, s := range all {
		if s.Observed == verdict.Fail && s.Requirement != "" {
			failed[s.Requirement] = append(failed[s.Requirement], s)
		}
	}
	// blame is the first requirement that s leans on and that another broke.
	blame := func(s *reports.Scenario, counts func(*reports.Scenario) bool) (string, *reports.Scenario) {
		for _, id := range s.Given {
			for _, other := range failed[id] {
				if counts(other) {
					return id, other
				}
			}
		}
		return "", nil
	}
	settled := map[*reports.Scenario]bool{}
	for _, s := range all {
		if s.Observed == verdict.Fail {
			if id, _ := blame(s, func(*reports.Scenario) bool { return true }); id == "" {
				settled[s] = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, s := range all {
			if s.Observed != verdict.Fail || settled[s] {
				continue
			}
			id, other := blame(s, func(o *reports.Scenario) bool { return settled[o] })
			if id == "" {
				continue
			}
			settled[s], changed = true, true
			s.Verdict = verdict.Inconclusive
			s.Notes = append(s.Notes, fmt.Sprintf("it leans on %s, which failed in %s (%s): inconclusive until that is mended", id, other.ID, other.Location()))
		}
	}
}

// judgeRequirements gives each requirement the worst verdict of its scenarios.
func judgeRequirements(r *reports.Report, pl *plan) {
	edition, _ := verdict.ParseEdition(pl.opts.Edition) // makePlan has looked at it
	by := map[string][]*reports.Scenario{}
	for _, s := range r.Scenarios {
		by[s.Requirement] = append(by[s.Requirement], s)
	}
	for _, q := range pl.opts.Catalogue.All() {
		scenarios := by[q.ID]
		binds := slices.Contains(q.Binds, r.Role)
		switch {
		case len(scenarios) == 0 && q.Edition() > edition:
			r.Requirements = append(r.Requirements, &reports.Requirement{Requirement: q, Reason: laterThan(edition, q)})
			continue
		case len(scenarios) == 0 && (q.Untested == verdict.Superseded || q.Untested == verdict.OutOfRole):
			r.Requirements = append(r.Requirements, &reports.Requirement{Requirement: q, Reason: string(q.Untested) + ": " + q.Note})
			continue
		case len(scenarios) == 0 && binds:
			r.Untested = append(r.Untested, q.ID)
			continue
		case len(scenarios) == 0:
			r.Requirements = append(r.Requirements, &reports.Requirement{
				Requirement: q, Reason: fmt.Sprintf("it binds %s, the target is a %s", joinRoles(q.Binds), r.Role),
			})
			continue
		}
		e := &reports.Requirement{Requirement: q}
		for _, s := range scenarios {
			e.Scenarios = append(e.Scenarios, s.ID)
			if s.Verdict >= e.Verdict {
				e.Verdict = s.Verdict
				if !s.Ran() {
					e.Reason = s.Finding.String()
				}
			}
		}
		r.Requirements = append(r.Requirements, e)
	}
}

func count(r *reports.Report) reports.Counts {
	n := reports.Counts{Scenarios: len(r.Scenarios), Requirements: len(r.Requirements), ByVerdict: reports.Tally{}, RequirementsByVerdict: reports.Tally{}}
	for _, s := range r.Scenarios {
		n.ByVerdict[s.Verdict]++
		if s.Known != nil {
			n.Known++
		}
	}
	for _, q := range r.Requirements {
		n.RequirementsByVerdict[q.Verdict]++
	}
	return n
}

// exit is the exit code of the run, and why. What the target did wrong goes
// before what the harness did, since it is certain.
func exit(r *reports.Report, pl *plan) (int, string) {
	var failed, broken, unsure, skipped, known, stale []string
	ran := 0
	for _, s := range r.Scenarios {
		if s.Ran() {
			ran++
		}
		if s.Known != nil {
			known = append(known, nameOf(s))
			continue
		}
		q, tagged := pl.opts.Catalogue.Get(s.Requirement)
		switch s.Verdict {
		case verdict.Fail:
			failed = append(failed, nameOf(s))
		case verdict.Error:
			broken = append(broken, nameOf(s))
		case verdict.Inconclusive:
			if !tagged || q.Level != verdict.Should {
				unsure = append(unsure, nameOf(s))
			}
		case verdict.Skipped:
			if pl.opts.Certify != nil && tagged && q.Level != verdict.Should {
				skipped = append(skipped, nameOf(s))
			}
		case verdict.NotApplicable, verdict.Pass, verdict.Warning:
		}
	}
	for _, e := range r.Expectations {
		if e.State == reports.Stale {
			stale = append(stale, e.Requirement)
		}
	}
	switch {
	case r.DryRun:
		return reports.ExitConformant, "dry run: every step is defined, nothing was run"
	case len(failed) > 0:
		return reports.ExitFailed, "failed: " + list(failed)
	case len(broken) > 0:
		return reports.ExitEnvironment, "the harness broke in: " + list(broken)
	case ran == 0 && (r.Shard == nil || pl.due == 0): // a shard may be empty, all of them may not
		return reports.ExitNothing, "nothing ran: every selected scenario is skipped or not applicable"
	case len(unsure) > 0:
		return reports.ExitFailed, "inconclusive: " + list(unsure)
	case len(skipped) > 0:
		return reports.ExitFailed, "left out, and a certificate leaves no MUST out: " + list(skipped)
	case len(stale) > 0:
		return reports.ExitStale, "stale expectations, to be taken out: " + list(stale)
	case len(r.Scenarios) == 0:
		return reports.ExitConformant, fmt.Sprintf("shard %s is empty: the %d selected scenarios are in others", r.Shard, pl.selected)
	case ran == 0:
		return reports.ExitConformant, fmt.Sprintf("nothing of shard %s is to be run: what applies to the target is in others", r.Shard)
	case short(r) != "":
		return reports.ExitFailed, short(r)
	case len(known) > 0:
		return reports.ExitConformant, "nothing failed but what is known: " + list(known)
	}
	return reports.ExitConformant, "conformant, as far as was tested"
}

// short says why a certification falls short of the level Core although nothing
// of the above stands in its way; "" where it does not.
func short(r *reports.Report) string {
	core := r.Level(reports.Core)
	if core == nil || core.Reached {
		return ""
	}
	said := "level Core is not reached: " + core.Blocks[0]
	if more := len(core.Blocks) - 1; more > 0 {
		said += fmt.Sprintf(", and %d more", more)
	}
	return said
}

// nameOf is the requirement that a scenario proves, or else where it stands.
func nameOf(s *reports.Scenario) string {
	if s.Requirement != "" {
		return s.Requirement
	}
	return s.Location()
}

// list is names, each once, the first few of them.
func list(names []string) string {
	const most = 8
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
