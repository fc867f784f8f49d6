// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// progress tells what a run is doing: on a terminal by one line that is written
// over and over, elsewhere by one line for each scenario.
type progress struct {
	w     io.Writer
	width int // of the terminal; 0 elsewhere
	tally map[verdict.Verdict]int
	// running is the scenarios that have started and not ended, oldest first.
	running []*reports.Scenario
	shown   bool // a line stands there that is to be written over
	// tellLeft tells how long the rest will take also where nothing is written over.
	tellLeft bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, tally: map[verdict.Verdict]int{}}
	if width, ok := terminal(w); ok && os.Getenv("TERM") != "dumb" {
		p.width = max(width, 20)
	}
	return p
}

// observe is told one event at a time.
func (p *progress) observe(e coapstone.Event) {
	switch e.Kind {
	case coapstone.Planned:
		if e.Total > 0 {
			p.say("%s, seed %d; opening the lab", count(e.Total, "scenario"), e.Report.Seed)
		}
	case coapstone.LabOpened:
		if p.width == 0 {
			p.say("the %s lab is open", e.Report.Lab.Kind)
		}
	case coapstone.ScenarioStarted:
		p.running = append(p.running, e.Scenario)
		p.draw(e)
	case coapstone.ScenarioEnded:
		p.ended(e)
	case coapstone.Judged:
	}
}

func (p *progress) ended(e coapstone.Event) {
	s := e.Scenario
	p.tally[s.Verdict]++
	for i, r := range p.running {
		if r == s {
			p.running = append(p.running[:i], p.running[i+1:]...)
			break
		}
	}
	if p.width == 0 || s.Verdict > verdict.Pass {
		said := s.Verdict.String()
		if s.Known != nil {
			said = "known " + said
		}
		left := ""
		if p.width == 0 && p.tellLeft && e.Left > 0 {
			left = ", " + about(e.Left) + " left"
		}
		p.say("%*d/%d  %-14s %s (%s)%s", len(fmt.Sprint(e.Total)), e.Done, e.Total, said, describe(s), s.Elapsed.Round(time.Millisecond), left)
	}
	p.draw(e)
}

// describe is a scenario on one line: its requirement, its name and its place.
func describe(s *reports.Scenario) string {
	name := s.Name
	if len(s.Row) > 0 {
		name += " | " + strings.Join(s.Row, " | ")
	}
	return strings.TrimSpace(s.Requirement + "  " + name + "  " + s.Location())
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// about is a time as people foresee one.
func about(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("about %d s", max(1, int(d.Round(time.Second)/time.Second)))
	case d < 100*time.Minute:
		return fmt.Sprintf("about %d min", int(d.Round(time.Minute)/time.Minute))
	}
	return fmt.Sprintf("about %.1f h", d.Hours())
}

// say writes a line that stays.
func (p *progress) say(format string, args ...any) {
	p.clear()
	_, _ = fmt.Fprintf(p.w, format+"\n", args...)
}

// draw writes the line that is written over.
func (p *progress) draw(e coapstone.Event) {
	if p.width == 0 {
		return
	}
	parts := []string{fmt.Sprintf("%d/%d", e.Done, e.Total)}
	for _, v := range verdict.All() {
		if n := p.tally[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	line := strings.Join(parts, "  ")
	if e.Left > 0 {
		line += "  " + about(e.Left) + " left"
	}
	if len(p.running) > 0 {
		line += fmt.Sprintf("  %d running: %s", len(p.running), p.running[0].Name)
	}
	runes := []rune(line)
	if len(runes) >= p.width {
		runes = append(runes[:p.width-2], '…')
	}
	p.clear()
	_, _ = io.WriteString(p.w, string(runes))
	p.shown = true
}

func (p *progress) clear() {
	if p.shown {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end takes the line away: the report follows.
func (p *progress) end() { p.clear() }
