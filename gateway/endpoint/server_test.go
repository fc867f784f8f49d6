// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

func TestConfirmableRequestGetsAPiggybackedResponse(t *testing.T) {
	calls := new(counter)
	within(t, endpoint.Options{Handler: content(0, calls)}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		p.says(get(coap.Confirmable, 9))
		m := p.one("a piggybacked response")
		if m.Type != coap.Acknowledgement || m.Code != coap.Content || m.MessageID != 9 || string(m.Token) != "\x07\x09" || string(m.Payload) != "here" {
			t.Errorf("got %v", m.Message)
		}
		time.Sleep(3 * time.Minute)
		p.none("since a piggybacked response is not retransmitted")
		calls.want(t, 1)
	})
}

func TestNonConfirmableRequestGetsANonConfirmableResponse(t *testing.T) {
	calls := new(counter)
	within(t, endpoint.Options{Handler: content(10*time.Second, calls)}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		p.says(get(coap.NonConfirmable, 9))
		time.Sleep(5 * time.Second)
		p.says(get(coap.NonConfirmable, 9))
		p.none("neither an acknowledgement of a NON nor an answer to its duplicate")
		time.Sleep(5 * time.Second)
		m := p.one("a NON response")
		if m.Type != coap.NonConfirmable || m.Code != coap.Content || string(m.Token) != "\x07\x09" {
			t.Errorf("got %v", m.Message)
		}
		p.says(get(coap.NonConfirmable, 9))
		time.Sleep(time.Minute)
		p.none("after the duplicate of an answered NON")
		calls.want(t, 1)
	})
}

func TestSlowResponseComesSeparatelyAfterAnEmptyAcknowledgement(t *testing.T) {
	calls := new(counter)
	within(t, endpoint.Options{Handler: content(10*time.Second, calls)}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		p.says(get(coap.Confirmable, 9))
		time.Sleep(999 * time.Millisecond)
		p.says(get(coap.Confirmable, 9))
		p.none("before EmptyAckAfter")
		time.Sleep(time.Millisecond)
		if m := p.one("an empty ACK"); m.Type != coap.Acknowledgement || !m.Empty() || m.MessageID != 9 {
			t.Errorf("got %v", m.Message)
		}
		p.says(get(coap.Confirmable, 9))
		if m := p.one("an empty ACK for the duplicate"); m.Type != coap.Acknowledgement || !m.Empty() || m.MessageID != 9 {
			t.Errorf("got %v", m.Message)
		}
		time.Sleep(9 * time.Second)
		m := p.one("the separate response")
		if m.Type != coap.Confirmable || m.Code != coap.Content || string(m.Token) != "\x07\x09" {
			t.Errorf("got %v", m.Message)
		}
		p.says(get(coap.Confirmable, 9))
		if m := p.one("still an empty ACK for a duplicate (RFC 7252 §5.2.2)"); m.Type != coap.Acknowledgement || !m.Empty() {
			t.Errorf("got %v", m.Message)
		}
		calls.want(t, 1)
	})
}

func TestSeparateResponseIsRetransmittedUntilAcknowledgedOrReset(t *testing.T) {
	piggyback := coap.Message{Type: coap.Acknowledgement, Code: coap.Content, Token: []byte("x"), Payload: []byte("y")}
	for _, c := range []struct {
		name  string
		stop  coap.Message
		stops bool
	}{
		{"ACK", empty(coap.Acknowledgement, 0), true},
		{"RST", empty(coap.Reset, 0), true},
		{"ACK with a payload, which is ignored (RFC 7252 §5.2.2)", piggyback, true},
		{"ACK that carries a request", get(coap.Acknowledgement, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, endpoint.Options{Handler: content(2*time.Second, nil)}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
				p.says(get(coap.Confirmable, 9))
				time.Sleep(2 * time.Second)
				first := p.got()[1]
				time.Sleep(3 * time.Second)
				again := p.one("the first retransmission")
				if again.MessageID != first.MessageID || again.Type != coap.Confirmable {
					t.Errorf("retransmitted %v as %v", first.Message, again.Message)
				}
				c.stop.MessageID = first.MessageID
				p.says(c.stop)
				time.Sleep(2 * time.Minute)
				if n := len(p.got()); c.stops != (n == 0) {
					t.Errorf("%d retransmissions after %v", n, &c.stop)
				}
			})
		})
	}
}

func TestDuplicatesGetTheKeptAnswerUntilTheExchangeEnds(t *testing.T) {
	for _, c := range []struct {
		typ      coap.Type
		lifetime time.Duration
	}{{coap.Confirmable, 247 * time.Second}, {coap.NonConfirmable, 145 * time.Second}} {
		t.Run(c.typ.String(), func(t *testing.T) {
			calls := new(counter)
			within(t, endpoint.Options{Handler: content(0, calls)}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
				p.says(get(c.typ, 9))
				first := p.one("an answer")
				e.Receive(p, []byte{0x7f}) // junk in between changes nothing
				time.Sleep(c.lifetime - time.Millisecond)
				other := get(c.typ, 9) // same message id, other content: still a duplicate
				other.Code, other.Payload = coap.POST, []byte("other")
				p.says(other)
				if c.typ == coap.Confirmable {
					if m := p.one("the kept answer"); m.String() != first.String() {
						t.Errorf("first %v, then %v", first.Message, m.Message)
					}
				} else {
					p.none("since a duplicate NON is ignored")
				}
				crossed := get(coap.Confirmable+coap.NonConfirmable-c.typ, 9) // the other type
				p.says(crossed)
				if c.typ == coap.Confirmable {
					p.none("since a NON is never acknowledged")
				}
				p.got()
				calls.want(t, 1)
				time.Sleep(time.Millisecond)
				p.says(get(c.typ, 9))
				p.one("an answer to a new request with an old message id")
				calls.want(t, 2)
			})
		})
	}
}

func TestTheSameMessageIDOfAnotherPeerIsAnotherMessage(t *testing.T) {
	calls := new(counter)
	within(t, endpoint.Options{Handler: content(0, calls)}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		q, session := newStation(t, e, 3), newStation(t, e, 2)
		session.key.Session = 1
		for _, s := range []*station{p, q, session} {
			s.says(get(coap.Confirmable, 9))
			s.one("an answer of its own")
		}
		calls.want(t, 3)
	})
}

func TestWhatCannotBeProcessedIsRejected(t *testing.T) {
	request := func(n coap.OptionNumber, v string) coap.Message {
		m := get(coap.Confirmable, 9)
		m.AddString(n, v)
		return m
	}
	for _, c := range []struct {
		name string
		m    coap.Message
		want string
	}{
		{"ping", empty(coap.Confirmable, 9), "RST 0.00 Empty [0x0009]"},
		{"reserved class 1, Confirmable", coap.Message{Code: coap.MakeCode(1, 0), MessageID: 9}, "RST 0.00 Empty [0x0009]"},
		{"reserved class 7, Non-confirmable", coap.Message{Type: coap.NonConfirmable, Code: coap.MakeCode(7, 1)}, ""},
		{"response that nobody awaits, Confirmable", coap.Message{Code: coap.Content, MessageID: 9, Token: []byte("x")}, "RST 0.00 Empty [0x0009]"},
		{"response that nobody awaits, Non-confirmable", coap.Message{Type: coap.NonConfirmable, Code: coap.Content}, ""},
		{"ACK that matches nothing", empty(coap.Acknowledgement, 9), ""},
		{"RST that matches nothing", empty(coap.Reset, 9), ""},
		{"request in an ACK", get(coap.Acknowledgement, 9), ""},
		{"request in a RST", get(coap.Reset, 9), ""},
		{"empty NON", empty(coap.NonConfirmable, 9), ""},
		{"unknown critical option", request(65001, "x"), "ACK 4.02 Bad Option [0x0009] token 0709  | Option 65001 is not recognized"},
		{"OSCORE", request(coap.OSCORE, ""), "ACK 4.02 Bad Option [0x0009] token 0709  | OSCORE (9) is not recognized"},
		{"Block1, which a layer above has to ask for", request(coap.Block1, "\x08"), "ACK 4.02 Bad Option [0x0009] token 0709  | Block1 (27) is not recognized"},
		{"critical option too long", request(coap.URIPort, "abc"), "ACK 4.02 Bad Option [0x0009] token 0709  | Uri-Port is 3 bytes long, 0 to 2 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := new(counter)
			within(t, endpoint.Options{Handler: content(0, calls), MaxAmplification: 9}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
				for range 2 { // a duplicate gets the same
					p.says(c.m)
					got := ""
					for _, m := range p.got() {
						got += m.String()
					}
					if got != c.want {
						t.Errorf("got  %q\nwant %q", got, c.want)
					}
				}
				calls.want(t, 0)
			})
		})
	}
}

func TestNonConfirmableRequestWithABadCriticalOptionGetsANonConfirmable402(t *testing.T) {
	within(t, endpoint.Options{Handler: content(0, nil)}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		m := get(coap.NonConfirmable, 9)
		m.Add(9, nil)
		p.says(m)
		if m := p.one("4.02"); m.Type != coap.NonConfirmable || m.Code != coap.BadOption || string(m.Token) != "\x07\x09" {
			t.Errorf("got %v", m.Message)
		}
	})
}

func TestBadElectiveOptionsAreRemovedBeforeTheHandler(t *testing.T) {
	var path string
	var seen []coap.Option
	h := endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
		path, seen = x.Request.Path(), x.Request.Options
		x.Respond(&coap.Message{Code: coap.Content})
	})
	within(t, endpoint.Options{Handler: h}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		m := get(coap.Confirmable, 9)
		m.AddString(coap.Observe, "4444")       // too long
		m.AddString(coap.ContentFormat, "\x2a") // good
		m.AddString(coap.ContentFormat, "\x2b") // once too often
		m.AddString(coap.MaxAge, "\x01")        // not defined for requests
		m.AddString(10, "x")                    // unknown
		m.AddString(coap.Size1, "\x01")         // good
		p.says(m)
		p.one("an answer")
		got := ""
		for _, o := range seen {
			got += o.String() + ";"
		}
		if want := "Uri-Path: a;Content-Format: 42 (application/octet-stream);Size1: 1;"; path != "/a" || got != want {
			t.Errorf("the handler saw %s\nwant %s", got, want)
		}
	})
}

func TestTooLongPayloadIsRefusedWithItsLimit(t *testing.T) {
	within(t, endpoint.Options{Handler: content(0, nil), MaxPayload: 100}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		m := get(coap.Confirmable, 9)
		m.Code, m.Payload = coap.POST, make([]byte, 101)
		p.says(m)
		r := p.one("4.13")
		if limit, _ := r.GetUint(coap.Size1); r.Code != coap.RequestEntityTooLarge || limit != 100 {
			t.Errorf("got %v", r.Message)
		}
	})
}

func TestHandlerThatDoesNotRespondMakesItAnInternalServerError(t *testing.T) {
	for name, h := range map[string]endpoint.HandlerFunc{
		"returns": func(context.Context, *endpoint.Exchange) {},
		"panics":  func(context.Context, *endpoint.Exchange) { panic("on purpose") },
		"no response code": func(_ context.Context, x *endpoint.Exchange) {
			x.Respond(&coap.Message{Code: coap.GET})
			x.Respond(&coap.Message{Code: coap.Content}) // too late
		},
		"nothing": func(_ context.Context, x *endpoint.Exchange) { x.Respond(nil) },
		"too much": func(_ context.Context, x *endpoint.Exchange) {
			x.Respond(&coap.Message{Code: coap.Content, Payload: make([]byte, 1<<16)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, endpoint.Options{Handler: h}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
				p.says(get(coap.Confirmable, 9))
				if m := p.one("5.00"); m.Type != coap.Acknowledgement || m.Code != coap.InternalServerError {
					t.Errorf("got %v", m.Message)
				}
				p.says(get(coap.Confirmable, 10))
				p.one("an answer to the next request")
			})
		})
	}
}

func TestRunningHandlersAreBounded(t *testing.T) {
	calls := new(counter)
	o := endpoint.Options{Handler: content(time.Minute, calls), MaxRunning: 3, MaxRunningPerPeer: 2}
	within(t, o, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		q := newStation(t, e, 3)
		for id := range uint16(3) {
			p.says(get(coap.Confirmable, id))
		}
		if m := p.one("a refusal of the third"); m.Code != coap.ServiceUnavailable || m.MessageID != 2 || !m.Has(coap.MaxAge) {
			t.Errorf("got %v", m.Message)
		}
		q.says(get(coap.Confirmable, 0))
		q.none("since another peer still finds a place")
		q.says(get(coap.Confirmable, 1))
		if m := q.one("a refusal"); m.Code != coap.ServiceUnavailable {
			t.Errorf("got %v", m.Message)
		}
		calls.want(t, 3)
		time.Sleep(time.Minute)
		p.got()
		p.says(get(coap.Confirmable, 20))
		p.none("since there is room again")
		calls.want(t, 4)
	})
}

func TestMemoryOfExchangesIsBounded(t *testing.T) {
	calls := new(counter)
	within(t, endpoint.Options{Handler: content(0, calls), MaxExchanges: 4}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		q := newStation(t, e, 3)
		post := get(coap.Confirmable, 100)
		post.Code = coap.POST
		p.says(post)
		p.one("an answer")
		for id := range uint16(20) { // pushes out only GET requests, of whatever peer
			q.says(get(coap.Confirmable, id))
			if m := q.one("an answer"); m.Code != coap.Content {
				t.Fatalf("got %v", m.Message)
			}
		}
		p.says(post)
		p.one("the kept answer")
		calls.want(t, 21)
		for id := uint16(200); id < 203; id++ {
			post.MessageID = id
			q.says(post)
			q.one("an answer")
		}
		post.MessageID = 300
		q.says(post)
		if m := q.one("a refusal, since nothing may be forgotten"); m.Code != coap.ServiceUnavailable || m.Type != coap.Acknowledgement || m.MessageID != 300 {
			t.Errorf("got %v", m.Message)
		}
		calls.want(t, 24)
		time.Sleep(248 * time.Second)
		q.says(post)
		if m := q.one("an answer, as time has made room"); m.Code != coap.Content {
			t.Errorf("got %v", m.Message)
		}
	})
}

func TestForgottenPeerEndsItsHandlers(t *testing.T) {
	ended := make(chan error, 1)
	h := endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
		<-ctx.Done()
		ended <- ctx.Err()
		x.Respond(&coap.Message{Code: coap.Content})
	})
	within(t, endpoint.Options{Handler: h}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		p.says(get(coap.Confirmable, 9))
		synctest.Wait()
		e.Forget(p.Key())
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context ended with %v", err)
		}
		time.Sleep(time.Minute)
		p.none("for a peer that is gone")
	})
}

func TestCloseLetsRunningRequestsFinishAndRefusesNewOnes(t *testing.T) {
	within(t, endpoint.Options{Handler: content(5*time.Second, nil)}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		p.onSend = func(m *coap.Message) {
			if m.Type == coap.Confirmable {
				go p.says(empty(coap.Acknowledgement, m.MessageID))
			}
		}
		p.says(get(coap.Confirmable, 9))
		time.Sleep(2 * time.Second)
		p.got()
		closed := make(chan error)
		go func() { closed <- e.Close(context.Background()) }()
		synctest.Wait()
		p.says(get(coap.Confirmable, 10))
		if m := p.one("a refusal"); m.Code != coap.ServiceUnavailable {
			t.Errorf("got %v", m.Message)
		}
		if _, err := e.Do(context.Background(), p, &coap.Message{Code: coap.GET}); !errors.Is(err, endpoint.ErrClosed) {
			t.Errorf("Do while closing: %v", err)
		}
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
		if m := p.one("the response"); m.Code != coap.Content || m.at != 5*time.Second {
			t.Errorf("got %v after %v", m.Message, m.at)
		}
		p.says(get(coap.Confirmable, 11))
		p.none("from a closed endpoint")
	})
}

func TestCloseCutsOffWhatOutlastsItsContext(t *testing.T) {
	within(t, endpoint.Options{Handler: content(time.Hour, nil)}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
		p.says(get(coap.Confirmable, 9))
		q := newStation(t, e, 3)
		failed := make(chan error, 1)
		go func() {
			_, err := e.Do(context.Background(), q, &coap.Message{Code: coap.GET})
			failed <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 requests") {
			t.Errorf("Close: %v", err)
		}
		if err := <-failed; !errors.Is(err, endpoint.ErrClosed) {
			t.Errorf("Do: %v", err)
		}
		if d := time.Since(p.started); d != 5*time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}

func TestEndpointWithoutHandlerRejectsRequests(t *testing.T) {
	within(t, endpoint.Options{}, func(t *testing.T, _ *endpoint.Endpoint, p *station) {
		p.says(get(coap.Confirmable, 9))
		if m := p.one("a Reset"); m.Type != coap.Reset || m.MessageID != 9 {
			t.Errorf("got %v", m.Message)
		}
		p.says(get(coap.NonConfirmable, 10))
		p.none("for a NON")
	})
}
