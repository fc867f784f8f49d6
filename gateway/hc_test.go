// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/harness/peer"
)

// A request over HTTP with a CoAP URI in its path comes out at a device; the
// API stays where it is, and a device learns of the proxy.
func TestHTTPToCoAPProxyStandsBesideTheAPI(t *testing.T) {
	d, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	d.Handle(func(_ context.Context, r *peer.Request) error {
		return r.Respond(&coap.Message{Code: coap.Content, Payload: []byte("22")})
	})
	g, err := gateway.Start(t.Context(), &gateway.Config{
		Listen: gateway.Listen{CoAP: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		HC:     gateway.HC{Anonymous: true, Origin: "https://p.example.com", Targets: []hc.Target{{URL: "coap://" + d.Local().String()}}},
	}, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close(context.WithoutCancel(t.Context())) }()
	for path, want := range map[string]string{
		"/hc/coap://" + d.Local().String() + "/light": "22",
		"/health":           "{\"status\":\"ok\"}\n",
		"/.well-known/core": `</hc/>;rt="core.hc"`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.Addresses().API.String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(body) != want {
			t.Errorf("%s: got %s %q, %v, want %q", path, resp.Status, body, err, want)
		}
	}
	client, err := peer.Dial(t.Context(), g.Addresses().CoAP[0], peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for query, want := range map[string]string{
		"rt=core.hc": `</hc/>;anchor="https://p.example.com";rt="core.hc"`,
		"rt=other":   "",
	} {
		req := &coap.Message{Code: coap.GET}
		req.AddPath("/.well-known/core")
		req.AddString(coap.URIQuery, query)
		got, err := client.Exchange(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(got.Response.Code, " ", string(got.Response.Payload)); got != coap.Content.String()+" "+want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
