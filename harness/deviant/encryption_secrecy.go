// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// The AuthTokens of the users "hello" and "other" of the features.
const (
	tokenOfHello = "aGVsbG86d29ybGQ=" //nolint:gosec // made up
	tokenOfOther = "b3RoZXI6cGxhbmV0" //nolint:gosec // made up
)

// secrecyDeviants let something out that DTLS, or the gateway, is to keep in, or
// let in what is to stay out.
func secrecyDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "serves plain CoAP whatever it is told",
			Breaks: "RMP-3-10",
			Says:   "RST",
			made: func() embedded.Options {
				var before []string
				return embedded.Options{Configure: func(c *gateway.Config) {
					if len(c.Listen.CoAP) == 0 {
						c.Listen.CoAP = before
					}
					before = c.Listen.CoAP
				}}
			},
		},
		{
			Name:   "authenticates whoever has a DTLS session towards the platform",
			Breaks: "RMP-5-01",
			Also:   []string{"RMP-3.1-07"},
			Says:   "2.04",
			made: overDTLS(func(uri string) string {
				if strings.Contains(uri, "AuthToken=") {
					return uri
				}
				return uri + "&AuthToken=" + tokenOfHello
			}),
		},
		{
			Name:   "takes the user of the DTLS session for that of the request",
			Breaks: "RMP-5-02",
			Also:   []string{"RMP-5-06"},
			Says:   "hello",
			made:   overDTLS(func(uri string) string { return strings.Replace(uri, tokenOfOther, tokenOfHello, 1) }),
		},
		{
			Name:   "sends its responses in the clear as well",
			Breaks: "RMP-5-03",
			Says:   "canary-in-the-answer",
			made:   toDevices(leaking),
		},
		{
			Name:   "sends its requests in the clear as well",
			Breaks: "RMP-5-04",
			Says:   "canary-in-the-path",
			made:   toCalled(leaking),
		},
		{
			Name:   "says in the URL that a request came over DTLS",
			Breaks: "RMP-5-05",
			Says:   "secure=1",
			made:   overDTLS(func(uri string) string { return strings.Replace(uri, "?", "?secure=1&", 1) }),
		},
		{
			Name:   "tells the platform the PSK identity",
			Breaks: "RMP-5-06",
			Says:   "canary-in-the-identity",
			made:   telling,
		},
		{
			Name:   "logs the Proxy-Uri of a request",
			Breaks: "RMP-5-07",
			Says:   "Proxy-Uri",
			made:   logging,
		},
		{
			Name:   "logs the Key with which it calls a device",
			Breaks: "RMP-5-09",
			Says:   "canary-in-the-key",
			made: dialling(func(ctx context.Context, next call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
				if c.PSK != nil {
					c.Logger.Info("calling a device", "key", string(c.PSK.Key))
				}
				return next(ctx, remote, r, c)
			}),
		},
	}
}

// overDTLS changes the Proxy-Uri of requests in DTLS sessions.
func overDTLS(change func(uri string) string) func() embedded.Options {
	return serving(func(ctx context.Context, x *endpoint.Exchange, next endpoint.Handler) {
		uri, ok := x.Request.Get(coap.ProxyURI)
		if !ok || !x.Peer.Key().Secure() {
			next.ServeCoAP(ctx, x)
			return
		}
		req := x.Request.Clone()
		req.Remove(coap.ProxyURI)
		req.AddString(coap.ProxyURI, change(string(uri)))
		next.ServeCoAP(ctx, x.Derive(req, x.Respond))
	})
}

// leaking is a pass that sends what goes into a DTLS session past it as well.
func leaking() pass {
	return func(p endpoint.Peer, b []byte, next func([]byte)) {
		if p.Key().Secure() {
			if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Key().Addr)); err == nil {
				_, _ = c.Write(b)
				_ = c.Close()
			}
		}
		next(b)
	}
}

// telling has the latest PSK identity in a header of every HTTP request.
func telling() embedded.Options {
	var mu sync.Mutex
	latest := ""
	o := accepting(func(c *dtls.ServerConfig) {
		known := c.PSK
		c.PSK = func(identity string) ([]byte, bool) {
			mu.Lock()
			defer mu.Unlock()
			latest = identity
			return known(identity)
		}
	})()
	o.Seams.Platform = func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			r = r.Clone(r.Context())
			r.Header.Set("X-Identity", latest)
			return next.RoundTrip(r)
		})
	}
	return o
}

// logging writes each Proxy-Uri into the log.
func logging() embedded.Options {
	var log *slog.Logger
	return embedded.Options{Seams: gateway.Seams{
		ListenUDP: func(next gateway.ListenUDP) gateway.ListenUDP {
			return func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, o udp.Options) (gateway.Listener, error) {
				log = o.Logger
				return next(ctx, addr, r, o)
			}
		},
		Handler: func(next endpoint.Handler) endpoint.Handler {
			return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
				if uri, ok := x.Request.Get(coap.ProxyURI); ok && log != nil {
					log.Info("a request", "Proxy-Uri", string(uri))
				}
				next.ServeCoAP(ctx, x)
			})
		},
	}}
}
