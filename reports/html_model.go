// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"html/template"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// htmlReport is a report in the order of the page.
type htmlReport struct {
	*Report
	Style   template.CSS
	Tally   []htmlCount
	Levels  []htmlLevel
	Sources []*htmlSource
	// Loose are the scenarios that stand for no requirement.
	Loose  []*Scenario
	Health string
}

// htmlCount is how many requirements got a verdict.
type htmlCount struct {
	Verdict verdict.Verdict
	N       int
}

// htmlLevel is a level; what is in its way leads to the requirements.
type htmlLevel struct {
	Name    string
	Reached bool
	Blocks  []htmlBlock
	Notes   []string
}

// htmlBlock is what is in a level's way: with the id of a requirement at its
// beginning, or without.
type htmlBlock struct{ ID, Text string }

// htmlSource is the requirements of one source, htmlSection those of a section.
type htmlSource struct {
	Name     string
	Anchor   string
	Tally    []htmlCount
	Sections []*htmlSection
	// Away are the requirements that do not apply: for a device that is most of
	// them, so that they stand behind the others.
	Away []*htmlRequirement
}

type htmlSection struct {
	Name         string
	Requirements []*htmlRequirement
}

// htmlRequirement is a requirement with the scenarios that prove it.
type htmlRequirement struct {
	*Requirement
	Proofs []*Scenario
	// Open unfolds it from the start.
	Open  bool
	Known bool
}

// Why is why it does not apply, each reason once.
func (q *htmlRequirement) Why() []string {
	var all []string
	if q.Reason != "" {
		all = append(all, q.Reason)
	}
	for _, s := range q.Proofs {
		if why := s.Finding.String(); why != "" && !slices.Contains(all, why) {
			all = append(all, why)
		}
	}
	return all
}

func newHTMLReport(r *Report) *htmlReport {
	h := &htmlReport{
		Report: r, Style: template.CSS(htmlStyle), // our own
		Tally: htmlTally(r.Counts.RequirementsByVerdict), Health: health(r),
	}
	scenarios := map[string]*Scenario{}
	proving := map[string]bool{}
	for _, s := range r.Scenarios {
		scenarios[s.ID] = s
	}
	for _, q := range r.Requirements {
		v := &htmlRequirement{Requirement: q}
		for _, id := range q.Scenarios {
			if s := scenarios[id]; s != nil && !proving[id] {
				proving[id] = true
				v.Proofs = append(v.Proofs, s)
				v.Known = v.Known || s.Known != nil
			}
		}
		v.Open = q.Verdict >= verdict.Fail && !v.Known
		if s := h.source(q); q.Verdict == verdict.NotApplicable {
			s.Away = append(s.Away, v)
		} else {
			sec := s.section(q)
			sec.Requirements = append(sec.Requirements, v)
		}
	}
	for _, s := range r.Scenarios {
		if !proving[s.ID] {
			h.Loose = append(h.Loose, s)
		}
	}
	h.tellSources()
	h.tellLevels()
	return h
}

// source is where a requirement stands on the page.
func (h *htmlReport) source(q *Requirement) *htmlSource {
	i := slices.IndexFunc(h.Sources, func(s *htmlSource) bool { return s.Name == q.Source })
	if i < 0 {
		i, h.Sources = len(h.Sources), append(h.Sources, &htmlSource{Name: q.Source})
	}
	return h.Sources[i]
}

// section is where it stands within its source.
func (s *htmlSource) section(q *Requirement) *htmlSection {
	j := slices.IndexFunc(s.Sections, func(s *htmlSection) bool { return s.Name == q.Section })
	if j < 0 {
		j, s.Sections = len(s.Sections), append(s.Sections, &htmlSection{Name: q.Section})
	}
	return s.Sections[j]
}

// tellSources counts what stands in each source, and gives it an anchor.
func (h *htmlReport) tellSources() {
	for _, s := range h.Sources {
		n := Tally{verdict.NotApplicable: len(s.Away)}
		for _, sec := range s.Sections {
			for _, q := range sec.Requirements {
				n[q.Verdict]++
			}
		}
		s.Tally = htmlTally(n)
		s.Anchor = "source-" + strings.Join(strings.Fields(strings.ToLower(s.Name)), "-")
	}
}

// tellLevels leads from what is in a level's way to the requirement.
func (h *htmlReport) tellLevels() {
	for _, l := range h.Report.Levels {
		v := htmlLevel{Name: l.Name, Reached: l.Reached, Notes: l.Notes}
		for _, b := range l.Blocks {
			id, rest, _ := strings.Cut(b, " ")
			if h.requirement(id) == nil && !slices.Contains(h.Untested, id) {
				id, rest = "", b
			}
			v.Blocks = append(v.Blocks, htmlBlock{id, rest})
		}
		h.Levels = append(h.Levels, v)
	}
}

// htmlTally is the verdicts that were given, the worst first.
func htmlTally(n Tally) []htmlCount {
	var counts []htmlCount
	for _, v := range slices.Backward(verdict.All()) {
		if n[v] > 0 {
			counts = append(counts, htmlCount{v, n[v]})
		}
	}
	return counts
}
