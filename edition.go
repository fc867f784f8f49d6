// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"fmt"
	"strconv"

	"github.com/coapstone/coapstone/harness/verdict"
)

// newest is the newest edition of a catalogue: that of this program, unless the
// catalogue is another one that goes further.
func newest(c *verdict.Catalogue) string {
	n, _ := verdict.ParseEdition(Edition)
	return strconv.Itoa(max(n, c.Newest()))
}

// editionOf is the edition that is run.
func editionOf(o *Options) (int, error) {
	known := newest(o.Catalogue)
	last, _ := verdict.ParseEdition(known)
	n, err := verdict.ParseEdition(o.Edition)
	switch {
	case err == nil && n <= last:
		return n, nil
	case last == 1:
		return 0, usage("edition %q: there is only edition 1", o.Edition)
	}
	return 0, usage("edition %q: want one from 1 to %d", o.Edition, last)
}

// laterThan says why a requirement does not apply in an edition.
func laterThan(edition int, r *verdict.Requirement) string {
	return fmt.Sprintf("it came with edition %d, the run is of edition %d", r.Edition(), edition)
}
