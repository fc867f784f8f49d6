// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

// ids gives out message ids, tokens and timeouts from one seed.
type ids struct {
	mu   sync.Mutex
	rand *rand.Rand
	next uint16
}

func newIDs(seed uint64) *ids {
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // names, not secrets
	}
	r := rand.New(rand.NewPCG(seed, 0x636f6170))           //nolint:gosec // names, not secrets
	return &ids{rand: r, next: uint16(r.Uint32N(1 << 16))} //nolint:gosec // sixteen bits
}

// messageID is the next message id; 0 is left out, since it stands for "none"
// in a message that is still to get one.
func (i *ids) messageID() uint16 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next++
	if i.next == 0 {
		i.next++
	}
	return i.next
}

func (i *ids) token(n int) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var b []byte
	for len(b) < n {
		b = binary.BigEndian.AppendUint64(b, i.rand.Uint64())
	}
	return b[:n:n]
}

// timeout is the first timeout of a confirmable message: between ACK_TIMEOUT and
// ACK_TIMEOUT * ACK_RANDOM_FACTOR (RFC 7252 §4.2).
func (i *ids) timeout(t Timing) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Duration(float64(t.AckTimeout) * (1 + i.rand.Float64()*(t.AckRandomFactor-1)))
}
