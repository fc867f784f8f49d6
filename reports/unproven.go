// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Unproven is requirements that may well apply to the target, and at which the
// bench could not look: it has no journal of the platform, no way to call a
// connector, no certificate that the target trusts.
type Unproven struct {
	// Why is what the bench lacks, in one sentence.
	Why string `json:"why"`
	// Requirements are their ids, in the catalogue's order.
	Requirements []string `json:"requirements"`
}

// FindUnproven is what a run leaves unproven for want of something on the bench,
// what lacks most first. Requirements whose capability the target does not
// declare, or that bind another role, are not among them: those were never tried.
func FindUnproven(r *Report) []Unproven {
	why := map[string]string{}
	for _, s := range r.Scenarios {
		if s.Verdict == verdict.NotApplicable && s.Ran() && s.Finding != nil && why[s.Requirement] == "" {
			why[s.Requirement] = s.Finding.String()
		}
	}
	var all []Unproven
	for _, q := range r.Requirements {
		reason := why[q.ID]
		if q.Verdict != verdict.NotApplicable || reason == "" {
			continue
		}
		i := slices.IndexFunc(all, func(u Unproven) bool { return u.Why == reason })
		if i < 0 {
			i, all = len(all), append(all, Unproven{Why: reason})
		}
		all[i].Requirements = append(all[i].Requirements, q.ID)
	}
	slices.SortStableFunc(all, func(a, b Unproven) int { return len(b.Requirements) - len(a.Requirements) })
	return all
}

// unprovenReasons is how many reasons the text names: the report has them all.
const unprovenReasons = 6

// unproven writes what the run leaves unproven, and why.
func (t *text) unproven(r *Report) {
	if len(r.Unproven) == 0 {
		return
	}
	n := 0
	for _, u := range r.Unproven {
		n += len(u.Requirements)
	}
	t.styled(warn, "%-14s%d requirements that this bench could not look at:", "unproven", n)
	for i, u := range r.Unproven {
		if i == unprovenReasons {
			t.field(faint, "", fmt.Sprintf("and for %d more reasons, which report.json has", len(r.Unproven)-i))
			break
		}
		t.field(faint, "", u.Why+": "+strings.Join(u.Requirements, ", "))
	}
}
