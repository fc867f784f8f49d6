// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"

	"github.com/coapstone/coapstone/coap"
)

// Handler answers requests.
type Handler interface {
	// ServeCoAP answers one request with x.Respond. It is called once for a
	// request however often that is received, and may take long. ctx ends when
	// it returns, when the endpoint closes, or when the peer is forgotten. If it
	// returns without having responded, or panics, the response is 5.00.
	ServeCoAP(ctx context.Context, x *Exchange)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, x *Exchange)

// ServeCoAP calls f.
func (f HandlerFunc) ServeCoAP(ctx context.Context, x *Exchange) { f(ctx, x) }

// Exchange is one request that waits for its response.
type Exchange struct {
	// Peer is who sent the request.
	Peer Peer
	// Request is a copy of the request, without the elective options that must
	// be ignored. It may be kept.
	Request *coap.Message
	// Unsafe is those of the elective options that are missing in Request and must
	// not be ignored by a proxy, being Unsafe-to-Forward: a handler that would
	// forward the request answers it with 4.02 instead (RFC 7252 §5.7.1).
	Unsafe []coap.OptionProblem

	shard  *shard
	record *record
	token  []byte
	// received is the length of the request's datagram.
	received int
	// respond takes the response instead of the peer; see Derive.
	respond func(*coap.Message)
	// gone cancels the handler's context; guarded by shard.mu.
	gone context.CancelFunc
}

// Derive makes an exchange for a handler behind a handler: with another request,
// put together from several, and with respond instead of the peer to take the
// response.
func (x *Exchange) Derive(req *coap.Message, respond func(*coap.Message)) *Exchange {
	return &Exchange{Peer: x.Peer, Request: req, Unsafe: x.Unsafe, respond: respond}
}

// maxDatagram is the longest message that is sent: what one DTLS record holds
// (RFC 6347 §4.1).
const maxDatagram = 1 << 14

// Respond sends the response, once: a second response is dropped. Of resp, the
// code, the options and the payload are taken; type, message id and token are
// set here. The response to a Confirmable request is piggybacked, or follows
// as a Confirmable message of its own when the request was acknowledged before
// (RFC 7252 §5.2.1, §5.2.2); that to a Non-confirmable one is Non-confirmable
// (§5.2.3).
//
// What is no response, or too long for a datagram, becomes 5.00. A response of
// class 4 or 5 to a request over plain UDP loses what Options.MaxAmplification
// does not allow of its payload.
func (x *Exchange) Respond(resp *coap.Message) {
	if x.respond != nil {
		x.respond(resp)
		return
	}
	s, r := x.shard, x.record
	s.mu.Lock()
	separate := r.acknowledged
	s.mu.Unlock()
	code, b := x.encode(resp, separate)
	s.mu.Lock()
	if !separate && r.acknowledged { // in the meantime
		s.mu.Unlock()
		code, b = x.encode(resp, true)
		s.mu.Lock()
	}
	if r.exchange != x {
		s.mu.Unlock()
		return
	}
	s.e.counts.responses[code].Add(1)
	b = s.dress(r, b)
	s.settle(r, code)
	s.mu.Unlock()
	s.e.send(x.Peer, b)
}

// dress makes b the kind of message that the state of r asks for. It is nil if
// no message can be sent.
func (s *shard) dress(r *record, b []byte) []byte {
	if r.kind == coap.Confirmable && !r.acknowledged {
		r.answer = setHeader(b, coap.Acknowledgement, r.id)
		return r.answer
	}
	id, err := s.messageID(r.peer)
	if err != nil {
		s.e.log.Warn("a CoAP response was dropped", "error", err, "peer", r.peer.key.Addr)
		return nil
	}
	if r.kind == coap.NonConfirmable {
		return setHeader(b, coap.NonConfirmable, id)
	}
	s.launch(&transmission{
		peer: r.peer, to: r.exchange.Peer, bytes: setHeader(b, coap.Confirmable, id),
		id: id, purpose: forResponse, confirmable: true,
	})
	return b
}

// encode is the response as bytes whose type and message id are still open.
// separate says that it is no piggybacked one.
func (x *Exchange) encode(resp *coap.Message, separate bool) (coap.Code, []byte) {
	if resp == nil {
		resp = &coap.Message{}
	}
	m := coap.Message{Type: coap.Acknowledgement, Code: resp.Code, Token: x.token, Options: resp.Options, Payload: resp.Payload}
	b, err := m.MarshalBinary()
	var fault string
	switch {
	case !m.Code.IsResponse():
		fault = "the handler gave no response"
	case err != nil:
		fault = "the handler's response cannot be written as a message"
	case len(b) > maxDatagram:
		fault = "the response is too long for one datagram"
	}
	if fault != "" {
		x.shard.e.log.Error("a CoAP response was replaced by 5.00", "why", fault, "code", m.Code.Dotted(), "length", len(b), "error", err)
		m = coap.Message{Type: coap.Acknowledgement, Code: coap.InternalServerError, Token: x.token, Payload: []byte(fault)}
		b, _ = m.MarshalBinary() // a token and a few words can always be written
	}
	if budget := x.budget(separate); x.unproven(m.Code) && len(b) > budget && len(m.Payload) > 0 {
		x.shard.e.counts.shortened.Add(1)
		shorten(&m, len(b), budget)
		b, _ = m.MarshalBinary() // part of what could be written
	}
	return m.Code, b
}

// unanswered responds with 5.00 if the handler did not respond.
func (x *Exchange) unanswered() {
	x.shard.mu.Lock()
	waits := x.record.exchange == x
	x.shard.mu.Unlock()
	if waits {
		x.Respond(diagnostic(coap.InternalServerError, "the request could not be served"))
	}
}

// onGone makes cancel be called when the peer is forgotten. It is false when
// that has happened already.
func (x *Exchange) onGone(cancel context.CancelFunc) bool {
	x.shard.mu.Lock()
	defer x.shard.mu.Unlock()
	x.gone = cancel
	return x.record.exchange == x
}

// cancel ends the handler's context.
func (x *Exchange) cancel() {
	x.shard.mu.Lock()
	gone := x.gone
	x.shard.mu.Unlock()
	if gone != nil {
		gone()
	}
}
