// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
)

func TestWhatTheScreenNamesIsRecordedUnderItAndGoesNoFurther(t *testing.T) {
	log := &trace.Log{}
	kept := func(_ netip.AddrPort, b []byte) string {
		if m, err := coap.Decode(b); err == nil && m.Code == coap.PUT {
			return "somebody else"
		}
		return ""
	}
	s, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: "caller", Trace: log, Screen: kept})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, err := peer.Dial(t.Context(), s.Local(), peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for _, m := range []coap.Message{
		{Type: coap.NonConfirmable, Code: coap.PUT, MessageID: 1},
		{Type: coap.NonConfirmable, Code: coap.GET, MessageID: 2},
	} {
		if err := c.Send(coap.Frame{Message: m}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.AwaitRequest(t.Context(), 1)
	if err != nil || r.Message.Code != coap.GET {
		t.Fatalf("got %v, %v, want the GET alone", r, err)
	}
	var from []string
	for _, e := range log.Events() {
		if e.To.Addr == s.Local() {
			from = append(from, e.From.Name)
		}
	}
	if !slices.Equal(from, []string{"somebody else", "caller"}) {
		t.Errorf("recorded as from %q", from)
	}
}

func TestNothingIsSentToWhereTheGuardForbids(t *testing.T) {
	refused := errors.New("not there")
	guard := func(to netip.Addr) error {
		if to != netip.MustParseAddr("127.0.0.1") {
			return refused
		}
		return nil
	}
	elsewhere := netip.MustParseAddrPort("127.0.0.2:5683")
	if _, err := peer.Dial(t.Context(), elsewhere, peer.Options{Guard: guard}); !errors.Is(err, refused) {
		t.Errorf("Dial: %v", err)
	}
	if _, err := peer.Offer(t.Context(), elsewhere, peer.Options{Guard: guard}, []uint16{0xc0a8}); !errors.Is(err, refused) {
		t.Errorf("Offer: %v", err)
	}
	c, err := peer.Dial(t.Context(), netip.MustParseAddrPort("127.0.0.1:5683"), peer.Options{Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
