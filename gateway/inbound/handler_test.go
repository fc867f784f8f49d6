// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestRequestLineIsTheProxyURIByteForByte(t *testing.T) {
	u := newUpstream(t, says(okResponse))
	h := gateway(t, u)
	for rest, want := range map[string]string{
		"?P_mode=TEST&" + token: "/?P_mode=TEST",
		"/?" + token:            "/",
		"/a?" + token + "&":     "/a?",
		"//a/./../%2e%2E/%2F;b=(c)!$'*,?x=%20%c3+/?&" + token:                  "//a/./../%2e%2E/%2F;b=(c)!$'*,?x=%20%c3+/?",
		"/live/aaaa/host/bbbb/service/cccc?" + token + "&P_mode=LIVE&q=a&&b&=": "/live/aaaa/host/bbbb/service/cccc?P_mode=LIVE&q=a&&b&=",
		"/*?" + token: "/*",
	} {
		before := len(u.seen())
		resp := h.do(t.Context(), coap.GET, "", proxyURI(u.url()+rest))
		if resp.Code != coap.Content {
			t.Errorf("%q: got %s %q", rest, resp.Code, resp.Payload)
			continue
		}
		line, header, _ := strings.Cut(u.seen()[before], "\r\n")
		if line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%q: the request line is %q, want the target %q", rest, line, want)
		}
		want := "Host: " + u.Addr().String() + "\r\nUser-Agent: Coapstone\r\nAccept-Encoding: identity\r\nAuthorization: Basic aGVsbG86d29ybGQ=\r\n\r\n"
		if header != want {
			t.Errorf("%q: the header is (+), want (-):\n%s", rest, cmp.Diff(want, header))
		}
	}
}

func TestDocumentsFormAndProxyURIAloneAndProxySchemeAllWork(t *testing.T) {
	u := newUpstream(t, says(answers(200, "yes", "Content-Type: text/plain")))
	h := gateway(t, u)
	addr := u.Addr().(*net.TCPAddr)
	for name, options := range map[string][]option{
		"the document's":           {{coap.URIPath, "coap2http"}, proxyURI(u.url() + "/a?x=%20&" + token)},
		"with Uri-Host":            {{coap.URIHost, "coap.runmyprocess.com"}, {coap.URIPort, 1}, {coap.URIPath, "coap2http"}, proxyURI(u.url() + "/a?x=%20&" + token)},
		"Proxy-Uri alone":          {proxyURI(u.url() + "/a?x=%20&" + token)},
		"another path beside it":   {{coap.URIPath, "other"}, {coap.URIQuery, "q"}, proxyURI(u.url() + "/a?x=%20&" + token)},
		"with Hop-Limit":           {proxyURI(u.url() + "/a?x=%20&" + token), {coap.HopLimit, 16}},
		"Proxy-Scheme":             {{coap.ProxyScheme, "http"}, {coap.URIHost, addr.IP.String()}, {coap.URIPort, addr.Port}, {coap.URIPath, "a"}, {coap.URIQuery, "x= "}, {coap.URIQuery, token}},
		"Proxy-Scheme in capitals": {{coap.ProxyScheme, "HTTP"}, {coap.URIHost, addr.IP.String()}, {coap.URIPort, addr.Port}, {coap.URIPath, "a"}, {coap.URIQuery, "x= "}, {coap.URIQuery, token}},
	} {
		before := len(u.seen())
		resp := h.do(t.Context(), coap.GET, "", options...)
		if resp.Code != coap.Content || string(resp.Payload) != "yes" {
			t.Errorf("%s: got %s %q", name, resp.Code, resp.Payload)
			continue
		}
		if got := u.seen()[before]; !strings.HasPrefix(got, "GET /a?x=%20 HTTP/1.1\r\n") {
			t.Errorf("%s: the platform got %q", name, got)
		}
	}
}

func TestRequestsForTheGatewayItself(t *testing.T) {
	h := gateway(t, nil, func(o *Options) {
		o.Own = func(host string, port uint16) bool { return host == "gw.example" && (port == 5683 || port == 5684) }
	})
	for _, tt := range []struct {
		name    string
		method  coap.Code
		options []option
		want    coap.Code
		payload string
	}{
		{"coap2http without Proxy-Uri", coap.GET, []option{{coap.URIPath, "coap2http"}}, coap.BadRequest, "Proxy-Uri is missing"},
		{"the root", coap.GET, nil, coap.NotFound, "want /coap2http"},
		{"another path", coap.POST, []option{{coap.URIPath, "other"}}, coap.NotFound, "want /coap2http"},
		{"a path below", coap.GET, []option{{coap.URIPath, "coap2http"}, {coap.URIPath, ""}}, coap.NotFound, ""},
		{"capitals", coap.GET, []option{{coap.URIPath, "COAP2HTTP"}}, coap.NotFound, ""},
		{"a slash in a segment", coap.GET, []option{{coap.URIPath, ".well-known/core"}}, coap.NotFound, ""},
		{"discovery", coap.GET, []option{{coap.URIPath, ".well-known"}, {coap.URIPath, "core"}}, coap.Content, "</coap2http>"},
		{"discovery as JSON", coap.GET, []option{{coap.URIPath, ".well-known"}, {coap.URIPath, "core"}, {coap.Accept, 50}}, coap.NotAcceptable, ""},
		{"discovery with POST", coap.POST, []option{{coap.URIPath, ".well-known"}, {coap.URIPath, "core"}}, coap.MethodNotAllowed, ""},
		{"FETCH", coap.FETCH, []option{{coap.URIPath, "coap2http"}}, coap.MethodNotAllowed, ""},
		{"PATCH", coap.PATCH, []option{proxyURI("http://nowhere/?" + token)}, coap.MethodNotAllowed, ""},
		{"iPATCH", coap.IPATCH, []option{proxyURI("http://nowhere/?" + token)}, coap.MethodNotAllowed, ""},
		{"method 0.31", 31, []option{{coap.URIPath, "coap2http"}}, coap.MethodNotAllowed, ""},
		{"own name in Proxy-Uri", coap.GET, []option{proxyURI("coap://gw.example/coap2http")}, coap.BadRequest, "Proxy-Uri is missing"},
		{"own name, other path", coap.GET, []option{proxyURI("coaps://GW.example/x")}, coap.NotFound, ""},
		{"own name, encoded path", coap.GET, []option{proxyURI("coap://gw.example/%2Ewell-known/core")}, coap.Content, "</coap2http>"},
		{"own name with http", coap.GET, []option{proxyURI("http://gw.example:5683/coap2http")}, coap.BadRequest, ""},
		{"own address in Proxy-Uri", coap.GET, []option{proxyURI("coap://192.0.2.1/coap2http")}, coap.BadRequest, ""},
		{"own address mapped", coap.GET, []option{proxyURI("coap://[::ffff:192.0.2.1]/coap2http")}, coap.BadRequest, ""},
		{"own host at another port", coap.GET, []option{proxyURI("coap://gw.example:1/coap2http")}, coap.ProxyingNotSupported, ""},
		{"Proxy-Scheme without host", coap.GET, []option{{coap.ProxyScheme, "coap"}, {coap.URIPath, "coap2http"}}, coap.BadRequest, "Proxy-Uri is missing"},
	} {
		resp := h.do(t.Context(), tt.method, "", tt.options...)
		if resp.Code != tt.want || !strings.Contains(string(resp.Payload), tt.payload) {
			t.Errorf("%s: got %s %q, want %s %q", tt.name, resp.Code, resp.Payload, tt.want, tt.payload)
		}
	}
}

// The order is: syntax, scheme, allow-list, token. Each request has every fault
// from its own on.
func TestRefusalsComeInOrderAndMakeNoCall(t *testing.T) {
	u := newUpstream(t, says(okResponse))
	h := gateway(t, u)
	for _, tt := range []struct {
		options []option
		want    coap.Code
	}{
		{[]option{proxyURI("ftp://no where/")}, coap.BadRequest},
		{[]option{proxyURI("relative")}, coap.BadRequest},
		{[]option{proxyURI(u.url() + "/#fragment?" + token)}, coap.BadRequest},
		{[]option{proxyURI(u.url() + "/\r\nX: y?" + token)}, coap.BadRequest},
		{[]option{{coap.ProxyScheme, "http"}, {coap.URIHost, "127.0.0.1"}, {coap.URIPath, ".."}}, coap.BadRequest},
		{[]option{proxyURI("ftp://evil.example/")}, coap.ProxyingNotSupported},
		{[]option{proxyURI("coap://evil.example/coap2http?" + token)}, coap.ProxyingNotSupported},
		{[]option{proxyURI("mailto:evil@example")}, coap.ProxyingNotSupported},
		{[]option{proxyURI("file:///etc/passwd")}, coap.ProxyingNotSupported},
		{[]option{proxyURI("http://evil.example/")}, coap.ProxyingNotSupported},
		{[]option{{coap.ProxyScheme, "gopher"}, {coap.URIHost, "evil.example"}}, coap.ProxyingNotSupported},
		{[]option{proxyURI(u.url() + "/")}, coap.Unauthorized},
		{[]option{proxyURI(u.url() + "/?P_mode=TEST")}, coap.Unauthorized},
		{[]option{proxyURI(u.url() + "/?" + token + "&" + token)}, coap.Unauthorized},
		{[]option{proxyURI(u.url() + "/?AuthToken=!")}, coap.Unauthorized},
		{[]option{proxyURI(u.url() + "/?" + token), {coap.HopLimit, 1}}, coap.HopLimitReached},
		{[]option{proxyURI(u.url() + "/?" + token), {coap.HopLimit, 0}}, coap.BadRequest},
		{[]option{proxyURI(u.url() + "/?" + token), {coap.Accept, 64999}}, coap.NotAcceptable},
		{[]option{proxyURI(u.url() + "/?" + token), {coap.IfMatch, "a b"}}, coap.PreconditionFailed},
	} {
		if resp := h.do(t.Context(), coap.GET, "", tt.options...); resp.Code != tt.want || len(resp.Payload) == 0 {
			t.Errorf("%v: got %s %q, want %s with a diagnostic payload", tt.options, resp.Code, resp.Payload, tt.want)
		}
	}
	if got := u.seen(); len(got) != 0 {
		t.Errorf("the platform was called: %q", got)
	}
}

// Spellings that some URL reader or name service takes for an allowed or an
// inner address. None may be called, whatever answers there.
func TestOddSpellingsOfHostsAreRefused(t *testing.T) {
	u := newUpstream(t, says(okResponse))
	port := u.url()[strings.LastIndex(u.url(), ":"):]
	h := gateway(t, u, func(o *Options) { o.Allow = append(o.Allow, "http://localhost"+port) })
	hosts := []string{
		"127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.01", "127.000.000.001", "127.0.0.1.",
		"0", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
		"127.0.0.2", "127.0.0.1.nip.io", "localhost.", "localhost.localdomain", "LOCALHOST.", "%6cocalhost", "localhost%00", "localhost%2e", "loc%61lhost",
		"a@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:80@localhost", ":@localhost", "@localhost", "evil.example%40localhost", "evil.example%23localhost",
		"169.254.169.254", "10.0.0.1", "[fd00::1]", "[fe80::1]", "xn--localhost", "localhost,evil.example", "localhost;evil", "evil.example&localhost", "127.0.0.1%2f",
	}
	for _, host := range hosts {
		resp := h.do(t.Context(), coap.GET, "", proxyURI("http://"+host+port+"/?"+token))
		if resp.Code != coap.ProxyingNotSupported {
			t.Errorf("%s: got %s %q", host, resp.Code, resp.Payload)
		}
	}
	for _, uri := range []string{
		"http://127.0.0.1/?" + token, "http://127.0.0.1:1/?" + token, "https://127.0.0.1" + port + "/?" + token, "http://127.0.0.1:0/?" + token,
		"http://127.0.0.1:99999999999/?" + token,
	} {
		if resp := h.do(t.Context(), coap.GET, "", proxyURI(uri)); resp.Code != coap.ProxyingNotSupported {
			t.Errorf("%s: got %s", uri, resp.Code)
		}
	}
	for _, uri := range []string{"http://127.0.0.1\\@evil.example/", "http://[127.0.0.1]/", "http://127.0.0.1 /", "http:127.0.0.1", "http:///127.0.0.1", "http://１２７.0.0.1/"} {
		if resp := h.do(t.Context(), coap.GET, "", proxyURI(uri+"?"+token)); resp.Code != coap.BadRequest {
			t.Errorf("%s: got %s", uri, resp.Code)
		}
	}
	if n := u.accepted(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "LocalHost"} {
		if resp := h.do(t.Context(), coap.GET, "", proxyURI("HTTP://"+host+port+"/?"+token)); resp.Code != coap.Content {
			t.Errorf("%s is allowed: got %s %q", host, resp.Code, resp.Payload)
		}
	}
}

func TestAllowedOriginThatIsNoneIsAnError(t *testing.T) {
	for _, s := range []string{"", "live.example.com", "https://", "ftp://h", "https://h/path", "https://h?q", "https://u@h", "https://h:0", "*", "https://*:x"} {
		if _, err := New(Options{Allow: []string{s}}); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestMethodsPayloadAndContentFormatGoUpstream(t *testing.T) {
	u := newUpstream(t, says(okResponse))
	h := gateway(t, u)
	for _, tt := range []struct {
		method  coap.Code
		payload string
		options []option
		want    string // the header fields that describe the body, and the body
	}{
		{coap.POST, `{"a":1}`, []option{{coap.ContentFormat, 50}}, "Content-Length: 7|Content-Type: application/json|{\"a\":1}"},
		{coap.PUT, "é", []option{{coap.ContentFormat, 0}}, "Content-Length: 2|Content-Type: text/plain; charset=utf-8|é"},
		{coap.PUT, "\xff", []option{{coap.ContentFormat, 64999}}, "Content-Length: 1|Content-Type: application/coap-payload;cf=64999|\xff"},
		{coap.POST, "x", nil, "Content-Length: 1|x"},
		{coap.POST, "", nil, "Content-Length: 0|"},
		{coap.PUT, "", nil, "Content-Length: 0|"},
		{coap.DELETE, "ignored", []option{{coap.ContentFormat, 50}}, "|"},
		{coap.GET, "ignored", []option{{coap.ContentFormat, 50}}, "|"},
		{coap.GET, "", []option{{coap.Accept, 50}}, "Accept: application/json|"},
		{coap.GET, "", []option{{coap.ETag, "a"}, {coap.ETag, "b"}, {coap.ETag, "\x00"}}, "If-None-Match: \"a\"|If-None-Match: \"b\"|"},
		{coap.PUT, "x", []option{{coap.IfMatch, "a"}, {coap.IfMatch, "b"}}, "Content-Length: 1|If-Match: \"a\"|If-Match: \"b\"|x"},
		{coap.PUT, "x", []option{{coap.IfMatch, ""}}, "Content-Length: 1|If-Match: *|x"},
		{coap.PUT, "x", []option{{coap.IfNoneMatch, ""}}, "Content-Length: 1|If-None-Match: *|x"},
	} {
		before := len(u.seen())
		h.do(t.Context(), tt.method, tt.payload, append(tt.options, proxyURI(u.url()+"/?"+token))...)
		if len(u.seen()) == before {
			t.Errorf("%s %v: no call was made", tt.method, tt.options)
			continue
		}
		head, body, _ := strings.Cut(u.seen()[before], "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		if got, want := lines[0], tt.method.String()+" / HTTP/1.1"; got != want {
			t.Errorf("the request line is %q, want %q", got, want)
		}
		var about []string
		for _, l := range lines[1:] {
			name, _, _ := strings.Cut(l, ":")
			switch name {
			case "Host", "User-Agent", "Accept-Encoding", "Authorization":
			default:
				about = append(about, l)
			}
		}
		if got := strings.Join(append(about, body), "|"); strings.TrimPrefix(got, "|") != strings.TrimPrefix(tt.want, "|") {
			t.Errorf("%s %v: the platform got %q, want %q", tt.method, tt.options, got, tt.want)
		}
	}
}

// longTag is the ETag option for the entity-tag "0123456789abcdef": a zero byte
// and the first seven of its SHA-256.
const longTag = "\x00\x9f\x9f\x51\x11\xf7\xb2\x7a"

func TestAnswersBecomeResponses(t *testing.T) {
	long := strings.Repeat("x", DefaultMaxBody+1)
	for _, tt := range []struct {
		name     string
		method   coap.Code
		response string
		options  []option
		want     *coap.Message // a nil payload with a code of class 4 or 5: any diagnostic
	}{
		{"JSON", coap.GET, answers(200, "{}", "Content-Type: application/json"), nil, message(coap.Content, "{}", option{coap.ContentFormat, 50}, option{coap.MaxAge, 0})},
		{"a charset", coap.GET, answers(200, "caf\xe9", "Content-Type: text/plain; charset=iso-8859-1"), nil, message(coap.Content, "café", option{coap.ContentFormat, 0}, option{coap.MaxAge, 0})},
		{"no type", coap.GET, answers(200, "x"), nil, message(coap.Content, "x", option{coap.MaxAge, 0})},
		{"unknown type", coap.GET, answers(200, "x", "Content-Type: application/pdf"), nil, message(coap.Content, "x", option{coap.ContentFormat, 42}, option{coap.MaxAge, 0})},
		{"freshness and tag", coap.GET, answers(200, "", "Cache-Control: max-age=5", `ETag: "v1"`), nil, message(coap.Content, "", option{coap.ETag, "v1"}, option{coap.MaxAge, 5})},
		{"weak tag", coap.GET, answers(200, "", `ETag: W/"v1"`), nil, message(coap.Content, "", option{coap.MaxAge, 0})},
		{"not modified", coap.GET, "HTTP/1.1 304 x\r\nETag: \"v1\"\r\nCache-Control: max-age=9\r\n\r\n", []option{{coap.ETag, "v1"}}, message(coap.Valid, "", option{coap.ETag, "v1"}, option{coap.MaxAge, 9})},
		{"not modified, unasked", coap.GET, "HTTP/1.1 304 x\r\n\r\n", nil, message(coap.BadGateway, "")},
		{"created", coap.PUT, answers(201, "{}", "Content-Type: application/json"), nil, message(coap.Created, "{}", option{coap.ContentFormat, 50})},
		{"changed", coap.POST, answers(204, ""), nil, message(coap.Changed, "")},
		{"deleted", coap.DELETE, answers(200, ""), nil, message(coap.Deleted, "")},
		{"nothing to delete", coap.DELETE, answers(404, "no such thing", "Content-Type: text/plain"), nil, message(coap.Deleted, "")},
		{"not found", coap.GET, answers(404, "no", "Content-Type: text/plain"), nil, message(coap.NotFound, "no", option{coap.ContentFormat, 0}, option{coap.MaxAge, 0})},
		{"not found, for a while", coap.GET, answers(404, "", "Cache-Control: max-age=9", "Age: 2"), nil, message(coap.NotFound, "", option{coap.MaxAge, 7})},
		{"long tag", coap.GET, answers(200, "", `ETag: "0123456789abcdef"`), nil, message(coap.Content, "", option{coap.ETag, longTag}, option{coap.MaxAge, 0})},
		{"long tag that is stored", coap.GET, answers(200, "x", `ETag: "0123456789abcdef"`, "Content-Type: text/plain"), []option{{coap.ETag, "a"}, {coap.ETag, longTag}}, message(coap.Valid, "", option{coap.ETag, longTag}, option{coap.MaxAge, 0})},
		{"stored, unheeded", coap.GET, answers(200, "x", `ETag: "v1"`), []option{{coap.ETag, "v1"}}, message(coap.Valid, "", option{coap.ETag, "v1"}, option{coap.MaxAge, 0})},
		{"another is stored", coap.GET, answers(200, "x", `ETag: "v2"`), []option{{coap.ETag, "v1"}}, message(coap.Content, "x", option{coap.ETag, "v2"}, option{coap.MaxAge, 0})},
		{"created elsewhere", coap.POST, answers(201, "", "Location: http://other.test/a"), nil, message(coap.Created, "")},
		{"created with a place", coap.POST, answers(201, "", "Location: ../a%20b/c?d=e&f"), nil, message(coap.Created, "", option{coap.LocationPath, "a b"}, option{coap.LocationPath, "c"}, option{coap.LocationQuery, "d=e"}, option{coap.LocationQuery, "f"})},
		{"a place that is not created", coap.POST, answers(200, "", "Location: /a"), nil, message(coap.Changed, "")},
		{"bad credentials", coap.GET, answers(401, "", "WWW-Authenticate: Basic"), nil, message(coap.Unauthorized, "", option{coap.MaxAge, 0})},
		{"busy", coap.GET, answers(503, "", "Retry-After: 7"), nil, message(coap.ServiceUnavailable, "", option{coap.MaxAge, 7})},
		{"too many", coap.GET, answers(429, "", "Retry-After: 7"), nil, message(coap.TooManyRequests, "", option{coap.MaxAge, 7})},
		{"accepted", coap.GET, answers(200, "{}", "Content-Type: application/json"), []option{{coap.Accept, 50}}, message(coap.Content, "{}", option{coap.ContentFormat, 50}, option{coap.MaxAge, 0})},
		{"accept unheeded", coap.GET, answers(200, "<a/>", "Content-Type: application/xml"), []option{{coap.Accept, 50}}, message(coap.NotAcceptable, "")},
		{"accept unheeded, but done", coap.POST, answers(200, "<a/>", "Content-Type: application/xml"), []option{{coap.Accept, 50}}, message(coap.Changed, "")},
		{"not acceptable", coap.GET, answers(406, ""), []option{{coap.Accept, 50}}, message(coap.NotAcceptable, "", option{coap.MaxAge, 0})},
		{"too long", coap.GET, answers(200, long), nil, message(coap.BadGateway, "")},
		{"too long an error page", coap.GET, answers(404, long, "Content-Type: text/html"), nil, message(coap.NotFound, "", option{coap.MaxAge, 0})},
		{"too long in UTF-8", coap.GET, answers(200, strings.Repeat("\xe9", DefaultMaxBody/2+1), "Content-Type: text/plain; charset=iso-8859-1"), nil, message(coap.BadGateway, "")},
		{"compressed unasked", coap.GET, answers(200, "\x1f\x8b", "Content-Encoding: gzip"), nil, message(coap.BadGateway, "")},
		{"part", coap.GET, answers(206, "x", "Content-Range: bytes 0-0/2"), nil, message(coap.BadGateway, "")},
		{"switching", coap.GET, "HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", nil, message(coap.BadGateway, "")},
		{"garbage", coap.GET, "SSH-2.0-OpenSSH\r\n\r\n", nil, message(coap.BadGateway, "")},
		{"endless header", coap.GET, "HTTP/1.1 200 x\r\nX: " + strings.Repeat("x", 100<<10) + "\r\nContent-Length: 0\r\n\r\n", nil, message(coap.BadGateway, "")},
		{"an interim answer before", coap.GET, "HTTP/1.1 102 x\r\n\r\n" + answers(200, "x"), nil, message(coap.Content, "x", option{coap.MaxAge, 0})},
		{"server error with a page", coap.GET, answers(500, "<h1>", "Content-Type: text/html; charset=utf-8"), nil, message(coap.InternalServerError, "<h1>", option{coap.ContentFormat, 0}, option{coap.MaxAge, 0})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, says(tt.response))
			resp := gateway(t, u).do(t.Context(), tt.method, "", append(tt.options, proxyURI(u.url()+"/?"+token))...)
			if tt.want.Payload == nil && resp.Code.Class() != 2 {
				resp.Payload = nil
			}
			if diff := cmp.Diff(tt.want.String(), resp.String()); diff != "" {
				t.Errorf("got (+), want (-):\n%s", diff)
			}
			if n := len(u.seen()); n != 1 {
				t.Errorf("the platform was called %d times", n)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		inner := newUpstream(t, says(answers(200, "secret")))
		u := newUpstream(t, says(answers(status, "", "Location: "+inner.url()+"/", "Connection: close")))
		for _, method := range []coap.Code{coap.GET, coap.POST} {
			resp := gateway(t, u).do(t.Context(), method, "", proxyURI(u.url()+"/?"+token))
			if resp.Code != coap.BadGateway || len(inner.seen()) != 0 {
				t.Errorf("%s answered %d: got %s, the other origin saw %q", method, status, resp.Code, inner.seen())
			}
		}
	}
}

// What http.Transport does by itself: repeat a GET when a connection that was
// used before is reset or closed. The platform must see each request once.
func TestNoCallIsMadeTwice(t *testing.T) {
	ends := map[string]func(net.Conn){
		"reset": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"close": func(c net.Conn) { _ = c.Close() },
	}
	for name, end := range ends {
		for _, method := range []coap.Code{coap.GET, coap.PUT, coap.POST, coap.DELETE} {
			for _, payload := range []string{"", "x"} {
				reused := false
				for range reuseAttempts {
					if reused = calledOnce(t, name, method, payload, end); reused {
						break
					}
				}
				if !reused {
					t.Errorf("%s with %q after a %s: the connection was not used again in %d attempts", method, payload, name, reuseAttempts)
				}
			}
		}
	}
}

// reuseAttempts is how often a test tries to have a connection used again.
// net/http does not do that when a busy machine has not told it within 50 ms
// that the request was written.
const reuseAttempts = 20

// calledOnce makes two calls, of which the second one's connection ends without
// an answer, and says whether it was the connection of the first.
func calledOnce(t *testing.T, name string, method coap.Code, payload string, end func(net.Conn)) bool {
	t.Helper()
	u := newUpstream(t, func(n int, c net.Conn) {
		if n == 1 {
			says(okResponse)(n, c)
			return
		}
		end(c)
	})
	h := gateway(t, u)
	if resp := h.do(t.Context(), coap.GET, "", proxyURI(u.url()+"/1?"+token)); resp.Code != coap.Content {
		t.Fatalf("the first call: %s %q", resp.Code, resp.Payload)
	}
	resp := h.do(t.Context(), method, payload, proxyURI(u.url()+"/2?"+token))
	if resp.Code != coap.BadGateway || len(u.seen()) != 2 {
		t.Errorf("%s with %q after a %s: got %s, %d requests, want 5.02, 2", method, payload, name, resp.Code, len(u.seen()))
	}
	return u.accepted() == 1
}

// The proof above means something only as long as the transport would repeat.
func TestTransportWouldRepeatAnOrdinaryGet(t *testing.T) {
	for range reuseAttempts {
		u := newUpstream(t, func(n int, c net.Conn) {
			if n == 2 {
				_ = c.Close()
				return
			}
			says(okResponse)(n, c)
		})
		transport := NewTransport(TransportOptions{})
		t.Cleanup(transport.CloseIdleConnections)
		reused := false
		for i := range 2 {
			trace := &httptrace.ClientTrace{GotConn: func(g httptrace.GotConnInfo) { reused = reused || g.Reused }}
			req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, u.url(), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err != nil && (reused || i == 0) {
				t.Fatal(err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		}
		if !reused {
			continue
		}
		if n := len(u.seen()); n != 3 {
			t.Errorf("net/http made %d calls of 2: see whether the body of a GET is still needed", n)
		}
		return
	}
	t.Errorf("the connection was not used again in %d attempts", reuseAttempts)
}

func TestUnreachableAndSilentUpstreams(t *testing.T) {
	closed := newUpstream(t, says(okResponse))
	_ = closed.Close()
	stop := make(chan struct{})
	defer close(stop)
	silent := newUpstream(t, func(int, net.Conn) { <-stop })
	halfway := newUpstream(t, func(_ int, c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf"))
		<-stop
	})
	cut := newUpstream(t, func(_ int, c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf"))
		_ = c.Close()
	})
	for _, tt := range []struct {
		name string
		u    *upstream
		want coap.Code
	}{
		{"nobody listens", closed, coap.BadGateway},
		{"no answer", silent, coap.GatewayTimeout},
		{"half an answer", halfway, coap.GatewayTimeout},
		{"an answer cut off", cut, coap.BadGateway},
	} {
		h := gateway(t, tt.u, func(o *Options) { o.Timeout = 100 * time.Millisecond })
		if resp := h.do(t.Context(), coap.GET, "", proxyURI(tt.u.url()+"/?"+token)); resp.Code != tt.want || len(resp.Payload) == 0 {
			t.Errorf("%s: got %s %q, want %s", tt.name, resp.Code, resp.Payload, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if resp := gateway(t, silent).do(ctx, coap.GET, "", proxyURI(silent.url()+"/?"+token)); resp.Code != coap.ServiceUnavailable {
		t.Errorf("a gateway that closes: got %s", resp.Code)
	}
}

func TestSecretsAreInNoDiagnosticAndNoLog(t *testing.T) {
	var log bytes.Buffer
	u := newUpstream(t, says("garbage\r\n\r\n"))
	h := gateway(t, u, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, uri := range []string{
		u.url() + "/?P_mode=canary&" + token, u.url() + "/?" + token + "&" + token, u.url() + "/ ?" + token, "http://evil.example/?" + token,
		"http://hello:world@evil.example/", "http://:1/?" + token,
	} {
		req := request{Message: message(coap.GET, "", proxyURI(uri)), to: local5683}
		resp := h.answer(t.Context(), &req)
		h.log(t.Context(), &req, resp, local5683, 0)
		said := log.String() + string(resp.Payload)
		for _, secret := range []string{"world", "aGVsbG8", "canary", url.QueryEscape(token)} {
			if strings.Contains(said, secret) {
				t.Errorf("%s: %q is in %q", uri, secret, said)
			}
		}
	}
	if !strings.Contains(log.String(), "code=\"5.02 Bad Gateway\"") {
		t.Errorf("the log does not tell what happened: %s", log.String())
	}
}

func FuzzProxyURI(f *testing.F) {
	f.Add("http://allowed.example/a?" + token)
	f.Add("http://allowed.example@evil.example/?" + token)
	f.Add("http://allowed.example:80\\@evil/?" + token)
	var calls []*http.Request
	h, err := New(Options{Allow: []string{"http://allowed.example"}, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		calls = append(calls, r)
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		calls = nil
		resp := h.(*handler).do(t.Context(), coap.GET, "", proxyURI(uri))
		if !resp.Code.IsResponse() {
			t.Errorf("%q: got %s", uri, resp.Code)
		}
		for _, c := range calls {
			if c.URL.Host != "allowed.example" || c.Host != "allowed.example" || c.URL.Scheme != "http" {
				t.Errorf("%q: %s is called", uri, c.URL.Host)
			}
			if strings.ContainsAny(c.URL.RequestURI(), " \r\n") || !strings.HasPrefix(c.URL.RequestURI(), "/") {
				t.Errorf("%q: the request target is %q", uri, c.URL.RequestURI())
			}
			if _, _, _, err := mapping.CutAuthToken(c.URL.RawQuery); err != mapping.ErrNoToken { //nolint:errorlint // it is this one
				t.Errorf("%q: the token goes on in %q", uri, c.URL.RawQuery)
			}
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
