// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/cucumber/godog"

	"github.com/coapstone/coapstone/reports"
)

// place is where in a document a line or a scenario stands: in which rule, in
// which scenario of it, which examples, which row. They count from 1 over the
// whole document; 0 stands for none.
type place struct{ rule, scenario, examples, row int }

// within says whether p stands in, or is, what q says.
func (p place) within(q place) bool {
	in := func(p, q int) bool { return q == 0 || p == q }
	return in(p.rule, q.rule) && in(p.scenario, q.scenario) && in(p.examples, q.examples) && in(p.row, q.row)
}

// document is one feature file, parsed.
type document struct {
	source *source
	lines  []string
	// places are those of the lines.
	places    []place
	scenarios []*parsed
}

// parsed is one scenario that can be run: one row of an outline.
type parsed struct {
	doc      *document
	place    place
	scenario reports.Scenario
	// columns are those of the steps.
	columns []int
}

// isolated is the document's source with the lines of all other scenarios and
// rows left blank: every line keeps its number.
func (p *parsed) isolated() []byte {
	kept := make([]string, len(p.doc.lines))
	for i, line := range p.doc.lines {
		if p.place.within(p.doc.places[i]) {
			kept[i] = line
		}
	}
	return []byte(strings.Join(kept, "\n"))
}

// at is the place of a line that counts from 1.
func (d *document) at(line int) (place, bool) {
	if line < 1 || line > len(d.places) {
		return place{}, false
	}
	return d.places[line-1], true
}

// parse reads one feature file.
func parse(src *source) (*document, []Problem) {
	// godog takes a line number off a path, so it gets a name of ours.
	const name = "source.feature"
	suite := godog.TestSuite{Options: &godog.Options{
		FS:    fstest.MapFS{name: &fstest.MapFile{Data: src.text}},
		Paths: []string{name},
	}}
	found, err := suite.RetrieveFeatures()
	if err != nil {
		return nil, syntaxProblems(src.name, strings.TrimPrefix(err.Error(), name+" - "))
	}
	if len(found) == 0 {
		return nil, []Problem{{src.name, 1, 0, Empty, "no scenario in this file can be run: write a scenario with a step, and give an outline rows"}}
	}
	f := found[0]
	d := &document{source: src, lines: strings.Split(string(src.text), "\n")}
	d.places = make([]place, len(d.lines))

	// The nodes of the syntax tree are of types that must not be imported; each
	// gets its place in the order of the lines, and with it all lines up to the next.
	type start struct {
		line  int64
		place place
	}
	var starts []start
	var problems []Problem
	places := map[string]place{}
	rules, examples, rows := 0, 0, 0
	scenarios := listOf(f.FindScenario(""))
	var inRule []int
	for _, child := range f.Feature.Children {
		switch {
		case child.Background != nil:
			starts = append(starts, start{child.Background.Location.Line, place{}})
		case child.Scenario != nil:
			scenarios, inRule = append(scenarios, child.Scenario), append(inRule, 0)
		case child.Rule != nil:
			rules++
			starts = append(starts, start{d.tagged(child.Rule.Location.Line), place{rule: rules}})
			for _, c := range child.Rule.Children {
				if c.Background != nil {
					starts = append(starts, start{c.Background.Location.Line, place{rule: rules}})
				}
				if c.Scenario != nil {
					scenarios, inRule = append(scenarios, c.Scenario), append(inRule, rules)
				}
			}
		}
	}
	for i, sc := range scenarios {
		at := place{rule: inRule[i], scenario: i + 1}
		starts = append(starts, start{d.tagged(sc.Location.Line), at})
		places[sc.Id] = at
		hasRows := false
		for _, ex := range sc.Examples {
			examples++
			at := place{at.rule, at.scenario, examples, 0}
			starts = append(starts, start{d.tagged(ex.Location.Line), at})
			for _, row := range ex.TableBody {
				rows++
				hasRows = true
				at.row = rows
				starts = append(starts, start{row.Location.Line, at})
				places[row.Id] = at
			}
		}
		outline := len(sc.Examples) > 0 || strings.Contains(sc.Keyword, "Outline") || strings.Contains(sc.Keyword, "Template")
		switch {
		case outline && !hasRows:
			problems = append(problems, Problem{
				src.name, int(sc.Location.Line), int(sc.Location.Column), Empty,
				sc.Keyword + " " + strconv.Quote(sc.Name) + " has no rows, so it would never be run: give it examples, or delete it",
			})
		case len(sc.Steps) == 0:
			problems = append(problems, Problem{
				src.name, int(sc.Location.Line), int(sc.Location.Column), Empty,
				sc.Keyword + " " + strconv.Quote(sc.Name) + " has no steps, so it would prove nothing: write them, or delete it",
			})
		}
	}
	slices.SortStableFunc(starts, func(a, b start) int { return int(a.line - b.line) })
	for i, s := range starts {
		end := len(d.places)
		if i+1 < len(starts) {
			end = int(starts[i+1].line) - 1
		}
		for l := int(s.line) - 1; l < end; l++ {
			d.places[l] = s.place
		}
	}

	for _, pickle := range f.Pickles {
		sc := f.FindScenario(pickle.AstNodeIds[0])
		if len(sc.Steps) == 0 {
			continue // it is among the problems
		}
		p := &parsed{doc: d, place: places[sc.Id], scenario: reports.Scenario{
			Name: pickle.Name, Keyword: strings.TrimSpace(sc.Keyword), Line: int(sc.Location.Line),
			Feature: f.Feature.Name, FeatureLine: int(f.Feature.Location.Line), File: src.name,
		}}
		if rule := f.FindRule(sc.Id); rule != nil {
			p.scenario.Rule = rule.Name
		}
		if len(pickle.AstNodeIds) > 1 {
			ex, row := f.FindExample(pickle.AstNodeIds[1])
			p.place, p.scenario.Line = places[row.Id], int(row.Location.Line)
			for i, cell := range row.Cells {
				p.scenario.Row = append(p.scenario.Row, ex.TableHeader.Cells[i].Value+" = "+cell.Value)
			}
		}
		for _, t := range pickle.Tags {
			p.scenario.Tags = append(p.scenario.Tags, t.Name)
		}
		for _, ps := range pickle.Steps {
			node := f.FindStep(ps.AstNodeIds[0])
			st := &reports.Step{Keyword: strings.TrimSpace(node.Keyword), Text: ps.Text, Line: int(node.Location.Line), Status: reports.NotRun}
			if ps.Argument != nil && ps.Argument.DataTable != nil {
				for _, row := range ps.Argument.DataTable.Rows {
					cells := make([]string, len(row.Cells))
					for i, cell := range row.Cells {
						cells[i] = cell.Value
					}
					st.Table = append(st.Table, cells)
				}
			}
			if ps.Argument != nil && ps.Argument.DocString != nil {
				st.DocString, st.DocType, st.HasDocString = ps.Argument.DocString.Content, ps.Argument.DocString.MediaType, true
			}
			p.scenario.Steps = append(p.scenario.Steps, st)
			p.columns = append(p.columns, int(node.Location.Column))
		}
		d.scenarios = append(d.scenarios, p)
	}
	return d, problems
}

// tagged is the line at which the tags of what begins at a line begin, or that
// line itself. The syntax tree does not know the place of a lone @.
func (d *document) tagged(line int64) int64 {
	first := line
	for l := line - 1; l >= 1; l-- {
		text := strings.TrimSpace(d.lines[l-1])
		switch {
		case strings.HasPrefix(text, "@"):
			first = l
		case text != "" && !strings.HasPrefix(text, "#"):
			return first
		}
	}
	return first
}

// listOf is an empty list of things like one.
func listOf[T any](T) []T { return nil }

var syntaxError = regexp.MustCompile(`^\((\d+):(\d+)\): (.*)$`)

// syntaxProblems takes the parser's report apart, a problem a line.
func syntaxProblems(file, report string) []Problem {
	var ps []Problem
	for line := range strings.SplitSeq(report, "\n") {
		m := syntaxError.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		l, lerr := strconv.Atoi(m[1])
		c, cerr := strconv.Atoi(m[2])
		if errors.Join(lerr, cerr) != nil {
			continue
		}
		ps = append(ps, Problem{file, l, c, Syntax, sayExpected(m[3])})
	}
	if len(ps) == 0 {
		ps = []Problem{{file, 1, 0, Syntax, report}}
	}
	return ps
}

var expectedGot = regexp.MustCompile(`^expected: (.*), got '(.*)'$`)

// sayExpected turns the parser's list of tokens into words.
func sayExpected(message string) string {
	m := expectedGot.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	words := map[string]string{
		"#EOF": "the end of the file", "#Language": "", "#TagLine": "tags", "#FeatureLine": "Feature:", "#Comment": "", "#Empty": "",
		"#BackgroundLine": "Background:", "#ScenarioLine": "Scenario:", "#RuleLine": "Rule:", "#ExamplesLine": "Examples:",
		"#StepLine": "a step (Given, When, Then, And, But)", "#DocStringSeparator": `a doc string (""")`, "#TableRow": "a table row (| … |)", "#Other": "",
	}
	var want []string
	for token := range strings.SplitSeq(m[1], ", ") {
		word, known := words[token]
		if !known {
			word = token
		}
		if word != "" {
			want = append(want, word)
		}
	}
	return "this does not belong here: " + strconv.Quote(m[2]) + "; expected " + strings.Join(want, ", ")
}
