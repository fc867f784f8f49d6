// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// The levels that a certification can reach.
const (
	// Core: all MUSTs of the document for the role.
	Core = "Core"
	// Secure: Core over coaps, with certificates or with pre-shared keys.
	Secure = "Secure"
	// CoAP: all MUSTs of the RFCs whose capability is declared.
	CoAP = "CoAP"
)

// Document is the source of the requirements that Core is about; all others are
// RFCs.
const Document = "Using CoAP with RunMyProcess"

// Level is one of them, and whether the run reached it.
type Level struct {
	Name    string `json:"name"`
	Reached bool   `json:"reached"`
	// Blocks are what stands in its way: requirements with their verdicts.
	Blocks []string `json:"blocks,omitempty"`
	// Notes are what it must not be read without: with which kind of credentials it
	// was reached, and what those are worth.
	Notes []string `json:"notes,omitempty"`
}

// Certify is what a certification knows beside its report.
type Certify struct {
	// Misfits are where the target does not fit its own conformance statement. They
	// forfeit every level.
	Misfits []string
	// PSK says of the pre-shared keys that were used what they are worth. Secure by
	// pre-shared keys carries it.
	PSK []string
}

// proof is the requirements whose pass shows a session over coaps.
type proof struct{ certificates, psk string }

var proofs = map[verdict.Role]proof{
	verdict.Gateway:      {"RMP-4.1-01", "RMP-4.2-01"},
	verdict.DeviceClient: {"RMP-4.1-20", "RMP-4.2-20"},
	verdict.DeviceServer: {"RMP-4.1-30", "RMP-4.2-30"},
}

// Proofs are the requirements whose pass shows that a target of a role has had a
// session over coaps: with certificates, and with a pre-shared key.
func Proofs() map[verdict.Role][]string {
	all := map[verdict.Role][]string{}
	for role, p := range proofs {
		all[role] = []string{p.certificates, p.psk}
	}
	return all
}

// Level is the level of that name, or nil.
func (r *Report) Level(name string) *Level {
	for i := range r.Levels {
		if r.Levels[i].Name == name {
			return &r.Levels[i]
		}
	}
	return nil
}

// JudgeLevels says which levels a run of the full profile has reached. The report
// must have the verdicts of its requirements; declared are the capabilities of
// the target, nil for all.
func JudgeLevels(r *Report, all *verdict.Catalogue, declared []string, c Certify) []Level {
	j := &levels{report: r, declared: declared}
	for _, id := range r.Untested {
		if q, ok := all.Get(id); ok {
			j.untested = append(j.untested, q)
		}
	}
	misfits := make([]string, len(c.Misfits))
	for i, m := range c.Misfits {
		misfits[i] = "the conformance statement does not fit: " + m
	}
	core := j.of(Core, func(q *verdict.Requirement) bool { return q.Source == Document })
	coap := j.of(CoAP, func(q *verdict.Requirement) bool { return q.Source != Document })
	for _, l := range []*Level{&core, &coap} {
		l.Blocks = append(l.Blocks, misfits...)
		if whole := j.part(); whole != "" {
			l.Blocks = append(l.Blocks, whole)
		}
		l.Reached = len(l.Blocks) == 0
	}
	secure := j.secure(&core, c)
	return []Level{core, secure, coap}
}

// levels is what is judged.
type levels struct {
	report   *Report
	declared []string
	untested []*verdict.Requirement
}

// part says why the run is not of the whole suite, if it is not.
func (j *levels) part() string {
	r := j.report
	switch {
	case r.DryRun:
		return "nothing was run: a dry run"
	case r.Partial:
		return "the run ended before its time"
	case r.Profile != "full" || r.Tags != "" || len(r.Paths) > 0 || r.Shard != nil:
		return "only a part of the suite was selected"
	}
	return ""
}

// of judges the MUSTs of some sources.
func (j *levels) of(name string, from func(*verdict.Requirement) bool) Level {
	l := Level{Name: name}
	passed := 0
	away := map[string][]string{} // by capability
	var whole []string
	for _, q := range j.report.Requirements {
		if !from(q.Requirement) || q.Level == verdict.Should || !slices.Contains(q.Binds, j.report.Role) {
			continue
		}
		switch q.Verdict {
		case verdict.Pass, verdict.Warning:
			passed++
		case verdict.NotApplicable:
			switch why, capabilities := j.why(q); why {
			case declaredAway:
				away[capabilities] = append(away[capabilities], q.ID)
			case elsewhere:
				whole = append(whole, q.ID)
			case unproven:
				l.Blocks = append(l.Blocks, fmt.Sprintf("%s was not proven: %s", q.ID, j.reason(q)))
			case outside:
			}
		case verdict.Skipped, verdict.Inconclusive, verdict.Fail, verdict.Error:
			l.Blocks = append(l.Blocks, j.blocked(q))
		}
	}
	for _, q := range j.untested {
		if from(q) && q.Level != verdict.Should && j.declares(q.Capability) {
			l.Blocks = append(l.Blocks, q.ID+" is untested: no scenario of this run stands for it")
		}
	}
	if passed == 0 && len(l.Blocks) == 0 {
		l.Blocks = append(l.Blocks, fmt.Sprintf("none of its requirements applies to this %s", j.report.Role))
	}
	if len(away) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(away)) {
			parts = append(parts, fmt.Sprintf("%s (%s)", name, strings.Join(away[name], ", ")))
		}
		l.Notes = append(l.Notes, "declared away by the conformance statement: "+strings.Join(parts, ", "))
	}
	if len(whole) > 0 {
		l.Notes = append(l.Notes, "cannot be judged on a target that the suite does not start by itself: "+strings.Join(whole, ", "))
	}
	return l
}

// blocked is a requirement that stands in the way, with its verdict.
func (j *levels) blocked(q *Requirement) string {
	said := q.ID + " is " + q.Verdict.String()
	if q.Verdict == verdict.Fail {
		said = q.ID + " failed"
	}
	for _, s := range j.scenarios(q) {
		if s.Known != nil {
			return said + ", a known failure"
		}
	}
	return said
}

// The reasons why a requirement does not apply.
type whyNot int

const (
	// outside: a later edition, superseded, of another role.
	outside whyNot = iota
	// declaredAway: the target does not declare the capability.
	declaredAway
	// elsewhere: it takes a lab of the scenario's own.
	elsewhere
	// unproven: it does apply, and the bench could not look.
	unproven
)

// why says why a requirement that binds the role does not apply, and which
// capabilities it wants that are not declared.
func (j *levels) why(q *Requirement) (why whyNot, capabilities string) {
	scenarios := j.scenarios(q)
	if len(scenarios) == 0 {
		return outside, ""
	}
	var names []string
	own := false
	for _, s := range scenarios {
		if s.Ran() {
			return unproven, ""
		}
		names = append(names, j.undeclared(q, s)...)
		own = own || s.OwnLab
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) > 0:
		return declaredAway, strings.Join(names, " and ")
	case own:
		return elsewhere, ""
	}
	return outside, ""
}

// undeclared are the capabilities that a scenario wants and the target does not
// declare.
func (j *levels) undeclared(q *Requirement, s *Scenario) []string {
	wants := []string{q.Capability}
	for _, tag := range s.Tags {
		if name, ok := strings.CutPrefix(tag, "@capability:"); ok {
			wants = append(wants, name)
		}
	}
	return slices.DeleteFunc(wants, j.declares)
}

func (j *levels) declares(capability string) bool {
	return capability == "" || j.declared == nil || slices.Contains(j.declared, capability)
}

func (j *levels) scenarios(q *Requirement) []*Scenario {
	var all []*Scenario
	for _, s := range j.report.Scenarios {
		if slices.Contains(q.Scenarios, s.ID) {
			all = append(all, s)
		}
	}
	return all
}

// reason is what the scenarios say of why a requirement was not proven.
func (j *levels) reason(q *Requirement) string {
	for _, s := range j.scenarios(q) {
		if s.Finding != nil {
			return s.Finding.String()
		}
	}
	return "not applicable"
}

// secure judges Secure by Core and by what was shown over coaps.
func (j *levels) secure(core *Level, c Certify) Level {
	l := Level{Name: Secure}
	p := proofs[j.report.Role]
	certificates, psk := j.passed(p.certificates), j.passed(p.psk)
	if !core.Reached {
		l.Blocks = append(l.Blocks, Core+" is not reached")
	}
	if certificates {
		l.Notes = append(l.Notes, "over coaps with certificates")
	}
	if psk {
		l.Notes = append(l.Notes, "over coaps with pre-shared keys")
		l.Notes = append(l.Notes, c.PSK...)
	}
	if !certificates && !psk {
		l.Blocks = append(l.Blocks, fmt.Sprintf("no session over coaps was shown: neither with certificates (%s) nor with pre-shared keys (%s)", p.certificates, p.psk))
		core.Notes = append(core.Notes, "not secure: shown over coap:// alone, which the document allows for testing only")
	}
	l.Reached = len(l.Blocks) == 0
	return l
}

// passed says whether a requirement has passed.
func (j *levels) passed(id string) bool {
	q := j.report.requirement(id)
	return q != nil && q.Verdict == verdict.Pass
}
