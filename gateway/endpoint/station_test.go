// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// station is a peer in memory: it keeps what the endpoint sends to it.
type station struct {
	t       *testing.T
	e       *endpoint.Endpoint
	key     endpoint.PeerKey
	onSend  func(*coap.Message)
	mu      sync.Mutex
	sent    []sent
	started time.Time
}

// sent is one message of the endpoint, and when it came, from the beginning.
type sent struct {
	*coap.Message
	at time.Duration
}

func newStation(t *testing.T, e *endpoint.Endpoint, host byte) *station {
	return &station{t: t, e: e, started: time.Now(), key: endpoint.PeerKey{
		Addr:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, host}), 40000),
		Local: netip.MustParseAddrPort("192.0.2.1:5683"),
	}}
}

func (p *station) Key() endpoint.PeerKey { return p.key }
func (p *station) Local() netip.AddrPort { return p.key.Local }

func (p *station) Send(b []byte) error {
	m, err := coap.Decode(slices.Clone(b))
	if err != nil {
		p.t.Errorf("the endpoint sent % x: %v", b, err)
	}
	p.mu.Lock()
	p.sent = append(p.sent, sent{m, time.Since(p.started)})
	p.mu.Unlock()
	if p.onSend != nil {
		p.onSend(m)
	}
	return nil
}

// says hands a message of the peer to the endpoint.
func (p *station) says(m coap.Message) {
	p.t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		p.t.Error(err) // not Fatal: a peer answers from goroutines of its own
		return
	}
	p.e.Receive(p, b)
}

// got is what came since it was last asked, once all is quiet.
func (p *station) got() []sent {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sent
	p.sent = nil
	return s
}

// one is the one message that came.
func (p *station) one(want string) sent {
	p.t.Helper()
	got := p.got()
	if len(got) != 1 {
		p.t.Fatalf("want one message, %s; got %d: %v", want, len(got), got)
	}
	return got[0]
}

// none says that nothing came.
func (p *station) none(why string) {
	p.t.Helper()
	if got := p.got(); len(got) != 0 {
		p.t.Fatalf("want nothing, %s; got %d: %v", why, len(got), got)
	}
}

// within runs f in a bubble of its own time with an endpoint that is closed at
// the end.
func within(t *testing.T, o endpoint.Options, f func(t *testing.T, e *endpoint.Endpoint, p *station)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := endpoint.New(o)
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			_ = e.Close(ctx)
		}()
		f(t, e, newStation(t, e, 2))
	})
}

// content answers 2.05 after the time.
func content(after time.Duration, calls *counter) endpoint.Handler {
	return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
		calls.add()
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
		x.Respond(&coap.Message{Code: coap.Content, Payload: []byte("here")})
	})
}

// counter counts calls.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() {
	if c != nil {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
	}
}

func (c *counter) want(t *testing.T, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n != n {
		t.Errorf("the handler was called %d times, want %d", c.n, n)
	}
}

func get(typ coap.Type, id uint16) coap.Message {
	m := coap.Message{Type: typ, Code: coap.GET, MessageID: id, Token: []byte{7, byte(id)}}
	m.AddPath("/a")
	return m
}

func empty(typ coap.Type, id uint16) coap.Message { return coap.Message{Type: typ, MessageID: id} }
