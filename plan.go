// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	tagexpressions "github.com/cucumber/tag-expressions/go/v6"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

// The tags that the runner knows, beside the ids of requirements.
const (
	tagSmoke      = "@smoke"
	tagFull       = "@full"
	tagOwnLab     = "@own-lab"
	tagGiven      = "@given:"
	tagRole       = "@role:"
	tagCapability = "@capability:"
)

// plan is a run that can begin: everything parsed, selected and looked up.
type plan struct {
	opts   *Options
	digest string
	// jobs are those of the shard.
	jobs []*job
	// selected counts the scenarios of all shards, due those of them that are to be run.
	selected, due int
	expectations  []*expectation
}

// job is one selected scenario with its words.
type job struct {
	*parsed
	result *reports.Scenario
	// words are the matches of the steps.
	words  []steps.Match
	full   bool
	ownLab bool
	// later says that its requirement belongs to a later edition than this run.
	later bool
	// excused says that the job has its verdict without being run.
	excused bool
	// foreign says that it binds another role than the target's.
	foreign bool
	// judged says that an earlier sitting has judged the job.
	judged bool
	// stopped says that the run ended before the job, or while it was being done.
	stopped bool
	// tooLate says that the verdict is an error because the harness was late, and
	// second that this is the job's second run, for that reason.
	tooLate, second bool
	stuck           bool // a step went on after its time
}

// makePlan reads, parses, selects and looks up.
func makePlan(o *Options) (*plan, error) {
	tags, err := tagexpressions.Parse(o.Tags)
	if err != nil {
		return nil, usage("tags %q: %v", o.Tags, err)
	}
	for id := range o.Skip {
		if _, ok := o.Catalogue.Get(id); !ok {
			return nil, usage("skip %s: there is no such requirement", id)
		}
	}
	edition, err := editionOf(o)
	if err != nil {
		return nil, err
	}
	expectations, err := expectationsOf(o)
	if err != nil {
		return nil, err
	}
	sources, err := readSources(o)
	if err != nil {
		return nil, err
	}
	pl := &plan{opts: o, digest: digest(sources, o), expectations: expectations}
	var problems []Problem
	total := 0
	for _, src := range sources {
		doc, ps := parse(src)
		problems = append(problems, ps...)
		if doc == nil {
			continue
		}
		wanted, err := doc.wanted()
		if err != nil {
			return nil, err
		}
		total += len(doc.scenarios)
		for _, p := range doc.scenarios {
			j := &job{parsed: p, result: &p.scenario, full: slices.Contains(p.scenario.Tags, tagFull), ownLab: slices.Contains(p.scenario.Tags, tagOwnLab)}
			problems = append(problems, j.readTags(o.Catalogue)...)
			for _, e := range expectations {
				e.meet(j)
			}
			if !wanted(p.place) || !tags.Evaluate(p.scenario.Tags) || !o.Profile.selects(p.scenario.Tags) {
				continue
			}
			problems = append(problems, j.lookUp(o.Vocabulary)...)
			j.result.OwnLab = j.ownLab
			pl.selected++
			j.result.ID = fmt.Sprintf("s%04d", pl.selected) // the same in every shard
			j.apply(o, edition)
			if !j.excused {
				pl.due++
			}
			if inShard(o.Shard, j.result) {
				pl.jobs = append(pl.jobs, j)
			}
		}
	}
	if len(problems) > 0 {
		return nil, &FeaturesError{inOrder(problems)}
	}
	if pl.selected == 0 {
		return nil, nothingSelected(o, total)
	}
	return pl, nil
}

// inOrder is the problems by file and line, each once: the rows of an outline
// have theirs in common.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(problems)
}

func nothingSelected(o *Options, total int) error {
	by := []string{"profile " + string(o.Profile)}
	if o.Tags != "" {
		by = append(by, fmt.Sprintf("tags %q", o.Tags))
	}
	if len(o.Paths) > 0 {
		by = append(by, "paths "+strings.Join(o.Paths, " "))
	}
	return &NothingError{fmt.Sprintf("nothing selected: none of %d scenarios fits %s", total, strings.Join(by, ", "))}
}

// wanted says which places were asked for by lines.
func (d *document) wanted() (func(place) bool, error) {
	if d.source.lines == nil {
		return func(place) bool { return true }, nil
	}
	var asked []place
	for _, line := range d.source.lines {
		at, ok := d.at(line)
		if !ok {
			return nil, usage("%s:%d: the file has %d lines", d.source.name, line, len(d.lines))
		}
		asked = append(asked, at)
	}
	return func(p place) bool { return slices.ContainsFunc(asked, p.within) }, nil
}

func (p Profile) selects(tags []string) bool {
	switch p {
	case Smoke:
		return slices.Contains(tags, tagSmoke)
	case Full:
		return true
	default:
		return !slices.Contains(tags, tagFull)
	}
}

// requirementID is what ids look like: RMP-3.1-05, RFC7252-4.2-03.
var requirementID = regexp.MustCompile(`^[A-Z][A-Z0-9]*-[0-9A-Za-z.]+-[0-9]+$`)

// readTags finds the requirement that the scenario proves, and those it leans on.
func (j *job) readTags(c *verdict.Catalogue) []Problem {
	s := j.result
	var problems []Problem
	bad := func(format string, args ...any) {
		problems = append(problems, Problem{s.File, s.Line, 0, Tag, fmt.Sprintf(format, args...)})
	}
	for _, tag := range s.Tags {
		id, given := strings.CutPrefix(tag, tagGiven)
		if !given {
			id = strings.TrimPrefix(tag, "@")
		}
		_, known := c.Get(id)
		switch {
		case !known && (given || requirementID.MatchString(id)):
			bad("%s: the catalogue has no requirement %s", tag, id)
		case given && !slices.Contains(s.Given, id):
			s.Given = append(s.Given, id)
		case !given && known && s.Requirement != "" && s.Requirement != id:
			bad("%s and %s: a scenario proves one requirement; tag the other one @given:%s, or split the scenario", s.Requirement, id, id)
		case !given && known:
			s.Requirement = id
		}
		if role, ok := strings.CutPrefix(tag, tagRole); ok && !slices.Contains([]verdict.Role{verdict.Gateway, verdict.DeviceClient, verdict.DeviceServer}, verdict.Role(role)) {
			bad("%s: want @role:gateway, @role:device-client or @role:device-server", tag)
		}
	}
	if s.Requirement != "" && slices.Contains(s.Given, s.Requirement) {
		bad("@given:%s: a scenario cannot lean on the requirement that it proves", s.Requirement)
	}
	return problems
}

// lookUp finds the words of the steps.
func (j *job) lookUp(v *steps.Registry) []Problem {
	var problems []Problem
	for i, st := range j.result.Steps {
		bad := func(kind ProblemKind, format string, args ...any) {
			problems = append(problems, Problem{j.result.File, st.Line, j.columns[i], kind, fmt.Sprintf(format, args...)})
		}
		ms := v.Match(st.Text)
		switch len(ms) {
		case 0:
			message := fmt.Sprintf("undefined step: %s %s", st.Keyword, st.Text)
			if near := v.Nearest(st.Text, 3); len(near) > 0 {
				message += "\n    did you mean: " + strings.Join(near, "\n              or: ")
			}
			bad(Undefined, "%s", message)
			continue
		case 1:
		default:
			var matches strings.Builder
			for _, m := range ms {
				matches.WriteString("\n    matches: " + m.Step.Expression)
			}
			bad(Ambiguous, "ambiguous step: %s %s%s", st.Keyword, st.Text, matches.String())
			continue
		}
		m := ms[0]
		if m.Err != nil {
			bad(Argument, "%s %s: %v", st.Keyword, st.Text, m.Err)
		}
		if err := m.Step.Takes.Check(st.Table != nil, st.HasDocString); err != nil {
			bad(Argument, "%s %s: the step %v", st.Keyword, st.Text, err)
		}
		if st.Table != nil {
			m.Args = m.Args.WithTable(st.Table)
		}
		if st.HasDocString {
			m.Args = m.Args.WithDocString(st.DocString, st.DocType)
		}
		st.Expression = m.Step.Expression
		j.words = append(j.words, m)
	}
	return problems
}

// apply settles the verdict of a scenario that the target need not be asked, or
// that the operator leaves out.
func (j *job) apply(o *Options, edition int) {
	s := j.result
	var binds []verdict.Role
	var capabilities []string
	for _, tag := range s.Tags {
		if role, ok := strings.CutPrefix(tag, tagRole); ok {
			binds = append(binds, verdict.Role(role))
		}
		if name, ok := strings.CutPrefix(tag, tagCapability); ok {
			capabilities = append(capabilities, name)
		}
	}
	if r, ok := o.Catalogue.Get(s.Requirement); ok {
		if len(binds) == 0 {
			binds = r.Binds
		}
		if r.Capability != "" {
			capabilities = append(capabilities, r.Capability)
		}
	}
	if r, ok := o.Catalogue.Get(s.Requirement); ok && r.Edition() > edition {
		j.later = true
		j.excuse(verdict.NotApplicable, "%s", laterThan(edition, r))
		return
	}
	if len(binds) > 0 && !slices.Contains(binds, o.Role) {
		j.foreign = true
		j.excuse(verdict.NotApplicable, "it binds %s, the target is a %s", joinRoles(binds), o.Role)
		return
	}
	for _, name := range capabilities {
		if o.Capabilities != nil && !slices.Contains(o.Capabilities, name) {
			j.excuse(verdict.NotApplicable, "the target does not declare the capability %s", name)
			return
		}
	}
	if reason, ok := o.Skip[s.Requirement]; ok {
		j.excuse(verdict.Skipped, "%s", reason)
	}
}

// excuse gives the job a verdict without running it.
func (j *job) excuse(v verdict.Verdict, format string, args ...any) {
	j.excused = true
	j.result.Verdict, j.result.Observed = v, v
	j.result.Finding = &reports.Finding{Reason: fmt.Sprintf(format, args...), Step: -1}
}

// giveUp skips the job because the run ends before it.
func (j *job) giveUp(format string, args ...any) {
	j.stopped = true
	j.excuse(verdict.Skipped, format, args...)
}

func joinRoles(roles []verdict.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " and ")
}
