// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Coverage is what proves each requirement of the catalogue, and what shows that
// the proof can fail.
type Coverage struct {
	// Schema is the version of this shape; as with [Report], nothing in it is
	// renamed or changes its meaning.
	Schema int   `json:"schema"`
	Suite  Suite `json:"suite"`
	// Run is where the verdicts come from; nil when there are none.
	Run *CoveredRun `json:"run,omitempty"`
	// Requirements are in the catalogue's order.
	Requirements []*CoveredRequirement `json:"requirements"`
	// Counts is over these requirements.
	Counts CoverageCounts `json:"counts"`
}

// CoveredRun is the run that verdicts come from.
type CoveredRun struct {
	File      string       `json:"file"`
	Target    string       `json:"target"`
	Role      verdict.Role `json:"role"`
	Profile   string       `json:"profile"`
	StartedAt time.Time    `json:"startedAt"`
	// Another says that it was of another version of the suite than this.
	Another bool `json:"another,omitempty"`
}

// CoveredRequirement is one requirement with all that stands for it.
type CoveredRequirement struct {
	*verdict.Requirement
	// Scenarios are those that prove it; an outline counts once.
	Scenarios []*CoveredScenario `json:"scenarios"`
	// Deviants are right in all but this.
	Deviants []CoveredDeviant `json:"deviants"`
	// Verdict is the last one; nil when the run has none on it.
	Verdict *verdict.Verdict `json:"verdict,omitempty"`
}

// CoveredScenario is one scenario, or an outline with all its rows.
type CoveredScenario struct {
	Name string `json:"name"`
	File string `json:"file"`
	// Line is that of the scenario's name.
	Line int `json:"line"`
	// Rows is how many rows an outline has; 0 when it is none.
	Rows int `json:"rows,omitempty"`
	// Full says that the profile full alone has it.
	Full bool `json:"full,omitempty"`
}

// CoveredDeviant is a gateway or device with one fault.
type CoveredDeviant struct {
	// Name says what it does wrong.
	Name string `json:"name"`
	// Also are the requirements that may turn red with it.
	Also []string `json:"also,omitempty"`
}

// CoverageCounts is how much is covered.
type CoverageCounts struct {
	Requirements int `json:"requirements"`
	// Must counts the document's own requirements too.
	Must   int `json:"must"`
	Should int `json:"should"`
	// WithScenarios counts requirements that a scenario proves, Untested those
	// that have a reason not to be, by reason.
	WithScenarios int                    `json:"withScenarios"`
	Untested      map[verdict.Reason]int `json:"untested,omitempty"`
	WithDeviants  int                    `json:"withDeviants"`
	// MustWithoutDeviant are the ids of those that the suite has not been seen to
	// turn red for: they are not to be trusted yet.
	MustWithoutDeviant []string `json:"mustWithoutDeviant"`
	// ByVerdict counts the verdicts; nil when there are none.
	ByVerdict Tally `json:"byVerdict,omitempty"`
}

// AddDeviant enters a deviant with the requirement that it breaks. It says
// whether there is such a requirement.
func (c *Coverage) AddDeviant(requirement string, d CoveredDeviant) bool {
	r := c.Requirement(requirement)
	if r != nil {
		r.Deviants = append(r.Deviants, d)
	}
	return r != nil
}

// AddVerdicts enters what a run says; file is where its report was.
func (c *Coverage) AddVerdicts(file string, r *Report) {
	c.Run = &CoveredRun{
		File: file, Target: r.Target, Role: r.Role, Profile: r.Profile, StartedAt: r.StartedAt,
		// A run of other paths than the built-in ones has another digest anyway.
		Another: len(r.Paths) == 0 && r.Suite.Digest != c.Suite.Digest,
	}
	for _, q := range r.Requirements {
		if mine := c.Requirement(q.ID); mine != nil {
			mine.Verdict = &q.Verdict
		}
	}
}

// Requirement is the entry for an id, or nil.
func (c *Coverage) Requirement(id string) *CoveredRequirement {
	for _, r := range c.Requirements {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Select keeps the requirements for which keep is true.
func (c *Coverage) Select(keep func(*CoveredRequirement) bool) {
	c.Requirements = slices.DeleteFunc(slices.Clone(c.Requirements), func(r *CoveredRequirement) bool { return !keep(r) })
}

// Count fills in the counts.
func (c *Coverage) Count() {
	n := CoverageCounts{Requirements: len(c.Requirements), MustWithoutDeviant: []string{}}
	for _, r := range c.Requirements {
		must := r.Level != verdict.Should
		if must {
			n.Must++
		} else {
			n.Should++
		}
		switch {
		case len(r.Scenarios) > 0:
			n.WithScenarios++
		case r.Untested != "":
			if n.Untested == nil {
				n.Untested = map[verdict.Reason]int{}
			}
			n.Untested[r.Untested]++
		}
		switch {
		case len(r.Deviants) > 0:
			n.WithDeviants++
		case must && r.Untested == "":
			n.MustWithoutDeviant = append(n.MustWithoutDeviant, r.ID)
		}
		if r.Verdict != nil {
			if n.ByVerdict == nil {
				n.ByVerdict = Tally{}
			}
			n.ByVerdict[*r.Verdict]++
		}
	}
	c.Counts = n
}

// WriteCoverageJSON writes the coverage as JSON.
func WriteCoverageJSON(w io.Writer, c *Coverage) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

// binds is whom it binds: "gateway, device-client".
func (r *CoveredRequirement) binds() string {
	var roles []string
	for _, role := range r.Binds {
		roles = append(roles, string(role))
	}
	return strings.Join(roles, ", ")
}
