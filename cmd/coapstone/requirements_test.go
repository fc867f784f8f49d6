// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// What changes with every feature and every deviant that is written.
var (
	deviantsOf  = regexp.MustCompile(`(?m)^( +deviants  ).*(\n {16}.*)*$`)
	featureLine = regexp.MustCompile(`\.feature:[0-9]+`)
	coverCounts = regexp.MustCompile(`(?m)^((?:requirements|with|without|not trusted|verdicts).*?) +[0-9]+.*$`)
)

// steady is what a command wrote without that.
func steady(s string) string {
	s = deviantsOf.ReplaceAllString(s, "${1}DEVIANTS")
	return coverCounts.ReplaceAllString(featureLine.ReplaceAllString(s, ".feature:LINE"), "$1 N")
}

// writeReport writes a report of one passed and one failed requirement.
func writeReport(t *testing.T, name string) {
	t.Helper()
	r := &reports.Report{Schema: reports.Schema, Target: "greenhouse 1.2", Role: verdict.Gateway, Profile: "standard", Paths: []string{"my.feature"}}
	for id, v := range map[string]verdict.Verdict{"RMP-3.1-05": verdict.Pass, "RMP-3.1-06": verdict.Fail} {
		r.Requirements = append(r.Requirements, &reports.Requirement{Requirement: &verdict.Requirement{ID: id}, Verdict: v})
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := reports.WriteJSON(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRequirementsShowsAllThatIsKnownOfOne(t *testing.T) {
	dir := t.TempDir()
	writeReport(t, filepath.Join(dir, "out", "report.json"))
	r := invoke(t, dir, "", nil, "requirements", "RMP-3.1-06")
	if r.code != 0 || r.stderr != "" {
		t.Fatal(r)
	}
	golden(t, "requirements one", steady(r.stdout))
}

func TestRequirementsListsAllInColumns(t *testing.T) {
	r := invoke(t, t.TempDir(), "", nil, "requirements")
	if r.code != 0 || r.stderr != "" {
		t.Fatal(r)
	}
	lines := strings.Split(r.stdout, "\n")
	text := strings.Index(lines[0], "TEXT")
	rows := 0
	for _, line := range lines[1:] {
		if line == "" {
			break
		}
		rows++
		if line[text-2:text] != "  " || line[text] == ' ' || !strings.Contains(line, ".feature:") {
			t.Errorf("the columns of this line are not those of %q:\n%s", lines[0], line)
		}
	}
	if rows < 90 {
		t.Errorf("%d lines, want one for each requirement", rows)
	}
	if !strings.Contains(r.stdout, "none: no report was read") {
		t.Errorf("it does not say that there are no verdicts:\n%s", strings.Join(lines[rows:], "\n"))
	}
}

func TestRequirementsCanBeNarrowed(t *testing.T) {
	dir := t.TempDir()
	writeReport(t, filepath.Join(dir, "my.json"))
	read := func(args ...string) []*reports.CoveredRequirement {
		t.Helper()
		r := invoke(t, dir, "", nil, append([]string{"requirements", "--format", "json", "--report", "my.json"}, args...)...)
		if r.code != 0 {
			t.Fatalf("%v: %v", args, r)
		}
		var c reports.Coverage
		if err := json.Unmarshal([]byte(r.stdout), &c); err != nil {
			t.Fatal(err)
		}
		if c.Counts.Requirements != len(c.Requirements) || c.Run == nil || c.Run.File != "my.json" {
			t.Errorf("%v: %+v, of the run %+v", args, c.Counts, c.Run)
		}
		return c.Requirements
	}
	for _, tc := range []struct {
		args string
		only func(*reports.CoveredRequirement) bool
	}{
		{"", func(*reports.CoveredRequirement) bool { return true }},
		{"RMP-3.1-05 RMP-3.1-06", func(r *reports.CoveredRequirement) bool {
			return r.Verdict != nil && (*r.Verdict == verdict.Pass) == (r.ID == "RMP-3.1-05")
		}},
		{"RMP-3.1", func(r *reports.CoveredRequirement) bool { return strings.HasPrefix(r.ID, "RMP-3.1-") }},
		{"RFC7252", func(r *reports.CoveredRequirement) bool { return r.Source == "RFC 7252" }},
		{"RMP --section 3.1", func(r *reports.CoveredRequirement) bool { return r.Section == "3.1" }},
		{"RMP --section 3", func(r *reports.CoveredRequirement) bool { return r.Section == "3" || r.Section == "3.1" }},
		{"--role device-client", func(r *reports.CoveredRequirement) bool { return slices.Contains(r.Binds, verdict.DeviceClient) }},
	} {
		all := read(strings.Fields(tc.args)...)
		if len(all) == 0 {
			t.Errorf("%q lists nothing", tc.args)
		}
		for _, r := range all {
			if !tc.only(r) {
				t.Errorf("%q lists %s, §%s, which binds %v, with the verdict %v", tc.args, r.ID, r.Section, r.Binds, r.Verdict)
			}
		}
	}
}

func TestRequirementsInMarkdownAreThePageOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := invoke(t, t.TempDir(), "", nil, "requirements", "--format", "markdown")
	head, _, _ := strings.Cut(string(page), "\n\n| | |")
	if r.code != 0 || !strings.HasPrefix(r.stdout, head+"\n\n| | |") {
		t.Errorf("it begins otherwise than docs/requirements.md:\n%.600s", r)
	}
}

func TestRequirementsHasTheVerdictsOfTheRunBefore(t *testing.T) {
	dir := t.TempDir()
	if r := invoke(t, dir, "", nil, "run", "--profile", "smoke", "--out", "out"); r.code != 0 {
		t.Fatal(r)
	}
	r := invoke(t, dir, "", nil, "requirements")
	if r.code != 0 || !strings.Contains(r.stdout, " pass ") || !strings.Contains(r.stdout, "out/report.json: reference gateway, profile smoke") {
		t.Errorf("%v", r)
	}
	if strings.Contains(r.stdout, "another version of the suite") {
		t.Error("it takes its own suite for another")
	}
}
