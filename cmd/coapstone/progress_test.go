// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// play tells p of a run of two scenarios, one of which fails.
func play(p *progress) {
	report := &reports.Report{Seed: 7, Lab: reports.Lab{Kind: "embedded"}}
	one := &reports.Scenario{Name: "A ping is answered", Requirement: "RFC7252-4.3-01", File: "a.feature", Line: 3}
	two := &reports.Scenario{Name: "The AuthToken becomes Basic authentication towards the platform", File: "b.feature", Line: 5, Row: []string{"x = 1"}}
	p.observe(coapstone.Event{Kind: coapstone.Planned, Total: 2, Report: report})
	p.observe(coapstone.Event{Kind: coapstone.LabOpened, Total: 2, Report: report})
	p.observe(coapstone.Event{Kind: coapstone.ScenarioStarted, Scenario: one, Total: 2, Report: report})
	p.observe(coapstone.Event{Kind: coapstone.ScenarioStarted, Scenario: two, Total: 2, Report: report})
	one.Verdict, one.Elapsed = verdict.Pass, 12*time.Millisecond
	p.observe(coapstone.Event{Kind: coapstone.ScenarioEnded, Scenario: one, Done: 1, Total: 2, Report: report})
	two.Verdict, two.Elapsed = verdict.Fail, 3*time.Second
	p.observe(coapstone.Event{Kind: coapstone.ScenarioEnded, Scenario: two, Done: 2, Total: 2, Report: report})
	p.observe(coapstone.Event{Kind: coapstone.Judged, Done: 2, Total: 2, Report: report})
	p.end()
}

func TestProgressIsOneLineForEachScenarioOutsideATerminal(t *testing.T) {
	var b strings.Builder
	play(newProgress(&b))
	want := `2 scenarios, seed 7; opening the lab
the embedded lab is open
1/2  pass           RFC7252-4.3-01  A ping is answered  a.feature:3 (12ms)
2/2  fail           The AuthToken becomes Basic authentication towards the platform | x = 1  b.feature:5 (3s)
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error("(-want +got)\n" + d)
	}
}

func TestProgressWritesOverOneLineOnATerminal(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b)
	p.width = 40
	play(p)
	const over = "\r\x1b[K"
	want := "2 scenarios, seed 7; opening the lab\n" +
		"0/2  1 running: A ping is answered" + over +
		"0/2  2 running: A ping is answered" + over +
		"1/2  1 pass  1 running: The AuthToken …" + over +
		"2/2  fail           The AuthToken becomes Basic authentication towards the platform | x = 1  b.feature:5 (3s)\n" +
		"2/2  1 pass  1 fail" + over
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	for line := range strings.SplitSeq(b.String(), over) {
		if line = line[strings.LastIndexByte(line, '\n')+1:]; len([]rune(line)) >= 40 {
			t.Errorf("%q fills the terminal's line: it would wrap", line)
		}
	}
}

func TestProgressTellsHowLongIsLeft(t *testing.T) {
	one := &reports.Scenario{Name: "A ping is answered", File: "a.feature", Line: 3, Verdict: verdict.Pass}
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{0, "(0s)\n"},
		{10 * time.Millisecond, "(0s), about 1 s left\n"},
		{42 * time.Second, "(0s), about 42 s left\n"},
		{100 * time.Second, "(0s), about 2 min left\n"},
		{93 * time.Minute, "(0s), about 93 min left\n"},
		{150 * time.Minute, "(0s), about 2.5 h left\n"},
	} {
		var b strings.Builder
		p := newProgress(&b)
		p.tellLeft = true
		p.observe(coapstone.Event{Kind: coapstone.ScenarioEnded, Scenario: one, Done: 1, Total: 2, Left: tt.left})
		if !strings.HasSuffix(b.String(), tt.want) {
			t.Errorf("%s: %q, want %q", tt.left, b.String(), tt.want)
		}
		b.Reset()
		p.width = 80
		p.observe(coapstone.Event{Kind: coapstone.ScenarioStarted, Scenario: one, Done: 1, Total: 2, Left: tt.left})
		if told := strings.Contains(b.String(), " left  1 running"); told != (tt.left > 0) {
			t.Errorf("%s on a terminal: %q", tt.left, b.String())
		}
	}
}
