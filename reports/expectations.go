// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Expectation is a known failure that a run was told of, and what became of it.
type Expectation struct {
	verdict.Expectation
	State State `json:"state"`
	// Reason says why it is stale, or was not looked at.
	Reason string `json:"reason,omitempty"`
	// Scenarios are the ids of those of the run that it names.
	Scenarios []string `json:"scenarios,omitempty"`
}

// State is what became of an expectation.
type State string

// The states.
const (
	// Confirmed: it fails, as expected.
	Confirmed State = "confirmed"
	// Stale: it no longer fails, or it never ran. It fails the run.
	Stale State = "stale"
	// Unseen: this run is not of its scenarios, or did not get to judge them.
	Unseen State = "unseen"
)

// states is how many of the expectations are in each state.
func states(all []*Expectation) string {
	var parts []string
	for _, st := range []State{Stale, Confirmed, Unseen} {
		n := 0
		for _, e := range all {
			if e.State == st {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, st))
		}
	}
	return strings.Join(parts, ", ")
}

// Unexpected is the scenarios that failed, or were inconclusive, without being
// known failures.
func (r *Report) Unexpected() []*Scenario {
	var all []*Scenario
	for _, s := range r.Scenarios {
		if s.Known == nil && (s.Verdict == verdict.Fail || s.Verdict == verdict.Inconclusive) {
			all = append(all, s)
		}
	}
	return all
}

// authToken is credentials in a URI: an expectations file is kept with the
// operator's sources, where they must not be.
var authToken = regexp.MustCompile(`(?i)(AuthToken=)[^&\s"'<>]+`)

// WriteTemplate writes an entry of an expectations file for each unexpected
// failure, ready to be pasted. What only the operator knows is left at
// [verdict.ChangeMe]. It writes nothing when there is no such failure.
func WriteTemplate(w io.Writer, r *Report) error {
	all := r.Unexpected()
	if len(all) == 0 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("# Known failures, for a file given by --expectations: say why, and where each is followed up.\nexpectations:\n")
	var written []string
	for _, s := range all {
		q := r.requirement(s.Requirement)
		if q == nil {
			fmt.Fprintf(&b, "  # %s proves no requirement: tag it with one, then its failure can be expected.\n", s.Location())
			continue
		}
		title := quoted(s.Title())
		if slices.Contains(written, q.ID+title) {
			continue
		}
		written = append(written, q.ID+title)
		packet := authToken.ReplaceAllString(seen(s), "${1}…")
		for i, field := range [][2]string{
			{"requirement", q.ID},
			{"scenario", title},
			{"sentence", quoted(oneLine(q.Reference() + ": " + q.Text))},
			{"packet", quoted(oneLine(packet))},
			{"why", verdict.ChangeMe},
			{"link", verdict.ChangeMe},
		} {
			lead := "    "
			if i == 0 {
				lead = "  - "
			}
			fmt.Fprintf(&b, "%s%s: %s\n", lead, field[0], field[1])
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// seen is what came instead, with the capture that holds the packets.
func seen(s *Scenario) string {
	what := s.Finding.String()
	if s.Finding != nil && s.Finding.Got != "" {
		what = s.Finding.Got
	}
	if what == "" {
		what = s.Verdict.String()
	}
	for _, name := range s.Files {
		if strings.HasPrefix(name, captureDir+"/") {
			return what + " (" + name + ")"
		}
	}
	return what
}

// oneLine is text with its lines joined.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// quoted is text between double quotes, which YAML reads as JSON does. What JSON
// leaves as it is and no YAML file may hold is escaped.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // never: text can be encoded
	}
	var escaped strings.Builder
	for _, r := range strings.TrimSpace(b.String()) {
		if r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&escaped, `\u%04x`, r)
			continue
		}
		escaped.WriteRune(r)
	}
	return escaped.String()
}
