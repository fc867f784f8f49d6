// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"slices"
)

// levelBlocks is how many of the things in a level's way the text names: the
// report has them all.
const levelBlocks = 5

// levels writes which levels were reached, and what stands in the others' way.
func (t *text) levels(r *Report) {
	for _, l := range r.Levels {
		s, said := good, "reached"
		if !l.Reached {
			s, said = bad, "not reached"
		}
		t.styled(s, "%-14s%-8s%s", "level", l.Name, said)
		for i, b := range l.Blocks {
			if i == levelBlocks && len(l.Blocks) > levelBlocks+1 {
				t.field(normal, "", fmt.Sprintf("and %d more", len(l.Blocks)-i))
				break
			}
			t.field(normal, "blocked", b)
		}
		for _, n := range l.Notes {
			t.field(normal, "note", n)
		}
	}
}

// foreign says whether a certification has no use for a scenario, since its
// requirement binds another role.
func (r *Report) foreign(s *Scenario) bool {
	q := r.requirement(s.Requirement)
	return r.Levels != nil && q != nil && !slices.Contains(q.Binds, r.Role)
}
