// SPDX-License-Identifier: Apache-2.0

package endpoint

import "time"

// messageIDs hands out message ids towards one peer, in sequence from a random
// start, and none a second time within its lifetime (RFC 7252 §4.4).
type messageIDs struct {
	next    uint16
	started bool
	// last is when an id was last taken.
	last instant
	// blocks is when an id of each 256 was last taken, plus one; 0 is never. It
	// is made when the first block is full: most peers never get so many.
	blocks []instant
}

const blockSize = 256

// take is the next id. ok is false when it was used within the lifetime.
func (m *messageIDs) take(start func() uint16, now instant, lifetime time.Duration) (id uint16, ok bool) {
	if !m.started {
		m.next, m.started = start(), true
	} else if m.next%blockSize == 0 {
		if m.blocks == nil {
			m.blocks = make([]instant, 1<<16/blockSize)
		}
		m.blocks[(m.next-1)/blockSize] = m.last + 1
		if used := m.blocks[m.next/blockSize]; used != 0 && now+1-used < lifetime {
			return 0, false
		}
	}
	id = m.next
	m.next++
	m.last = now
	return id, true
}
