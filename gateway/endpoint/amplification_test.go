// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// answers responds with the message after the time.
func answers(resp coap.Message, after time.Duration) endpoint.Handler {
	return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
		m := resp
		x.Respond(&m)
	})
}

func length(t *testing.T, m *coap.Message) int {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return len(b)
}

func TestWhatIsRefusedOverUDPIsNeverMuchLongerThanTheRequest(t *testing.T) {
	long := strings.Repeat("word after word ", 100)
	withFormat := func(code coap.Code, options ...coap.OptionNumber) coap.Message {
		m := coap.Message{Code: code, Payload: []byte(long)}
		m.AddUint(coap.MaxAge, 9)
		for _, n := range options {
			m.AddUint(n, 50)
		}
		return m
	}
	for name, tt := range map[string]struct {
		resp    coap.Message
		after   time.Duration
		payload string
	}{
		"diagnostic":                         {resp: coap.Message{Code: coap.NotFound, Payload: []byte(long)}, payload: "word after word word…"},
		"diagnostic with a Max-Age":          {resp: withFormat(coap.ServiceUnavailable), payload: "word after word…"},
		"short diagnostic":                   {resp: coap.Message{Code: coap.NotFound, Payload: []byte("short")}, payload: "short"},
		"one long word":                      {resp: coap.Message{Code: coap.NotFound, Payload: bytes.Repeat([]byte("x"), 100)}},
		"bytes that are no text":             {resp: coap.Message{Code: coap.NotFound, Payload: append([]byte("word after word \xff"), long...)}},
		"representation":                     {resp: withFormat(coap.NotFound, coap.ContentFormat)},
		"block of a representation":          {resp: withFormat(coap.NotFound, coap.ETag, coap.ContentFormat, coap.Block2)},
		"too long for a datagram, so 5.00":   {resp: coap.Message{Code: coap.Content, Payload: bytes.Repeat([]byte("x"), 1<<15)}, payload: "the response is too…"},
		"separate":                           {resp: coap.Message{Code: coap.GatewayTimeout, Payload: []byte(long)}, after: 3 * time.Second},
		"separate representation":            {resp: withFormat(coap.NotFound, coap.ContentFormat), after: 3 * time.Second},
		"what the handler vouches for, 2.05": {resp: withFormat(coap.Content, coap.ContentFormat), payload: long},
	} {
		t.Run(name, func(t *testing.T) {
			for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
				within(t, endpoint.Options{Handler: answers(tt.resp, tt.after)}, func(t *testing.T, e *endpoint.Endpoint, p *station) {
					req := coap.Message{Type: typ, Code: coap.GET, MessageID: 7, Token: []byte{1}}
					req.AddPath("/path")
					p.says(req)
					if typ == coap.NonConfirmable {
						time.Sleep(tt.after)
					} else {
						time.Sleep(tt.after + 100*time.Second) // every retransmission, which nobody acknowledges
					}
					var out int
					var last sent
					for _, last = range p.got() {
						out += length(t, last.Message)
					}
					if last.Message == nil {
						t.Fatal("no response")
					}
					if in := length(t, &req); last.Code.Class() != 2 && out > 3*in {
						t.Errorf("%d bytes for %d: %s", out, in, last)
					}
					want := tt.payload
					if typ == coap.NonConfirmable && tt.after > 0 && tt.resp.Code == coap.GatewayTimeout {
						want = "word after word word…" // sent only once, so that there is more room
					}
					if got := string(last.Payload); got != want {
						t.Errorf("%s: payload %q, want %q", typ, got, want)
					}
					if last.Code.Class() != 2 && last.Has(coap.ContentFormat) {
						t.Errorf("a Content-Format without a payload: %s", last)
					}
					if tt.resp.Has(coap.MaxAge) && tt.after == 0 && !last.Has(coap.MaxAge) {
						t.Errorf("the Max-Age is gone: %s", last)
					}
				})
			}
		})
	}
}

func TestADTLSSessionHasProvenItsAddress(t *testing.T) {
	long := strings.Repeat("word ", 100)
	within(t, endpoint.Options{Handler: answers(coap.Message{Code: coap.NotFound, Payload: []byte(long)}, 0)},
		func(t *testing.T, e *endpoint.Endpoint, p *station) {
			p.key.Session = 1
			p.says(get(coap.Confirmable, 7))
			if got := p.one("the response"); string(got.Payload) != long {
				t.Errorf("got %s", got)
			}
			if n := e.Stats().Shortened; n != 0 {
				t.Errorf("%d responses were shortened", n)
			}
		})
}

// A shorter message with the message id of an answered request would otherwise
// turn four bytes into the whole answer, as often as one likes.
func TestTheKeptAnswerIsForTrueDuplicatesAlone(t *testing.T) {
	long := strings.Repeat("word ", 100)
	within(t, endpoint.Options{Handler: answers(coap.Message{Code: coap.Content, Payload: []byte(long)}, 0)},
		func(_ *testing.T, _ *endpoint.Endpoint, p *station) {
			req := get(coap.Confirmable, 7)
			p.says(req)
			p.one("the response")
			p.says(coap.Message{Code: coap.GET, MessageID: 7})
			p.none("for four bytes are no duplicate of the request")
			p.says(req)
			p.one("the response again")
			p.key.Session = 1
			p.says(req)
			p.one("the response of a session")
			p.says(coap.Message{Code: coap.GET, MessageID: 7})
			p.one("the response to whoever holds the session's key")
		})
}
