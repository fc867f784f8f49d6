// SPDX-License-Identifier: Apache-2.0

package shelf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// read is the report in dir.
func read(t *testing.T, dir string) *reports.Report {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := reports.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What no two runs have in common.
var fleeting = []struct {
	is   *regexp.Regexp
	then string
}{
	{regexp.MustCompile(`\[0x[0-9a-f]{4}\]`), "[0x…]"},
	{regexp.MustCompile(`token [0-9a-f]+`), "token …"},
	{regexp.MustCompile(`(after|within|took|in) \d+(\.\d+)? ?(h|min|s|ms|µs|ns)\b`), "$1 …"},
	{regexp.MustCompile(`\d+(\.\d+)? ?(ms|µs)\b`), "…"},
	{regexp.MustCompile(`\b\d+\.\d+ ?s\b`), "…"},
	{regexp.MustCompile(`(\d+(\.\d+)? s|…), (\d+(\.\d+)? s|…)`), "…, …"},
	{regexp.MustCompile(`under …`), "…"},
	{regexp.MustCompile(`(?m) \((\d+(\.\d+)? s|…)\)$`), ""},
	{regexp.MustCompile(`\d+ went there`), "some went there"},
	{regexp.MustCompile(`((?:127|10)\.\d+\.\d+\.\d+):[3-6]\d{4}`), "$1:…"},
	{regexp.MustCompile(`Max-Age: \d+`), "Max-Age: …"},
	{regexp.MustCompile(`/s\d{4}`), "/s…"},
	{regexp.MustCompile(`\bs\d{4}\b`), "s…"},
	{regexp.MustCompile(`seed \d+`), "seed …"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( UTC|Z)?`), "DATE"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:…"},
	{regexp.MustCompile(`/tmp/[^ ]*/`), ""},
}

func steady(s string) string {
	for _, f := range fleeting {
		s = f.is.ReplaceAllString(s, f.then)
	}
	return s
}

// summary is what a target got, requirement by requirement, with the words of all
// that did not pass.
func summary(r *reports.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "target   %s\nrole     %s\nprofile  %s\nexit     %d\nresult   %s\n", r.Target, r.Role, r.Profile, r.ExitCode, r.ExitReason)
	for _, l := range r.Levels {
		reached := "not reached"
		if l.Reached {
			reached = "reached"
		}
		fmt.Fprintf(&b, "level    %s: %s\n", l.Name, reached)
		for _, line := range l.Blocks {
			fmt.Fprintf(&b, "           in the way  %s\n", line)
		}
		for _, line := range l.Notes {
			fmt.Fprintf(&b, "           note        %s\n", line)
		}
	}
	b.WriteString("\n")
	for _, q := range r.Requirements {
		proofs := of(r, q.ID)
		if len(proofs) == 0 || foreign(proofs) {
			continue
		}
		fmt.Fprintf(&b, "%-14s %-15s %s\n", q.Verdict, q.ID, q.Text)
		for _, s := range proofs {
			if s.Verdict == verdict.Pass {
				continue
			}
			fmt.Fprintf(&b, "               - %s: %s\n", s.Title(), s.Verdict)
			if s.Finding != nil {
				for line := range strings.Lines(words(s.Finding)) {
					fmt.Fprintf(&b, "                 %s\n", strings.TrimRight(line, "\n"))
				}
			}
		}
	}
	return steady(b.String())
}

// words is what a finding says.
func words(f *reports.Finding) string {
	var lines []string
	for _, part := range []struct{ name, text string }{{"expected ", f.Expected}, {"got      ", f.Got}, {"", f.Reason}, {"", f.Cause}} {
		if part.text != "" {
			lines = append(lines, part.name+part.text)
		}
	}
	return strings.Join(lines, "\n")
}

// of is the scenarios that stand for a requirement.
func of(r *reports.Report, id string) []*reports.Scenario {
	return slices.DeleteFunc(slices.Clone(r.Scenarios), func(s *reports.Scenario) bool { return s.Requirement != id })
}

// foreign says whether none of them binds the role: nobody reads that.
func foreign(all []*reports.Scenario) bool {
	return !slices.ContainsFunc(all, func(s *reports.Scenario) bool {
		return s.Verdict != verdict.NotApplicable || s.Finding == nil || !strings.Contains(s.Finding.Reason, "it binds ")
	})
}
