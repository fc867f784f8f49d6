// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
)

func provider(url string) outbound.Provider {
	return outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url}}}
}

func connector(url string) outbound.Connector {
	return outbound.Connector{Provider: "boiler", URL: url, Method: "GET"}
}

// wantRefusal wants an *Error that has all of the words in it.
func wantRefusal(t *testing.T, err error, words ...string) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want an *Error", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error %q says nothing of %q", err, word)
		}
	}
}

// TestURLBecomesOptions holds the decomposition against RFC 7252 §6.4, and its
// examples in §6.3 and Appendix B.
func TestURLBecomesOptions(t *testing.T) {
	type want struct {
		Host, Addr  string
		Port        uint16
		Secure      bool
		Path, Query []string
	}
	for _, c := range []struct {
		url  string
		want want
	}{
		{"coap://example.net/.well-known/core", want{Host: "example.net", Port: 5683, Path: []string{".well-known", "core"}}},
		{"coap://198.51.100.1:61616//%2F//?%2F%2F&?%26", want{Addr: "198.51.100.1", Port: 61616, Path: []string{"", "/", "", ""}, Query: []string{"//", "?&"}}},
		{"coap://xn--18j4d.example/%E3%81%93%E3%82%93", want{Host: "xn--18j4d.example", Port: 5683, Path: []string{"こん"}}},
		{"coap://example.com:5683/~sensors/temp.xml", want{Host: "example.com", Port: 5683, Path: []string{"~sensors", "temp.xml"}}},
		{"coap://EXAMPLE.com/%7Esensors/temp.xml", want{Host: "example.com", Port: 5683, Path: []string{"~sensors", "temp.xml"}}},
		{"coap://EXAMPLE.com:/%7esensors/temp.xml", want{Host: "example.com", Port: 5683, Path: []string{"~sensors", "temp.xml"}}},
		{"coaps://[2001:db8::2:1]/", want{Addr: "2001:db8::2:1", Port: 5684, Secure: true}},
		{"COAPS://127.0.0.1", want{Addr: "127.0.0.1", Port: 5684, Secure: true}},
		{"coaps://h:1", want{Host: "h", Port: 1, Secure: true}},
		{"coap://h?a=1&b&&c=%26", want{Host: "h", Port: 5683, Query: []string{"a=1", "b", "", "c=&"}}},
		{"coap://h/?", want{Host: "h", Port: 5683, Query: []string{""}}},
		{"coap://h/a/", want{Host: "h", Port: 5683, Path: []string{"a", ""}}},
		{"coap://h/a/./b/../c", want{Host: "h", Port: 5683, Path: []string{"a", "c"}}},
		{"coap://h/a/..", want{Host: "h", Port: 5683}},
		{"coap://h/../../a/b/..", want{Host: "h", Port: 5683, Path: []string{"a", ""}}},
		{"coap://h/.", want{Host: "h", Port: 5683}},
	} {
		t.Run(c.url, func(t *testing.T) {
			r, err := Build(provider("${url}"), connector(""), outbound.Call{Variables: map[string]string{"url": c.url}})
			if err != nil {
				t.Fatal(err)
			}
			m := r.Message
			got := want{Host: r.Host, Port: r.Port, Secure: r.Secure, Path: m.Strings(coap.URIPath), Query: m.Strings(coap.URIQuery)}
			if r.Addr.IsValid() {
				got.Addr = r.Addr.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			var hosts []string
			if c.want.Host != "" {
				hosts = []string{c.want.Host}
			}
			if diff := cmp.Diff(hosts, m.Strings(coap.URIHost)); diff != "" {
				t.Errorf("Uri-Host is for names alone: %s", diff)
			}
			if m.Has(coap.URIPort) {
				t.Error("Uri-Port is there, though the port is the destination's")
			}
		})
	}
}

func TestURLThatIsNoneIsRefused(t *testing.T) {
	for url, word := range map[string]string{
		"":                                "scheme",
		"boiler":                          "scheme",
		"/path":                           "scheme",
		"http://h/":                       "coap or coaps",
		"coap:/h":                         "//",
		"coap://":                         "host is missing",
		"coap://:5683/":                   "host is missing",
		"coap://user@h/":                  "user information",
		"coap://h:0":                      "port",
		"coap://h:65536":                  "port",
		"coap://h:x":                      "port",
		"coap://::1/":                     "name nor an address",
		"coap://[::1":                     "IPv6",
		"coap://[nothing]/":               "IPv6",
		"coap://h/a b":                    "not allowed",
		"coap://h/%":                      "percent sign",
		"coap://h/%zz":                    "percent sign",
		"coap://h/#f":                     "fragment",
		"coap://h/%2e%2E":                 "5.10.1",
		"coap://h/%2e":                    "5.10.1",
		"coap://224.0.1.187/":             "one device",
		"coap://[ff02::fd]/":              "one device",
		"coap://0.0.0.0/":                 "one device",
		"coap://255.255.255.255":          "one device",
		"coap://[::ffff:224.0.1.187]/":    "one device",
		"coap://h/" + long(256):           "Uri-Path",
		"coap://h/?" + long(256):          "Uri-Query",
		"coap://" + long(256) + ".de/":    "Uri-Host",
		"coap://h\r\nX: y/":               "not allowed",
		"coap://%00/" + long(256) + "/..": "",
	} {
		t.Run(url, func(t *testing.T) {
			_, err := Build(provider("${url}"), connector(""), outbound.Call{Variables: map[string]string{"url": url}})
			if word == "" { // odd, but legal
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantRefusal(t, err, word)
		})
	}
}

func long(n int) string { return strings.Repeat("a", n) }

func TestURLPartsAreJoinedWithOneSlash(t *testing.T) {
	for _, c := range []struct {
		base, part string
		path       []string
		query      []string
	}{
		{"coap://h", "", nil, nil},
		{"coap://h", "a", []string{"a"}, nil},
		{"coap://h/", "/a", []string{"a"}, nil},
		{"coap://h/a", "b/c?x=1", []string{"a", "b", "c"}, []string{"x=1"}},
		{"coap://h/a", "?x=1", []string{"a"}, []string{"x=1"}},
		{"coap://h/a/", "//b", []string{"a", "", "b"}, nil},
		{"coap://h/a?x=1", "", []string{"a"}, []string{"x=1"}},
	} {
		t.Run(c.base+" "+c.part, func(t *testing.T) {
			r, err := Build(provider(c.base), connector(c.part), outbound.Call{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{c.path, c.query}, [][]string{r.Message.Strings(coap.URIPath), r.Message.Strings(coap.URIQuery)}); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := Build(provider("coap://h/a?x=1"), connector("/b"), outbound.Call{})
	wantRefusal(t, err, "query")
}

func TestURLPartDoesNotBecomeTheHost(t *testing.T) {
	c := connector("")
	c.URL = "/boiler"
	_, err := Build(provider("coap://${host}"), c, outbound.Call{Variables: map[string]string{"host": ""}})
	if err == nil || !strings.Contains(err.Error(), "host is missing") {
		t.Errorf("error %v, want one that says that the host is missing", err)
	}
}

func TestVariableStaysWhereItStands(t *testing.T) {
	const nasty = "a/b?c&d=é%41#+ ${other}"
	r, err := Build(
		outbound.Provider{
			Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://${host}:${port}/base/${v}"}},
			Variables:    map[string]string{"host": "h", "port": "7", "v": "the provider's"},
		},
		outbound.Connector{Provider: "p", URL: "x${v}?q=${v}&r", Method: "PUT", Body: "<${v}>"},
		outbound.Call{Variables: map[string]string{"v": nasty, "port": "8"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if r.Port != 8 || r.Host != "h" {
		t.Errorf("got %s:%d, want h:8: the call's variables go before the provider's", r.Host, r.Port)
	}
	if diff := cmp.Diff([]string{"base", nasty, "x" + nasty}, r.Message.Strings(coap.URIPath)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"q=" + nasty, "r"}, r.Message.Strings(coap.URIQuery)); diff != "" {
		t.Error(diff)
	}
	if got, want := string(r.Message.Payload), "<"+nasty+">"; got != want {
		t.Errorf("body %q, want %q", got, want)
	}
}

func TestVariableThatIsTheWholeURLStandsAsItIs(t *testing.T) {
	variables := map[string]string{"base": "coaps://h:9/a", "part": "/b/c?d=1", "endpoint": "coap://192.0.2.1/x?y"}
	r, err := Build(provider("${base}"), connector("${part}"), outbound.Call{Variables: variables})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d=1"}, append(r.Message.Strings(coap.URIPath), r.Message.Strings(coap.URIQuery)...)); diff != "" {
		t.Error(diff)
	}
	r, err = Build(provider("coaps://elsewhere"), outbound.Connector{Provider: "p", DynamicEndpoint: "${endpoint}", Method: "GET"}, outbound.Call{Variables: variables})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Addr.String(); got != "192.0.2.1" || r.Secure || r.Message.Path() != "/x" {
		t.Errorf("got %s %s, want the dynamic endpoint", got, r.Message)
	}
}

func TestVariableMustNotEscapeItsPlace(t *testing.T) {
	for _, c := range []struct{ base, part, value, word string }{
		{"coap://${v}.example/", "", "evil/", `"v"`},
		{"coap://${v}.example/", "", "user@evil", `"v"`},
		{"coap://h:${v}/", "", "1?x", `"v"`},
		{"coap://h/a/${v}/b", "", "..", "5.10.1"},
		{"coap://h", "a/${v}", ".", "5.10.1"},
		{"coap://h", "a/.${v}", ".", "5.10.1"},
	} {
		_, err := Build(provider(c.base), connector(c.part), outbound.Call{Variables: map[string]string{"v": c.value}})
		wantRefusal(t, err, c.word)
	}
}

func TestUnknownVariableIsNamed(t *testing.T) {
	p := provider("coap://h")
	p.Variables = map[string]string{"known": ""}
	for where, c := range map[string]outbound.Connector{
		"url":                  {URL: "/${nobody}"},
		"dynamicEndpoint":      {DynamicEndpoint: "${nobody}"},
		"method":               {Method: "${nobody}"},
		"accept":               {Accept: "${nobody}"},
		"content":              {Content: "${nobody}"},
		"body":                 {Body: "${nobody}"},
		"parameters.timeout":   {Parameters: map[string]string{"timeout": "${nobody}"}},
		"parameters.proxi-URI": {Parameters: map[string]string{"proxi-URI": "${nobody}"}},
		"the provider's url":   {},
	} {
		p := p
		if where == "the provider's url" {
			p = provider("coap://${nobody}")
			p.Variables = map[string]string{"known": ""}
		}
		if c.Method == "" {
			c.Method = "POST"
		}
		_, err := Build(p, c, outbound.Call{})
		wantRefusal(t, err, where+":", `"nobody"`, "known")
	}
}

func TestMalformedVariableIsRefused(t *testing.T) {
	for _, text := range []string{"${", "a${b", "${}", "${a}${"} {
		c := connector("/" + text)
		wantRefusal(t, CheckConnector(c), "url")
		wantRefusal(t, CheckProvider(provider("coap://h/"+text)), "environments.LIVE.url")
		c = connector("")
		c.Parameters = map[string]string{"timeout": text}
		wantRefusal(t, CheckConnector(c), "parameters.timeout")
	}
}

func TestModePicksTheEnvironment(t *testing.T) {
	p := outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{
		outbound.Test: {URL: "coap://test"}, outbound.Acceptance: {URL: "coap://acceptance"}, outbound.Live: {URL: "coap://live"},
	}}
	for mode, host := range map[outbound.Mode]string{"": "live", outbound.Live: "live", outbound.Test: "test", outbound.Acceptance: "acceptance"} {
		r, err := Build(p, connector(""), outbound.Call{Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		if r.Host != host {
			t.Errorf("mode %q: got %s, want %s", mode, r.Host, host)
		}
	}
	_, err := Build(p, connector(""), outbound.Call{Mode: "test"})
	wantRefusal(t, err, "mode", `"test"`, "TEST, ACCEPTANCE or LIVE")
	delete(p.Environments, outbound.Live)
	_, err = Build(p, connector(""), outbound.Call{})
	wantRefusal(t, err, "boiler", "no LIVE environment", "ACCEPTANCE, TEST")
}

func TestMessageType(t *testing.T) {
	for value, want := range map[string]coap.Type{"": coap.Confirmable, "CON": coap.Confirmable, "NON": coap.NonConfirmable, "ACK": coap.Acknowledgement, "RST": coap.Reset} {
		c := connector("")
		if value != "" {
			c.Parameters = map[string]string{MessageType: value}
		}
		r, err := Build(provider("coap://h"), c, outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Message.Type != want || r.Awaited() != (want <= coap.NonConfirmable) {
			t.Errorf("%q: got %s, awaited %t", value, r.Message.Type, r.Awaited())
		}
	}
	for _, value := range []string{"con", "CONFIRMABLE", "Reject", " CON", "0", "CON,NON", "\x00"} {
		c := connector("")
		c.Parameters = map[string]string{MessageType: value}
		wantRefusal(t, CheckConnector(c), "message-type", "CON, NON, ACK or RST")
		c.Parameters = map[string]string{MessageType: "${v}"}
		_, err := Build(provider("coap://h"), c, outbound.Call{Variables: map[string]string{"v": value}})
		wantRefusal(t, err, "message-type", "CON, NON, ACK or RST")
	}
}

func TestTimeout(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"none": 30 * time.Second, "1": time.Millisecond, "2500": 2500 * time.Millisecond, "29999": 29999 * time.Millisecond,
		"30000": 30 * time.Second, "30001": 30 * time.Second, "4294967296": 30 * time.Second, "0030": 30 * time.Millisecond,
		"99999999999999999999999999": 30 * time.Second,
	} {
		c := connector("")
		if value != "none" {
			c.Parameters = map[string]string{Timeout: value}
		}
		r, err := Build(provider("coap://h"), c, outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Timeout != want {
			t.Errorf("%q: got %s, want %s", value, r.Timeout, want)
		}
	}
	for _, value := range []string{"0", "000", "-1", "+1", "30.000", "30,000", "1e3", "1000ms", " 1", "1 ", "", "0x10", "١"} {
		c := connector("")
		c.Parameters = map[string]string{Timeout: value}
		wantRefusal(t, CheckConnector(c), "timeout", "30000")
	}
}

func TestProxyURIUnderBothNames(t *testing.T) {
	const target = "coap://[2001:db8::1]/a?b=%26"
	for _, parameters := range []map[string]string{
		{ProxiURI: target},
		{ProxyURI: target},
		{ProxiURI: target, ProxyURI: target},
		{ProxiURI: "${t}"},
		{ProxiURI: "${t}", ProxyURI: target},
		{ProxyURI: "coap://[2001:db8::1]/a?b=${amp}"},
	} {
		c := connector("/ignored?too")
		c.Parameters = parameters
		if err := CheckConnector(c); err != nil {
			t.Fatal(err)
		}
		r, err := Build(provider("coap://proxy"), c, outbound.Call{Variables: map[string]string{"t": target, "amp": "&"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]coap.Option{{Number: coap.ProxyURI, Value: []byte(target)}}, r.Message.Options); diff != "" {
			t.Errorf("%v: Proxy-Uri stands alone (RFC 7252 §5.10.2): %s", parameters, diff)
		}
		if r.Host != "proxy" {
			t.Errorf("goes to %s, want the proxy", r.Host)
		}
	}
	c := connector("")
	c.Parameters = map[string]string{ProxiURI: target, ProxyURI: target + "x"}
	wantRefusal(t, CheckConnector(c), "proxi-URI", "proxy-URI", "different")
	for _, value := range []string{"", "/relative", "h", "coap://", "coap://h/#f", "coap://h/a b", "coap://h/é", "coap://h/" + long(1026)} {
		c.Parameters = map[string]string{ProxiURI: value}
		wantRefusal(t, CheckConnector(c), "proxi-URI")
	}
	c.Parameters = map[string]string{ProxiURI: "coap://h/?AuthToken=c2VjcmV0 "}
	if err := CheckConnector(c); err == nil || strings.Contains(err.Error(), "c2Vj") {
		t.Errorf("got %v, want an error without the AuthToken", err)
	}
}

func TestUnknownParameterIsRefused(t *testing.T) {
	for _, name := range []string{"timeuot", "Timeout", "proxi-uri", ""} {
		c := connector("")
		c.Parameters = map[string]string{name: "CON"}
		wantRefusal(t, CheckConnector(c), "message-type, proxi-URI (or proxy-URI) or timeout")
	}
}

func TestMediaTypesBecomeFormats(t *testing.T) {
	c := outbound.Connector{Provider: "p", Method: "PUT", Accept: "application/cbor", Content: "Text/Plain; charset=UTF-8", Body: "é"}
	r, err := Build(provider("coap://h"), c, outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	accept, _ := r.Message.Accept()
	content, ok := r.Message.ContentFormat()
	if accept != coap.AppCBOR || content != coap.TextPlain || !ok {
		t.Errorf("got %s", r.Message)
	}
	c.Accept, c.Body = "*/*", ""
	if r, err = Build(provider("coap://h"), c, outbound.Call{}); err != nil {
		t.Fatal(err)
	}
	if r.Message.Has(coap.Accept) || r.Message.Has(coap.ContentFormat) {
		t.Errorf("got %s, want neither Accept nor Content-Format", r.Message)
	}
	for _, mediaType := range []string{"application/x-nothing", "text/plain; charset=iso-8859-1", "nonsense", "*/*"} {
		c := connector("")
		c.Content = mediaType
		wantRefusal(t, CheckConnector(c), "content", "Content-Format", mediaType)
	}
	c = connector("")
	c.Accept = "${a}"
	_, err = Build(provider("coap://h"), c, outbound.Call{Variables: map[string]string{"a": "application/x-nothing"}})
	wantRefusal(t, err, "accept", "application/x-nothing")
}

func TestMethodAndBody(t *testing.T) {
	for method, code := range map[string]coap.Code{"GET": coap.GET, "POST": coap.POST, "PUT": coap.PUT, "DELETE": coap.DELETE} {
		c := outbound.Connector{Provider: "p", Method: "${m}"}
		r, err := Build(provider("coap://h"), c, outbound.Call{Variables: map[string]string{"m": method}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Message.Code != code {
			t.Errorf("got %s, want %s", r.Message.Code, code)
		}
	}
	for _, method := range []string{"", "get", "PATCH", "Content", "0.01"} {
		wantRefusal(t, CheckConnector(outbound.Connector{Provider: "p", Method: method}), "GET, POST, PUT or DELETE")
	}
	for _, method := range []string{"GET", "DELETE"} {
		wantRefusal(t, CheckConnector(outbound.Connector{Provider: "p", Method: method, Body: "x"}), "body", method)
	}
	fits := outbound.Connector{Provider: "p", Method: "POST", Body: long(MaxPayload)}
	if err := CheckConnector(fits); err != nil {
		t.Error(err)
	}
	fits.Body += "a"
	wantRefusal(t, CheckConnector(fits), "1048577 bytes", "1048576")
	forced := outbound.Connector{Provider: "p", Method: "POST", Body: long(maxForced), Parameters: map[string]string{"message-type": "RST"}}
	if _, err := Build(provider("coap://h"), forced, outbound.Call{}); err != nil {
		t.Error(err)
	}
	forced.Body += "a"
	_, err := Build(provider("coap://h"), forced, outbound.Call{})
	wantRefusal(t, err, "1025 bytes", "CON or NON")
}

func TestCredentials(t *testing.T) {
	p := provider("coaps://h")
	with := func(url, identity, key string) outbound.Provider {
		p := provider(url)
		e := p.Environments[outbound.Live]
		e.Authentication = &outbound.Authentication{Identity: identity}
		_ = e.Authentication.Key.UnmarshalText([]byte(key))
		p.Environments[outbound.Live] = e
		return p
	}
	r, err := Build(p, connector(""), outbound.Call{})
	if err != nil || r.PSK != nil || !r.Secure {
		t.Errorf("got %v, %v, want certificates", r, err)
	}
	for key, want := range map[string]string{"sesame": "sesame", "é": "\xc3\xa9", "hex:00ff": "\x00\xff", "HEX:00": "HEX:00"} {
		p := with("coaps://h", "me", key)
		if err := CheckProvider(p); err != nil {
			t.Fatal(err)
		}
		r, err := Build(p, connector(""), outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&PSK{"me", []byte(want)}, r.PSK); diff != "" {
			t.Error(diff)
		}
	}
	for _, key := range []string{"", "hex:", "hex:0", "hex:5ecretZZ", "•••"} {
		err := CheckProvider(with("coaps://h", "me", key))
		wantRefusal(t, err, "environments.LIVE.authentication.key")
		if strings.Contains(err.Error(), "5ecret") || strings.Contains(err.Error(), "Z") {
			t.Errorf("the error %q shows the key", err)
		}
	}
	wantRefusal(t, CheckProvider(with("coaps://h", "", "k")), "identity")
	wantRefusal(t, CheckProvider(with("coap://h", "me", "k")), "unencrypted")
	dynamic := outbound.Connector{Provider: "p", Method: "GET", DynamicEndpoint: "${e}"}
	_, err = Build(with("coaps://h", "me", "k"), dynamic, outbound.Call{Variables: map[string]string{"e": "coap://h"}})
	wantRefusal(t, err, "unencrypted")
}

func TestProviderIsChecked(t *testing.T) {
	wantRefusal(t, CheckProvider(outbound.Provider{}), "environments")
	wantRefusal(t, CheckProvider(outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{"PROD": {URL: "coap://h"}}}), "PROD", "TEST, ACCEPTANCE or LIVE")
	wantRefusal(t, CheckProvider(provider("")), "environments.LIVE.url")
	wantRefusal(t, CheckProvider(provider("http://h")), "environments.LIVE.url", "coap or coaps")
	if err := CheckProvider(provider("${all}")); err != nil {
		t.Error(err)
	}
}

func TestConnectorIsChecked(t *testing.T) {
	wantRefusal(t, CheckConnector(outbound.Connector{Method: "GET"}), "provider")
	wantRefusal(t, CheckConnector(outbound.Connector{Provider: "p", Method: "GET", URL: "/a", DynamicEndpoint: "${b}"}), "dynamicEndpoint")
	wantRefusal(t, CheckConnector(outbound.Connector{Provider: "p", Method: "GET", DynamicEndpoint: "http://h"}), "dynamicEndpoint")
	wantRefusal(t, CheckConnector(connector("/a b")), "url")
	wantRefusal(t, CheckConnector(connector("/a#b")), "url")
	if err := CheckConnector(connector("/${a}?b=${c}")); err != nil {
		t.Error(err)
	}
}

// TestBuildLeavesItsInputAlone keeps a stored connector from being changed by
// the calls of it.
func TestBuildLeavesItsInputAlone(t *testing.T) {
	p := provider("coap://h")
	p.Variables = map[string]string{"a": "1"}
	call := outbound.Call{Variables: map[string]string{"b": "2"}}
	before := []map[string]string{maps.Clone(p.Variables), maps.Clone(call.Variables)}
	_, err := Build(p, connector("/${nobody}"), call)
	wantRefusal(t, err, "a, b")
	if diff := cmp.Diff(before, []map[string]string{p.Variables, call.Variables}); diff != "" {
		t.Error(diff)
	}
}

// FuzzVariable: whatever a value is, it stays one path segment and one query
// argument.
func FuzzVariable(f *testing.F) {
	for _, s := range []string{"", "a", "/", "..", "%2e", "a/../b", "é", "\x00", "&x=1", "${v}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 200 {
			return
		}
		r, err := Build(provider("coap://h/a"), connector("/x/${v}/b?q=${v}"), outbound.Call{Variables: map[string]string{"v": value}})
		if err != nil {
			if value == "." || value == ".." {
				return
			}
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a", "x", value, "b", "q=" + value}, append(r.Message.Strings(coap.URIPath), r.Message.Strings(coap.URIQuery)...)); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzURL: whatever a URL is, it is refused, or its options are legal.
func FuzzURL(f *testing.F) {
	for _, s := range []string{"coap://h/a/../b?c&d", "coaps://[::1]:1//%2F", "coap://h/%zz", "x", "coap://1.2.3.4?", "coap://h/./.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, url string) {
		r, err := Build(provider("${u}"), connector(""), outbound.Call{Variables: map[string]string{"u": url}})
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if problems := r.Message.CheckOptions(nil); len(problems) > 0 {
			t.Error(problems)
		}
		for _, s := range r.Message.Strings(coap.URIPath) {
			if s == "." || s == ".." {
				t.Errorf("Uri-Path %q", s)
			}
		}
		if r.Port == 0 || (r.Host == "") != r.Addr.IsValid() {
			t.Errorf("destination %q %s %d", r.Host, r.Addr, r.Port)
		}
	})
}

// FuzzParameters: whatever the parameters are, they are refused, or within bounds.
func FuzzParameters(f *testing.F) {
	f.Add("CON", "coap://h/", "", "30.000")
	f.Add("RST", "", "", "99999999999999999999")
	f.Fuzz(func(t *testing.T, messageType, proxi, proxy, timeout string) {
		c := connector("")
		c.Parameters = map[string]string{MessageType: messageType, Timeout: timeout}
		if proxi != "" {
			c.Parameters[ProxiURI] = proxi
		}
		if proxy != "" {
			c.Parameters[ProxyURI] = proxy
		}
		r, err := Build(provider("coap://h"), c, outbound.Call{})
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if r.Timeout <= 0 || r.Timeout > MaxTimeout || r.Message.Type > coap.Reset {
			t.Errorf("got %s, %s", r.Timeout, r.Message)
		}
	})
}
