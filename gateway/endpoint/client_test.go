// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// answer is how a Do ended, and when.
type answer struct {
	m   *coap.Message
	err error
	at  time.Duration
}

// do runs a request in the background.
func (p *station) do(ctx context.Context, req *coap.Message) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		m, err := p.e.Do(ctx, p, req)
		c <- answer{m, err, time.Since(p.started)}
	}()
	synctest.Wait()
	return c
}

func TestRetransmissionFollowsRFC7252(t *testing.T) {
	firsts := map[time.Duration]bool{}
	for seed := uint64(1); seed <= 20; seed++ {
		within(t, endpoint.Options{Seed: seed}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
			done := p.do(t.Context(), &coap.Message{Code: coap.GET})
			a := <-done
			got := p.got()
			if len(got) != 5 {
				t.Fatalf("%d transmissions, want 1 and 4 retransmissions", len(got))
			}
			timeout := got[1].at - got[0].at
			if timeout < 2*time.Second || timeout > 3*time.Second {
				t.Errorf("the first timeout is %v, want 2 s to 3 s", timeout)
			}
			firsts[timeout] = true
			for i, m := range got {
				if want := timeout * time.Duration(1<<i-1); m.at != want {
					t.Errorf("transmission %d after %v, want %v", i, m.at, want)
				}
				if m.String() != got[0].String() {
					t.Errorf("transmission %d is %v, the first was %v", i, m.Message, got[0].Message)
				}
			}
			if want := 31 * timeout; !errors.Is(a.err, endpoint.ErrGaveUp) || a.at != want {
				t.Errorf("ended with %v after %v, want ErrGaveUp after %v", a.err, a.at, want)
			}
		})
	}
	if len(firsts) < 15 {
		t.Errorf("the first timeout takes only %d values in 20 runs: it must be random", len(firsts))
	}
}

func TestPiggybackedResponseMustMatchTokenAndMessageID(t *testing.T) {
	within(t, endpoint.Options{}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		done := p.do(t.Context(), &coap.Message{Code: coap.GET})
		req := p.one("the request")
		if len(req.Token) != 8 {
			t.Errorf("the token is %x, want 8 bytes", req.Token)
		}
		good := coap.Message{Type: coap.Acknowledgement, Code: coap.Content, MessageID: req.MessageID, Token: req.Token, Payload: []byte("!")}
		wrongToken, wrongID := good, good
		wrongToken.Token, wrongToken.Payload = []byte("wrong"), []byte("wrong token")
		wrongID.MessageID, wrongID.Payload = wrongID.MessageID+1, []byte("wrong message id")
		otherPeer := good
		otherPeer.Payload = []byte("other peer")
		newStation(t, e, 3).says(otherPeer)
		p.says(wrongToken)
		p.says(wrongID)
		p.none("since nothing is answered to an ACK")
		p.says(good)
		if a := <-done; a.err != nil || string(a.m.Payload) != "!" {
			t.Errorf("got %v, %v", a.m, a.err)
		}
		p.says(good)
		p.none("since nothing is answered to an ACK")
	})
}

func TestSeparateResponseIsAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name          string
		request, resp coap.Type
		ackFirst      bool
	}{
		{"CON, acknowledged, then CON", coap.Confirmable, coap.Confirmable, true},
		{"CON, the acknowledgement lost, then CON", coap.Confirmable, coap.Confirmable, false},
		{"CON, acknowledged, then NON", coap.Confirmable, coap.NonConfirmable, true},
		{"CON, then NON", coap.Confirmable, coap.NonConfirmable, false},
		{"NON, then NON", coap.NonConfirmable, coap.NonConfirmable, false},
		{"NON, then CON", coap.NonConfirmable, coap.Confirmable, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, endpoint.Options{}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
				done := p.do(t.Context(), &coap.Message{Type: c.request, Code: coap.GET})
				req := p.one("the request")
				if c.ackFirst {
					p.says(empty(coap.Acknowledgement, req.MessageID))
					time.Sleep(20 * time.Second)
					p.none("since an acknowledged request is not retransmitted")
				}
				resp := coap.Message{Type: c.resp, Code: coap.Content, MessageID: 77, Token: req.Token}
				p.says(resp)
				if a := <-done; a.err != nil || a.m.Code != coap.Content {
					t.Errorf("got %v, %v", a.m, a.err)
				}
				for range 2 { // the duplicate gets the same acknowledgement
					if c.resp == coap.NonConfirmable {
						p.none("since a NON is not acknowledged")
					} else if m := p.one("an empty ACK"); m.Type != coap.Acknowledgement || !m.Empty() || m.MessageID != 77 {
						t.Errorf("got %v", m.Message)
					}
					p.says(resp)
				}
				p.got()
				time.Sleep(2 * time.Minute)
				p.none("since the request is answered")
			})
		})
	}
}

func TestResetEndsTheRequest(t *testing.T) {
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		within(t, endpoint.Options{}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
			done := p.do(t.Context(), &coap.Message{Type: typ, Code: coap.GET})
			req := p.one("the request")
			p.says(coap.Message{Type: coap.Reset, Code: coap.GET, MessageID: req.MessageID}) // not Empty: to be ignored
			synctest.Wait()
			if len(done) != 0 {
				t.Errorf("%s: a Reset that is not Empty ended the request", typ)
			}
			p.says(empty(coap.Reset, req.MessageID))
			if a := <-done; !errors.Is(a.err, endpoint.ErrReset) {
				t.Errorf("%s: %v", typ, a.err)
			}
			time.Sleep(time.Minute)
			p.none("after a Reset")
		})
	}
}

func TestResponseWithABadCriticalOptionIsRejected(t *testing.T) {
	for _, c := range []struct {
		typ    coap.Type
		option coap.OptionNumber
		value  string
		reset  bool
	}{
		{coap.Acknowledgement, 65001, "", false},
		{coap.NonConfirmable, 65001, "", false},
		{coap.Confirmable, 65001, "", true},
		{coap.Confirmable, coap.URIPath, "x", true}, // not defined for responses (RFC 7252 §5.4)
		{coap.Confirmable, coap.Block2, "\x08", true},
	} {
		within(t, endpoint.Options{}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
			done := p.do(t.Context(), &coap.Message{Code: coap.GET})
			req := p.one("the request")
			resp := coap.Message{Type: c.typ, Code: coap.Content, MessageID: req.MessageID, Token: req.Token}
			resp.AddString(c.option, c.value)
			p.says(resp)
			var bad *endpoint.BadResponseError
			if a := <-done; !errors.As(a.err, &bad) || !errors.Is(a.err, endpoint.ErrBadResponse) || bad.Code != coap.Content {
				t.Errorf("%s with %s: %v", c.typ, c.option, a.err)
			}
			if c.reset {
				if m := p.one("a Reset"); m.Type != coap.Reset || m.MessageID != resp.MessageID {
					t.Errorf("got %v", m.Message)
				}
			}
			time.Sleep(time.Minute)
			p.none("after a rejected response")
		})
	}
}

func TestNStartLimitsWhatIsOutstandingWithOnePeer(t *testing.T) {
	within(t, endpoint.Options{}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		first := p.do(t.Context(), &coap.Message{Code: coap.GET})
		second := p.do(t.Context(), &coap.Message{Code: coap.POST})
		ctx, giveUp := context.WithCancel(t.Context())
		third := p.do(ctx, &coap.Message{Code: coap.PUT})
		fourth := p.do(t.Context(), &coap.Message{Code: coap.DELETE})
		req := p.one("only the first request")
		q := newStation(t, e, 3)
		q.do(t.Context(), &coap.Message{Code: coap.GET})
		q.one("a request to another peer")

		giveUp()
		if a := <-third; !errors.Is(a.err, context.Canceled) {
			t.Errorf("the third: %v", a.err)
		}
		p.says(empty(coap.Acknowledgement, req.MessageID)) // no longer outstanding, though not answered
		next := p.one("the second request")
		if next.Code != coap.POST {
			t.Errorf("got %v", next.Message)
		}
		for _, m := range []sent{next, req} {
			p.says(coap.Message{Type: coap.NonConfirmable, Code: coap.Changed, MessageID: m.MessageID, Token: m.Token})
		}
		for _, c := range []<-chan answer{first, second} {
			if a := <-c; a.err != nil {
				t.Error(a.err)
			}
		}
		if m := p.one("the fourth request"); m.Code != coap.DELETE {
			t.Errorf("got %v", m.Message)
		}
		fifth := p.do(t.Context(), &coap.Message{Code: coap.GET})
		e.Forget(p.Key())
		for _, c := range []<-chan answer{fourth, fifth} { // one is sent, one waits
			if a := <-c; !errors.Is(a.err, endpoint.ErrForgotten) || a.at != 0 {
				t.Errorf("after Forget: %v at %v", a.err, a.at)
			}
		}
	})
}

func TestEndOfTheContextEndsTheRequest(t *testing.T) {
	within(t, endpoint.Options{}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		done := p.do(ctx, &coap.Message{Code: coap.GET})
		a := <-done
		if !errors.Is(a.err, context.DeadlineExceeded) || a.at != 10*time.Second {
			t.Errorf("ended with %v after %v", a.err, a.at)
		}
		got := p.got()
		if len(got) != 3 {
			t.Errorf("%d transmissions in 10 s, want 3", len(got))
		}
		late := coap.Message{Code: coap.Content, MessageID: 5, Token: got[0].Token}
		p.says(late)
		if m := p.one("a Reset for the late response"); m.Type != coap.Reset {
			t.Errorf("got %v", m.Message)
		}
		time.Sleep(2 * time.Minute)
		p.none("after giving up")
		next := p.do(t.Context(), &coap.Message{Code: coap.GET})
		p.one("the next request, which finds the slot free")
		_ = next
	})
}

func TestMessageIDsAreNotReusedWithinTheExchangeLifetime(t *testing.T) {
	within(t, endpoint.Options{Seed: 1}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		post := func() error {
			return e.Post(p, &coap.Message{Type: coap.NonConfirmable, Code: coap.GET, Token: []byte{1}})
		}
		used := map[uint16]bool{}
		for range 65000 {
			if err := post(); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range p.got() {
			if used[m.MessageID] {
				t.Fatalf("message id %d twice", m.MessageID)
			}
			used[m.MessageID] = true
		}
		err := error(nil)
		for i := 0; i < 1000 && err == nil; i++ {
			err = post()
		}
		if !errors.Is(err, endpoint.ErrNoMessageID) {
			t.Fatalf("got %v, want ErrNoMessageID", err)
		}
		for _, m := range p.got() {
			if used[m.MessageID] {
				t.Fatalf("message id %d twice", m.MessageID)
			}
		}
		time.Sleep(247 * time.Second)
		if err := post(); err != nil {
			t.Errorf("after EXCHANGE_LIFETIME: %v", err)
		}
	})
}

func TestPostForcesATypeAndAwaitsNothing(t *testing.T) {
	within(t, endpoint.Options{}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		for _, typ := range []coap.Type{coap.Acknowledgement, coap.Reset} {
			req := &coap.Message{Type: typ, Code: coap.GET}
			if err := e.Post(p, req); err != nil {
				t.Fatal(err)
			}
			if m := p.one("the message"); m.Type != typ || m.Code != coap.GET || m.MessageID != req.MessageID || len(m.Token) == 0 {
				t.Errorf("got %v", m.Message)
			}
		}
		time.Sleep(time.Minute)
		p.none("since nothing is retransmitted")
		if _, err := e.Do(t.Context(), p, &coap.Message{Type: coap.Acknowledgement, Code: coap.GET}); err == nil {
			t.Error("Do took a request in an ACK")
		}
	})
}

func TestPing(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer coap.Type
		want   error
	}{
		{"answered with a Reset", coap.Reset, nil},
		{"answered with an Acknowledgement", coap.Acknowledgement, nil},
		{"not answered", coap.Confirmable, endpoint.ErrGaveUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, endpoint.Options{}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
				p.onSend = func(m *coap.Message) {
					if c.answer != coap.Confirmable {
						go p.says(empty(c.answer, m.MessageID))
					}
				}
				if err := e.Ping(t.Context(), p); !errors.Is(err, c.want) {
					t.Errorf("Ping: %v, want %v", err, c.want)
				}
				if m := p.got()[0]; m.Type != coap.Confirmable || !m.Empty() {
					t.Errorf("sent %v", m.Message)
				}
			})
		})
	}
}

func TestTokenInUseIsRefused(t *testing.T) {
	within(t, endpoint.Options{Params: endpoint.Params{NStart: 2}}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		p.do(t.Context(), &coap.Message{Code: coap.GET, Token: []byte{}})
		if m := p.one("a request with the empty token"); len(m.Token) != 0 {
			t.Errorf("got %v", m.Message)
		}
		if _, err := e.Do(t.Context(), p, &coap.Message{Code: coap.GET, Token: []byte{}}); !errors.Is(err, endpoint.ErrTokenInUse) {
			t.Errorf("got %v, want ErrTokenInUse", err)
		}
	})
}
