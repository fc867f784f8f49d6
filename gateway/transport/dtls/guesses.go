// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// guesses bounds how often somebody may try a key. Every handshake that names an
// identity is a failure until it has succeeded, so that many at once gain
// nothing. There may be limit of them in a minute
//
//   - from one address, whatever identities it names;
//   - with one identity, wherever it comes from;
//
// and a handshake beyond waits for its turn, which comes as soon as another one
// succeeds or time has passed, then gets a random key: nobody outside can tell
// that from a wrong key. Identities that do not exist count like others, or the
// wait would tell.
//
// So that a guesser locks nobody out, an identity that has succeeded from an
// address has there an allowance of its own, for a day. A device that is new to an
// address behind which somebody guesses competes with it for a turn every six
// seconds.
type guesses struct {
	limit float64
	most  int // entries
	seed  maphash.Seed

	mu sync.Mutex
	// counts has an entry for each address, identity, and pair of them that
	// matters. They are hashed: their sizes are a stranger's choice.
	counts map[uint64]*count
	// changed is closed when a success makes room.
	changed chan struct{}
}

// count is how many failures somebody has.
type count struct {
	failures float64 // at the time; they are forgotten evenly
	at       time.Time
	// proven is when a handshake succeeded last, of a pair.
	proven time.Time
}

const (
	guessWindow   = time.Minute
	guessPatience = 5 * time.Second
	provenFor     = 24 * time.Hour
	// maxCounts bounds the entries; for one more, some of these many that are
	// looked at go, or any.
	maxCounts    = 100_000
	sweepAtATime = 16
)

func newGuesses(limit int) *guesses {
	return &guesses{
		limit: float64(limit), most: maxCounts, seed: maphash.MakeSeed(),
		counts: map[uint64]*count{}, changed: make(chan struct{}),
	}
}

// key is the entry's of a kind.
func (g *guesses) key(kind byte, from netip.Prefix, identity []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	_ = h.WriteByte(kind)
	a := from.Addr().As16()
	_, _ = h.Write(a[:])
	_, _ = h.Write(identity)
	return h.Sum64()
}

// admit waits for the turn of a handshake. ok is false when it does not come;
// else settle must be called with the handshake's end.
func (g *guesses) admit(ctx context.Context, from netip.Prefix, identity []byte) (settle func(proven bool), ok bool) {
	pair := g.key('p', from, identity)
	others := []uint64{g.key('a', from, nil), g.key('i', netip.Prefix{}, identity)}
	deadline := time.Now().Add(guessPatience)
	for {
		g.mu.Lock()
		now := time.Now()
		charged := others
		if c := g.counts[pair]; c != nil && now.Sub(c.proven) < provenFor {
			charged = []uint64{pair}
		}
		next := g.charge(charged, now)
		changed := g.changed
		g.mu.Unlock()
		if next == 0 {
			return func(proven bool) { g.settle(charged, pair, proven) }, true
		}
		if now.Add(next).After(deadline) {
			next = deadline.Sub(now)
		}
		if next <= 0 {
			return nil, false
		}
		timer := time.NewTimer(next)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil, false
		}
	}
}

// charge counts one more failure for each, unless one of them has no room for
// it: then it says when there will be.
func (g *guesses) charge(keys []uint64, now time.Time) (next time.Duration) {
	counts := make([]*count, len(keys))
	for i, k := range keys {
		counts[i] = g.count(k, now)
		if over := counts[i].failures + 1 - g.limit; over > 0 {
			next = max(next, time.Duration(over/g.limit*float64(guessWindow))+time.Millisecond)
		}
	}
	if next == 0 {
		for _, c := range counts {
			c.failures++
		}
	}
	return next
}

// count is the entry as it is now.
func (g *guesses) count(k uint64, now time.Time) *count {
	c := g.counts[k]
	if c == nil {
		g.sweep(now)
		c = &count{at: now}
		g.counts[k] = c
	}
	c.failures = max(0, c.failures-g.limit*float64(now.Sub(c.at))/float64(guessWindow))
	c.at = now
	return c
}

// settle notes how a handshake has ended.
func (g *guesses) settle(charged []uint64, pair uint64, proven bool) {
	if !proven {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, k := range charged {
		c := g.count(k, now)
		c.failures = max(0, c.failures-1)
	}
	g.count(pair, now).proven = now
	close(g.changed)
	g.changed = make(chan struct{})
}

// sweep makes room for one more entry.
func (g *guesses) sweep(now time.Time) {
	if len(g.counts) < g.most {
		return
	}
	n := 0
	for k, c := range g.counts { // in random order
		if now.Sub(c.at) > guessWindow && now.Sub(c.proven) > provenFor {
			delete(g.counts, k)
		}
		if n++; n == sweepAtATime {
			break
		}
	}
	for k := range g.counts {
		if len(g.counts) < g.most {
			break
		}
		delete(g.counts, k)
	}
}
