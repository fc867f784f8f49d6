// SPDX-License-Identifier: Apache-2.0

package reports

import (
	_ "embed" // the page and its style
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

var (
	//go:embed html/report.html
	htmlPage string
	//go:embed html/report.css
	htmlStyle string
)

// htmlLadder is how wide a ladder is drawn on a page, in columns.
const htmlLadder = 110

// WriteHTML writes a run as one page that needs nothing else: no network, no
// script. Requirements and scenarios have their ids as anchors.
//
// Whatever came from the wire is text there. The page forbids itself scripts and
// the network as well, should that ever not hold.
func WriteHTML(w io.Writer, r *Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"title":   (*Scenario).Title,
		"ladder":  htmlLadderOf,
		"blamed":  blamed,
		"told":    func(s *Scenario) bool { return s.Ran() && s.Verdict > verdict.Pass },
		"words":   func(v verdict.Verdict) string { return strings.ReplaceAll(v.String(), "-", " ") },
		"time":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"elapsed": func(d time.Duration) string { return d.Round(time.Millisecond).String() },
	}).Parse(htmlPage)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, newHTMLReport(r)); err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	_, err = untwisted().WriteString(w, b.String())
	return err
}

// untwisted writes out the characters that turn the direction of text, by which
// what came from the wire could read otherwise than it is.
func untwisted() *strings.Replacer {
	var pairs []string
	for _, r := range "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		pairs = append(pairs, string(r), fmt.Sprintf(`\u%04x`, r))
	}
	return strings.NewReplacer(pairs...)
}

// htmlLadderOf is the ladder of a scenario with its styles; empty when nothing was
// on the wire.
func htmlLadderOf(s *Scenario) template.HTML {
	var b strings.Builder
	for _, l := range ladder(s, htmlLadder) {
		l.html(&b)
		b.WriteByte('\n')
	}
	return template.HTML(b.String()) // each piece is escaped
}

// htmlClasses are the styles of a line as classes.
var htmlClasses = [...]string{normal: "", faint: "faint", strong: "strong", good: "good", warn: "warn", bad: "bad"}

// html writes the line without blanks at its end.
func (l line) html(b *strings.Builder) {
	end := len(l)
	for end > 0 && l[end-1].r == ' ' {
		end--
	}
	for from := 0; from < end; {
		to := from
		var run strings.Builder
		for ; to < end && l[to].style == l[from].style; to++ {
			run.WriteRune(l[to].r)
		}
		text := template.HTMLEscapeString(run.String())
		if class := htmlClasses[l[from].style]; class != "" && !strings.Contains(" │ ", text) { // lanes are many, and need no colour
			text = `<span class="` + class + `">` + text + `</span>`
		}
		b.WriteString(text)
		from = to
	}
}

// blamed says whether a step ended its scenario.
func blamed(s *Scenario, i int) bool { return s.Finding != nil && s.Finding.Step == i }
