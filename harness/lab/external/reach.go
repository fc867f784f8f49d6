// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

// reachTimeout bounds the proof that the proxy serves the bench's devices.
const reachTimeout = 10 * time.Second

// reach proves once, before a call through it is judged, that the proxy serves
// devices on the bench: most refuse those that they were not told of (RFC 8075
// §10.4), which would look like a fault in every scenario.
type reach struct {
	bench *Lab
	proxy *proxy

	lock chan struct{} // holds one token while nobody is at it
	done bool
	err  error
}

// prove is nil where a request through the proxy has reached the bench, and
// otherwise the finding that nothing can be judged.
func (r *reach) prove(ctx context.Context) error {
	select {
	case r.lock <- struct{}{}:
		defer func() { <-r.lock }()
	case <-ctx.Done():
		return verdict.Broken(ctx.Err(), "waiting for the proof that the proxy reaches the bench")
	}
	if r.done {
		return r.err
	}
	err := r.try(ctx)
	if ctx.Err() == nil { // or the next one tries again
		r.done, r.err = true, err
	}
	return err
}

func (r *reach) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	addresses := r.bench.bench.Addresses
	at, release, err := addresses.Server(ctx, 0, !r.bench.target.Bench.Addr(false).IsValid())
	if err != nil {
		return err
	}
	defer release()
	device, err := peer.Listen(ctx, peer.Options{Name: "device", Local: at})
	if err != nil {
		return verdict.Broken(err, "starting a device at %s", at)
	}
	defer func() { _ = device.Close() }()
	reached := make(chan struct{}, 1)
	device.Handle(func(_ context.Context, q *peer.Request) error {
		select {
		case reached <- struct{}{}:
		default:
		}
		return q.Respond(&coap.Message{Code: coap.Content})
	})
	return r.ask(ctx, device.Local(), reached)
}

func (r *reach) ask(ctx context.Context, device netip.AddrPort, reached <-chan struct{}) error {
	const path = "/coapstone-reaches-the-bench"
	uri, err := mapping.ParseURI("coap://" + device.String() + path)
	if err != nil {
		return err
	}
	req, err := r.proxy.request(ctx, http.MethodGet, uri, nil, "")
	if err != nil {
		return err
	}
	asked := req.URL.Scheme + "://" + req.URL.Host + req.URL.Opaque
	resp, err := r.proxy.Do(req)
	if err != nil {
		return verdict.CannotJudge(err, "the HTTP-to-CoAP proxy cannot be asked for anything: GET %s came to nothing: is the address of gateway.proxy right, and does it listen there", asked)
	}
	defer func() { _ = resp.Body.Close() }()
	select {
	case <-reached:
		return nil
	default:
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	got := resp.Status
	if text := strings.TrimSpace(string(said)); text != "" {
		got += fmt.Sprintf(": %q", text)
	}
	return verdict.CannotJudge(nil, "the HTTP-to-CoAP proxy does not reach the bench: GET %s was answered %s, and nothing came to %s/udp: %s",
		asked, got, device, remedy(resp.StatusCode, r.bench.target.Bench.Devices))
}

// remedy is what to do about a proxy that does not reach the bench.
func remedy(status int, ports string) string {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return "it asks for credentials: bind a user who may use it, and name that user as gateway.proxy-user in the target file"
	case http.StatusForbidden, http.StatusNotImplemented:
		if ports == "" {
			return "allow it the bench's devices there, and give their ports as bench.devices in the target file, for example \"40000-40127\""
		}
		return "allow it the bench's devices there: bench.devices are the ports " + ports
	case http.StatusNotFound:
		return "is the path of gateway.proxy right"
	default:
		return "a firewall between the gateway and the bench may be in the way"
	}
}
