// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"maps"
	"net/http"
	"net/netip"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// seams is a gateway with something at its seams. The function is called for
// every lab, so that what it remembers is that lab's.
func seams(made func() gateway.Seams) func() embedded.Options {
	return func() embedded.Options { return embedded.Options{Seams: made()} }
}

// configured is a gateway with another configuration.
func configured(change func(*gateway.Config)) func() embedded.Options {
	return func() embedded.Options { return embedded.Options{Configure: change} }
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// platformCall makes the HTTP calls to the platform in another way.
func platformCall(f func(r *http.Request, next http.RoundTripper) (*http.Response, error)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{Platform: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) { return f(r, next) })
		}}
	})
}

// platformRequest changes the HTTP request to the platform.
func platformRequest(change func(*http.Request)) func() embedded.Options {
	return platformCall(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		r = r.Clone(r.Context())
		change(r)
		return next.RoundTrip(r)
	})
}

// platformResponse changes the HTTP response of the platform.
func platformResponse(change func(*http.Response)) func() embedded.Options {
	return platformCall(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			change(resp)
		}
		return resp, err
	})
}

// serving serves the requests of devices in another way.
func serving(f func(ctx context.Context, x *endpoint.Exchange, next endpoint.Handler)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{Handler: func(next endpoint.Handler) endpoint.Handler {
			return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) { f(ctx, x, next) })
		}}
	})
}

// request changes a device's request before it is served; it has message type,
// id and token for reading alone.
func request(change func(*coap.Message)) func() embedded.Options {
	return serving(func(ctx context.Context, x *endpoint.Exchange, next endpoint.Handler) {
		req := x.Request.Clone()
		change(req)
		next.ServeCoAP(ctx, x.Derive(req, x.Respond))
	})
}

// response changes what a device's request is answered with: code, options and
// payload, which it may put in place of those that are there.
func response(change func(req, resp *coap.Message)) func() embedded.Options {
	return serving(func(ctx context.Context, x *endpoint.Exchange, next endpoint.Handler) {
		next.ServeCoAP(ctx, x.Derive(x.Request, func(resp *coap.Message) {
			resp = resp.Clone()
			change(x.Request, resp)
			x.Respond(resp)
		}))
	})
}

// caller is a function as an api.Caller.
type caller func(context.Context, outbound.Provider, outbound.Connector, outbound.Call) (*call.Result, error)

// Do calls f.
func (f caller) Do(ctx context.Context, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
	return f(ctx, p, c, with)
}

// calling makes the calls of connectors in another way.
func calling(f func(ctx context.Context, next api.Caller, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{Calls: func(next api.Caller) api.Caller {
			return caller(func(ctx context.Context, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
				return f(ctx, next, p, c, with)
			})
		}}
	})
}

// connector changes a connector, its provider and the call before the call is
// made. The three are copies, as deep as there is something to change.
func connector(change func(*outbound.Provider, *outbound.Connector, *outbound.Call)) func() embedded.Options {
	return calling(func(ctx context.Context, next api.Caller, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
		p.Environments, p.Variables = copied(p.Environments), copied(p.Variables)
		c.Parameters, with.Variables = copied(c.Parameters), copied(with.Variables)
		change(&p, &c, &with)
		return next.Do(ctx, p, c, with)
	})
}

// result changes what a call came to: the response, which may be nil, or the
// error. What it returns is what the HTTP API gets.
func result(change func(*call.Result, *call.Error) (*call.Result, *call.Error)) func() embedded.Options {
	return calling(func(ctx context.Context, next api.Caller, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
		r, err := next.Do(ctx, p, c, with)
		failure, _ := err.(*call.Error) //nolint:errorlint // what Do promises
		if r, failure = change(r, failure); failure != nil {
			return nil, failure
		}
		return r, nil
	})
}

// httpAPI serves the HTTP API in another way.
func httpAPI(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{API: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, next) })
		}}
	})
}

// accepting listens for DTLS with another configuration.
func accepting(change func(*dtls.ServerConfig)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{ListenDTLS: func(next gateway.ListenDTLS) gateway.ListenDTLS {
			return func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, c dtls.ServerConfig) (gateway.Listener, error) {
				change(&c)
				return next(ctx, addr, r, c)
			}
		}}
	})
}

// dialling dials devices over DTLS in another way; with a configuration of its
// own, or again where it was refused.
func dialling(f func(ctx context.Context, next call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error)) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{DialDTLS: func(next call.DialDTLS) call.DialDTLS {
			return func(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
				return f(ctx, next, remote, r, c)
			}
		}}
	})
}

// copied is a map to change, also of one that is not there.
func copied[K comparable, V any](m map[K]V) map[K]V {
	c := map[K]V{}
	maps.Copy(c, m)
	return c
}
