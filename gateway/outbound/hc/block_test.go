// SPDX-License-Identifier: Apache-2.0

package hc_test

import (
	"crypto/sha256"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

// RFC 8075 §8.3: bodies that do not fit into one message go block by block, to
// go-coap and back.
func TestLargeBodiesGoBothWays(t *testing.T) {
	body := make([]byte, 100_000)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, func(r device.Request) device.Answer {
		return device.Answer{Code: coap.Changed, Format: coap.AppOctetStream, Payload: string(r.Payload)}
	})
	p := serve(t, hc.Options{Anonymous: true, Targets: []hc.Target{{URL: "coap://" + d.Addr.String()}}}, false)
	resp, got := p.do(t, "PUT", "/hc/coap://"+d.Addr.String()+"/firmware", string(body), "Content-Type: application/octet-stream")
	if resp.StatusCode != 200 || sha256.Sum256([]byte(got)) != sha256.Sum256(body) {
		t.Errorf("got %s with %d bytes %v %.300q", resp.Status, len(got), resp.Header, got)
	}
}
