// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestAwaitSaysThatNothingCame(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	_, err := c.Await(within(t, 50*time.Millisecond), "an empty ACK with message id 0x1234", WithID(0x1234))
	f := finding(t, err, verdict.Fail)
	if want := "expected an empty ACK with message id 0x1234 within 50 ms, got nothing"; f.Error() != want {
		t.Errorf("got  %s\nwant %s", f, want)
	}
}

func TestAwaitShowsWhatCameInstead(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Answer(&coap.Message{Code: coap.NotFound}))
	c := dial(t, s, Options{})
	req := get("/nowhere")
	req.MessageID, req.Token = 0x1234, []byte{0xab}
	if err := c.Send(coap.Frame{Message: *req}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Await(within(t, 200*time.Millisecond), "an empty ACK", Is(coap.Acknowledgement, coap.CodeEmpty))
	f := finding(t, err, verdict.Fail)
	if !strings.HasPrefix(f.Got, "ACK 4.04 Not Found [0x1234] token ab after ") {
		t.Errorf("got %s", f.Got)
	}
}

func TestAwaitTakesEachMessageOnce(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Answer(content("x")))
	c := dial(t, s, Options{})
	for range 2 {
		if err := c.Send(coap.Frame{Message: coap.Message{Type: coap.NonConfirmable, Code: coap.GET, MessageID: c.NextMessageID()}}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint16]bool{}
	for range 2 {
		r, err := c.Await(within(t, patience), "a response", Is(coap.NonConfirmable, coap.Content))
		if err != nil {
			t.Fatal(err)
		}
		seen[r.Message.MessageID] = true
	}
	if len(seen) != 2 {
		t.Errorf("the same message was taken twice: %v", seen)
	}
	if err := c.Silence(within(t, patience), 20*time.Millisecond, Anything); err != nil {
		t.Errorf("both were taken: %v", err)
	}
}

func TestSilenceIsBrokenByWhatCameBeforeAndWasNotTaken(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Answer(content("x")))
	c := dial(t, s, Options{})
	req := get("/test")
	req.MessageID = c.NextMessageID()
	if err := c.Send(coap.Frame{Message: *req}); err != nil {
		t.Fatal(err)
	}
	err := c.Silence(within(t, patience), patience/2, Is(coap.Acknowledgement, coap.Content))
	f := finding(t, err, verdict.Fail)
	if f.Expected != "silence for 5 s" || !strings.HasPrefix(f.Got, "ACK 2.05 Content") {
		t.Errorf("got %v", f)
	}
}

func TestABrokenOffWaitBlamesNobody(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Await(ctx, "a response", Anything)
	finding(t, err, verdict.Error)
	finding(t, c.Silence(ctx, time.Hour, Anything), verdict.Error)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Await(within(t, patience), "a response", Anything)
	finding(t, err, verdict.Error)
}

func TestAnAnswerFromElsewhereIsNotTaken(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Silent())
	log := new(trace.Log)
	c := dial(t, s, Options{Trace: log})
	var lc net.ListenConfig
	stranger, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	forged := coap.Frame{Message: coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 9}}
	if _, err := stranger.WriteTo(forged.Bytes(), net.UDPAddrFromAddrPort(c.Local())); err != nil {
		t.Fatal(err)
	}
	_, err = c.Await(within(t, 200*time.Millisecond), "a response", Anything)
	f := finding(t, err, verdict.Fail)
	if !strings.Contains(f.Got, "from "+stranger.LocalAddr().String()+", which nobody asked") {
		t.Errorf("got %s", f.Got)
	}
	if len(layers(log, trace.Datagram)) != 1 {
		t.Error("the forged datagram is not in the trace")
	}
}

func TestGarbageIsKeptAsItCame(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	for _, b := range [][]byte{{}, {0x40}, {0x41, 1, 0, 1}, {0xff, 0xff, 0xff, 0xff}} {
		if err := c.SendBytes(b, true); err != nil {
			t.Fatal(err)
		}
		r, err := s.AwaitMessage(within(t, patience), "garbage", Anything)
		if err != nil {
			t.Fatal(err)
		}
		if r.Fault == nil || string(r.Raw) != string(b) || r.Message == nil {
			t.Errorf("%x came as %+v", b, r)
		}
		if s := r.String(); !strings.Contains(s, "no CoAP message") {
			t.Errorf("%x reads as %s", b, s)
		}
	}
	if len(s.Requests()) != 0 {
		t.Error("garbage became a request")
	}
}
