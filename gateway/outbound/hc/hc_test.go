// SPDX-License-Identifier: Apache-2.0

package hc_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
	"github.com/coapstone/coapstone/gateway/secret"
)

// proxy is a proxy behind a real listener.
type proxy struct{ *httptest.Server }

func serve(t *testing.T, o hc.Options, secure bool) proxy {
	t.Helper()
	e := endpoint.New(endpoint.Options{Recognized: blockwise.Recognized, MaxPayload: blockwise.DefaultMaxBody})
	o.Caller = call.New(call.Options{Endpoint: e, Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "many.test" {
			return []netip.Addr{netip.MustParseAddr("224.0.1.187")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	h, err := hc.New(o, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.RequestURI)
	}))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.Close()
		_ = o.Caller.Close()
		_ = e.Close(context.Background())
	})
	return proxy{s}
}

// patience bounds every answer of the proxy.
const patience = 20 * time.Second

// do sends a request with its target and header fields byte for byte, and reads
// the response with its reason phrase.
func (p proxy) do(t *testing.T, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	dialer := &net.Dialer{}
	c, err := dialer.DialContext(t.Context(), "tcp", p.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(p.URL, "https") {
		c = tls.Client(c, &tls.Config{RootCAs: p.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com", MinVersion: tls.VersionTLS12})
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	text := method + " " + target + " HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n"
	for _, h := range header {
		text += h + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	if _, err := io.WriteString(c, text+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// answering is a device that gives every request the same response.
func answering(t *testing.T, response coap.Message) *device.Raw {
	t.Helper()
	return device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		if !m.Code.IsRequest() {
			return nil
		}
		r := response
		r.Type, r.MessageID, r.Token = coap.Acknowledgement, m.MessageID, m.Token
		return []coap.Message{r}
	})
}

type option struct {
	number coap.OptionNumber
	value  string
}

func response(code coap.Code, payload string, options ...option) coap.Message {
	m := coap.Message{Code: code, Payload: []byte(payload)}
	for _, o := range options {
		m.AddString(o.number, o.value)
	}
	return m
}

// open are options that let everybody call the device.
func open(d *device.Raw) hc.Options {
	return hc.Options{Anonymous: true, Targets: []hc.Target{{URL: "coap://" + d.Addr.String()}}}
}

func TestEmbeddedURIReachesTheDevice(t *testing.T) {
	d := answering(t, response(coap.Content, "22", option{coap.ContentFormat, ""}))
	p := serve(t, open(d), false)
	for target, want := range map[string]string{
		"/hc/coap://%s":                          "[] []",
		"/hc/coap://%s/":                         "[] []",
		"/hc/coap://%s/light?on":                 "[light] [on]",
		"/hc/coap://%s//a/":                      "[ a ] []",
		"/hc/coap://%s/a%%2Fb/%%C3%%BC?x=%%26&y": "[a/b ü] [x=& y]",
		"/hc/COAP://%s/a/../b":                   "[b] []",
		"http://proxy.test/hc/coap://%s/abs":     "[abs] []",
		"coap://%s/forward?q":                    "[forward] [q]", // RFC 7252 §10.2
	} {
		target = fmt.Sprintf(target, d.Addr)
		resp, body := p.do(t, "GET", target, "")
		if resp.StatusCode != 200 || body != "22" || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("CoAP-Code") != "2.05" {
			t.Errorf("%s: got %s %v %q", target, resp.Status, resp.Header, body)
			continue
		}
		got := d.Next(t)
		if s := fmt.Sprint(got.Strings(coap.URIPath), got.Strings(coap.URIQuery)); s != want || got.Type != coap.Confirmable {
			t.Errorf("%s: the device got %s %s, want %s", target, got.Type, s, want)
		}
	}
}

func TestWhatIsNotForTheProxyGoesOn(t *testing.T) {
	p := serve(t, hc.Options{}, false)
	for _, target := range []string{"/", "/hc", "/health", "/hcx/", "/x/hc/coap://h/"} {
		if resp, body := p.do(t, "GET", target, ""); resp.StatusCode != http.StatusTeapot || body != target {
			t.Errorf("%s: got %s %q", target, resp.Status, body)
		}
	}
}

// Each request has every fault from its own on; none reaches the device.
func TestRefusalsReachNoDevice(t *testing.T) {
	var came atomic.Int32
	d := device.ServeRaw(t, func(*coap.Message) []coap.Message { came.Add(1); return nil })
	addr := d.Addr.String()
	o := hc.Options{Anonymous: true, MaxBody: 10, Targets: []hc.Target{
		{URL: "coap://" + addr + "/open/"}, {URL: "coaps://secure.test"}, {URL: "coap://many.test"},
	}}
	p := serve(t, o, false)
	for _, tt := range []struct {
		method, target, body string
		header               []string
		want                 int
	}{
		{"OPTIONS", "/hc/coap://x/", "", nil, 501}, // RFC 7252 §10.2.1
		{"TRACE", "/hc/coap://x/", "", nil, 501},
		{"CONNECT", addr, "", nil, 501}, // §10.2.7
		{"PATCH", "/hc/coap://x/", "", nil, 501},
		{"GET", "/hc/", "", nil, 400},
		{"GET", "/hc/" + addr + "/open", "", nil, 400}, // RFC 8075 §5.3.1
		{"GET", "/hc/http://" + addr + "/open", "", nil, 400},
		{"GET", "/hc/coap://", "", nil, 400},
		{"GET", "/hc/coap://u@" + addr + "/open", "", nil, 400},
		{"GET", "/hc/coap://h:0/", "", nil, 400},
		{"GET", "/hc/coap://h/%2e%2e", "", nil, 400},
		{"GET", "/hc/coap://224.0.1.187/", "", nil, 403}, // §8.4
		{"GET", "/hc/coap://%5Bff02::fd%5D/.well-known/core", "", nil, 403},
		{"GET", "/hc/coap://255.255.255.255/", "", nil, 403},
		{"GET", "/hc/coap://0.0.0.0/", "", nil, 403},
		{"GET", "/hc/coap://many.test/", "", nil, 403},
		{"GET", "/hc/coap://other.test/open", "", nil, 403}, // §10.4
		{"GET", "coap://other.test/open", "", nil, 501},     // RFC 7252 §10.2
		{"GET", "/hc/coap://" + addr + "/", "", nil, 403},
		{"GET", "/hc/coap://" + addr + "/openx", "", nil, 403},
		{"GET", "/hc/coap://" + addr + "/open/../other", "", nil, 403},
		{"GET", "/hc/coap://" + addr + "/open%2F..%2Fother", "", nil, 403},
		{"GET", "/hc/coaps://" + addr + "/open", "", nil, 403},
		{"GET", "/hc/coap://" + d.Addr.Addr().String() + "/open", "", nil, 403},
		{"GET", "/hc/coap://" + d.Addr.Addr().String() + ":1/open", "", nil, 403},
		{"GET", "/hc/coap://localhost:" + fmt.Sprint(d.Addr.Port()) + "/open", "", nil, 403},
		{"GET", "/hc/coap://many.test/.well-known/core", "", nil, 403},
		{"GET", "/hc/coaps://secure.test/", "", nil, 403}, // §10.3: not over plain HTTP
		{"PUT", "/hc/coap://" + addr + "/open", "01234567890", nil, 413},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{"Content-Type: image/x-foo"}, 415}, // §6.1
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{"Content-Type: text/css; charset=x"}, 415},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{"Content-Type: application/json", "Content-Encoding: gzip"}, 415},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{"Content-Type: application/coap-payload;cf=60"}, 415}, // §6.2
		{"GET", "/hc/coap://" + addr + "/open", "", []string{"Accept: application/coap-payload;cf=60"}, 406},
		{"GET", "/hc/coap://" + addr + "/open", "x", nil, 400},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{`If-Match: "other", W/"61"`}, 412},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{`If-None-Match: "61"`}, 501},
		{"PUT", "/hc/coap://" + addr + "/open", "x", []string{"Sec-Fetch-Site: cross-site"}, 403},
	} {
		resp, body := p.do(t, tt.method, tt.target, tt.body, tt.header...)
		if resp.StatusCode != tt.want || resp.Header.Get("CoAP-Code") != "" || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %v: got %s %v %s, want %d and problem details", tt.method, tt.target, tt.header, resp.Status, resp.Header, body, tt.want)
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d messages reached the device", n)
	}
}

func TestClientsAuthenticateThemselves(t *testing.T) {
	d := answering(t, response(coap.Changed, ""))
	o := open(d)
	o.Anonymous = false
	o.Users = map[string]secret.Text{"hello": "wörld", "empty": ""}
	p := serve(t, o, false)
	target := "coap://" + d.Addr.String() + "/"
	for _, tt := range []struct {
		target, header string
		want           int
	}{
		{"/hc/" + target, "X: y", 401},
		{"/hc/" + target, "Authorization: Basic aGVsbG86eA==", 401},
		{"/hc/" + target, "Authorization: Basic bm9ib2R5Og==", 401}, // nobody:
		{"/hc/" + target, "Authorization: Bearer x", 401},
		{"/hc/" + target, "Proxy-Authorization: Basic aGVsbG86d8O2cmxk", 401},
		{"/hc/" + target, "Authorization: Basic aGVsbG86d8O2cmxk", 204},
		{target, "Authorization: Basic aGVsbG86d8O2cmxk", 407},
		{target, "Proxy-Authorization: Basic aGVsbG86d8O2cmxk", 204},
	} {
		resp, _ := p.do(t, "POST", tt.target, "", tt.header)
		asked := resp.Header.Get("WWW-Authenticate") + resp.Header.Get("Proxy-Authenticate")
		if resp.StatusCode != tt.want || strings.HasPrefix(asked, "Basic ") != (tt.want > 400) {
			t.Errorf("%s with %s: got %s %v, want %d", tt.target, tt.header, resp.Status, resp.Header, tt.want)
		}
	}
}

func TestHeaderFieldsBecomeOptions(t *testing.T) {
	d := answering(t, response(coap.Changed, ""))
	p := serve(t, open(d), false)
	for _, tt := range []struct {
		method, body string
		header       []string
		want         string
	}{
		{"GET", "", []string{"Accept: application/json"}, "Accept: 50 (application/json)"},
		{"GET", "", []string{"Accept: */*"}, ""}, // RFC 8075 §6.1
		{"GET", "", []string{"Accept: image/x-foo"}, ""},
		{"GET", "", []string{"Accept: text/html, application/xml;q=0.5, application/cbor;q=0.9, application/*"}, "Accept: 60 (application/cbor)"},
		{"GET", "", []string{"Accept: application/xml;q=0.5", "Accept: application/json;q=0.7, */*;q=0.1"}, "Accept: 50 (application/json)"},
		{"HEAD", "", []string{"Accept: text/plain"}, "Accept: 0 (text/plain; charset=utf-8)"},
		{"PUT", "{}", []string{"Content-Type: application/json; charset=utf-8"}, "Content-Format: 50 (application/json)|{}"},
		{"PUT", "caf\xe9", []string{"Content-Type: text/plain; charset=iso-8859-1"}, "Content-Format: 0 (text/plain; charset=utf-8)|café"},
		{"PUT", "x", nil, "|x"},
		{"POST", "", []string{"Content-Type: application/json"}, ""},
		{"GET", "", []string{`If-None-Match: "61", W/"62", "x", "0063"`}, "ETag: 61|ETag: 0063"},
		{"GET", "", []string{`If-None-Match: *`}, ""},
		{"PUT", "", []string{`If-None-Match: *`}, "If-None-Match"},
		{"PUT", "", []string{`If-Match: "61"`, `If-Match: "ff00"`}, "If-Match: 61|If-Match: ff00"},
		{"DELETE", "", []string{`If-Match: *`}, "If-Match: "},
		{"GET", "", []string{"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", "Range: bytes=0-1", "X-Canary: y", "Cookie: a=b"}, ""},
	} {
		p.do(t, tt.method, "/hc/coap://"+d.Addr.String(), tt.body, tt.header...)
		got := d.Next(t)
		var about []string
		for _, o := range got.Options {
			switch o.Number {
			case coap.Accept:
				f, _ := got.Accept()
				about = append(about, "Accept: "+f.String())
			case coap.ContentFormat:
				f, _ := got.ContentFormat()
				about = append(about, "Content-Format: "+f.String())
			case coap.IfNoneMatch:
				about = append(about, "If-None-Match")
			case coap.ETag:
				about = append(about, fmt.Sprintf("ETag: %x", o.Value))
			case coap.IfMatch:
				about = append(about, fmt.Sprintf("If-Match: %x", o.Value))
			default:
				about = append(about, fmt.Sprint(o))
			}
		}
		if len(got.Payload) > 0 {
			about = append(about, string(got.Payload))
		}
		if s := strings.Join(about, "|"); strings.TrimPrefix(tt.want, "|") != s {
			t.Errorf("%s %v: the device got %q, want %q", tt.method, tt.header, s, tt.want)
		}
	}
}

// The whole of RFC 8075 Table 2, with its notes, and RFC 7252 §10.2.
func TestResponsesBecomeHTTP(t *testing.T) {
	text := option{coap.ContentFormat, ""}
	for _, tt := range []struct {
		name, method string
		header       []string
		response     coap.Message
		status       string // with the reason phrase where it is ours
		want         string // the header fields that tell of the payload, and the body
	}{
		{"content", "GET", nil, response(coap.Content, "22", text), "200", "Cache-Control: max-age=60|Content-Type: text/plain; charset=utf-8|22"},
		{"its freshness and tag", "GET", nil, response(coap.Content, "22", text, option{coap.MaxAge, "\x07"}, option{coap.ETag, "\x00a"}), "200", `Cache-Control: max-age=7|Content-Type: text/plain; charset=utf-8|Etag: "0061"|22`},
		{"stale at once", "GET", nil, response(coap.Content, "", option{coap.MaxAge, ""}), "200", "Cache-Control: max-age=0|"},
		{"no format", "GET", nil, response(coap.Content, "\xff"), "200", "Cache-Control: max-age=60|Content-Type: application/octet-stream|\xff"},
		{"unknown format", "GET", nil, response(coap.Content, "x", option{coap.ContentFormat, "\xfd\xe8"}), "200", "Cache-Control: max-age=60|Content-Type: application/coap-payload;cf=65000|x"}, // §6.2
		{"head", "HEAD", nil, response(coap.Content, "22", text), "200", "Cache-Control: max-age=60|Content-Type: text/plain; charset=utf-8|"},
		{"valid", "GET", []string{`If-None-Match: "61"`}, response(coap.Valid, "", option{coap.ETag, "a"}), "304", `Cache-Control: max-age=60|Etag: "61"|`}, // note 3
		{"valid, unasked", "GET", nil, response(coap.Valid, "", option{coap.ETag, "a"}), "502", "Cache-Control: max-age=60|Etag: \"61\"|"},
		{"anything there", "GET", []string{"If-None-Match: *"}, response(coap.Content, "22", text), "304", "Cache-Control: max-age=60|"},
		{"created", "POST", nil, response(coap.Created, "made", text, option{coap.LocationPath, "a b"}, option{coap.LocationPath, "c/d"}, option{coap.LocationQuery, "x=&"}), "201", "Content-Type: text/plain; charset=utf-8|Location: /hc/coap://{device}/a%20b/c%2Fd?x=%26|made"}, // note 1
		{"deleted", "DELETE", nil, response(coap.Deleted, ""), "204", "|"},
		{"deleted, with a word", "DELETE", nil, response(coap.Deleted, "gone", text), "200", "Content-Type: text/plain; charset=utf-8|gone"}, // note 2
		{"changed", "PUT", nil, response(coap.Changed, ""), "204", "|"},
		{"changed, with a word", "POST", nil, response(coap.Changed, "ok", text), "200", "Content-Type: text/plain; charset=utf-8|ok"},
		{"continue", "PUT", nil, response(coap.Continue, ""), "502", "|"},                                                              // note 10
		{"bad request", "GET", nil, response(coap.BadRequest, "a\r\nX: y"), "400", "Content-Type: text/plain;charset=utf-8|a\r\nX: y"}, // §6.6
		{"an error with bytes", "GET", nil, response(coap.BadRequest, "\xff"), "400", "Content-Type: application/octet-stream|\xff"},
		{"unauthorized", "GET", nil, response(coap.Unauthorized, ""), "403", "|"}, // note 5
		{"bad option", "GET", nil, response(coap.BadOption, ""), "500", "|"},      // note 6
		{"forbidden", "GET", nil, response(coap.Forbidden, ""), "403", "|"},
		{"not found", "GET", nil, response(coap.NotFound, ""), "404", "|"},
		{"method not allowed", "POST", nil, response(coap.MethodNotAllowed, "no"), "400 CoAP server returned 4.05 Method Not Allowed", "Content-Type: text/plain;charset=utf-8|no"}, // note 7
		{"method not allowed, head", "HEAD", nil, response(coap.MethodNotAllowed, "no"), "400 CoAP server returned 4.05 Method Not Allowed", "Content-Type: text/plain;charset=utf-8|"},
		{"not acceptable", "GET", nil, response(coap.NotAcceptable, ""), "406", "|"},
		{"incomplete", "PUT", nil, response(coap.RequestEntityIncomplete, ""), "502", "|"}, // note 10
		{"conflict", "PUT", nil, response(coap.Conflict, ""), "409", "|"},
		{"precondition failed", "PUT", nil, response(coap.PreconditionFailed, ""), "412", "|"},
		{"too large", "PUT", nil, response(coap.RequestEntityTooLarge, ""), "413", "|"},
		{"unsupported", "PUT", nil, response(coap.UnsupportedContentFormat, ""), "415", "|"},
		{"too many", "GET", nil, response(coap.TooManyRequests, "", option{coap.MaxAge, "\x05"}), "429", "Retry-After: 5|"},
		{"error", "GET", nil, response(coap.InternalServerError, ""), "500", "|"},
		{"not implemented", "GET", nil, response(coap.NotImplemented, ""), "501", "|"},
		{"bad gateway", "GET", nil, response(coap.BadGateway, ""), "502", "|"},
		{"unavailable", "GET", nil, response(coap.ServiceUnavailable, "", option{coap.MaxAge, "\x11"}), "503", "Retry-After: 17|"}, // note 8
		{"unavailable without an age", "GET", nil, response(coap.ServiceUnavailable, ""), "503", "|"},
		{"timeout", "GET", nil, response(coap.GatewayTimeout, ""), "504", "|"},
		{"no proxy", "GET", nil, response(coap.ProxyingNotSupported, ""), "502", "|"}, // note 9
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := answering(t, tt.response)
			resp, body := serve(t, open(d), false).do(t, tt.method, "/hc/coap://"+d.Addr.String(), "", tt.header...)
			if got := strings.TrimSpace(resp.Status); !strings.HasPrefix(got, tt.status) {
				t.Errorf("got %q, want %q", got, tt.status)
			}
			if got := resp.Header.Get("CoAP-Code"); got != tt.response.Code.Dotted() {
				t.Errorf("CoAP-Code is %q", got)
			}
			var about []string
			for _, name := range []string{"Cache-Control", "Content-Type", "Etag", "Location", "Retry-After", "X"} {
				if v := resp.Header.Get(name); v != "" {
					about = append(about, name+": "+v)
				}
			}
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "|"), "{device}", d.Addr.String())
			if diff := cmp.Diff(want, strings.Join(append(about, body), "|")); diff != "" {
				t.Errorf("got (+), want (-):\n%s", diff)
			}
			if want := fmt.Sprint(len(tt.response.Payload)); resp.StatusCode != 204 && resp.StatusCode != 304 && resp.Header.Get("Content-Length") != want {
				t.Errorf("Content-Length is %q, want %s", resp.Header.Get("Content-Length"), want)
			}
		})
	}
}

func TestSecureTargetsAreCalledFromHTTPS(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", device.Security{Identity: "gateway", Key: []byte("0123456789abcdef")}, func(device.Request) device.Answer {
		return device.Answer{Code: coap.Content, Payload: "22"}
	})
	target := hc.Target{URL: "coaps://" + d.Addr.String(), Authentication: &outbound.Authentication{Identity: "gateway", Key: "0123456789abcdef"}}
	o := hc.Options{Anonymous: true, Targets: []hc.Target{target}}
	resp, body := serve(t, o, true).do(t, "GET", "/hc/"+target.URL+"/", "")
	if resp.StatusCode != 200 || body != "22" || resp.Header.Get("Cache-Control") != "private, max-age=60" {
		t.Errorf("over https: got %s %v %q", resp.Status, resp.Header, body)
	}
	o.Targets[0].OverHTTP = true
	if resp, body := serve(t, o, false).do(t, "GET", "/hc/"+target.URL+"/", ""); resp.StatusCode != 200 || body != "22" {
		t.Errorf("over http, as configured: got %s %q", resp.Status, body)
	}
}

func TestProxyIsDiscovered(t *testing.T) {
	for _, tt := range []struct{ template, query, want string }{
		{"", "", `</hc/>;rt="core.hc"`},
		{"", "?rt=core.hc", `</hc/>;rt="core.hc"`},
		{"", "?rt=core.*", `</hc/>;rt="core.hc"`},
		{"", "?rt=core.other", ""},
		{"", "?x=y", ""},
		{"?uri={+tu}", "?rt=core.hc", `</hc/>;rt="core.hc";hct="?uri={+tu}"`},
	} {
		resp, body := serve(t, hc.Options{Template: tt.template}, false).do(t, "GET", "/.well-known/core"+tt.query, "")
		if resp.StatusCode != 200 || body != tt.want || resp.Header.Get("Content-Type") != "application/link-format" {
			t.Errorf("%q: got %s %q, want %q", tt.query, resp.Status, body, tt.want)
		}
	}
	if got, want := hc.Link("?uri={+tu}", "https://p.example.com"), `</hc/>;anchor="https://p.example.com";rt="core.hc";hct="?uri={+tu}"`; got != want {
		t.Errorf("on the CoAP side: got %s, want %s", got, want)
	}
}

func TestRequestsBeyondTheLimitAreToldToComeAgain(t *testing.T) {
	waits, goOn := make(chan struct{}, 1), make(chan struct{})
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, func(device.Request) device.Answer {
		waits <- struct{}{}
		<-goOn
		return device.Answer{Code: coap.Content, Payload: "22"}
	})
	p := serve(t, hc.Options{Anonymous: true, MaxRequests: 1, Targets: []hc.Target{{URL: "coap://" + d.Addr.String()}}}, false)
	first := make(chan int)
	go func() {
		resp, _ := p.do(t, "GET", "/hc/coap://"+d.Addr.String(), "")
		first <- resp.StatusCode
	}()
	<-waits
	resp, _ := p.do(t, "GET", "/hc/coap://"+d.Addr.String(), "")
	close(goOn)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("the second: got %s %v", resp.Status, resp.Header)
	}
	if status := <-first; status != 200 {
		t.Errorf("the first: got %d", status)
	}
}

func TestDiscoveryOfADeviceIsAllowedByItsPathAlone(t *testing.T) {
	d := answering(t, response(coap.Content, "</a>"))
	o := open(d)
	url := "/hc/coap://" + d.Addr.String() + "/.well-known/core"
	if resp, _ := serve(t, o, false).do(t, "GET", url, ""); resp.StatusCode != 403 {
		t.Errorf("with the device as target: got %s", resp.Status)
	}
	o.Targets = append(o.Targets, hc.Target{URL: "coap://" + d.Addr.String() + "/.well-known/core"})
	if resp, _ := serve(t, o, false).do(t, "GET", url, ""); resp.StatusCode != 200 {
		t.Errorf("with its path: got %s", resp.Status)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/hc/coap://allowed.test/a/../b?c", `"61"`, "application/json, */*;q=0.1", "x")
	f.Add("PUT", "coap://allowed.test:5683/%2e%2e/", "*", "text/plain; charset=utf-16", "\xff")
	f.Add("GET", "/hc/coap://%5B::1%5D@allowed.test/", "", "", "")
	f.Add("GET", "/hc/coap://%5B\xef%5D", "", "", "")
	e := endpoint.New(endpoint.Options{})
	f.Cleanup(func() { _ = e.Close(context.Background()) })
	caller := call.New(call.Options{Endpoint: e, Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "allowed.test" {
			f.Errorf("%q is called", host)
		}
		return nil, nil
	}})
	f.Cleanup(func() { _ = caller.Close() })
	h, err := hc.New(hc.Options{Caller: caller, Anonymous: true, Targets: []hc.Target{{URL: "coap://allowed.test/a"}}}, http.NotFoundHandler())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, tag, mediaType, body string) {
		u, err := url.Parse(target)
		if err != nil {
			return // net/http answers 400 itself
		}
		r := &http.Request{
			Method: method, URL: u, RequestURI: target, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"If-Match": {tag}, "If-None-Match": {tag}, "Accept": {mediaType}, "Content-Type": {mediaType}},
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code < 200 || w.Code > 599 {
			t.Errorf("%s %q: got %d", method, target, w.Code)
		}
	})
}
