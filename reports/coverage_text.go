// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coapstone/coapstone/harness/verdict"
)

// WriteCoverageText writes a table with a line for each requirement, and the
// counts. Lines are cut to width; 0 means that they may be long.
func WriteCoverageText(w io.Writer, c *Coverage, width int) error {
	rows := [][]string{{"REQUIREMENT", "LEVEL", "BINDS", "VERDICT", "DEVIANTS", "SCENARIOS", "TEXT"}}
	several := false // roles, so that it is worth a column
	for _, r := range c.Requirements {
		several = several || !slices.Equal(r.Binds, c.Requirements[0].Binds)
		rows = append(rows, []string{
			r.ID, string(r.Level), r.binds(), r.verdict(), fmt.Sprint(len(r.Deviants)), r.provenBy(), r.Text,
		})
	}
	if !several {
		for i, row := range rows {
			rows[i] = slices.Delete(row, 2, 3)
		}
	}
	var b strings.Builder
	for _, line := range columns(rows) {
		b.WriteString(cut(line, width) + "\n")
	}
	b.WriteString("\n")
	for _, line := range columns(c.summary()) {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCoverageDetails writes all that is known of each requirement.
func WriteCoverageDetails(w io.Writer, c *Coverage, o TextOptions) error {
	t := &text{w: w, o: o}
	for i, r := range c.Requirements {
		if i > 0 {
			t.blank()
		}
		t.details(c, r)
	}
	return t.err
}

func (t *text) details(c *Coverage, r *CoveredRequirement) {
	t.styled(strong, "%s  %s, %s", r.ID, r.Reference(), r.Level)
	t.field(normal, "holds if", r.Text)
	t.field(normal, "binds", r.binds())
	if r.Capability != "" {
		t.field(normal, "needs", "a target that declares "+r.Capability)
	}
	t.field(normal, "since", "edition "+r.Since)
	if r.Note != "" {
		t.field(normal, "note", r.Note)
	}
	if r.Untested != "" {
		t.field(normal, "untested", string(r.Untested))
	}
	name := "scenarios"
	if len(r.Scenarios) == 0 && r.Untested == "" {
		t.field(normal, name, "none")
	}
	for _, s := range r.Scenarios {
		t.field(normal, name, s.String())
		name = ""
	}
	name = "deviants"
	if len(r.Deviants) == 0 {
		t.field(normal, name, "none")
	}
	for _, d := range r.Deviants {
		words := d.Name
		if len(d.Also) > 0 {
			words += " (may turn red too: " + strings.Join(d.Also, ", ") + ")"
		}
		t.field(normal, name, words)
		name = ""
	}
	if c.Run != nil {
		t.field(normal, "verdict", map[bool]string{true: "none", false: r.verdict()}[r.Verdict == nil])
		t.field(normal, "report", c.Run.String())
	}
}

// String is the scenario on one line, its place first.
func (s *CoveredScenario) String() string {
	words := s.Location() + "  " + s.Name
	switch {
	case s.Rows == 1:
		words += ", 1 row"
	case s.Rows > 1:
		words += fmt.Sprintf(", %d rows", s.Rows)
	}
	if s.Full {
		words += ", profile full"
	}
	return words
}

// Location is file:line.
func (s *CoveredScenario) Location() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// String says which run it was.
func (r *CoveredRun) String() string {
	words := fmt.Sprintf("%s: %s, profile %s, %s", r.File, r.Target, r.Profile, r.StartedAt.Format("2006-01-02 15:04"))
	if r.Another {
		words += ", of another version of the suite"
	}
	return words
}

func (r *CoveredRequirement) verdict() string {
	if r.Verdict == nil {
		return "-"
	}
	return r.Verdict.String()
}

// provenBy is the first scenario, and how many more there are.
func (r *CoveredRequirement) provenBy() string {
	switch n := len(r.Scenarios); {
	case n == 0 && r.Untested != "":
		return string(r.Untested)
	case n == 0:
		return "none"
	case n == 1:
		return r.Scenarios[0].Location()
	default:
		return fmt.Sprintf("%s + %d more", r.Scenarios[0].Location(), n-1)
	}
}

// summary is the counts, a name and words for each.
func (c *Coverage) summary() [][]string {
	n := c.Counts
	rows := [][]string{
		{"requirements", fmt.Sprintf("%d: %d MUST, %d SHOULD", n.Requirements, n.Must, n.Should)},
		{"with scenarios", fmt.Sprint(n.WithScenarios)},
	}
	unexplained := n.Requirements - n.WithScenarios
	for _, reason := range verdict.Reasons() {
		if k := n.Untested[reason]; k > 0 {
			rows = append(rows, []string{"without", fmt.Sprintf("%d %s", k, reason)})
			unexplained -= k
		}
	}
	if unexplained > 0 {
		rows = append(rows, []string{"without", fmt.Sprintf("%d and no reason given", unexplained)})
	}
	rows = append(rows,
		[]string{"with deviants", fmt.Sprint(n.WithDeviants)},
		[]string{"not trusted yet", fmt.Sprintf("%d MUST without a deviant", len(n.MustWithoutDeviant))},
	)
	if c.Run == nil {
		return append(rows, []string{"verdicts", "none: no report was read"})
	}
	var parts []string
	for _, v := range verdict.All() {
		if k := n.ByVerdict[v]; k > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", k, v))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none of these"}
	}
	return append(rows, []string{"verdicts", strings.Join(parts, ", ")}, []string{"", c.Run.String()})
}

// columns puts rows of cells into columns, two spaces apart.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// cut leaves a line no more than width runes; 0 means as many as there are.
func cut(line string, width int) string {
	if runes := []rune(line); width > 0 && len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}
