// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

var loopback = mustAddrPort("127.0.0.1:0")

func mustAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// patience bounds what should happen at once.
const patience = 10 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func listen(t *testing.T, o Options) *Server {
	t.Helper()
	if !o.Local.IsValid() {
		o.Local = loopback
	}
	s, err := Listen(within(t, patience), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server, o Options) *Client {
	t.Helper()
	c, err := Dial(within(t, patience), s.Local(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func get(path string) *coap.Message {
	m := &coap.Message{Code: coap.GET}
	m.AddPath(path)
	return m
}

func content(payload string) *coap.Message {
	return &coap.Message{Code: coap.Content, Payload: []byte(payload)}
}

// finding is the finding in err; anything else fails the test.
func finding(t *testing.T, err error, want verdict.Verdict) *verdict.Finding {
	t.Helper()
	var f *verdict.Finding
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a finding", err)
	}
	if f.Verdict != want {
		t.Fatalf("the verdict of %v is %v, want %v", err, f.Verdict, want)
	}
	return f
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func layers(l *trace.Log, layer trace.Layer) []trace.Event {
	var es []trace.Event
	for _, e := range l.Events() {
		if e.Layer == layer {
			es = append(es, e)
		}
	}
	return es
}

// awaitForgotten waits until the server has no association with addr.
func (s *Server) awaitForgotten(ctx context.Context, addr netip.AddrPort) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		_, there := s.sessions[addr]
		s.mu.Unlock()
		if !there {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
