// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestCopiesAreOneRequestAndGetTheSameAnswer(t *testing.T) {
	s := listen(t, Options{})
	ran := make(chan struct{}, 8)
	s.Handle(func(_ context.Context, r *Request) error {
		ran <- struct{}{}
		return r.Respond(content("once"))
	})
	c := dial(t, s, Options{})
	req := get("/test")
	req.MessageID, req.Token = 0x4242, []byte{1}
	var answers []string
	for range 3 {
		if err := c.Send(coap.Frame{Message: *req}); err != nil {
			t.Fatal(err)
		}
		r, err := c.Await(within(t, patience), "the answer", WithID(0x4242))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(r.Raw))
	}
	if answers[0] != answers[1] || answers[0] != answers[2] {
		t.Errorf("different answers: %x", answers)
	}
	if len(s.Requests()) != 1 || len(ran) != 1 || len(s.Requests()[0].Copies()) != 2 {
		t.Errorf("%d requests, the script ran %d times, %d copies", len(s.Requests()), len(ran), len(s.Requests()[0].Copies()))
	}
}

func TestTheSameMessageIDFromAnotherPeerIsAnotherRequest(t *testing.T) {
	s := listen(t, Options{})
	for n := range 2 {
		c := dial(t, s, Options{})
		req := get("/test")
		req.MessageID = 0x4242
		if _, err := c.Exchange(within(t, patience), req); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AwaitRequest(within(t, patience), n+1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIgnoringTheFirstTransmissionsAnswersALaterOne(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(AfterIgnoring(2, Answer(content("at last"))))
	c := dial(t, s, Options{Timing: Timing{AckTimeout: 10 * time.Millisecond}})
	out, err := c.Exchange(within(t, patience), get("/test"))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Sent) < 3 {
		t.Errorf("%d transmissions, want at least 3", len(out.Sent))
	}
}

func TestASilentServerIsSilent(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(Silent())
	c := dial(t, s, Options{})
	req := get("/test")
	req.MessageID = 1
	for range 2 {
		if err := c.Send(coap.Frame{Message: *req}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.AwaitRequest(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.AwaitCopies(within(t, patience), 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Silence(within(t, patience), 50*time.Millisecond, Anything); err != nil {
		t.Error(err)
	}
}

func TestASeparateResponseIsRepeatedUntilAcknowledged(t *testing.T) {
	s := listen(t, Options{Timing: Timing{AckTimeout: 10 * time.Millisecond}})
	s.Handle(AnswerSeparately(content("late"), 0))
	c := dial(t, s, Options{})
	req := get("/test")
	req.MessageID, req.Token = 7, []byte{7}
	if err := c.Send(coap.Frame{Message: *req}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(within(t, patience), "the empty ACK", Is(coap.Acknowledgement, coap.CodeEmpty)); err != nil {
		t.Fatal(err)
	}
	var last *Received
	for range 3 {
		r, err := c.Await(within(t, patience), "the response", Is(coap.Confirmable, coap.Content))
		if err != nil {
			t.Fatal(err)
		}
		if last != nil && string(last.Raw) != string(r.Raw) {
			t.Errorf("the copies differ: %x, %x", last.Raw, r.Raw)
		}
		last = r
	}
	if err := c.Ack(last); err != nil {
		t.Fatal(err)
	}
	r, err := s.AwaitRequest(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(within(t, patience)); err != nil {
		t.Error(err)
	}
}

func TestASeparateResponseThatNobodyAcknowledgesFails(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*Client, *Received) error
		want   string
	}{
		"silence": {nil, "nothing"},
		"reset":   {(*Client).Reset, "RST 0.00 Empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, Options{Timing: Timing{AckTimeout: time.Millisecond}})
			s.Handle(AnswerSeparately(content("late"), 0))
			c := dial(t, s, Options{})
			req := get("/test")
			req.MessageID = 7
			if err := c.Send(coap.Frame{Message: *req}); err != nil {
				t.Fatal(err)
			}
			late, err := c.Await(within(t, patience), "the response", Is(coap.Confirmable, coap.Content))
			if err != nil {
				t.Fatal(err)
			}
			if tc.answer != nil {
				if err := tc.answer(c, late); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.AwaitRequest(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			f := finding(t, r.Wait(within(t, patience)), verdict.Fail)
			if !strings.HasPrefix(f.Expected, "an empty ACK") || !strings.Contains(f.Got, tc.want) {
				t.Errorf("got %v", f)
			}
		})
	}
}

func TestScriptsInTurn(t *testing.T) {
	s := listen(t, Options{})
	s.Handle(InTurn(Answer(content("1")), Answer(content("2"))))
	c := dial(t, s, Options{})
	var got []string
	for range 3 {
		out, err := c.Exchange(within(t, patience), get("/test"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(out.Response.Payload))
	}
	if d := cmp.Diff([]string{"1", "2", "2"}, got); d != "" {
		t.Error(d)
	}
}

func TestForcedTypesAreSeenAndAreNoRequests(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	for _, typ := range []coap.Type{coap.Acknowledgement, coap.Reset} {
		req := get("/test")
		req.Type, req.MessageID = typ, c.NextMessageID()
		if err := c.Send(coap.Frame{Message: *req}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AwaitMessage(within(t, patience), "a "+typ.String()+" GET", Is(typ, coap.GET)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if err := c.Silence(within(t, patience), 50*time.Millisecond, Anything); err != nil {
		t.Errorf("a forced ACK or RST was answered: %v", err)
	}
}

func TestAwaitRequestSaysWhatCameInstead(t *testing.T) {
	s := listen(t, Options{})
	c := dial(t, s, Options{})
	req := get("/test")
	req.Type, req.MessageID = coap.Acknowledgement, 3
	if err := c.Send(coap.Frame{Message: *req}); err != nil {
		t.Fatal(err)
	}
	_, err := s.AwaitRequest(within(t, 200*time.Millisecond), 1)
	f := finding(t, err, verdict.Fail)
	if f.Expected != "a request from the gateway within 200 ms" || !strings.HasPrefix(f.Got, "ACK GET [0x0003]") {
		t.Errorf("got %v", f)
	}
}

func TestEveryDatagramOfBothEndsIsInTheTrace(t *testing.T) {
	client, server := new(trace.Log), new(trace.Log)
	s := listen(t, Options{Trace: server, Name: "lamp", Remote: "caller"})
	c := dial(t, s, Options{Trace: client, Name: "caller", Remote: "lamp"})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	if err := c.SendBytes([]byte{0x40, 1}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AwaitMessage(within(t, patience), "two bytes", func(r *Received) bool { return r.Fault != nil }); err != nil {
		t.Fatal(err)
	}
	type line struct {
		From, To string
		Bytes    string
		Illegal  bool
	}
	lines := func(l *trace.Log) []line {
		var ls []line
		for _, e := range l.Events() {
			ls = append(ls, line{e.From.Name + " " + e.From.Addr.String(), e.To.Name + " " + e.To.Addr.String(), string(e.Bytes), e.Illegal})
		}
		return ls
	}
	sent, came := lines(client), lines(server)
	if len(sent) != 3 || !sent[2].Illegal || sent[0].Illegal {
		t.Fatalf("the client's trace: %+v", sent)
	}
	for i := range came {
		came[i].Illegal = sent[i].Illegal // the receiver does not know
	}
	if d := cmp.Diff(sent, came); d != "" {
		t.Errorf("the two ends saw different things (-client +server):\n%s", d)
	}
}

func TestIPv6(t *testing.T) {
	s := listen(t, Options{Local: mustAddrPort("[::1]:0")})
	c := dial(t, s, Options{})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	if !c.Local().Addr().Is6() {
		t.Errorf("local address %s", c.Local())
	}
}

func TestAWildcardAddressIsRefused(t *testing.T) {
	if _, err := Listen(t.Context(), Options{Local: mustAddrPort("0.0.0.0:0")}); err == nil {
		t.Error("bound a wildcard")
	}
	if _, err := Listen(t.Context(), Options{}); err == nil {
		t.Error("bound no address at all")
	}
}

func TestClosingEndsScriptsThatStillRun(t *testing.T) {
	s, err := Listen(t.Context(), Options{Local: loopback})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle(After(time.Hour, Answer(content("never"))))
	c := dial(t, s, Options{})
	req := get("/test")
	if err := c.Send(coap.Frame{Message: *req}); err != nil {
		t.Fatal(err)
	}
	r, err := s.AwaitRequest(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(within(t, patience)); err == nil {
		t.Error("the script ended without an error")
	}
}
