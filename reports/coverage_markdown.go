// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// WriteCoverageMarkdown writes a page with a table for each source. Links are
// relative: features is the way from the page to the folder of the features.
// Scenarios stand there by file, without lines, so that the page does not change
// with every line that is added to a feature. There is a column of verdicts when
// there are some.
func WriteCoverageMarkdown(w io.Writer, c *Coverage, features string) error {
	var b strings.Builder
	b.WriteString(`# Requirements and what proves them

This page is generated: ` + "`make generate`" + ` writes it again, and a test holds it against the catalogue, the features
and the deviants. ` + "`coapstone requirements`" + ` prints the same with file and line, and with the verdicts of a run.

Each requirement is proven by scenarios. A deviant is a gateway or a device that is right in all but one point; the suite has
been seen to find it. A MUST without a deviant is not yet trusted.

| | |
|---|---|
`)
	for _, row := range c.summary() {
		if row[0] == "verdicts" && c.Run == nil {
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], tableCell(row[1]))
	}
	judged, rule := "", ""
	if c.Run != nil {
		judged, rule = " verdict |", "---|"
	}
	source := ""
	for _, r := range c.Requirements {
		if r.Source != source {
			source = r.Source
			fmt.Fprintf(&b, "\n## %s\n\n| requirement | what must hold | scenarios | deviants |%s\n|---|---|---|---|%s\n", source, judged, rule)
		}
		fmt.Fprintf(&b, "| %s<br>§%s, %s | %s | %s | %s |", r.ID, r.Section, r.terms(), tableCell(r.words()), r.links(features), tableCell(r.deviants()))
		if c.Run != nil {
			fmt.Fprintf(&b, " %s |", r.verdict())
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Not trusted yet\n\n")
	if ids := c.Counts.MustWithoutDeviant; len(ids) > 0 {
		fmt.Fprintf(&b, "MUSTs without a deviant: %s.\n", strings.Join(ids, ", "))
	} else {
		b.WriteString("Every MUST that is tested has a deviant.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// terms is how binding it is, for whom, and when: "MUST, device-client, ipv6".
func (r *CoveredRequirement) terms() string {
	words := []string{string(r.Level)}
	if !slices.Equal(r.Binds, []verdict.Role{verdict.Gateway}) {
		words = append(words, r.binds())
	}
	if r.Capability != "" {
		words = append(words, "with "+r.Capability)
	}
	return strings.Join(words, ", ")
}

func (r *CoveredRequirement) words() string {
	if r.Note == "" {
		return r.Text
	}
	return r.Text + " *" + strings.TrimSpace(r.Note) + "*"
}

// links are the files of the scenarios, each once, with how many there are.
func (r *CoveredRequirement) links(features string) string {
	if len(r.Scenarios) == 0 {
		return "none" + map[bool]string{true: ": " + string(r.Untested)}[r.Untested != ""]
	}
	counts := map[string]int{}
	var files []string
	for _, s := range r.Scenarios {
		if counts[s.File]++; counts[s.File] == 1 {
			files = append(files, s.File)
		}
	}
	var links []string
	for _, f := range files {
		link := fmt.Sprintf("[%s](%s/%s)", strings.TrimSuffix(f, ".feature"), strings.TrimSuffix(features, "/"), f)
		if counts[f] > 1 {
			link += fmt.Sprintf(" ×%d", counts[f])
		}
		links = append(links, link)
	}
	return strings.Join(links, "<br>")
}

func (r *CoveredRequirement) deviants() string {
	var names []string
	for _, d := range r.Deviants {
		names = append(names, d.Name)
	}
	return strings.Join(names, "; ")
}

// tableCell is text that cannot end the cell of a table.
func tableCell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}
