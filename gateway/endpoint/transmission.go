// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"slices"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// purpose is what a transmission is for.
type purpose uint8

const (
	forRequest purpose = iota
	forPing
	forResponse
)

// transmission is a message of ours that is not yet done with: one that awaits
// its Acknowledgement, or a request that awaits its response.
type transmission struct {
	timer // of the next retransmission
	peer  *peerState
	to    Peer
	bytes []byte
	id    uint16
	purpose
	confirmable bool

	start   instant
	timeout time.Duration
	retries int

	token  string
	result chan outcome // with room for the one outcome; nil for a response
	// slot says that it counts as outstanding (RFC 7252 §4.7).
	slot     bool
	finished bool
}

// outcome is how a transmission ended.
type outcome struct {
	response *coap.Message
	err      error
}

// launch registers t, whose bytes are ready to be sent.
func (s *shard) launch(t *transmission) {
	t.owner = t
	t.peer.sent[t.id] = t
	if t.purpose == forRequest {
		t.peer.waiting[t.token] = t
	}
	s.e.active.add(1)
	if !t.confirmable {
		return
	}
	p := s.e.params
	t.start = s.e.clock.now()
	t.timeout = p.AckTimeout + time.Duration(s.rng.Float64()*(p.AckRandomFactor-1)*float64(p.AckTimeout))
	s.set(&t.timer, t.start+t.timeout)
}

// expire retransmits, or gives up (RFC 7252 §4.2).
func (t *transmission) expire(s *shard, now instant) {
	p := s.e.params
	if t.retries == p.MaxRetransmit {
		s.e.counts.gaveUp.Add(1)
		s.finish(t, outcome{err: ErrGaveUp})
		return
	}
	t.retries++
	t.timeout *= 2
	// Counted from when this one was due, so that lateness does not add up; but
	// never closer than ACK_TIMEOUT.
	s.timers.set(&t.timer, max(t.at+t.timeout, now+p.AckTimeout))
	if now-t.start <= p.maxTransmitSpan() { // else it was too late for this one
		s.e.counts.retransmissions.Add(1)
		s.due = append(s.due, parcel{t.to, t.bytes})
	}
}

// arrived ends the retransmission of t: the peer has it.
func (s *shard) arrived(t *transmission) {
	s.timers.stop(&t.timer)
	delete(t.peer.sent, t.id)
	s.release(t)
	if t.purpose != forRequest {
		s.finish(t, outcome{})
	}
}

// finish ends t.
func (s *shard) finish(t *transmission, o outcome) {
	if t.finished {
		return
	}
	t.finished = true
	y := t.peer
	s.timers.stop(&t.timer)
	if y.sent[t.id] == t {
		delete(y.sent, t.id)
	}
	if t.purpose == forRequest {
		delete(y.waiting, t.token)
	}
	s.release(t)
	if t.result != nil {
		t.result <- o
	}
	s.e.active.add(-1)
	s.tidy(y)
}

// release gives t's slot to whoever waits for one.
func (s *shard) release(t *transmission) {
	if t.slot {
		t.slot = false
		s.releaseSlot(t.peer)
	}
}

// releaseSlot ends one outstanding interaction with y.
func (s *shard) releaseSlot(y *peerState) {
	if len(y.queue) == 0 {
		y.outstanding--
		return
	}
	y.queue[0] <- nil
	y.queue = slices.Delete(y.queue, 0, 1)
}
