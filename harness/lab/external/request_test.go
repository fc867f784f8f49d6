// SPDX-License-Identifier: Apache-2.0

package external

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

func templated(t *testing.T, s string) *proxy {
	t.Helper()
	template, err := hc.ParseTemplate(s)
	if err != nil {
		t.Fatal(err)
	}
	return &proxy{template: template, secure: strings.HasPrefix(s, "https:"), user: &lab.User{Name: "operator", Password: "open sesame"}}
}

func live(url string) outbound.Provider {
	return outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url}}}
}

func TestAConnectorBecomesARequestToAProxy(t *testing.T) {
	for _, tt := range []struct {
		name, template, provider string
		connector                outbound.Connector
		want                     string // the request line's target
		header                   http.Header
		body                     string
	}{
		{
			name: "the simple template", template: "http://192.0.2.10:8080/hc/{+tu}", provider: "coap://192.0.2.20:40000",
			connector: outbound.Connector{Method: "GET", URL: "/with%20space/and%2Fbar?x=1&y=2", Accept: "application/json"},
			want:      "/hc/coap://192.0.2.20:40000/with%20space/and%2Fbar?x=1&y=2",
			header:    http.Header{"Accept": {"application/json"}},
		},
		{
			name: "the enhanced template", template: "https://p.example.com/hc?s={+s}&hp={+hp}&p={+p}&q={+q}", provider: "coaps://192.0.2.20",
			connector: outbound.Connector{Method: "DELETE", URL: "/a?b"},
			want:      "/hc?s=coaps&hp=192.0.2.20&p=/a&q=b",
		},
		{
			name: "IPv6", template: "http://[2001:db8::1]:8080/hc/{+tu}", provider: "coap://[2001:db8::20]:40000",
			connector: outbound.Connector{Method: "GET", URL: "/a"},
			want:      "/hc/coap://%5B2001:db8::20%5D:40000/a",
		},
		{
			name: "a body in its charset", template: "http://192.0.2.10/{+tu}", provider: "coap://192.0.2.20",
			connector: outbound.Connector{Method: "PUT", URL: "/w", Content: "text/plain; charset=iso-8859-1", Body: "größe"},
			want:      "/coap://192.0.2.20/w",
			header:    http.Header{"Content-Type": {"text/plain; charset=iso-8859-1"}},
			body:      "gr\xf6\xdfe",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := templated(t, tt.template).Request(t.Context(), live(tt.provider), tt.connector, outbound.Call{})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.URL.RequestURI(); got != tt.want || r.Method != tt.connector.Method {
				t.Errorf("got %s %s, want %s", r.Method, got, tt.want)
			}
			if !strings.HasPrefix(tt.template, r.URL.Scheme+"://"+r.URL.Host+"/") {
				t.Errorf("it goes to %s://%s", r.URL.Scheme, r.URL.Host)
			}
			body, _ := io.ReadAll(r.Body)
			if string(body) != tt.body {
				t.Errorf("got the body %q, want %q", body, tt.body)
			}
			for _, name := range []string{"Accept", "Content-Type"} {
				if r.Header.Get(name) != tt.header.Get(name) {
					t.Errorf("%s: %q, want %q", name, r.Header.Get(name), tt.header.Get(name))
				}
			}
			if name, password, _ := r.BasicAuth(); name != "operator" || password != "open sesame" {
				t.Errorf("it authenticates itself as %q", name)
			}
		})
	}
}

func TestWhatAProxyCannotBeToldDoesNotApply(t *testing.T) {
	get := outbound.Connector{Method: "GET", URL: "/x"}
	with := func(change func(*outbound.Connector)) outbound.Connector {
		c := get
		change(&c)
		return c
	}
	secured := live("coaps://h")
	secured.Environments[outbound.Live] = outbound.Environment{URL: "coaps://h", Authentication: &outbound.Authentication{Identity: "i", Key: "k"}}
	for _, tt := range []struct {
		name      string
		provider  outbound.Provider
		connector outbound.Connector
		call      outbound.Call
		want      string
	}{
		{"a mode", live("coap://h"), get, outbound.Call{Mode: outbound.Test}, "environments"},
		{"another environment", outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Test: {URL: "coap://h"}}}, get, outbound.Call{}, "environments"},
		{"a variable", live("coap://h"), get, outbound.Call{Variables: map[string]string{"a": "b"}}, "no variables"},
		{"a variable that nobody gives", live("coap://h"), with(func(c *outbound.Connector) { c.URL = "/${x}" }), outbound.Call{}, "no variables"},
		{"a dynamic endpoint", live("coap://h"), with(func(c *outbound.Connector) { c.DynamicEndpoint = "coap://x" }), outbound.Call{}, "no variables"},
		{"credentials", secured, get, outbound.Call{}, "credentials for a device"},
		{"parameters", live("coap://h"), with(func(c *outbound.Connector) { c.Parameters = map[string]string{"timeout": "1", "message-type": "NON"} }), outbound.Call{}, "cannot say message-type, timeout"},
		{"another method", live("coap://h"), with(func(c *outbound.Connector) { c.Method = "PATCH" }), outbound.Call{}, `"PATCH"`},
		{"a GET with a body", live("coap://h"), with(func(c *outbound.Connector) { c.Body = "x" }), outbound.Call{}, "has no body"},
		{"another scheme", live("http://h"), get, outbound.Call{}, "refused for its URL"},
		{"a provider's path", live("coap://h/base"), get, outbound.Call{}, "joins no URL"},
		{"a URL part without a slash", live("coap://h"), with(func(c *outbound.Connector) { c.URL = "x" }), outbound.Call{}, "joins no URL"},
		{"coaps over http", live("coaps://h"), get, outbound.Call{}, "RFC 8075 §10.3"},
		{"no URI", live("coap://h"), with(func(c *outbound.Connector) { c.URL = "/%zz" }), outbound.Call{}, "this is none"},
		{"an unknown charset", live("coap://h"), with(func(c *outbound.Connector) { c.Method, c.Body, c.Content = "PUT", "x", "text/plain; charset=x-none" }), outbound.Call{}, `"x-none"`},
		{"a body beyond its charset", live("coap://h"), with(func(c *outbound.Connector) {
			c.Method, c.Body, c.Content = "PUT", "開", "text/plain; charset=iso-8859-1"
		}), outbound.Call{}, "cannot be written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := templated(t, "http://192.0.2.10/{+tu}").Request(t.Context(), tt.provider, tt.connector, tt.call)
			if verdict.Of(err) != verdict.NotApplicable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want not-applicable with %q", err, tt.want)
			}
		})
	}
}
