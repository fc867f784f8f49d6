// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/inbound"
	"github.com/coapstone/coapstone/harness/link"
)

// air is a bad link in memory between devices and a gateway, for bubbles of
// testing/synctest, where an hour takes no time. What it does to a datagram is
// what harness/link would do; only that one held back comes late by 0.5 to 1 s,
// whatever follows it.
type air struct {
	conditions link.Conditions
	corrupt    float64 // chance that one bit of a datagram is turned
	seed       uint64

	devices, gateway *endpoint.Endpoint
	executed         *executions
}

// spot is one device's place, as one of the ends sees the other.
type spot struct {
	air  *air
	flow int
	to   *endpoint.Endpoint
	from *spot // as the other end sees it
	key  endpoint.PeerKey
	d    link.Direction

	mu    sync.Mutex
	index int
}

var (
	gatewayAddr = netip.MustParseAddrPort("192.0.2.1:5683")
	origin      = "http://platform.test"
)

// executions counts the calls of the platform by path.
type executions struct {
	mu     sync.Mutex
	after  time.Duration // how long a call takes
	byPath map[string]int
}

// RoundTrip implements http.RoundTripper: the platform answers with the path.
func (e *executions) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.byPath[r.URL.Path]++
	e.mu.Unlock()
	if e.after > 0 {
		select {
		case <-time.After(e.after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}},
		Body: io.NopCloser(bytes.NewReader([]byte(r.URL.Path))),
	}, nil
}

// most is the greatest number of calls of one path, and how many there were in all.
func (e *executions) most() (path string, most, all int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p, n := range e.byPath {
		all += n
		if n > most {
			path, most = p, n
		}
	}
	return path, most, all
}

// inTheAir runs f in a bubble with devices and a gateway, whose message layer and
// proxy are the real ones.
func inTheAir(t *testing.T, a *air, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if a.executed == nil {
			a.executed = &executions{}
		}
		a.executed.byPath = map[string]int{}
		handler, err := inbound.New(inbound.Options{Allow: []string{origin}, Transport: a.executed})
		if err != nil {
			t.Fatal(err)
		}
		a.gateway = endpoint.New(endpoint.Options{Handler: handler, Seed: a.seed + 1})
		a.devices = endpoint.New(endpoint.Options{Seed: a.seed + 2})
		defer func() {
			for _, e := range []*endpoint.Endpoint{a.devices, a.gateway} {
				if err := e.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Minute) // what is in the air comes down
		}()
		f(t)
	})
}

// spot is the gateway as the device with this number, from 1, sees it.
func (a *air) spot(flow int) *spot {
	host := netip.AddrFrom4([4]byte{10, byte(flow >> 16), byte(flow >> 8), byte(flow)})
	device := netip.AddrPortFrom(host, 40000)
	up := &spot{air: a, flow: flow, to: a.gateway, d: link.Up, key: endpoint.PeerKey{Addr: gatewayAddr, Local: device}}
	down := &spot{air: a, flow: flow, to: a.devices, d: link.Down, key: endpoint.PeerKey{Addr: device, Local: gatewayAddr}}
	up.from, down.from = down, up
	return up
}

// Key implements endpoint.Peer.
func (s *spot) Key() endpoint.PeerKey { return s.key }

// Local implements endpoint.Peer.
func (s *spot) Local() netip.AddrPort { return s.key.Local }

// Send implements endpoint.Peer.
func (s *spot) Send(b []byte) error {
	s.mu.Lock()
	s.index++
	index := s.index
	s.mu.Unlock()
	fate := s.air.conditions.Fate(s.air.seed, s.flow, s.d, index)
	if fate.Lose {
		return nil
	}
	r := rand.New(rand.NewPCG(^s.air.seed, uint64(s.flow)<<40^uint64(s.d)<<32^uint64(index)))
	late := 500*time.Millisecond + time.Duration(r.Float64()*float64(500*time.Millisecond))
	if fate.HoldBack {
		fate.Delay += late
	}
	b = slices.Clone(b)
	if r.Float64() < s.air.corrupt {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
	arrive := func() { s.to.Receive(s.from, b) }
	time.AfterFunc(fate.Delay+time.Millisecond, arrive)
	if fate.Twice {
		time.AfterFunc(fate.Delay+2*time.Millisecond, arrive)
	}
	return nil
}

// get is a request for a path of the platform, which may bring the beginning of a
// query.
func get(typ coap.Type, path string) *coap.Message {
	if !strings.Contains(path, "?") {
		path += "?"
	}
	m := &coap.Message{Type: typ, Code: coap.GET}
	m.AddPath("/coap2http")
	m.AddString(coap.ProxyURI, origin+path+authToken)
	return m
}
