// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestAbsoluteURIIsTakenApart(t *testing.T) {
	for s, want := range map[string]mapping.URI{
		"https://live.example.com/live/a?P_mode=TEST&AuthToken=x": {
			Scheme: "https", Host: "live.example.com", Path: "/live/a", Query: "P_mode=TEST&AuthToken=x", HasQuery: true,
		},
		"http://h":                    {Scheme: "http", Host: "h"},
		"HTTP://H:/":                  {Scheme: "HTTP", Host: "H", HasPort: true, Path: "/"},
		"http://h?":                   {Scheme: "http", Host: "h", HasQuery: true},
		"http://u:p@h:80//a/../b":     {Scheme: "http", UserInfo: "u:p@", Host: "h", Port: "80", HasPort: true, Path: "//a/../b"},
		"coap://[2001:db8::1]:61616/": {Scheme: "coap", Host: "[2001:db8::1]", Port: "61616", HasPort: true, Path: "/"},
		"http://h/%2e%2E/?a=?/:@!$'()*+,;": {
			Scheme: "http", Host: "h", Path: "/%2e%2E/", Query: "a=?/:@!$'()*+,;", HasQuery: true,
		},
		"mailto:a@b":         {Scheme: "mailto", Opaque: "a@b"},
		"file:///etc/passwd": {Scheme: "file", Opaque: "///etc/passwd"},
		"http://%6c:1":       {Scheme: "http", Host: "%6c", Port: "1", HasPort: true},
	} {
		got, err := mapping.ParseURI(s)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, got (+), want (-):\n%s", s, err, diff)
		}
		if got.String() != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}

func TestWhatIsNoAbsoluteURIIsRefused(t *testing.T) {
	for _, s := range []string{
		"", "/", "mailto:a b", "live.example.com/a", "//h/a", "http:/h", "http:h", "http:", ":", "1http://h/", "ht tp://h/", "http://", "http:///a",
		"http://:80/", "http://h/#f", "http://h/a b", "http://h/a\r\nX: y", "http://h/\x00", "http://h/ä", "http://h/%", "http://h/%4",
		"http://h/%zz", "http://h/a\\b", "http://h\\@evil/", "http://h/{x}", "http://h/|", "http://h/^", "http://h/`", "http://h/\"", "http://h/<>",
		"http://[::1/", "http://::1/", "http://[::1]x/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/", "http://[v1.x]/", "http://[]/",
		"http://h:8a/", "http://h:-1/", "http://a@b@h/", "http://[::1]@h/", "http://h/[x]", "http://h/?[x]", "http://h]/", "http://@/",
	} {
		if u, err := mapping.ParseURI(s); !errors.Is(err, mapping.ErrURI) {
			t.Errorf("%q: got %+v, %v", s, u, err)
		}
	}
}

func TestPortNumberIsTheSchemesOwnByDefault(t *testing.T) {
	for s, want := range map[string]uint16{
		"http://h": 80, "HTTPS://h": 443, "coap://h:": 5683, "coaps://h": 5684, "http://h:0081": 81,
		"ftp://h": 0, "http://h:0": 0, "http://h:65536": 0, "http://h:99999999999999999999": 0,
	} {
		u, err := mapping.ParseURI(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := u.PortNumber(); ok != (want != 0) || ok && got != want {
			t.Errorf("%q: got %d, %t, want %d", s, got, ok, want)
		}
	}
}

// Proof that net/http writes what mapping.ParseURI has let pass byte for byte.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{
		"https://live.example.com/live/a?P_mode=TEST&AuthToken=x", "http://h//a/../b", "http://h/%2F?", "http://h", "http://h/;a=b,c(d)'!*$&+:@?/",
		"http://[::1]:80/", "http://u@h/", "http://h/*", "A:", "A://0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := mapping.ParseURI(s)
		if err != nil {
			return
		}
		if u.String() != s {
			t.Fatalf("%q comes back as %q", s, u)
		}
		std, err := url.Parse(s)
		if err == nil && u.Opaque == "" && !strings.EqualFold(std.Hostname(), strings.Trim(u.Host, "[]")) && !strings.Contains(u.Host, "%") {
			t.Errorf("%q: net/url reads the host %q, we read %q", s, std.Hostname(), u.Host)
		}
		path, query, has := strings.Cut(u.RequestTarget(), "?")
		decoded, err := url.PathUnescape(path)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		if got := (&url.URL{Path: decoded, RawPath: path, RawQuery: query, ForceQuery: has}).RequestURI(); got != u.RequestTarget() {
			t.Errorf("%q: goes out as %q", u.RequestTarget(), got)
		}
	})
}

func TestURIIsComposedFromOptions(t *testing.T) {
	request := func(options ...any) *coap.Message {
		m := &coap.Message{Code: coap.GET}
		for i := 0; i < len(options); i += 2 {
			switch v := options[i+1].(type) {
			case string:
				m.AddString(options[i].(coap.OptionNumber), v)
			case int:
				m.AddUint(options[i].(coap.OptionNumber), uint32(v))
			}
		}
		return m
	}
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:5683"), netip.MustParseAddrPort("[2001:db8::1]:5684")
	odd := netip.MustParseAddrPort("[::ffff:192.0.2.1]:9999")
	for _, tt := range []struct {
		req    *coap.Message
		to     netip.AddrPort
		secure bool
		want   string // "" for an error
	}{
		{request(), v4, false, "http://192.0.2.1/"},
		{request(), v6, true, "http://[2001:db8::1]/"},
		{request(), odd, false, "http://192.0.2.1:9999/"},
		{request(coap.URIHost, "h"), v4, true, "http://h:5683/"},
		{request(coap.URIHost, "H", coap.URIPort, 80), v4, false, "http://H:80/"},
		{request(coap.URIHost, "h", coap.URIPort, 5683), v4, false, "http://h/"}, // step 5, by the letter
		{request(coap.URIHost, "bücher.example"), v4, false, "http://b%C3%BCcher.example/"},
		{request(coap.URIHost, "[2001:db8::2]"), v4, false, "http://[2001:db8::2]/"},
		{request(coap.URIHost, "h", coap.URIPath, "a b", coap.URIPath, "c/d?&=:@ü", coap.URIPath, ""), v4, false, "http://h/a%20b/c%2Fd%3F&=:@%C3%BC/"},
		{request(coap.URIHost, "h", coap.URIQuery, "P_mode=TEST", coap.URIQuery, "t=a+b/c?d&e#"), v4, false, "http://h/?P_mode=TEST&t=a+b/c?d%26e%23"},
		{request(coap.URIHost, "h", coap.URIPath, ".."), v4, false, ""},
		{request(coap.URIHost, "h", coap.URIPath, "a", coap.URIPath, "."), v4, false, ""},
		{request(coap.URIHost, "h/evil"), v4, false, ""},
		{request(coap.URIHost, "u@h"), v4, false, ""},
		{request(coap.URIHost, "h:80"), v4, false, ""},
		{request(coap.URIHost, "[::1"), v4, false, ""},
		{request(coap.URIHost, "a b"), v4, false, ""},
		{request(coap.URIHost, "h\r\n"), v4, false, ""},
	} {
		got, err := mapping.ComposeURI("http", tt.req, tt.to, tt.secure)
		switch {
		case tt.want == "" && !errors.Is(err, mapping.ErrURI):
			t.Errorf("%s: got %q, %v, want an error", tt.req, got, err)
		case tt.want != "" && (err != nil || got.String() != tt.want):
			t.Errorf("%s to %s: got %q, %v, want %q", tt.req, tt.to, got, err, tt.want)
		}
	}
	if _, err := mapping.ComposeURI("ht tp", request(), v4, false); !errors.Is(err, mapping.ErrURI) {
		t.Errorf("a Proxy-Scheme that is none: %v", err)
	}
}
