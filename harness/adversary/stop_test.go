// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

// atOnce is how soon a gateway that is asked to stop refuses new requests; the
// call that keeps it from its end takes longer.
var atOnce = need.Size(2*time.Second, 2*time.Second, 100*time.Millisecond)

// R17: a gateway that is asked to stop under load refuses what is new at once,
// answers what is under way, and is gone soon after; a call over its HTTP API
// that takes long does not keep it open for devices.
func TestStopUnderLoadAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	silent, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	silent.Handle(peer.Silent())
	b := start(t, func(c *gateway.Config) {
		c.Providers = map[string]outbound.Provider{"silent": {
			Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://" + silent.Local().String()}},
		}}
		c.Connectors = map[string]outbound.Connector{"slow": {
			Provider: "silent", Method: "GET", Parameters: map[string]string{"timeout": "3000"},
		}}
	})
	const load = 50
	type waiting struct {
		*peer.Client

		token []byte
		path  string
	}
	var devices []waiting
	for _, secure := range transports {
		d := b.device(t, secure)
		for i := range load {
			path := fmt.Sprintf("/hang/%v/%d", secure, i)
			m := whole(d, b.request(coap.Confirmable, coap.GET, path))
			send(t, d, m)
			devices = append(devices, waiting{d, m.Token, path})
			if i%8 == 7 { // a burst may overrun a socket, and nothing here is sent again
				b.platform.awaitHanging(t, len(devices))
			}
		}
	}
	b.platform.awaitHanging(t, len(devices))

	status := make(chan int, 1)
	go func() {
		resp, err := api.NewClient("http://"+b.Addresses().API.String(), nil).Call(context.WithoutCancel(t.Context()), "slow", outbound.Call{})
		if err != nil {
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := silent.AwaitRequest(ctx, 1); err != nil {
		t.Fatal(err)
	}

	late := map[string]*peer.Client{}
	for name, secure := range transports {
		late[name] = b.device(t, secure)
	}
	begun := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- b.Close(ctx) }()
	// What is new is refused from some moment on, which must come soon.
	for name, d := range late {
		for i := 0; ; i++ {
			m := b.request(coap.NonConfirmable, coap.GET, fmt.Sprintf("/late/%s/%d", name, i))
			out, err := d.Exchange(ctx, m)
			if err != nil {
				t.Fatal(err)
			}
			if out.Response.Code == coap.ServiceUnavailable {
				break
			}
			if d := time.Since(begun); d > atOnce {
				t.Fatalf("%s after the beginning of the end a request over %s still got %s", d, name, out.Response)
			}
		}
	}
	t.Logf("new requests were refused within %s", time.Since(begun))
	b.platform.free()
	for _, d := range devices {
		r, err := d.Await(ctx, "the answer to a request under way", func(r *peer.Received) bool {
			return peer.WithToken(d.token)(r)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(r.Message.Payload), said("GET", d.path, nil); r.Message.Code != coap.Content || got != want {
			t.Errorf("got %s %q, want 2.05 %q", r, got, want)
		}
		if r.Message.Type == coap.Confirmable {
			if err := d.Ack(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := <-status; s != 504 {
		t.Errorf("the caller over HTTP got %d, want 504: the device was silent", s)
	}
	if err := <-closed; err != nil {
		t.Errorf("closing the gateway: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second+soon {
		t.Errorf("the end took %s, want at most 5 s", took)
	}
	if err := b.Wait(); err != nil {
		t.Error(err)
	}
}
