// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	requests "github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// tooLate is more than a call may take past its timeout, and so much more that no
// lateness of the harness explains it.
const tooLate = 3 * time.Second

// timeoutDeviants are wrong in what §2.2.2 asks of the timeout.
func timeoutDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "tells of a timeout 3 s after it",
			Breaks: "RMP-2.2.2-08",
			Says:   "it after",
			Also:   []string{"RMP-2.2.2-23"}, // which takes the time of a call for the sign that the timeout was read
			made:   late(func(*outbound.Environment, *outbound.Connector) bool { return true }),
		},
		{
			Name:   "tells of a timeout of a NON 3 s after it",
			Breaks: "RMP-2.2.2-08",
			Says:   "it after",
			made: late(func(_ *outbound.Environment, c *outbound.Connector) bool {
				return c.Parameters[requests.MessageType] == "NON"
			}),
		},
		{
			Name:   "gives up after 20 s by default",
			Breaks: "RMP-2.2.2-09",
			Says:   "it after",
			Full:   true,
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if _, ok := c.Parameters[requests.Timeout]; !ok {
					c.Parameters[requests.Timeout] = "20000"
				}
			}),
		},
		{
			Name:   "takes a timeout above the maximum for 20 s",
			Breaks: "RMP-2.2.2-10",
			Says:   "it after",
			Full:   true,
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if t := c.Parameters[requests.Timeout]; len(t) > 5 || len(t) == 5 && t > "30000" {
					c.Parameters[requests.Timeout] = "20000"
				}
			}),
		},
		{
			Name:   "takes the default for what is no timeout",
			Breaks: "RMP-2.2.2-11",
			Says:   "404",
			made: configuring(nil, parameters(func(p entry) {
				if t, ok := p[requests.Timeout]; ok {
					if n, err := strconv.ParseUint(text(t), 10, 64); (err != nil || n == 0) && len(text(t)) < 10 {
						delete(p, requests.Timeout)
					}
				}
			})),
		},
		{
			Name:   "does not count the DTLS handshake",
			Breaks: "RMP-2.2.2-12",
			Says:   "it after",
			Also:   []string{"RMP-2.2.2-21"},
			made: late(func(e *outbound.Environment, _ *outbound.Connector) bool {
				return strings.HasPrefix(e.URL, "coaps:")
			}),
		},
		{
			Name:   "sends a request again although its timeout has passed",
			Breaks: "RMP-2.2.2-16",
			Says:   "CON",
			Also:   []string{"RMP-2.2.2-15"},
			made:   persistent,
		},
		{
			Name:   "gives each block the time of a call",
			Breaks: "RMP-2.2.2-17",
			Says:   "it after",
			made:   patient,
		},
		{
			Name:   "takes a timeout below 10 ms for 3 s",
			Breaks: "RMP-2.2.2-20",
			Says:   "it after",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if len(c.Parameters[requests.Timeout]) == 1 {
					c.Parameters[requests.Timeout] = "3000"
				}
			}),
		},
		{
			Name:   "sends a request when its handshake ends, although its timeout has passed",
			Breaks: "RMP-2.2.2-21",
			Says:   "POST",
			made: calling(func(ctx context.Context, next api.Caller, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
				ms, err := strconv.Atoi(c.Parameters[requests.Timeout])
				e := p.Environments[outbound.Live]
				if err != nil || ms > 1000 || !strings.HasPrefix(e.URL, "coaps:") {
					return next.Do(ctx, p, c, with)
				}
				c.Parameters = copied(c.Parameters)
				c.Parameters[requests.Timeout] = "5000"
				type outcome struct {
					result *call.Result
					err    error
				}
				done := make(chan outcome, 1)
				go func() {
					r, err := next.Do(context.WithoutCancel(ctx), p, c, with) // it ends with the gateway
					done <- outcome{r, err}
				}()
				timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
				defer timer.Stop()
				select {
				case o := <-done:
					return o.result, o.err
				case <-timer.C:
					return nil, &call.Error{Status: http.StatusGatewayTimeout, Detail: "the timeout passed in the DTLS handshake"}
				}
			}),
		},
	}
}

// late tells of a timeout too late, of the calls that match.
func late(match func(*outbound.Environment, *outbound.Connector) bool) func() embedded.Options {
	return calling(func(ctx context.Context, next api.Caller, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
		r, err := next.Do(ctx, p, c, with)
		e := p.Environments[outbound.Live]
		if failure, _ := err.(*call.Error); failure != nil && failure.Status == http.StatusGatewayTimeout && match(&e, &c) { //nolint:errorlint // what Do promises
			linger(ctx, tooLate)
		}
		return r, err
	})
}

// linger does nothing for a time, or until ctx ends.
func linger(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// persistent sends a CON once more, 3.2 s after the first time, when nothing has
// come from the device since.
func persistent() embedded.Options {
	var mu sync.Mutex
	heard := map[endpoint.PeerKey]bool{}
	var seen transmissions
	datagrams := sent(func(p endpoint.Peer, b []byte, next func([]byte)) {
		next(b)
		var m coap.Message
		if m.Unmarshal(b) != nil || m.Type != coap.Confirmable || seen.count(p, &m) > 1 {
			return
		}
		b = slices.Clone(b)
		time.AfterFunc(3200*time.Millisecond, func() {
			mu.Lock()
			defer mu.Unlock()
			if to := p.Key(); !heard[to] && !to.Secure() {
				// The gateway's own socket may be closed by now.
				if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to.Addr)); err == nil {
					_, _ = c.Write(b)
					_ = c.Close()
				}
			}
		})
	})
	datagrams.Received = received(func() pass {
		return func(p endpoint.Peer, b []byte, next func([]byte)) {
			mu.Lock()
			heard[p.Key()] = true
			mu.Unlock()
			next(b)
		}
	}).Received
	return embedded.Options{Seams: gateway.Seams{Outbound: datagrams}}
}

// patient tells of a timeout too late when the call had come to a further block.
func patient() embedded.Options {
	var mu sync.Mutex
	further := map[string]bool{} // remote addresses
	return embedded.Options{Seams: gateway.Seams{
		Outbound: sent(func(p endpoint.Peer, b []byte, next func([]byte)) {
			var m coap.Message
			if m.Unmarshal(b) == nil {
				if v, ok := m.Get(coap.Block2); ok {
					if block, ok := coap.ParseBlock(v); ok && block.Num > 0 {
						mu.Lock()
						further[p.Key().Addr.String()] = true
						mu.Unlock()
					}
				}
			}
			next(b)
		}),
		Calls: func(next api.Caller) api.Caller {
			return caller(func(ctx context.Context, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
				r, err := next.Do(ctx, p, c, with)
				_, authority, _ := strings.Cut(p.Environments[outbound.Live].URL, "://")
				mu.Lock()
				dribbles := further[authority]
				mu.Unlock()
				if err != nil && dribbles {
					linger(ctx, tooLate)
				}
				return r, err
			})
		},
	}}
}
