// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/coapstone/coapstone/coap"
)

// shards is how many tables the peers are spread over, so that datagrams from
// different peers seldom wait for each other.
const shards = 32

// shard is the state that is kept with some of the peers. Everything in it,
// and everything it leads to, is guarded by mu. Nothing is sent under mu: a
// transport may block, or hand the datagram to an endpoint in this process.
type shard struct {
	e *Endpoint

	mu     sync.Mutex
	peers  map[PeerKey]*peerState
	timers timers
	// closing refuses new exchanges.
	closing bool
	rng     *rand.Rand
	// answered is the records that may be forgotten before their time, oldest
	// first.
	answered recordList
	// due is what timers want sent as soon as mu is free.
	due []parcel
}

// parcel is a datagram and whom to send it to.
type parcel struct {
	to Peer
	b  []byte
}

// peerState is what is known of one peer.
type peerState struct {
	timer // until its message ids may be used again
	key   PeerKey
	// gone is why the peer is no longer in its shard's table.
	gone error

	// records is the messages that it sent, by message id.
	records map[uint16]*record
	// running is how many handlers run for it.
	running int

	ids messageIDs
	// sent is what we sent that an Acknowledgement or Reset may match.
	sent map[uint16]*transmission
	// waiting is our requests whose response is awaited, by token.
	waiting map[string]*transmission
	// outstanding is what NSTART limits; queue is who waits for it, in order.
	outstanding int
	queue       []chan error
}

// peer is the state of the peer, made if there is none.
func (s *shard) peer(k PeerKey) *peerState {
	y := s.peers[k]
	if y == nil {
		y = &peerState{
			key:     k,
			records: map[uint16]*record{},
			sent:    map[uint16]*transmission{},
			waiting: map[string]*transmission{},
		}
		y.owner = y
		s.peers[k] = y
	}
	return y
}

// messageID takes the next message id towards y.
func (s *shard) messageID(y *peerState) (uint16, error) {
	now, lifetime := s.e.clock.now(), s.e.params.ExchangeLifetime
	id, ok := y.ids.take(func() uint16 { return uint16(s.rng.Uint32()) }, now, lifetime) //nolint:gosec // any sixteen bits
	if !ok {
		return 0, ErrNoMessageID
	}
	if y.place == 0 {
		s.set(&y.timer, now+lifetime)
	}
	return id, nil
}

// token makes a token that is not in use with y: eight bytes, as RFC 7252
// §5.3.1 advises against spoofed responses.
func (s *shard) token(y *peerState) []byte {
	for {
		b := binary.BigEndian.AppendUint64(nil, s.rng.Uint64())
		if y.waiting[string(b)] == nil {
			return b
		}
	}
}

// expire forgets a peer that nothing is known of any more.
func (y *peerState) expire(s *shard, now instant) {
	if until := y.ids.last + s.e.params.ExchangeLifetime; now < until {
		s.timers.set(&y.timer, until)
		return
	}
	s.tidy(y)
}

// tidy forgets y if nothing is left to know of it.
func (s *shard) tidy(y *peerState) {
	if y.gone != nil || y.place != 0 || y.running+y.outstanding+len(y.records)+len(y.sent)+len(y.waiting)+len(y.queue) != 0 {
		return
	}
	y.gone = ErrForgotten
	delete(s.peers, y.key)
}

// drop forgets y and everything that goes on with it, because of err. It
// returns what still has to be cancelled, without the lock.
func (s *shard) drop(y *peerState, err error) (cancel []*Exchange) {
	y.gone = err
	delete(s.peers, y.key)
	s.timers.stop(&y.timer)
	for _, granted := range y.queue {
		granted <- err
	}
	y.queue = nil
	for _, t := range y.sent {
		s.finish(t, outcome{err: err})
	}
	for _, t := range y.waiting {
		s.finish(t, outcome{err: err})
	}
	for _, r := range y.records {
		if r.exchange != nil {
			cancel = append(cancel, r.exchange)
		}
		s.forget(r)
	}
	return cancel
}

// set schedules t and wakes the clock if it has become the first of all.
func (s *shard) set(t *timer, at instant) {
	s.timers.set(t, at)
	if at < instant(s.e.nextAlarm.Load()) {
		s.e.clock.wake()
	}
}

// runDue runs the timers that are due, sends what they want sent, and says when
// the next is due.
func (s *shard) runDue() (next instant) {
	s.mu.Lock()
	now := s.e.clock.now()
	for len(s.timers) > 0 && s.timers[0].at <= now {
		t := s.timers[0]
		s.timers.stop(t)
		t.owner.expire(s, now)
	}
	next = never
	if len(s.timers) > 0 {
		next = s.timers[0].at
	}
	due := s.due
	s.due = nil
	s.mu.Unlock()
	for _, d := range due {
		s.e.send(d.to, d.b)
	}
	return next
}

// emptyMessage is an Acknowledgement or Reset for the message id (RFC 7252 §4.2).
func emptyMessage(t coap.Type, id uint16) []byte {
	return setHeader([]byte{coap.Version << 6, byte(coap.CodeEmpty), 0, 0}, t, id)
}

// setHeader writes the type and the message id into an encoded message.
func setHeader(b []byte, t coap.Type, id uint16) []byte {
	b[0] = b[0]&^0x30 | byte(t)<<4
	binary.BigEndian.PutUint16(b[2:], id)
	return b
}
