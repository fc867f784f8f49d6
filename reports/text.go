// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// TextOptions is how text is written. The zero value is for a log: 120 columns,
// no colours.
type TextOptions struct {
	// Color uses the colours of a terminal.
	Color bool
	// Width is the columns; 0 means 120, and less than 80 is taken as 80.
	Width int
	// Dir is the folder of the report, put before the names of files to open.
	Dir string
}

func (o TextOptions) width() int {
	if o.Width == 0 {
		return 120
	}
	return max(80, o.Width)
}

// text writes lines, and remembers the first error.
type text struct {
	w   io.Writer
	o   TextOptions
	err error
}

func (t *text) line(l line) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, l.render(t.o.Color)+"\n")
	}
}

// styled writes one line in one style, however long it is.
func (t *text) styled(s style, format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	l := newLine(len([]rune(words)))
	l.put(0, words, s)
	t.line(l)
}

func (t *text) blank() { t.line(nil) }

// field writes a name and, beside it, words that may take several lines.
func (t *text) field(s style, name, words string) {
	const indent, names = 6, 10
	for i, part := range wrap(words, t.o.width()-indent-names) {
		l := newLine(max(t.o.width(), indent+names+len([]rune(part))))
		if i == 0 {
			l.put(indent, name, faint)
		}
		l.put(indent+names, part, s)
		t.line(l)
	}
}

// WriteText writes what people read at the end of a run: a report of every
// scenario that did not pass, the summary, and why the run ends as it does.
func WriteText(w io.Writer, r *Report, o TextOptions) error {
	t := &text{w: w, o: o}
	if r.DryRun {
		t.plan(r)
		return t.err
	}
	for _, s := range r.Scenarios {
		if s.Verdict > verdict.Pass && s.Verdict != verdict.Skipped {
			t.failure(r, s)
		}
	}
	t.excused(r)
	t.stale(r)
	t.summary(r)
	return t.err
}

// WriteFailure writes the report of one scenario that did not pass: the
// requirement, what was expected, what came instead, the ladder of the
// exchange, and the files to open.
func WriteFailure(w io.Writer, r *Report, s *Scenario, o TextOptions) error {
	t := &text{w: w, o: o}
	t.failure(r, s)
	return t.err
}

func styleOf(v verdict.Verdict) style {
	switch v {
	case verdict.Pass:
		return good
	case verdict.Fail, verdict.Error:
		return bad
	case verdict.Warning, verdict.Inconclusive:
		return warn
	case verdict.NotApplicable, verdict.Skipped:
	}
	return faint
}

func (t *text) failure(r *Report, s *Scenario) {
	name, style := strings.ToUpper(s.Verdict.String()), styleOf(s.Verdict)
	if s.Known != nil {
		name, style = "KNOWN "+name, faint
	}
	title := s.Title()
	if q := r.requirement(s.Requirement); q != nil {
		t.styled(style, "%s  %s  %s, %s", name, q.ID, q.Reference(), q.Level)
		t.field(strong, "must hold", q.Text)
	} else {
		t.styled(style, "%s  %s", name, title)
	}
	if f := s.Finding; f != nil {
		if f.Expected != "" || f.Got != "" {
			t.field(normal, "expected", f.Expected)
			t.field(styleOf(s.Observed), "got", f.Got)
		} else if f.Reason != "" {
			t.field(styleOf(s.Observed), "because", f.Reason)
		}
		if f.Cause != "" {
			t.field(normal, "cause", f.Cause)
		}
	}
	for _, n := range s.Notes {
		t.field(normal, "note", n)
	}
	if s.Known != nil {
		t.field(normal, "known", s.Known.Why)
		t.field(normal, "see", s.Known.Link)
	}
	t.field(normal, "scenario", title)
	t.where(s)
	var rungs []line
	if s.Known == nil { // what is known needs no proof each time
		rungs = ladder(s, t.o.width())
	}
	if rungs != nil {
		t.blank()
	}
	for _, l := range rungs {
		t.line(l)
	}
	if rungs != nil && (s.Files != nil || s.Finding != nil && s.Finding.Stack != "") {
		t.blank()
	}
	if f := s.Finding; f != nil && f.Stack != "" {
		t.field(faint, "stack", f.Stack)
	}
	for i, name := range s.Files {
		label := ""
		if i == 0 {
			label = "open"
		}
		t.field(normal, label, filepath.Join(t.o.Dir, filepath.FromSlash(name)))
	}
	t.blank()
}

// where writes the place of the step that ended the scenario, or of the scenario.
func (t *text) where(s *Scenario) {
	at := s.Location()
	if f := s.Finding; f != nil && f.Step >= 0 && f.Step < len(s.Steps) {
		st := s.Steps[f.Step]
		if s.Row != nil {
			at = fmt.Sprintf("%s:%d, row at line %d: %s %s", s.File, st.Line, s.Line, st.Keyword, st.Text)
		} else {
			at = fmt.Sprintf("%s:%d: %s %s", s.File, st.Line, st.Keyword, st.Text)
		}
	}
	t.field(normal, "at", at)
}

// excused lists the scenarios that were left out or do not apply, by reason.
func (t *text) excused(r *Report) {
	for _, v := range []verdict.Verdict{verdict.Skipped, verdict.NotApplicable} {
		var reasons []string
		names := map[string][]string{}
		for _, s := range r.Scenarios {
			if s.Verdict != v || r.foreign(s) {
				continue
			}
			reason := s.Finding.String()
			if names[reason] == nil {
				reasons = append(reasons, reason)
			}
			name := s.Requirement
			if name == "" {
				name = s.Location()
			}
			names[reason] = append(names[reason], name)
		}
		for _, reason := range reasons {
			of := names[reason]
			slices.Sort(of)
			t.styled(styleOf(v), "%s  %s", strings.ToUpper(v.String()), reason)
			t.field(faint, times(len(of)), strings.Join(slices.Compact(of), ", "))
			t.blank()
		}
	}
}

// stale lists the expectations that are to be taken out of their file.
func (t *text) stale(r *Report) {
	for _, e := range r.Expectations {
		if e.State == Stale {
			t.styled(bad, "STALE  %s  %s", e.At, e.Expectation.String())
			t.field(normal, "because", e.Reason)
			t.blank()
		}
	}
}

// times is how often something was.
func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}

// tally is the counts of the verdicts that were given, the worst first.
func tally(n Tally) string {
	var parts []string
	for _, v := range slices.Backward(verdict.All()) {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (t *text) summary(r *Report) {
	known := ""
	if r.Counts.Known > 0 {
		known = fmt.Sprintf("; known failures among them: %d", r.Counts.Known)
	}
	t.styled(normal, "%-14s%d: %s%s", "scenarios", r.Counts.Scenarios, tally(r.Counts.ByVerdict), known)
	t.styled(normal, "%-14s%d: %s", "requirements", r.Counts.Requirements, tally(r.Counts.RequirementsByVerdict))
	if len(r.Untested) > 0 {
		t.styled(faint, "%-14s%d that bind the target were not tested in this run", "", len(r.Untested))
	}
	if len(r.Expectations) > 0 {
		t.styled(normal, "%-14s%d: %s", "expectations", len(r.Expectations), states(r.Expectations))
	}
	if r.Shard != nil {
		t.styled(normal, "%-14s%s", "shard", r.Shard)
	}
	t.styled(normal, "%-14s%s, profile %s, seed %d, %d workers, %s", "run", r.Target, r.Profile, r.Seed, r.Workers, r.Elapsed.Round(time.Millisecond))
	if long := r.Longest(); long != nil && long.Elapsed > 0 {
		t.styled(faint, "%-14s%.2f × the longest scenario: %s, %s", "time", r.Elapsed.Seconds()/long.Elapsed.Seconds(), long.Elapsed.Round(time.Millisecond), cmp.Or(long.Requirement, long.Location()))
		t.styled(faint, "%-14s%s", "harness", health(r))
	}
	if r.Lab.Kind != "" {
		t.styled(faint, "%-14s%s", "lab", r.Lab.Kind)
	}
	t.unproven(r)
	t.levels(r)
	if r.Partial {
		t.styled(bad, "%-14s%s", "partial", "the run ended before its time: what has no verdict yet is skipped or inconclusive")
	}
	s := good
	if r.ExitCode != ExitConformant {
		s = bad
	}
	t.styled(s, "%-14s%s (exit %d)", "result", r.ExitReason, r.ExitCode)
}

// health is how late the harness was at worst, and what it lost by that.
func health(r *Report) string {
	var lag, late time.Duration
	drops := 0
	for _, s := range r.Scenarios {
		lag, late, drops = max(lag, s.Lag), max(late, s.Late), drops+s.Drops
	}
	said := fmt.Sprintf("late by %s at worst, by %s within 2 s", lag.Round(time.Millisecond), late.Round(time.Millisecond))
	if drops > 0 {
		said += fmt.Sprintf("; datagrams that it did not read in time: %d", drops)
	}
	return said
}

// plan lists what a run would do.
func (t *text) plan(r *Report) {
	file := ""
	for _, s := range r.Scenarios {
		if s.File != file {
			file = s.File
			t.styled(strong, "%s  %s", file, s.Feature)
		}
		name := s.Title()
		if s.Verdict == verdict.NotApplicable {
			name += ": not applicable, " + s.Finding.String()
		}
		t.styled(normal, "  %5d  %-16s %s", s.Line, s.Requirement, name)
	}
	t.blank()
	t.styled(normal, "%d scenarios, %d steps: every step is defined; nothing was run", len(r.Scenarios), stepCount(r))
}

func stepCount(r *Report) int {
	n := 0
	for _, s := range r.Scenarios {
		n += len(s.Steps)
	}
	return n
}
