// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/stock"
)

// digits is text of n bytes, different for every n.
func digits(n int) string {
	b := make([]byte, n/2+1)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return hex.EncodeToString(b)[:n]
}

// sameBody compares bodies by their SHA-256.
func sameBody(t *testing.T, what, got, want string) {
	t.Helper()
	if sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(want)) {
		t.Errorf("%s: %d bytes, %.40q…; want %d, %.40q…", what, len(got), got, len(want), want)
	}
}

func TestGoCoAPSendsAndGetsLongBodies(t *testing.T) {
	b := start(t)
	sum := sha256.Sum256([]byte("world"))
	for name, tt := range map[string]struct {
		url      string
		security *stock.Security
	}{
		"coap":  {"coap://" + b.Addresses().CoAP[0].String(), nil},
		"coaps": {"coaps://" + b.Addresses().CoAPS[0].String(), &stock.Security{Identity: "hello", Key: sum[:]}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, length := range []int{1_024, 1_025, 60_000} {
				body := digits(length)
				resp, err := do(t, tt.url+"/coap2http", &stock.Message{
					Code: codes.POST, Payload: []byte(body),
					Options: message.Options{{ID: message.ContentFormat, Value: []byte{50}}, b.proxyURI()},
				}, tt.security)
				if err != nil {
					t.Fatalf("%d bytes: %v", length, err)
				}
				if resp.Code != codes.Changed {
					t.Errorf("%d bytes: got %s", length, resp)
				}
				sameBody(t, "go-coap got", string(resp.Payload), "POST /orders?P_mode=TEST as hello: "+body)
			}
		})
	}
}

func TestConnectorSendsAndGetsLongBodiesWithGoCoAP(t *testing.T) {
	b := start(t)
	device, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	client := api.NewClient("http://"+b.Addresses().API.String(), nil)
	_, port, _ := net.SplitHostPort(device.Addr().String())
	if err := client.PutProvider(t.Context(), "device", outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{
		outbound.Live: {URL: "coap://device.test:" + port},
	}}); err != nil {
		t.Fatal(err)
	}
	call := func(c outbound.Connector) (int, string) {
		t.Helper()
		c.Provider = "device"
		if err := client.PutConnector(t.Context(), "long", c); err != nil {
			t.Fatal(err)
		}
		resp, err := client.Call(t.Context(), "long", outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, length := range []int{1_025, 40_000} {
		body := digits(length)
		if status, got := call(outbound.Connector{Method: "PUT", URL: "/test", Content: "text/plain", Body: body}); status != http.StatusNoContent {
			t.Fatalf("PUT of %d bytes: %d, %q", length, status, got)
		}
		status, got := call(outbound.Connector{Method: "GET", URL: "/test"})
		if status != http.StatusOK {
			t.Errorf("GET: %d", status)
		}
		sameBody(t, "GET got", got, body)
		if status, got = call(outbound.Connector{Method: "POST", URL: "/echo", Content: "text/plain", Body: body}); status != http.StatusOK {
			t.Errorf("POST: %d", status)
		}
		sameBody(t, "POST got", got, body)
	}
}

func TestTooLongABodyForADeviceIsRefused(t *testing.T) {
	b := start(t)
	client := api.NewClient("http://"+b.Addresses().API.String(), nil)
	err := client.PutConnector(t.Context(), "long", outbound.Connector{Provider: "device", Method: "POST", Body: strings.Repeat("x", 1<<20+1)})
	if err == nil || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("got %v, want a refusal that names the limit", err)
	}
}
