// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"bytes"
	"context"
	"fmt"

	"github.com/coapstone/coapstone/coap"
)

// request takes a request: a duplicate gets the answer that is kept, a new one
// is refused or goes to the handler. length is that of its datagram.
func (e *Endpoint) request(p Peer, m *coap.Message, length int) {
	if e.options.Handler == nil {
		e.reject(p, m)
		return
	}
	if e.remembered.Load() >= int64(e.options.MaxExchanges) {
		e.makeRoom(p.Key())
	}
	s := e.shard(p.Key())
	s.mu.Lock()
	y := s.peer(p.Key())
	if r := s.recorded(y, m.MessageID); r != nil {
		e.counts.duplicates.Add(1)
		answer := r.again(m.Type)
		if e.forged(r, len(answer), length) {
			answer = nil
		}
		s.mu.Unlock()
		e.send(p, answer)
		return
	}
	e.counts.requests[m.Code].Add(1)
	r := s.remember(y, m, e.clock.now())
	if r == nil {
		s.tidy(y)
		s.mu.Unlock()
		e.refuseUnremembered(p, m)
		return
	}
	r.length = length
	x := &Exchange{Peer: p, shard: s, record: r, token: m.Token, received: length}
	r.exchange = x
	r.repeatable = m.Code == coap.GET || m.Code == coap.PUT || m.Code == coap.DELETE
	if r.kind == coap.Confirmable {
		s.set(&r.timer, min(e.clock.now()+e.params.EmptyAckAfter, r.expires))
	}
	busy := s.closing || y.running >= e.options.MaxRunningPerPeer || !e.running.tryAdd(int64(e.options.MaxRunning))
	if !busy {
		y.running++
		e.active.add(1)
	}
	s.mu.Unlock()

	if busy {
		x.Respond(unavailable())
		return
	}
	refusal, unsafe := e.refusal(m)
	if refusal != nil {
		x.Respond(refusal)
		e.served(x)
		return
	}
	x.Request, x.Unsafe = m.Clone(), cloned(unsafe)
	x.token = x.Request.Token
	e.workers.start(x)
}

// refusal is the answer to a request that no handler gets to see; nil if it may.
// unsafe is for Exchange.Unsafe.
func (e *Endpoint) refusal(m *coap.Message) (refusal *coap.Message, unsafe []coap.OptionProblem) {
	if n := len(m.Payload); n > e.options.MaxPayload {
		resp := diagnostic(coap.RequestEntityTooLarge, fmt.Sprintf("the payload is %d bytes long, %d are the most", n, e.options.MaxPayload))
		resp.AddUint(coap.Size1, uint32(e.options.MaxPayload)) //nolint:gosec // an option's value
		return resp, nil
	}
	critical, unsafe := screen(m, e.inRequest)
	if len(critical) > 0 {
		return diagnostic(coap.BadOption, sentence(critical)), nil
	}
	return nil, unsafe
}

// cloned is the problems without the memory of the datagram.
func cloned(problems []coap.OptionProblem) []coap.OptionProblem {
	for i := range problems {
		problems[i].Option.Value = bytes.Clone(problems[i].Option.Value)
	}
	return problems
}

// refuseUnremembered answers a request for which there is no room to remember
// it: it is not served, so that a duplicate of it does no harm.
func (e *Endpoint) refuseUnremembered(p Peer, m *coap.Message) {
	resp := unavailable()
	resp.Type, resp.MessageID, resp.Token = coap.Acknowledgement, m.MessageID, m.Token
	if m.Type == coap.NonConfirmable {
		return // without an acknowledgement to give, silence is the better refusal
	}
	if b, err := resp.MarshalBinary(); err == nil {
		e.counts.responses[resp.Code].Add(1)
		e.send(p, b)
	}
}

// makeRoom forgets one record that may be forgotten, of this shard or another.
func (e *Endpoint) makeRoom(k PeerKey) {
	own := e.shardIndex(k)
	for i := range shards {
		s := &e.shards[(own+i)%shards]
		s.mu.Lock()
		r := s.answered.first
		if r != nil {
			s.forget(r)
			s.tidy(r.peer)
		}
		s.mu.Unlock()
		if r != nil {
			return
		}
	}
}

// serve runs the handler for x, on a worker.
func (e *Endpoint) serve(x *Exchange) {
	defer e.served(x)
	defer func() {
		if v := recover(); v != nil {
			e.log.Error("a CoAP handler panicked; the request is answered with 5.00", "panic", v, "peer", x.Peer.Key().Addr)
		}
		x.unanswered()
	}()
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	if x.onGone(cancel) {
		e.options.Handler.ServeCoAP(ctx, x)
	}
}

// served counts the end of x.
func (e *Endpoint) served(x *Exchange) {
	s := x.shard
	s.mu.Lock()
	x.record.peer.running--
	s.tidy(x.record.peer)
	s.mu.Unlock()
	e.running.add(-1)
	e.active.add(-1)
}

// response takes a separate response, Confirmable or not (RFC 7252 §5.2.2, §5.3.2).
func (e *Endpoint) response(p Peer, m *coap.Message) {
	s := e.shard(p.Key())
	s.mu.Lock()
	answer := s.response(m, p.Key())
	s.mu.Unlock()
	e.send(p, answer)
}

// response finds the request that m answers, and returns the acknowledgement
// or reset that m gets.
func (s *shard) response(m *coap.Message, k PeerKey) []byte {
	reset := rejection(m)
	y := s.peers[k]
	if y == nil {
		return reset
	}
	if r := s.recorded(y, m.MessageID); r != nil {
		s.e.counts.duplicates.Add(1)
		return r.again(m.Type)
	}
	t := y.waiting[string(m.Token)]
	if t == nil {
		return reset
	}
	if critical, _ := screen(m, s.e.inResponse); len(critical) > 0 {
		s.finish(t, outcome{err: &BadResponseError{m.Code, critical}})
		return reset
	}
	var ack []byte
	if m.Type == coap.Confirmable {
		if r := s.remember(y, m, s.e.clock.now()); r != nil {
			r.acknowledged = true
		}
		ack = emptyMessage(coap.Acknowledgement, m.MessageID)
	}
	s.finish(t, outcome{response: m.Clone()})
	return ack
}

// unavailable is the refusal of an endpoint that is full or about to close.
func unavailable() *coap.Message {
	resp := diagnostic(coap.ServiceUnavailable, "too many requests at the moment")
	resp.AddUint(coap.MaxAge, 2) // when to try again, in seconds (RFC 7252 §5.9.3.4)
	return resp
}

// diagnostic is a response with a diagnostic payload (RFC 7252 §5.5.2).
func diagnostic(c coap.Code, text string) *coap.Message {
	return &coap.Message{Code: c, Payload: []byte(text)}
}
