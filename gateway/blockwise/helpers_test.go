// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// nobody is a peer that is only somebody to tell from others.
type nobody struct{ key endpoint.PeerKey }

func (p nobody) Key() endpoint.PeerKey { return p.key }
func (p nobody) Local() netip.AddrPort { return p.key.Local }
func (p nobody) Send([]byte) error     { return nil }

func peerNumber(i int) nobody {
	addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return nobody{endpoint.PeerKey{Addr: netip.AddrPortFrom(addr, 5683)}}
}

// upstream is the handler behind the Handler: it keeps what it is asked and
// answers.
type upstream struct {
	answer func(req *coap.Message) *coap.Message

	mu  sync.Mutex
	got []*coap.Message
}

func (u *upstream) ServeCoAP(_ context.Context, x *endpoint.Exchange) {
	u.mu.Lock()
	u.got = append(u.got, x.Request)
	u.mu.Unlock()
	if u.answer == nil {
		x.Respond(&coap.Message{Code: coap.Changed})
		return
	}
	x.Respond(u.answer(x.Request))
}

// calls is how many requests came.
func (u *upstream) calls() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.got)
}

// bodies answers GET and POST with the body.
func bodies(body []byte, options ...coap.Option) *upstream {
	return &upstream{answer: func(*coap.Message) *coap.Message {
		m := &coap.Message{Code: coap.Content, Payload: body}
		for _, o := range options {
			m.Add(o.Number, o.Value)
		}
		return m
	}}
}

// newHandler makes a Handler that is closed at the end.
func newHandler(t testing.TB, u *upstream, o Options) *Handler {
	t.Helper()
	h := NewHandler(u, o)
	t.Cleanup(h.Close)
	return h
}

// ask hands one request to the handler, past any endpoint.
func ask(t testing.TB, h *Handler, p endpoint.Peer, req *coap.Message) *coap.Message {
	t.Helper()
	var got *coap.Message
	h.ServeCoAP(t.Context(), (&endpoint.Exchange{Peer: p}).Derive(req.Clone(), func(resp *coap.Message) { got = resp }))
	if got == nil {
		t.Fatalf("%s got no response", req)
	}
	return got
}

// post is a POST of a payload as the block, with other options.
func post(b coap.Block, payload []byte, options ...coap.Option) *coap.Message {
	m := &coap.Message{Code: coap.POST, Payload: payload, Token: []byte{byte(b.Num)}}
	m.AddPath("/a")
	m.AddUint(coap.Block1, b.Uint())
	for _, o := range options {
		m.Add(o.Number, o.Value)
	}
	return m
}

// get is a GET for the block.
func get(b coap.Block, options ...coap.Option) *coap.Message {
	m := &coap.Message{Code: coap.GET}
	m.AddPath("/a")
	m.AddUint(coap.Block2, b.Uint())
	for _, o := range options {
		m.Add(o.Number, o.Value)
	}
	return m
}

// random is a body that is the same for the same length.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// sameBody compares bodies by their SHA-256.
func sameBody(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Errorf("%s: %d bytes, SHA-256 %x; want %d, %x", what, len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

// block is the option of a message.
func block(t testing.TB, m *coap.Message, n coap.OptionNumber) coap.Block {
	t.Helper()
	v, has := m.Get(n)
	b, ok := coap.ParseBlock(v)
	if !has || !ok {
		t.Fatalf("%s has no %s", m, n)
	}
	return b
}
