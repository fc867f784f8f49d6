// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// Path is the one resource that devices call.
const Path = "coap2http"

// Defaults of Options.
const (
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody is 1 MiB: devices fetch a long body block by block.
	DefaultMaxBody = 1 << 20
)

// Options is what coap2http needs to know. The zero value refuses every origin.
type Options struct {
	// Allow are the origins that may be called: "https://live.runmyprocess.com".
	Allow []string
	// Own says whether a host, as a URI has it, and a port are the gateway's
	// own: such a URI is a local request (RFC 7252 §5.7.2). The address that the
	// request came to is known without it. Nil means no other.
	Own func(host string, port uint16) bool
	// HC is the link to an HTTP-to-CoAP proxy beside this one, which is told to
	// those who ask for rt=core.hc (RFC 8075 §5.5); "" for none.
	HC string
	// Transport makes the HTTP calls; nil means NewTransport with its zero
	// options. Redirects are not followed whatever it is.
	Transport http.RoundTripper
	// Timeout bounds one HTTP call, its body included; past it the answer is
	// 5.04. Zero means DefaultTimeout.
	Timeout time.Duration
	// MaxBody is the longest body of an HTTP answer in bytes; a longer one is
	// 5.02. Zero means DefaultMaxBody.
	MaxBody int
	// Logger is told of every request and what became of it, without query,
	// credentials and payload; nil means no log.
	Logger *slog.Logger
}

type handler struct {
	Options

	allowed map[origin]bool
}

// New makes the handler for requests to the gateway. An origin that cannot be
// read is an error.
func New(o Options) (endpoint.Handler, error) {
	h := &handler{Options: o, allowed: map[origin]bool{}}
	for _, s := range o.Allow {
		allowed, err := parseOrigin(s)
		if err != nil {
			return nil, err
		}
		h.allowed[allowed] = true
	}
	if h.Own == nil {
		h.Own = func(string, uint16) bool { return false }
	}
	if h.Transport == nil {
		h.Transport = NewTransport(TransportOptions{})
	}
	if h.Timeout <= 0 {
		h.Timeout = DefaultTimeout
	}
	if h.MaxBody <= 0 {
		h.MaxBody = DefaultMaxBody
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	return h, nil
}

// ServeCoAP answers one request.
func (h *handler) ServeCoAP(ctx context.Context, x *endpoint.Exchange) {
	began := time.Now()
	key := x.Peer.Key()
	req := request{Message: x.Request, unsafe: x.Unsafe, to: x.Peer.Local(), secure: key.Secure()}
	resp := h.answer(ctx, &req)
	x.Respond(resp)
	h.log(ctx, &req, resp, key.Addr, time.Since(began))
}

func (h *handler) log(ctx context.Context, req *request, resp *coap.Message, from netip.AddrPort, took time.Duration) {
	level := slog.LevelInfo
	if resp.Code.Class() == 5 {
		level = slog.LevelWarn
	}
	about := []any{
		"from", from, "secure", req.secure, "method", req.Code, "target", req.name,
		"code", resp.Code, "took", took,
	}
	if req.cause != nil {
		about = append(about, "cause", req.cause)
	}
	h.Logger.Log(ctx, level, "request", about...)
}

// request is one request on its way through the handler.
type request struct {
	*coap.Message

	unsafe []coap.OptionProblem // see endpoint.Exchange

	to     netip.AddrPort // our address, to which it came
	secure bool

	target mapping.URI // what is called, once that is known

	// For the log alone: what was asked for, without its query, and the error
	// behind the answer.
	name  string
	cause error
}

// answer is the response to a request, whatever comes.
func (h *handler) answer(ctx context.Context, req *request) *coap.Message {
	if req.name = req.Path(); req.name != "/"+Path && req.name != "/.well-known/core" {
		req.name = "another path" // in which a secret may stand by mistake
	}
	switch req.Code {
	case coap.GET, coap.PUT, coap.POST, coap.DELETE:
	default:
		return refuse(coap.MethodNotAllowed, "want GET, PUT, POST or DELETE")
	}
	if hops, ok := req.GetUint(coap.HopLimit); ok && hops == 0 { // by a server as by a proxy (RFC 8768 §3)
		return refuse(coap.BadRequest, "Hop-Limit is 0: want 1 to 255")
	}
	target, proxied, refusal := h.target(req)
	switch {
	case refusal != nil:
		return refusal
	case proxied:
		return h.forward(ctx, req, target)
	default:
		return h.local(req, target.local)
	}
}

// local answers a request for a resource of the gateway itself.
func (h *handler) local(req *request, path []string) *coap.Message {
	switch {
	case slices.Equal(path, []string{Path}):
		return refuse(coap.BadRequest, "the option Proxy-Uri is missing: give the URL of the Composite API with its AuthToken")
	case slices.Equal(path, []string{".well-known", "core"}):
		return h.discovery(req)
	default:
		return refuse(coap.NotFound, "want /"+Path)
	}
}

// links is what GET /.well-known/core lists (RFC 6690 §4): short enough for the
// answer to have at most three times the bytes of the shortest such request, which
// anybody may send in anybody's name (RFC 7252 §11.3).
const links = `</` + Path + `>;title="calls what Proxy-Uri names"`

func (h *handler) discovery(req *request) *coap.Message {
	if req.Code != coap.GET {
		return refuse(coap.MethodNotAllowed, "want GET")
	}
	if f, ok := req.Accept(); ok && f != coap.AppLinkFormat {
		return refuse(coap.NotAcceptable, "want application/link-format")
	}
	resp := &coap.Message{Code: coap.Content, Payload: []byte(h.listed(req))}
	resp.AddUint(coap.ContentFormat, uint32(coap.AppLinkFormat))
	return resp
}

// listed is the links that the query asks for (RFC 6690 §4.1). The proxy of the
// other direction is listed for those alone who ask for it: the answer to a
// request without a query, which is short, is to be short too.
func (h *handler) listed(req *request) string {
	query := req.Strings(coap.URIQuery)
	if slices.Contains(query, "rt=core.hc") || slices.Contains(query, "rt=core.*") {
		return h.HC
	}
	for _, q := range query {
		if q != "" && q != "href=/"+Path {
			return ""
		}
	}
	return links
}

// refuse is a response with a diagnostic payload (RFC 7252 §5.5.2).
func refuse(code coap.Code, diagnostic string) *coap.Message {
	return &coap.Message{Code: code, Payload: []byte(diagnostic)}
}
