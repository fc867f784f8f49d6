// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/harness/stock"
)

func withAdmin(c *gateway.Config) { c.Listen.Admin = "127.0.0.1:0" }

// page is what a GET of the HTTP server at addr answers.
func page(t *testing.T, addr netip.AddrPort, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestMetricsCountWhatTheGatewayDoes(t *testing.T) {
	b := start(t, withAdmin)
	start(t, withAdmin) // another in the same process, with metrics of its own
	coap := "coap://" + b.Addresses().CoAP[0].String()
	for _, req := range []*stock.Message{
		{Code: codes.GET, Options: message.Options{b.proxyURI()}},
		{Code: codes.GET},
	} {
		if _, err := do(t, coap+"/coap2http", req, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, password := range []string{"world", "wrong"} {
		sum := sha256.Sum256([]byte(password))
		ctx, cancel := context.WithTimeout(t.Context(), map[string]time.Duration{"world": patience, "wrong": time.Second}[password])
		_, err := stock.Do(ctx, "coaps://"+b.Addresses().CoAPS[0].String()+"/coap2http", &stock.Message{Code: codes.PUT}, &stock.Security{Identity: "hello", Key: sum[:]}, nil)
		cancel()
		if (err == nil) != (password == "world") {
			t.Errorf("with the password %s: %v", password, err)
		}
	}
	_, metrics := page(t, b.Addresses().Admin, "/metrics")
	for _, want := range []string{
		`coapstone_coap_requests_total{method="GET"} 2`,
		`coapstone_coap_responses_total{code="2.05"} 1`,
		`coapstone_coap_responses_total{code="4.00"} 2`,
		`coapstone_coap_datagrams_received_total 3`,
		`coapstone_coap_datagrams_sent_total 3`,
		`coapstone_dtls_established_total 1`,
		`coapstone_inbound_duration_seconds_count{scheme="coap"} 2`,
		`coapstone_inbound_duration_seconds_count{scheme="coaps"} 1`,
		`coapstone_http_duration_seconds_count{method="GET",outcome="2xx"} 1`,
		"go_goroutines ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
}

func TestOnlyTheAdminListenerTellsOfTheInside(t *testing.T) {
	b := start(t, withAdmin)
	at := b.Addresses()
	for path, want := range map[string]string{
		"/health": "ok\n", "/ready": "ready\n", "/debug/pprof/": "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile:", "/debug/pprof/heap?debug=1": "heap profile:",
	} {
		if status, body := page(t, at.Admin, path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s on the admin listener: %d %.100q, want %q", path, status, body, want)
		}
	}
	for _, path := range []string{"/debug/pprof/cmdline", "/users", "/", "/debug/"} {
		if status, _ := page(t, at.Admin, path); status != http.StatusNotFound {
			t.Errorf("%s on the admin listener: %d, want 404", path, status)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/goroutine", "/debug/pprof/profile?seconds=1"} {
		if status, body := page(t, at.API, path); status != http.StatusNotFound {
			t.Errorf("%s on the API: %d %.100q, want 404", path, status, body)
		}
		resp, err := do(t, "coap://"+at.CoAP[0].String()+path, &stock.Message{Code: codes.GET}, nil)
		if err != nil || resp.Code != codes.NotFound {
			t.Errorf("%s over coap: %v, %v, want 4.04", path, resp, err)
		}
	}
}

func TestWithoutAnAdminAddressThereAreNoMetrics(t *testing.T) {
	if b := start(t); b.Addresses().Admin.IsValid() {
		t.Errorf("there is an admin listener at %s", b.Addresses().Admin)
	}
}
