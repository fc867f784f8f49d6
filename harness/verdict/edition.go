// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strconv"
)

// ParseEdition reads an edition of the suite: a whole number from 1, without
// leading zeros.
func ParseEdition(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("edition %q: want a whole number from 1", s)
	}
	return n, nil
}

// Edition is the edition that first had the requirement.
func (r *Requirement) Edition() int {
	n, err := ParseEdition(r.Since)
	if err != nil { // not out of a catalogue
		return 1
	}
	return n
}

// Newest is the newest edition that a requirement of the catalogue belongs to.
func (c *Catalogue) Newest() int {
	newest := 1
	for _, r := range c.order {
		newest = max(newest, r.Edition())
	}
	return newest
}
