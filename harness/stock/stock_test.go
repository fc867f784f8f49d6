// SPDX-License-Identifier: Apache-2.0

package stock_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/stock"
)

const patience = 20 * time.Second

var get = &stock.Message{Code: codes.GET}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func serve(t *testing.T, o stock.Options) *stock.Server {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	s, err := stock.Serve(t.Context(), o)
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

func scripted(t *testing.T, s *stock.Server, sec *peer.Security) *peer.Client {
	t.Helper()
	c, err := peer.Dial(within(t, patience), s.Addr(), peer.Options{Security: sec})
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

func request(code coap.Code, typ coap.Type, path, payload string) *coap.Message {
	m := &coap.Message{Code: code, Type: typ, Payload: []byte(payload)}
	m.AddPath(path)
	return m
}

func TestTheResourcesAnswer(t *testing.T) {
	s := serve(t, stock.Options{})
	c := scripted(t, s, nil)
	for _, step := range []struct {
		code          coap.Code
		path, payload string
		want          coap.Code
		body          string
	}{
		{coap.GET, "/hello", "", coap.Content, "world"},
		{coap.PUT, "/hello", "x", coap.MethodNotAllowed, ""},
		{coap.POST, "/echo", "back", coap.Changed, "back"},
		{coap.DELETE, "/echo", "", coap.Deleted, ""},
		{coap.GET, "/test", "", coap.Content, "This is a test."},
		{coap.PUT, "/test", "new", coap.Changed, ""},
		{coap.GET, "/test", "", coap.Content, "new"},
		{coap.DELETE, "/test", "", coap.Deleted, ""},
		{coap.GET, "/test", "", coap.NotFound, ""},
		{coap.PUT, "/test", "again", coap.Created, ""},
		{coap.GET, "/nowhere", "", coap.NotFound, ""},
		{coap.GET, "", "", coap.NotFound, ""},
		{coap.FETCH, "/test", "x", coap.MethodNotAllowed, ""},
	} {
		for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
			if typ == coap.NonConfirmable && step.code != coap.GET {
				continue // each of these only once
			}
			out, err := c.Exchange(within(t, patience), request(step.code, typ, step.path, step.payload))
			if err != nil {
				t.Fatalf("%s %s: %v", step.code, step.path, err)
			}
			if out.Response.Code != step.want || string(out.Response.Payload) != step.body {
				t.Errorf("%s %s: got %s", step.code, step.path, out.Response)
			}
			want := coap.Acknowledgement
			if typ == coap.NonConfirmable {
				want = coap.NonConfirmable
			}
			if out.Response.Type != want {
				t.Errorf("%s %s %s: answered in a %s", typ, step.code, step.path, out.Response.Type)
			}
		}
	}
}

func TestPingIsAnsweredWithReset(t *testing.T) {
	s := serve(t, stock.Options{})
	if _, err := scripted(t, s, nil).Ping(within(t, patience)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoRequestIsNotAnswered(t *testing.T) {
	s := serve(t, stock.Options{})
	c := scripted(t, s, nil)
	for _, f := range []coap.Frame{
		{Message: coap.Message{Type: coap.Acknowledgement, MessageID: 1}},
		{Message: coap.Message{Type: coap.Reset, MessageID: 2}},
		{Message: coap.Message{Type: coap.Acknowledgement, Code: coap.GET, MessageID: 3}},
		{Message: coap.Message{Type: coap.Reset, Code: coap.GET, MessageID: 4}},
		{Message: coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 5, Token: []byte{1}}},
		{Message: coap.Message{Type: coap.Confirmable, Code: coap.Content, MessageID: 6, Token: []byte{1}}},
	} {
		if err := c.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Exchange(within(t, patience), request(coap.GET, coap.Confirmable, "/hello", "")); err != nil {
		t.Fatal(err)
	}
	if err := c.Silence(within(t, patience), 100*time.Millisecond, peer.Anything); err != nil {
		t.Error(err)
	}
}

func TestSlowAnswersSeparately(t *testing.T) {
	s := serve(t, stock.Options{SlowFor: 50 * time.Millisecond})
	out, err := scripted(t, s, nil).Exchange(within(t, patience), request(coap.GET, coap.Confirmable, "/slow", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !out.Separate || out.EmptyAck == nil || string(out.Response.Payload) != "at last" {
		t.Errorf("separate %t, empty ACK %v, response %v", out.Separate, out.EmptyAck, out.Response)
	}
}

func TestSlowAnswersANONWithANON(t *testing.T) {
	s := serve(t, stock.Options{SlowFor: time.Millisecond})
	out, err := scripted(t, s, nil).Exchange(within(t, patience), request(coap.GET, coap.NonConfirmable, "/slow", ""))
	if err != nil {
		t.Fatal(err)
	}
	if out.Response.Type != coap.NonConfirmable || out.EmptyAck != nil {
		t.Errorf("got %v, empty ACK %v", out.Response, out.EmptyAck)
	}
}

func TestSlowDoesNotHoldUpTheDevice(t *testing.T) {
	s := serve(t, stock.Options{SlowFor: time.Hour})
	c := scripted(t, s, nil)
	if err := c.Send(coap.Frame{Message: *request(coap.GET, coap.Confirmable, "/slow", "")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exchange(within(t, patience), request(coap.GET, coap.Confirmable, "/hello", "")); err != nil {
		t.Error(err)
	}
}

func device(t *testing.T, o peer.Options, script peer.Script) *peer.Server {
	t.Helper()
	o.Local = peerAddr
	s, err := peer.Listen(within(t, patience), o)
	if err != nil {
		t.Fatal(err)
	}
	s.Handle(script)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDoTakesEveryKindOfResponse(t *testing.T) {
	hello := &coap.Message{Code: coap.Content, Payload: []byte("hello")}
	for name, tc := range map[string]struct {
		script peer.Script
		typ    coap.Type
	}{
		"piggybacked":     {peer.Answer(hello), coap.Confirmable},
		"separate":        {peer.AnswerSeparately(hello, 10*time.Millisecond), coap.Confirmable},
		"non-confirmable": {peer.Answer(hello), coap.NonConfirmable},
		"after a loss":    {peer.AfterIgnoring(1, peer.Answer(hello)), coap.Confirmable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := device(t, peer.Options{}, tc.script)
			req := &stock.Message{Code: codes.GET, Type: message.Type(tc.typ)}
			req.Options = message.Options{{ID: message.Accept, Value: []byte{50}}}
			resp, err := stock.Do(within(t, patience), "coap://"+s.Local().String()+"/a/b%2Fc?x=1&y=%26+", req, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Code != codes.Content || string(resp.Payload) != "hello" {
				t.Errorf("got %s", resp)
			}
			got, err := s.AwaitRequest(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			var options []string
			for _, o := range got.Message.Options {
				options = append(options, o.String())
			}
			want := []string{"Uri-Path: a", "Uri-Path: b/c", "Uri-Query: x=1", "Uri-Query: y=&+", "Accept: 50 (application/json)"}
			if d := cmp.Diff(want, options); d != "" || got.Message.Type != tc.typ {
				t.Errorf("%s (-want +got):\n%s", got.Message.Type, d)
			}
		})
	}
}

func TestDoSaysThatItWasReset(t *testing.T) {
	s := device(t, peer.Options{}, peer.Reject())
	_, err := stock.Do(within(t, patience), "coap://"+s.Local().String()+"/x", get, nil, nil)
	if !errors.Is(err, stock.ErrReset) {
		t.Errorf("got %v", err)
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	s := device(t, peer.Options{}, peer.Silent())
	_, err := stock.Do(within(t, 100*time.Millisecond), "coap://"+s.Local().String()+"/x", get, nil, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestDTLSInAllDirections(t *testing.T) {
	a, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.Issue(pki.Leaf{Addrs: peerAddrs})
	if err != nil {
		t.Fatal(err)
	}
	const identity, key = "lamp", "0123456789abcdef"
	serving := &stock.Security{Identity: identity, Key: []byte(key)}
	serving.Certificates = append(serving.Certificates, leaf)
	s := serve(t, stock.Options{Security: serving})
	for name, sec := range map[string]struct {
		stock *stock.Security
		peer  *peer.Security
		suite string
	}{
		"PSK": {
			&stock.Security{Identity: identity, Key: []byte(key)}, &peer.Security{Identity: identity, Key: []byte(key)},
			"TLS_PSK_WITH_AES_128_CCM_8",
		},
		"certificate": {
			&stock.Security{Roots: a.Roots()}, &peer.Security{Roots: a.Roots()},
			"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := stock.Do(within(t, patience), "coaps://"+s.Addr().String()+"/hello", get, sec.stock, nil)
			if err != nil || string(resp.Payload) != "world" {
				t.Errorf("stock to stock: %v, %v", resp, err)
			}
			c := scripted(t, s, sec.peer)
			out, err := c.Exchange(within(t, patience), request(coap.GET, coap.Confirmable, "/hello", ""))
			if err != nil || c.CipherSuite() != sec.suite {
				t.Errorf("scripted to stock: %v, %v, %s", out, err, c.CipherSuite())
			}
			d := device(t, peer.Options{Security: &peer.Security{
				Identity: identity, Key: []byte(key), Certificates: serving.Certificates,
			}}, peer.Answer(&coap.Message{Code: coap.Content}))
			if _, err := stock.Do(within(t, patience), "coaps://"+d.Local().String()+"/x", get, sec.stock, nil); err != nil {
				t.Errorf("stock to scripted: %v", err)
			}
			if r := d.Requests(); len(r) != 1 || r[0].Session.CipherSuite != sec.suite {
				t.Errorf("requests %v", r)
			}
		})
	}
	t.Run("unknown root", func(t *testing.T) {
		other, err := pki.Create(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = stock.Do(within(t, patience), "coaps://"+s.Addr().String()+"/hello", get,
			&stock.Security{Roots: other.Roots()}, nil)
		if err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unknown identity", func(t *testing.T) {
		_, err := stock.Do(within(t, patience), "coaps://"+s.Addr().String()+"/hello", get,
			&stock.Security{Identity: "nobody", Key: []byte(key)}, nil)
		if err == nil || !strings.Contains(err.Error(), "alert") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMisuseIsRefusedWithAReason(t *testing.T) {
	for _, tc := range []struct {
		url  string
		req  *stock.Message
		want string
	}{
		{"http://127.0.0.1/", get, "want coap://host/path"},
		{"coap:///x", get, "want a host"},
		{"coap://127.0.0.1/#x", get, "fragment"},
		{"coap://127.0.0.1:0/", get, "want a port from 1 to 65535"},
		{"coap://127.0.0.1/" + strings.Repeat("a", 256), get, "a Uri-Path of 256 bytes"},
		{"coaps://127.0.0.1/", get, "coaps needs"},
		{"coap://127.0.0.1/", &stock.Message{Code: codes.Content}, "sends requests"},
		{"coap://127.0.0.1/", &stock.Message{Code: codes.GET, Type: message.Reset}, "sends requests"},
		{"::", get, "URL"},
	} {
		if _, err := stock.Do(within(t, patience), tc.url, tc.req, nil, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want a word on %q", tc.url, err, tc.want)
		}
	}
	if _, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0", Security: &stock.Security{}}); err == nil {
		t.Error("coaps without any credentials is served")
	}
	s := serve(t, stock.Options{})
	if _, err := stock.Serve(t.Context(), stock.Options{Addr: s.Addr().String()}); err == nil || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Errorf("a busy port: %v", err)
	}
}

func TestTheServerEndsWithItsContext(t *testing.T) {
	for name, sec := range map[string]*stock.Security{"udp": nil, "dtls": {Identity: "lamp", Key: []byte("k")}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s, err := stock.Serve(ctx, stock.Options{Addr: "127.0.0.1:0", Security: sec})
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := s.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
