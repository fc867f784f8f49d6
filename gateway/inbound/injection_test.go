// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
)

// injections is strings that try to end what they stand in and to begin
// something else: those that are known for it, and made ones.
func injections() []string {
	ends := []string{"\r\n", "\n", "\r", "\x00", " ", "\t", "\"", "\\", "%0d%0a", "\u2028", "\u560d\u560a", "?", "#", "&", "=", "/", "%", ";", ",", ":", "@", "[", "]", "<", ">"}
	begins := []string{"", "X-Evil: y", "X-Evil: y\r\n\r\n", "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n", " HTTP/1.1\r\nX-Evil: y", "AuthToken=" + "eDp5", "../", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}
	var all []string
	for _, e := range ends {
		for _, b := range begins {
			all = append(all, "a"+e+b, e+b)
		}
	}
	r := rand.New(rand.NewPCG(1, 2)) // a test wants the same strings each time
	for range 200 {
		b := make([]byte, 1+r.IntN(40))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		all = append(all, string(b))
	}
	return all
}

// Whatever stands in the options and in the payload: the platform gets one
// request, with the header fields that are ours and the option's value in its
// place, or none at all.
func TestOptionsInjectNothingIntoHTTP(t *testing.T) {
	u := newUpstream(t, says(okResponse))
	h := gateway(t, u)
	addr := u.Addr().(*net.TCPAddr)
	base := []option{{coap.ProxyScheme, "http"}, {coap.URIHost, addr.IP.String()}, {coap.URIPort, addr.Port}}
	fields := []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "If-Match", "If-None-Match", "User-Agent"}
	sent, refused := 0, 0
	for _, s := range injections() {
		payload := []option{{coap.URIPath, "p"}, {coap.URIQuery, token}}
		for _, tt := range []struct {
			where   string
			method  coap.Code
			payload string
			options []option
			holds   func(r *http.Request, body string) bool
		}{
			{"Uri-Path", coap.GET, "", []option{{coap.URIPath, "p"}, {coap.URIPath, s}, {coap.URIPath, "q"}, {coap.URIQuery, token}}, func(r *http.Request, _ string) bool {
				segments := strings.Split(r.URL.EscapedPath(), "/")
				got, err := url.PathUnescape(segments[min(2, len(segments)-1)])
				return err == nil && len(segments) == 4 && got == s && r.URL.RawQuery == ""
			}},
			{"Uri-Query", coap.GET, "", []option{{coap.URIQuery, s}, {coap.URIQuery, token}}, func(r *http.Request, _ string) bool {
				got, err := url.PathUnescape(r.URL.RawQuery)
				return err == nil && got == s
			}},
			{"the payload", coap.POST, s, payload, func(_ *http.Request, body string) bool { return body == s }},
			{"ETag", coap.GET, "", append(slices.Clone(payload), option{coap.ETag, s}), func(*http.Request, string) bool { return true }},
			{"If-Match", coap.PUT, "", append(slices.Clone(payload), option{coap.IfMatch, s}), func(*http.Request, string) bool { return true }},
		} {
			before := len(u.seen())
			resp := h.do(t.Context(), tt.method, tt.payload, append(slices.Clone(base), tt.options...)...)
			came := u.seen()[before:]
			if len(came) == 0 && resp.Code.Class() == 4 {
				refused++
				continue
			}
			if len(came) != 1 {
				t.Fatalf("%s with %q: %d requests, %s", tt.where, s, len(came), resp)
			}
			sent++
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(came[0])))
			if err != nil {
				t.Fatalf("%s with %q: %v", tt.where, s, err)
			}
			_, body, _ := strings.Cut(came[0], "\r\n\r\n")
			if r.Method != tt.method.String() || r.Host != u.Addr().String() || !tt.holds(r, body) {
				t.Errorf("%s with %q: the platform got %q", tt.where, s, came[0])
			}
			for name := range r.Header {
				if !slices.Contains(fields, name) {
					t.Errorf("%s with %q: the platform got the field %s", tt.where, s, name)
				}
			}
		}
	}
	// One connection carries them one after the other: what ended in the middle of
	// another would show. net/http opens the next one when a busy machine has not
	// told it within 50 ms that the request was written.
	if n := u.accepted(); n > sent/10 {
		t.Errorf("%d connections for %d requests: want them used again", n, sent)
	}
	t.Logf("%d strings, %d requests sent and %d refused", len(injections()), sent, refused)
}

// The other way: what the platform says in its header becomes options that are
// well formed, whatever it is.
func TestHeaderFieldsInjectNothingIntoCoAP(t *testing.T) {
	all := injections()
	u := newUpstream(t, func(n int, c net.Conn) {
		s := strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(all[(n-1)%len(all)])
		says(answers(201-n/(len(all)+1), "x", "ETag: \""+s+"\"", "Location: /"+s, "Content-Type: "+s, "Cache-Control: "+s+",max-age="+s, "Retry-After: "+s, "Age: "+s))(n, c)
	})
	h := gateway(t, u)
	for i := range 2 * len(all) {
		resp := h.do(t.Context(), []coap.Code{coap.POST, coap.GET}[i/len(all)], "", proxyURI(u.url()+"/?"+token))
		resp.Type, resp.MessageID = coap.NonConfirmable, 1
		wire, err := resp.MarshalBinary()
		if err != nil {
			t.Fatalf("%q: %v", all[i%len(all)], err)
		}
		back, err := coap.Decode(wire)
		if err != nil {
			t.Fatalf("%q: %v", all[i%len(all)], err)
		}
		if problems := back.CheckOptions(nil); len(problems) > 0 || fmt.Sprint(back) != fmt.Sprint(resp) {
			t.Errorf("%q: %s: %v", all[i%len(all)], resp, problems)
		}
	}
}
