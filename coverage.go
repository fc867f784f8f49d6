// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"slices"
	"strings"

	"github.com/coapstone/coapstone/reports"
)

// Coverage says which scenarios prove which requirement, of the features and the
// catalogue that the options name: the built-in ones by default. Nothing is
// run, and the other options do not matter. Deviants and verdicts are the
// caller's to add.
func Coverage(o Options) (*reports.Coverage, error) {
	if o.Catalogue == nil {
		var err error
		if o.Catalogue, err = Catalogue(); err != nil {
			return nil, err
		}
	}
	sources, err := readSources(&o)
	if err != nil {
		return nil, err
	}
	c := &reports.Coverage{
		Schema: reports.Schema,
		Suite:  reports.Suite{Name: "Coapstone", Version: version(), Edition: newest(o.Catalogue), Digest: digest(sources, &o)},
	}
	for _, r := range o.Catalogue.All() {
		c.Requirements = append(c.Requirements, &reports.CoveredRequirement{Requirement: r, Scenarios: []*reports.CoveredScenario{}, Deviants: []reports.CoveredDeviant{}})
	}
	var problems []Problem
	for _, src := range sources {
		doc, ps := parse(src)
		problems = append(problems, ps...)
		if doc == nil {
			continue
		}
		outlines := map[covering]*reports.CoveredScenario{}
		for _, p := range doc.scenarios {
			j := &job{parsed: p, result: &p.scenario}
			problems = append(problems, j.readTags(o.Catalogue)...)
			r := c.Requirement(p.scenario.Requirement)
			if r == nil {
				continue
			}
			full := slices.Contains(p.scenario.Tags, tagFull)
			key := covering{place{rule: p.place.rule, scenario: p.place.scenario}, r.ID}
			if s, ok := outlines[key]; ok {
				s.Rows++
				s.Full = s.Full && full // what the profile standard has a row of is not of full alone
				continue
			}
			s := &reports.CoveredScenario{File: p.scenario.File, Full: full}
			s.Line, s.Name = doc.named(p)
			if p.place.row > 0 {
				s.Rows = 1
				outlines[key] = s
			}
			r.Scenarios = append(r.Scenarios, s)
		}
	}
	if len(problems) > 0 {
		return nil, &FeaturesError{inOrder(problems)}
	}
	return c, nil
}

// covering is an outline and a requirement that rows of it prove.
type covering struct {
	outline     place
	requirement string
}

// named is the line on which the name of a scenario, or of its outline, stands,
// and the name as it stands there.
func (d *document) named(p *parsed) (line int, name string) {
	whole := place{rule: p.place.rule, scenario: p.place.scenario}
	for i, text := range d.lines {
		if d.places[i] != whole {
			continue
		}
		if name, ok := strings.CutPrefix(strings.TrimSpace(text), p.scenario.Keyword+":"); ok {
			return i + 1, strings.TrimSpace(name)
		}
	}
	return p.scenario.Line, p.scenario.Name
}
