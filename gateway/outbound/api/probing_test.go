// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

func TestCallerIsToldWhenASilentDeviceCanBeCalledAgain(t *testing.T) {
	g := serve(t)
	d := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
	resp, body := g.callOf(t, "coap://"+d.Addr.String(), outbound.Connector{
		Method: "PUT", Content: "application/octet-stream", Body: strings.Repeat("a", 400),
		Parameters: map[string]string{"message-type": "NON", "timeout": "50"},
	})
	if resp.StatusCode != http.StatusGatewayTimeout || resp.Header.Get("Retry-After") != "" {
		t.Fatalf("got %s %v %s, want 504", resp.Status, resp.Header, body)
	}
	resp, body = g.callAgain(t, outbound.Call{})
	after := resp.Header.Get("Retry-After")
	if resp.StatusCode != http.StatusServiceUnavailable || len(after) != 3 || !strings.Contains(body, "PROBING_RATE") || !strings.Contains(body, "in "+after+" s") {
		t.Errorf("got %s, Retry-After %q, %s; want 503 that says when to call again", resp.Status, after, body)
	}
}
