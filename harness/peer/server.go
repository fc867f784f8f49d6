// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Server is a device that is called: a CoAP server that does with each request
// what its script says. By itself it answers a ping with a Reset (RFC 7252
// §4.3), and a copy of a confirmable request with what it answered before
// (§4.5). It does not reject what it cannot read.
type Server struct {
	opts  Options
	wire  *wire
	ids   *ids
	inbox *inbox

	ctx     context.Context // ends at Close; scripts run in it
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu          sync.Mutex
	script      Script
	requests    []*Request
	byKey       map[requestKey]*Request
	sessions    map[netip.AddrPort]*association
	lastSession uint64
	handshakes  []Handshake
	changed     chan struct{} // closed at the next request or handshake
}

// requestKey tells requests apart: copies of one have the same message id and
// come from the same peer (RFC 7252 §4.2).
type requestKey struct {
	peer    netip.AddrPort
	session uint64
	id      uint16
}

// Handshake is a DTLS handshake that a server went through.
type Handshake struct {
	Remote  netip.AddrPort
	Session Session
	// Err is a *HandshakeError; nil when the handshake succeeded.
	Err error
}

// Listen binds a server's socket. With Security it speaks DTLS and nothing
// else. It runs until Close; ctx bounds the binding, and its values go to the
// scripts. Until Handle is called every request is answered with 4.04.
func Listen(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	if o.Local.Addr().IsUnspecified() {
		return nil, fmt.Errorf("the server of the %s: %s is no concrete address", o.Name, o.Local)
	}
	if o.Security != nil {
		if _, err := o.Security.serverOptions(nil, nil); err != nil {
			return nil, err
		}
	}
	w, err := openWire(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: o, wire: w, ids: newIDs(o.Seed), inbox: newInbox(o.Remote),
		script: Answer(&coap.Message{Code: coap.NotFound}), byKey: map[requestKey]*Request{},
		sessions: map[netip.AddrPort]*association{}, changed: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(s.read)
	return s, nil
}

// Local is the server's address.
func (s *Server) Local() netip.AddrPort { return s.wire.local }

// Handle says what to do with each request from now on.
func (s *Server) Handle(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

func (s *Server) read() {
	b := make([]byte, maxDatagram)
	for {
		n, from, at, err := s.wire.read(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.inbox.end(fmt.Errorf("the socket failed: %w", err))
			return
		case s.opts.Security != nil:
			s.demultiplex(b[:n], from)
		default:
			s.deliver(b[:n], source{plainCarrier{s.wire, from}, from, 0, Session{}}, at)
		}
	}
}

// source is where a message came from and how to answer there.
type source struct {
	carrier carrier
	addr    netip.AddrPort
	number  uint64 // of the DTLS session; 0 is plain UDP
	session Session
}

func (s *Server) deliver(b []byte, from source, at time.Time) {
	raw := slices.Clone(b)
	m, fault := decode(raw)
	isRequest := fault == nil && m.Code.IsRequest() && m.Type <= coap.NonConfirmable
	s.inbox.put(&Received{
		Message: m, Raw: raw, Fault: fault, At: at, From: from.addr, Session: from.session, request: isRequest,
	})
	switch {
	case isRequest:
		s.request(m, raw, from, at)
	case fault == nil && m.Empty() && m.Type == coap.Confirmable:
		pong := coap.Frame{Message: coap.Message{Type: coap.Reset, MessageID: m.MessageID}}
		_ = from.carrier.send(pong.Bytes(), false)
	}
}

func (s *Server) request(m *coap.Message, raw []byte, from source, at time.Time) {
	key := requestKey{from.addr, from.number, m.MessageID}
	s.mu.Lock()
	if known, copied := s.byKey[key]; copied {
		s.mu.Unlock()
		known.again(at)
		return
	}
	r := &Request{
		Message: m, Raw: raw, Peer: from.addr, Session: from.session, At: at,
		server: s, from: from, copied: make(chan struct{}), done: make(chan struct{}),
	}
	s.byKey[key] = r
	s.requests = append(s.requests, r)
	script := s.script
	s.announce()
	s.mu.Unlock()
	s.running.Go(func() {
		defer close(r.done)
		r.err = script(s.ctx, r)
	})
}

// announce wakes whoever waits for a request or a handshake; s.mu is held.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Requests is the distinct requests that came so far, in their order.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// AwaitRequest is the n-th distinct request, counted from 1. Errors are as in
// Client.Await.
func (s *Server) AwaitRequest(ctx context.Context, n int) (*Request, error) {
	what := "a request from the " + s.opts.Remote
	if n > 1 {
		what = fmt.Sprintf("%d distinct requests from the %s", n, s.opts.Remote)
	}
	begun := time.Now()
	for {
		s.mu.Lock()
		var r *Request
		if n >= 1 && len(s.requests) >= n {
			r = s.requests[n-1]
		}
		changed, failed, got := s.changed, s.failedHandshake(), ""
		if len(s.requests) > 0 {
			got = fmt.Sprintf("%d, and beside them ", len(s.requests))
		}
		s.mu.Unlock()
		if r != nil {
			return r, nil
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return nil, verdict.Broken(errClosed, "waiting for %s", what)
		case <-ctx.Done():
			return nil, missing(ctx, what, begun, got+s.inbox.instead(begun, false)+failed)
		}
	}
}

// failedHandshake is the last handshake that failed, as the end of a finding; s.mu
// is held.
func (s *Server) failedHandshake() string {
	for _, h := range slices.Backward(s.handshakes) {
		if h.Err != nil {
			return "; and a " + h.Err.Error()
		}
	}
	return ""
}

// Handshakes is the DTLS handshakes that ended so far, well or not.
func (s *Server) Handshakes() []Handshake {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.handshakes)
}

// AwaitHandshake is the n-th handshake that ended, well or not, counted from 1.
func (s *Server) AwaitHandshake(ctx context.Context, n int) (Handshake, error) {
	begun := time.Now()
	what := fmt.Sprintf("the end of %d DTLS handshakes with the %s", n, s.opts.Remote)
	if n == 1 {
		what = "a DTLS handshake with the " + s.opts.Remote
	}
	for {
		s.mu.Lock()
		changed, hs := s.changed, s.handshakes
		s.mu.Unlock()
		if n >= 1 && len(hs) >= n {
			return hs[n-1], nil
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return Handshake{}, verdict.Broken(errClosed, "waiting for %s", what)
		case <-ctx.Done():
			got := "nothing"
			if len(hs) > 0 {
				got = fmt.Sprint(len(hs))
			}
			return Handshake{}, missing(ctx, what, begun, got)
		}
	}
}

// AwaitMessage is the first message that matches, of any type and code, that
// nobody has taken yet: it sees the requests too. Errors are as in Client.Await.
func (s *Server) AwaitMessage(ctx context.Context, what string, match func(*Received) bool) (*Received, error) {
	return s.inbox.await(ctx, what, match)
}

// Silence waits for d and fails when a message that matches comes, or has come
// and was not taken by AwaitMessage.
func (s *Server) Silence(ctx context.Context, d time.Duration, match func(*Received) bool) error {
	return s.inbox.silence(ctx, d, match)
}

// Received is a copy of every message that came so far, copies of requests
// included.
func (s *Server) Received() []Received { return s.inbox.received() }

// Close ends the sessions and the scripts, closes the socket, and waits until
// nothing of the server is running any more.
func (s *Server) Close() error {
	s.inbox.end(errClosed)
	s.cancel()
	s.mu.Lock()
	sessions := make([]*association, 0, len(s.sessions))
	for _, a := range s.sessions {
		sessions = append(sessions, a)
	}
	s.mu.Unlock()
	var err error
	for _, a := range sessions {
		err = errors.Join(err, ignoreClosed(a.close()))
	}
	err = errors.Join(err, s.wire.close())
	s.running.Wait()
	return err
}
