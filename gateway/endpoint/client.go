// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"fmt"
	"slices"

	"github.com/coapstone/coapstone/coap"
)

// Do sends a request and returns its response, piggybacked or separate. req is
// Confirmable or Non-confirmable; its message id, and its token when that is
// nil, are set. It waits for its turn under NSTART, retransmits a Confirmable
// request, and waits for the response until ctx ends. A response with a code of
// class 4 or 5 is no error.
//
// Errors: ErrReset, ErrGaveUp, ErrClosed, ErrForgotten, ErrTokenInUse,
// ErrNoMessageID, a *BadResponseError, ctx's, or the transport's.
func (e *Endpoint) Do(ctx context.Context, p Peer, req *coap.Message) (*coap.Message, error) {
	if req.Type > coap.NonConfirmable || !req.Code.IsRequest() {
		return nil, fmt.Errorf("%s %s is no request that can be answered: want CON or NON with a method (RFC 7252 Table 1)", req.Type, req.Code)
	}
	return e.transmit(ctx, &transmission{to: p, purpose: forRequest}, req)
}

// Ping asks whether the peer is there (RFC 7252 §4.3): nil means that it
// answered, with the Reset that is asked for, or with an Acknowledgement, which
// some implementations send instead. Errors are those of Do.
func (e *Endpoint) Ping(ctx context.Context, p Peer) error {
	_, err := e.transmit(ctx, &transmission{to: p, purpose: forPing}, &coap.Message{})
	return err
}

// Post sends a message that awaits nothing: it is neither retransmitted nor
// answered to the caller. The message id, and the token when it is nil, are
// set; the type stands as it is, so that a request can be forced into an
// Acknowledgement or a Reset.
func (e *Endpoint) Post(p Peer, m *coap.Message) error {
	s := e.shard(p.Key())
	s.mu.Lock()
	b, err := func() ([]byte, error) {
		if s.closing {
			return nil, ErrClosed
		}
		y := s.peer(p.Key())
		defer s.tidy(y)
		return s.prepare(y, m)
	}()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return e.write(p, b)
}

// prepare gives m its message id and token, and encodes it.
func (s *shard) prepare(y *peerState, m *coap.Message) ([]byte, error) {
	id, err := s.messageID(y)
	if err != nil {
		return nil, err
	}
	m.MessageID = id
	if m.Token == nil && !m.Empty() {
		m.Token = s.token(y)
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("the message cannot be sent: %w", err)
	}
	if len(b) > maxDatagram {
		return nil, fmt.Errorf("the message cannot be sent: it is %d bytes long, a datagram holds %d", len(b), maxDatagram)
	}
	return b, nil
}

// transmit sends m and waits for the outcome.
func (e *Endpoint) transmit(ctx context.Context, t *transmission, m *coap.Message) (*coap.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := e.shard(t.to.Key())
	if err := s.begin(ctx, t, m); err != nil {
		return nil, err
	}
	if err := e.write(t.to, t.bytes); err != nil {
		s.cancel(t)
		return nil, fmt.Errorf("sending to %s: %w", t.to.Key().Addr, err)
	}
	select {
	case o := <-t.result:
		return o.response, o.err
	case <-ctx.Done():
		s.cancel(t)
		return nil, ctx.Err()
	}
}

// begin takes a slot, message id and token for t, and registers it.
func (s *shard) begin(ctx context.Context, t *transmission, m *coap.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	y := s.peer(t.to.Key())
	if err := s.takeSlot(ctx, y); err != nil {
		s.tidy(y)
		return err
	}
	var err error
	switch {
	case t.purpose == forRequest && m.Token != nil && y.waiting[string(m.Token)] != nil:
		err = fmt.Errorf("%w: %x", ErrTokenInUse, m.Token)
	default:
		t.bytes, err = s.prepare(y, m)
	}
	if err != nil {
		s.releaseSlot(y)
		s.tidy(y)
		return err
	}
	t.peer, t.slot = y, true
	t.id, t.token, t.confirmable = m.MessageID, string(m.Token), m.Type == coap.Confirmable
	t.result = make(chan outcome, 1)
	s.launch(t)
	return nil
}

// takeSlot waits until another interaction with y may be outstanding. It is
// called under the lock, which it gives up while it waits.
func (s *shard) takeSlot(ctx context.Context, y *peerState) error {
	if y.outstanding < s.e.params.NStart {
		y.outstanding++
		return nil
	}
	granted := make(chan error, 1)
	y.queue = append(y.queue, granted)
	s.mu.Unlock()
	var err error
	select {
	case err = <-granted:
		s.mu.Lock()
	case <-ctx.Done():
		err = ctx.Err()
		s.mu.Lock()
		if i := slices.Index(y.queue, granted); i >= 0 {
			y.queue = slices.Delete(y.queue, i, i+1)
		} else if <-granted == nil {
			s.releaseSlot(y)
		}
	}
	if err == nil && y.gone != nil {
		return y.gone
	}
	return err
}

// cancel ends t because nobody waits for it any more.
func (s *shard) cancel(t *transmission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(t, outcome{})
}

// acknowledged takes an Acknowledgement (RFC 7252 §4.2, §5.2.1).
func (e *Endpoint) acknowledged(p Peer, m *coap.Message) {
	if !m.Empty() && !m.Code.IsResponse() {
		return
	}
	s := e.shard(p.Key())
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(p.Key(), m.MessageID)
	switch {
	case t == nil || !t.confirmable:
	case m.Empty() || t.purpose == forResponse: // what it carries is ignored (§5.2.2)
		s.arrived(t)
	case t.purpose == forRequest && t.token == string(m.Token):
		if critical, _ := screen(m, e.inResponse); len(critical) > 0 {
			s.finish(t, outcome{err: &BadResponseError{m.Code, critical}})
			return
		}
		s.finish(t, outcome{response: m.Clone()})
	}
}

// wasReset takes a Reset.
func (e *Endpoint) wasReset(p Peer, m *coap.Message) {
	if !m.Empty() {
		return
	}
	s := e.shard(p.Key())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch t := s.find(p.Key(), m.MessageID); {
	case t == nil:
	case t.purpose == forRequest:
		s.finish(t, outcome{err: ErrReset})
	default: // a ping is answered; a response is not wanted any more
		s.arrived(t)
	}
}

// find is what we sent to the peer under the message id.
func (s *shard) find(k PeerKey, id uint16) *transmission {
	if y := s.peers[k]; y != nil {
		return y.sent[id]
	}
	return nil
}
