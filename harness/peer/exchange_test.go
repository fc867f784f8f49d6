// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestExchangeTakesEveryKindOfResponse(t *testing.T) {
	for name, tc := range map[string]struct {
		script   Script
		request  coap.Type
		response coap.Type
		separate bool
	}{
		"piggybacked":                     {Answer(content("a")), coap.Confirmable, coap.Acknowledgement, false},
		"separate":                        {AnswerSeparately(content("a"), time.Millisecond), coap.Confirmable, coap.Confirmable, true},
		"non-confirmable":                 {Answer(content("a")), coap.NonConfirmable, coap.NonConfirmable, false},
		"confirmable to a NON":            {AnswerSeparately(content("a"), 0), coap.NonConfirmable, coap.Confirmable, false},
		"separate without an acknowledge": {separateAtOnce(content("a")), coap.Confirmable, coap.Confirmable, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, Options{})
			s.Handle(tc.script)
			c := dial(t, s, Options{})
			req := get("/test")
			req.Type = tc.request
			out, err := c.Exchange(within(t, patience), req)
			if err != nil {
				t.Fatal(err)
			}
			if out.Response.Type != tc.response || out.Separate != tc.separate || string(out.Response.Payload) != "a" {
				t.Errorf("got %v, separate %t", out.Response, out.Separate)
			}
			if len(out.Sent) != 1 || out.RTT <= 0 {
				t.Errorf("sent at %v, round trip %v", out.Sent, out.RTT)
			}
			r, err := s.AwaitRequest(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Wait(within(t, patience)); err != nil {
				t.Errorf("the device's side: %v", err)
			}
			if d := cmp.Diff(out.Request, r.Message); d != "" {
				t.Errorf("what was sent is not what came (-sent +came):\n%s", d)
			}
		})
	}
}

func separateAtOnce(resp *coap.Message) Script {
	return func(ctx context.Context, r *Request) error {
		_, err := r.Separate(ctx, resp)
		return err
	}
}

func TestExchangeEndsAtAReset(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Reject())
	c := dial(t, s, Options{})
	out, err := c.Exchange(within(t, patience), get("/test"))
	f := finding(t, err, verdict.Fail)
	if out.Reset == nil || !strings.Contains(f.Got, "RST 0.00 Empty") || !strings.Contains(f.Expected, "a response to CON GET") {
		t.Errorf("outcome %+v, finding %v", out, f)
	}
}

func TestALostAcknowledgementIsSentAgain(t *testing.T) {
	s := listen(t, Options{Timing: Timing{AckTimeout: 20 * time.Millisecond}})
	copies := make(chan error, 1)
	s.Handle(func(ctx context.Context, r *Request) error {
		m := content("late")
		m.Type, m.MessageID, m.Token = coap.Confirmable, 0x7777, r.Message.Token
		acks := Both(Is(coap.Acknowledgement, coap.CodeEmpty), WithID(0x7777))
		for range 2 { // as if the first acknowledgement had been lost
			if err := r.SendFrame(coap.Frame{Message: *m}); err != nil {
				return err
			}
			if _, err := s.AwaitMessage(ctx, "an ACK", acks); err != nil {
				return err
			}
		}
		close(copies)
		return nil
	})
	c := dial(t, s, Options{})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-copies:
	case <-within(t, patience).Done():
		t.Fatal("the copy of the response was not acknowledged")
	}
}

func TestARequestIsNotAnsweredByAnotherToken(t *testing.T) {
	for _, typ := range []coap.Type{coap.NonConfirmable, coap.Acknowledgement} {
		s := listen(t, Options{})
		s.Handle(func(_ context.Context, r *Request) error {
			m := content("forged")
			m.Type, m.MessageID, m.Token = typ, r.Message.MessageID, []byte{1, 2}
			return r.SendFrame(coap.Frame{Message: *m})
		})
		c := dial(t, s, Options{})
		_, err := c.Exchange(within(t, 100*time.Millisecond), get("/test"))
		f := finding(t, err, verdict.Fail)
		if !strings.Contains(f.Got, typ.String()+" 2.05 Content") || !strings.Contains(f.Got, "token 0102") {
			t.Errorf("the finding does not show the forged response: %v", f)
		}
	}
}

// recorder is the other end of a client without any socket, for the time rules.
type recorder struct {
	sent []time.Time
	got  [][]byte
	then func(n int, b []byte) // after the n-th message, from 1
}

func (r *recorder) send(b []byte, _ bool) error {
	r.sent = append(r.sent, time.Now())
	r.got = append(r.got, append([]byte(nil), b...))
	if r.then != nil {
		r.then(len(r.sent), b)
	}
	return nil
}

func TestAConfirmableRequestIsRepeatedAsRFC7252Says(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			via := new(recorder)
			c := newClient(Options{Seed: seed + 1}.withDefaults(), via)
			begun := time.Now()
			out, err := c.Exchange(t.Context(), get("/test"))
			f := finding(t, err, verdict.Fail)
			if len(via.sent) != 5 || len(out.Sent) != 5 {
				t.Fatalf("%d transmissions, want 5", len(via.sent))
			}
			first := via.sent[1].Sub(via.sent[0])
			if first < 2*time.Second || first > 3*time.Second {
				t.Errorf("the first timeout is %v, want 2 s to 3 s", first)
			}
			for n := 2; n < 5; n++ {
				if gap, want := via.sent[n].Sub(via.sent[n-1]), first<<(n-1); gap != want {
					t.Errorf("timeout %d is %v, want %v", n, gap, want)
				}
			}
			if took := time.Since(begun); took != first*31 {
				t.Errorf("given up after %v, want %v", took, first*31)
			}
			for _, b := range via.got[1:] {
				if d := cmp.Diff(via.got[0], b); d != "" {
					t.Errorf("a copy differs:\n%s", d)
				}
			}
			if !strings.Contains(f.Expected, "5 transmissions") || f.Got != "nothing" {
				t.Errorf("finding: %v", f)
			}
		})
	}
}

func TestAnEmptyAcknowledgementEndsTheRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		via := new(recorder)
		c := newClient(Options{Seed: 1}.withDefaults(), via)
		via.then = func(n int, b []byte) {
			if n == 2 { // the first transmission was lost
				ack := coap.Frame{Message: coap.Message{Type: coap.Acknowledgement, MessageID: c.messageIDOf(b)}}
				c.deliver(ack.Bytes(), c.remote, time.Now())
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		out, err := c.Exchange(ctx, get("/test"))
		f := finding(t, err, verdict.Fail)
		if len(via.sent) != 2 || out.EmptyAck == nil {
			t.Errorf("%d transmissions, empty ACK %v", len(via.sent), out.EmptyAck)
		}
		if !strings.Contains(f.Expected, "behind its empty ACK within") {
			t.Errorf("finding: %v", f)
		}
	})
}

func (c *Client) messageIDOf(b []byte) uint16 { return uint16(b[2])<<8 | uint16(b[3]) }

func TestANonConfirmableRequestIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		via := new(recorder)
		c := newClient(Options{}.withDefaults(), via)
		req := get("/test")
		req.Type = coap.NonConfirmable
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := c.Exchange(ctx, req)
		finding(t, err, verdict.Fail)
		if len(via.sent) != 1 {
			t.Errorf("%d transmissions, want 1", len(via.sent))
		}
	})
}

func TestPingIsAnsweredWithReset(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	if _, err := c.Ping(within(t, patience)); err != nil {
		t.Fatal(err)
	}
}

func TestSeedsMakeMessageIDsAndTokensRepeatable(t *testing.T) {
	names := func(seed uint64) string {
		i := newIDs(seed)
		return fmt.Sprintf("%d %x %s", i.messageID(), i.token(8), i.timeout(Timing{}.withDefaults()))
	}
	if first, second := names(7), names(7); first != second {
		t.Error("one seed gives two sequences")
	}
	if names(7) == names(8) {
		t.Error("two seeds give one sequence")
	}
}

func TestMessageIDZeroIsNotGivenOut(t *testing.T) {
	i := newIDs(1)
	for range 1 << 17 {
		if i.messageID() == 0 {
			t.Fatal("0 was given out")
		}
	}
}

// A link may double the empty acknowledgement, which is no response for that.
func TestAnEmptyAcknowledgementMayComeTwice(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(func(ctx context.Context, r *Request) error {
		for range 2 {
			if err := r.Ack(); err != nil {
				return err
			}
		}
		_, err := r.Separate(ctx, content("late"))
		return err
	})
	out, err := dial(t, s, Options{}).Exchange(within(t, patience), get("/test"))
	if err != nil {
		t.Fatal(err)
	}
	if !out.Separate || string(out.Response.Payload) != "late" {
		t.Errorf("got %v, want the separate response", out.Response)
	}
}
