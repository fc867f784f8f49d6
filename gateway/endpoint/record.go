// SPDX-License-Identifier: Apache-2.0

package endpoint

import "github.com/coapstone/coapstone/coap"

// record is a message that was received and must be acted on only once, with
// the answer for its duplicates (RFC 7252 §4.5).
type record struct {
	timer    // first for the empty acknowledgement, then for its end
	peer     *peerState
	expires  instant
	exchange *Exchange // while there is no response yet
	// answer is the kept Acknowledgement with its response.
	answer []byte
	// prev and next are its place in the list of answered records.
	prev, next *record
	listed     bool
	length     int // of the request's datagram
	id         uint16
	kind       coap.Type
	// acknowledged says that an empty Acknowledgement was sent.
	acknowledged bool
	// repeatable says that the request may be served again.
	repeatable bool
}

// remember makes a record of a message. It is nil when there is no room.
func (s *shard) remember(y *peerState, m *coap.Message, now instant) *record {
	if s.e.remembered.Add(1) > int64(s.e.options.MaxExchanges) {
		s.e.remembered.Add(-1)
		return nil
	}
	lifetime := s.e.params.ExchangeLifetime
	if m.Type == coap.NonConfirmable {
		lifetime = s.e.params.NonLifetime
	}
	r := &record{peer: y, id: m.MessageID, kind: m.Type, expires: now + lifetime}
	r.owner = r
	y.records[r.id] = r
	s.set(&r.timer, r.expires)
	return r
}

// recorded is the record of the message with the id, if it is remembered still.
func (s *shard) recorded(y *peerState, id uint16) *record {
	r := y.records[id]
	if r != nil && r.exchange == nil && s.e.clock.now() >= r.expires { // its timer is late
		s.forget(r)
		return nil
	}
	return r
}

// again is what a duplicate of the type gets: the same answer, or nothing
// (RFC 7252 §4.5, §5.2.2).
func (r *record) again(t coap.Type) []byte {
	switch {
	case t != coap.Confirmable || r.kind != coap.Confirmable:
		return nil
	case r.acknowledged:
		return emptyMessage(coap.Acknowledgement, r.id)
	default:
		return r.answer
	}
}

// expire sends the empty acknowledgement when the handler takes long, and later
// forgets the record.
func (r *record) expire(s *shard, now instant) {
	switch {
	case now < r.expires:
		r.acknowledged = true
		s.due = append(s.due, parcel{r.exchange.Peer, emptyMessage(coap.Acknowledgement, r.id)})
		s.timers.set(&r.timer, r.expires)
	case r.exchange != nil: // the handler still runs: its duplicates must not start another
		r.expires = now + s.e.params.ExchangeLifetime
		s.timers.set(&r.timer, r.expires)
	default:
		s.forget(r)
		s.tidy(r.peer)
	}
}

// settle ends the wait for a response.
func (s *shard) settle(r *record, response coap.Code) {
	r.exchange = nil
	s.set(&r.timer, r.expires)
	if r.repeatable || response.Class() == 4 {
		s.answered.add(r)
	}
}

// forget deletes the record.
func (s *shard) forget(r *record) {
	delete(r.peer.records, r.id)
	s.timers.stop(&r.timer)
	s.answered.remove(r)
	r.exchange = nil
	s.e.remembered.Add(-1)
}

// recordList is a list of records in the order in which they were answered.
type recordList struct{ first, last *record }

func (l *recordList) add(r *record) {
	r.listed, r.prev = true, l.last
	if l.last == nil {
		l.first = r
	} else {
		l.last.next = r
	}
	l.last = r
}

// remove takes r out; it may not be in.
func (l *recordList) remove(r *record) {
	if !r.listed {
		return
	}
	if r.prev == nil {
		l.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.listed, r.prev, r.next = false, nil, nil
}
