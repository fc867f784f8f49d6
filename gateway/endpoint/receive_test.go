// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// sink is a peer that keeps what is sent to it.
type sink struct {
	mu   sync.Mutex
	sent [][]byte
}

func (s *sink) Key() endpoint.PeerKey { return endpoint.PeerKey{} }
func (s *sink) Local() netip.AddrPort { return netip.AddrPort{} }
func (s *sink) Send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, append([]byte(nil), b...))
	return nil
}

// FuzzReceive holds the endpoint to what must be true of any datagram: at most
// one answer, none to an Acknowledgement or Reset, and always a legal one.
func FuzzReceive(f *testing.F) {
	datagrams, err := fixtures.HostileCoAP()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range datagrams {
		if len(d.Bytes) < 2000 {
			f.Add(d.Bytes)
		}
	}
	h := endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
		if critical := x.Request.CheckOptions(endpoint.Recognized); len(critical) > 0 {
			f.Errorf("the handler saw %v", critical)
		}
		x.Respond(&coap.Message{Code: coap.Content})
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, p := endpoint.New(endpoint.Options{Handler: h, Seed: 1}), new(sink)
		e.Receive(p, b)
		if err := e.Close(t.Context()); err != nil { // waits for the handler
			t.Fatal(err)
		}
		if len(p.sent) == 0 {
			if len(b) >= coap.HeaderLength && b[0]>>4 == coap.Version<<2|byte(coap.Confirmable) {
				t.Errorf("a Confirmable message got no answer: % x", b)
			}
			return
		}
		m, err := coap.Decode(p.sent[0])
		switch {
		case len(p.sent) > 1 || err != nil:
			t.Errorf("% x was answered with % x, %v", b, p.sent, err)
		case b[0]>>6 != coap.Version || b[0]>>4&3 >= byte(coap.Acknowledgement):
			t.Errorf("% x was answered with %v", b, m)
		case m.Type == coap.Confirmable:
			t.Errorf("% x was answered at once with %v", b, m)
		}
	})
}

// discard is a peer that keeps nothing.
type discard struct{ key endpoint.PeerKey }

func (d *discard) Key() endpoint.PeerKey { return d.key }
func (d *discard) Local() netip.AddrPort { return netip.AddrPort{} }
func (d *discard) Send([]byte) error     { return nil }

func BenchmarkRequests(b *testing.B) {
	h := endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
		x.Respond(&coap.Message{Code: coap.Content, Payload: []byte("here")})
	})
	e := endpoint.New(endpoint.Options{Handler: h})
	defer func() { _ = e.Close(context.Background()) }()
	m := get(coap.Confirmable, 0)
	datagram, _ := m.MarshalBinary()
	var next sync.Mutex
	host := uint32(0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		next.Lock()
		host++
		a := netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)})
		next.Unlock()
		datagram := append([]byte(nil), datagram...)
		p := &discard{endpoint.PeerKey{Addr: netip.AddrPortFrom(a, 1)}}
		for id := uint32(0); pb.Next(); id++ {
			datagram[2], datagram[3] = byte(id>>8), byte(id)
			if id%65536 == 0 {
				p = &discard{endpoint.PeerKey{Addr: netip.AddrPortFrom(a, uint16(id>>16))}}
			}
			e.Receive(p, datagram)
		}
	})
}
