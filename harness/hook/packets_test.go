// SPDX-License-Identifier: Apache-2.0

package hook_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/hook"
)

func TestPacketsAreShownWhileSomebodyWatches(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.7:40001")
	message := &coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: 1}
	message.AddPath("coap2http")
	get, err := message.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	record := func(kind byte, body ...byte) []byte {
		return append([]byte{kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(body))}, body...)
	}
	synctest.Test(t, func(t *testing.T) {
		var p hook.Packets
		p.Add(from, get) // nobody watches
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		go p.Watch(ctx, func(line string) { got = append(got, line) })
		synctest.Wait()
		for _, b := range [][]byte{get, record(22, 1), record(22, 16), record(23, 9, 9), {0xff}, nil} {
			p.Add(from, b)
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		for range 1000 {
			p.Add(from, get) // nobody watches any more
		}
		want := []string{
			"192.0.2.7:40001: CoAP CON GET, 14 bytes", "192.0.2.7:40001: DTLS ClientHello, 14 bytes", "192.0.2.7:40001: DTLS handshake, 14 bytes",
			"192.0.2.7:40001: DTLS, 15 bytes", "192.0.2.7:40001: neither CoAP nor DTLS, 1 byte", "192.0.2.7:40001: neither CoAP nor DTLS, 0 bytes",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestAFloodOfPacketsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p hook.Packets
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		shown := 0
		go p.Watch(ctx, func(string) {
			<-hold
			shown++
		})
		synctest.Wait()
		for range 1000 {
			p.Add(netip.AddrPort{}, nil)
		}
		close(hold)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if shown == 0 || shown > 100 {
			t.Errorf("%d of 1000 packets were shown, want some", shown)
		}
	})
}
