// SPDX-License-Identifier: Apache-2.0

package dtls

import "sync/atomic"

// Stats is what a listener keeps now, and what has become of handshakes since it
// was made.
type Stats struct {
	// Sessions is the established ones, Handshakes those under way.
	Sessions, Handshakes int
	// Established and Failed is how handshakes ended that brought their cookie
	// back.
	Established, Failed uint64
}

// outcomes counts how handshakes end.
type outcomes struct{ established, failed atomic.Uint64 }

// Stats is the counts as they stand.
func (l *Listener) Stats() Stats {
	l.mux.mu.Lock()
	defer l.mux.mu.Unlock()
	under := l.mux.waiting.Len()
	return Stats{
		Sessions: max(l.mux.sessions-under, 0), Handshakes: under,
		Established: l.outcomes.established.Load(), Failed: l.outcomes.failed.Load(),
	}
}
