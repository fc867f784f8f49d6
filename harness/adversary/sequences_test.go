// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/peer"
)

// Q01, Q03, Q04: copies of a request, whatever comes between them and whatever
// they say now, are one request with one answer (RFC 7252 §4.2, §4.5).
func TestCopiesOfARequestAreOneRequest(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, secure := range transports {
		t.Run(name, func(t *testing.T) {
			d := b.device(t, secure)
			path := "/once/" + name
			m := whole(d, b.request(coap.Confirmable, coap.POST, path))
			m.Payload = []byte("order one")
			first := exchange(t, d, m, coap.Changed).Received
			other := m.Clone()
			other.Code, other.Payload = coap.DELETE, nil
			for i, between := range []func() error{
				func() error { return nil },
				func() error { return d.SendBytes([]byte{0xff}, true) },                   // Q03: junk
				func() error { return d.SendBytes([]byte{0x49, 1, 0, 7, 1, 2, 3}, true) }, // and what is rejected
				func() error { send(t, d, other); return nil },                            // Q04
			} {
				if err := between(); err != nil {
					t.Fatal(err)
				}
				send(t, d, m)
				copies := 1
				if i == 3 {
					copies = 2 // the other content is a copy as well
				}
				for range copies {
					again := await(t, d, "the same answer", peer.WithID(m.MessageID))
					if !bytes.Equal(again.Raw, first.Raw) {
						t.Errorf("copy %d got %s, want %s once more", i, again, first)
					}
				}
			}
			if n := b.platform.called(path); n != 1 {
				t.Errorf("the platform was called %d times, want once", n)
			}
		})
	}
}

// Q05: copies of a Non-confirmable request are served once and answered at most
// once.
func TestCopiesOfANonConfirmableRequestAreOneRequest(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, secure := range transports {
		t.Run(name, func(t *testing.T) {
			d := b.device(t, secure)
			path := "/once/" + name
			m := whole(d, b.request(coap.NonConfirmable, coap.POST, path))
			for range 5 {
				send(t, d, m)
			}
			await(t, d, "a response", peer.WithToken(m.Token))
			send(t, d, m)
			ping(t, d)
			if rest := unasked(d); len(rest) > 0 {
				t.Errorf("besides one response there came %q", rest)
			}
			if n := b.platform.called(path); n != 1 {
				t.Errorf("the platform was called %d times, want once", n)
			}
		})
	}
}

// mirror is a socket that sends whatever it gets from one gateway on to another,
// or back. To the gateways it is what a forged source address makes of them:
// each seems to be spoken to by the other, or by itself.
type mirror struct {
	from    *net.UDPConn
	relayed atomic.Int64
	last    chan struct{}
}

func newMirror(t *testing.T, gateway netip.AddrPort) *mirror {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "udp", gateway.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &mirror{from: c.(*net.UDPConn), last: make(chan struct{}, 1)}
}

// relay sends what this gateway says to the other one.
func (m *mirror) relay(other *mirror) {
	buf := make([]byte, 1<<16)
	for {
		n, err := m.from.Read(buf)
		if err != nil {
			return
		}
		if m.relayed.Add(1) > endless {
			return // it has been shown
		}
		_, _ = other.from.Write(buf[:n])
		select {
		case m.last <- struct{}{}:
		default:
		}
	}
}

// endless is more packets than any conversation here can have.
const endless = 100

// stillness is how long no packet has to come to say that no more will.
const stillness = 300 * time.Millisecond

// forged is what somebody may send with a false source address.
var forged = map[string]struct {
	bytes []byte
	most  int64 // packets that it may cause
}{
	"CON 2.05":             {[]byte{0x41, 0x45, 0x12, 0x34, 0xaa}, 1},
	"NON 2.05":             {[]byte{0x51, 0x45, 0x12, 0x34, 0xaa}, 0},
	"ACK 2.05":             {[]byte{0x61, 0x45, 0x12, 0x34, 0xaa}, 0},
	"empty ACK":            {[]byte{0x60, 0x00, 0x12, 0x34}, 0},
	"RST":                  {[]byte{0x70, 0x00, 0x12, 0x34}, 0},
	"RST with a request":   {[]byte{0x70, 0x01, 0x12, 0x34}, 0},
	"ping":                 {[]byte{0x40, 0x00, 0x12, 0x34}, 1},
	"reserved class":       {[]byte{0x40, 0x20, 0x12, 0x34}, 1},
	"no legal message":     {[]byte{0x4f, 0x01, 0x12, 0x34}, 1},
	"CON GET":              {[]byte{0x41, 0x01, 0x12, 0x34, 0xaa}, 1},
	"NON GET":              {[]byte{0x51, 0x01, 0x12, 0x34, 0xaa}, 1},
	"CON GET with Block1":  {[]byte{0x41, 0x01, 0x12, 0x34, 0xaa, 0xd1, 0x0e, 0x08}, 1},
	"CON with option 9":    {[]byte{0x41, 0x01, 0x12, 0x34, 0xaa, 0x90}, 1},
	"CON 4.04 in the dark": {[]byte{0x41, 0x84, 0x12, 0x34, 0xaa}, 1},
}

// Q06, S07: a datagram that seems to come from the gateway itself causes at most
// one packet.
func TestDatagramFromTheGatewayToItselfStartsNoLoop(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, f := range forged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t, b.remote(false))
			go m.relay(m)
			mirrored(t, f.bytes, f.most, m)
		})
	}
}

// Q07, S07: the same between two gateways.
func TestForgedDatagramStartsNoLoopBetweenTwoGateways(t *testing.T) {
	t.Parallel()
	one, two := start(t), start(t)
	for name, f := range forged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, n := newMirror(t, one.remote(false)), newMirror(t, two.remote(false))
			go m.relay(n)
			go n.relay(m)
			mirrored(t, f.bytes, f.most, m, n)
		})
	}
}

func mirrored(t *testing.T, forged []byte, most int64, mirrors ...*mirror) {
	t.Helper()
	if _, err := mirrors[0].from.Write(forged); err != nil {
		t.Fatal(err)
	}
	count := func() (n int64) {
		for _, m := range mirrors {
			n += m.relayed.Load()
		}
		return n
	}
	still := time.NewTimer(stillness)
	defer still.Stop()
	other := mirrors[len(mirrors)-1]
	for done := false; !done; {
		select {
		case <-mirrors[0].last:
			still.Reset(stillness)
		case <-other.last:
			still.Reset(stillness)
		case <-still.C:
			done = true
		}
		done = done || count() > endless
	}
	if n := count(); n > most {
		t.Errorf("%x caused %d packets, want at most %d", forged, n, most)
	}
}

// Q14, R06: a slow request is acknowledged within a second, before the device
// would repeat it; the response follows by itself in a CON, is repeated until an
// Acknowledgement or a Reset stops that, and no longer.
func TestSeparateResponseEndsWithAcknowledgementOrReset(t *testing.T) {
	t.Parallel()
	b := start(t)
	type device struct {
		*peer.Client

		name    string
		request *coap.Message
		first   *peer.Received
	}
	var devices []*device
	for _, secure := range transports {
		for _, name := range []string{"ACK", "RST", "silence"} {
			d := &device{Client: b.device(t, secure), name: name}
			d.request = whole(d.Client, b.request(coap.Confirmable, coap.POST, fmt.Sprintf("/hang/%v/%s", secure, name)))
			devices = append(devices, d)
		}
	}
	begun := time.Now()
	for _, d := range devices {
		send(t, d.Client, d.request)
	}
	for _, d := range devices {
		ack := await(t, d.Client, "an empty ACK", peer.WithID(d.request.MessageID))
		if ack.Message.Type != coap.Acknowledgement || !ack.Message.Empty() {
			t.Fatalf("got %s, want an empty ACK", ack)
		}
		if took := ack.At.Sub(begun); took >= 2*time.Second {
			t.Errorf("the empty ACK took %s, want at most 1 s, and less than ACK_TIMEOUT", took)
		}
	}
	b.platform.free()
	for _, d := range devices {
		d.first = await(t, d.Client, "a separate response", peer.WithToken(d.request.Token))
		if m := d.first.Message; m.Type != coap.Confirmable || m.Code != coap.Changed {
			t.Fatalf("got %s, want a CON 2.04", d.first)
		}
		var err error
		switch d.name {
		case "ACK":
			err = d.Ack(d.first)
		case "RST":
			err = d.Reset(d.first)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range devices {
		if d.name != "silence" {
			continue
		}
		again := await(t, d.Client, "the response once more", peer.WithToken(d.request.Token))
		gap := again.At.Sub(d.first.At)
		if !bytes.Equal(again.Raw, d.first.Raw) || gap < 1900*time.Millisecond || gap > 3*time.Second+soon {
			t.Errorf("after %s got %s, want %s after 2 to 3 s", gap, again, d.first)
		}
		if err := d.Ack(again); err != nil {
			t.Fatal(err)
		}
	}
	// The others would have been sent again by then.
	for _, d := range devices {
		if wait := 3200*time.Millisecond - time.Since(d.first.At); d.name != "silence" && wait > 0 {
			if err := d.Silence(t.Context(), wait, peer.Anything); err != nil {
				t.Errorf("after %s: %v", d.name, err)
			}
		}
		ping(t, d.Client)
		if rest := unasked(d.Client); len(rest) > 0 {
			t.Errorf("after %s there came %q", d.name, rest)
		}
	}
}

// Q15: what answers another request than the one under way, or comes from
// another address, is rejected or ignored; the caller over HTTP notices nothing.
func TestLateAndForgedAnswersDoNotReachTheCaller(t *testing.T) {
	t.Parallel()
	device, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	stranger, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Close() })
	b := start(t, func(c *gateway.Config) {
		c.Providers = map[string]outbound.Provider{"device": {
			Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://" + device.Local().String()}},
		}}
		c.Connectors = map[string]outbound.Connector{"get": {Provider: "device", Method: "GET", URL: "/x"}}
	})
	text := func(s string) *coap.Message {
		m := &coap.Message{Code: coap.Content, Payload: []byte(s)}
		m.AddUint(coap.ContentFormat, uint32(coap.TextPlain))
		return m
	}
	call := func(want string) {
		t.Helper()
		resp, err := api.NewClient("http://"+b.Addresses().API.String(), nil).Call(t.Context(), "get", outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(body) != want {
			t.Errorf("the caller got %s: %q, want 200 OK: %q", resp.Status, body, want)
		}
	}
	var first *peer.Request
	device.Handle(func(_ context.Context, r *peer.Request) error {
		first = r
		return r.Respond(text("first"))
	})
	call("first")

	device.Handle(func(ctx context.Context, r *peer.Request) error {
		late, confirmable := uint16(0xfff0), uint16(0xfff1)
		frame := func(typ coap.Type, id uint16, token []byte) coap.Frame {
			m := text("wrong")
			m.Type, m.MessageID, m.Token = typ, id, token
			return coap.Frame{Message: *m}
		}
		mine, old := r.Message, first.Message
		for _, f := range []coap.Frame{
			frame(coap.Acknowledgement, old.MessageID, old.Token),  // late
			frame(coap.Acknowledgement, mine.MessageID, old.Token), // the old answer to the new message
			frame(coap.Acknowledgement, old.MessageID, mine.Token),
			frame(coap.Acknowledgement, mine.MessageID, nil),
			frame(coap.NonConfirmable, late, old.Token),
			frame(coap.Confirmable, confirmable, old.Token),
		} {
			if err := r.SendFrame(f); err != nil {
				return err
			}
		}
		// The right message id and token from another address, where a socket takes that.
		b := frame(coap.Acknowledgement, mine.MessageID, mine.Token).Bytes()
		if _, err := stranger.WriteTo(b, net.UDPAddrFromAddrPort(r.Peer)); err != nil {
			return err
		}
		isReset := peer.Both(peer.Is(coap.Reset, coap.CodeEmpty), peer.WithID(confirmable))
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if _, err := device.AwaitMessage(ctx, "a Reset of the late response", isReset); err != nil {
			return err
		}
		return r.Respond(text("second"))
	})
	call("second")
	for _, r := range device.Requests() {
		if err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
