// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/admin"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/inbound"
	"github.com/coapstone/coapstone/gateway/metrics"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// Options is what is no configuration. The zero value works.
type Options struct {
	// Logger is told what happens; nil means no log.
	Logger *slog.Logger
	// KeyLog gets the secrets of DTLS sessions in NSS format, for Wireshark, one
	// Write at a time. Nil in production.
	KeyLog io.Writer
	// Seams is code to be put between the gateway's parts.
	Seams Seams
}

// oneAtATime is a writer for sessions that begin at the same time.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// Addresses is where a gateway listens, in the order of the configuration. An
// address given as :port is two, IPv4 before IPv6.
type Addresses struct {
	CoAP, CoAPS []netip.AddrPort
	API         netip.AddrPort // not valid without an API
	Admin       netip.AddrPort // not valid without an admin listener
}

// Gateway is a running gateway.
type Gateway struct {
	log       *slog.Logger
	names     []string
	machine   []netip.Addr // addresses of the machine, when a wildcard is bound
	addresses Addresses

	endpoint  *endpoint.Endpoint
	blocks    *blockwise.Handler
	caller    *call.Caller
	transport *http.Transport
	api       *http.Server
	admin     *http.Server

	listeners []listener
	serving   sync.WaitGroup // one for each listener

	closing   atomic.Bool
	closeOnce sync.Once
	closed    chan struct{} // everything has ended
	closeErr  error
	fatal     error // of the first listener that failed; set within failOnce
	failOnce  sync.Once
	failed    chan struct{}
}

// listener is one that serves until it is closed: UDP, DTLS or HTTP.
type listener interface {
	Serve(ctx context.Context) error
	Close() error
}

// closeGrace is how long a gateway has to end when its context has ended, or
// when one of its listeners has failed.
const closeGrace = 5 * time.Second

// Start starts a gateway. It returns when every address is bound, and until then
// leaves nothing behind if it fails. The gateway runs until Close is called or ctx
// ends; an address that cannot be bound is a *ListenError.
func Start(ctx context.Context, c *Config, o Options) (*Gateway, error) {
	s, err := c.settings()
	if err != nil {
		return nil, fmt.Errorf("the gateway's configuration: %w", err)
	}
	g := &Gateway{
		log: o.Logger, names: c.Names,
		closed: make(chan struct{}), failed: make(chan struct{}),
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if o.KeyLog != nil {
		o.KeyLog = &oneAtATime{w: o.KeyLog}
	}
	if err := g.assemble(c, s, o); err != nil {
		return nil, err
	}
	if err := g.listen(ctx, s, o); err != nil {
		return nil, errors.Join(err, g.dismantle(ctx))
	}
	g.warn(s, o)
	// Listeners end when they are closed, in the right order, not when ctx ends.
	run := context.WithoutCancel(ctx)
	for _, l := range g.listeners {
		g.serving.Go(func() { g.fail(l.Serve(run)) })
	}
	go g.watch(ctx)
	return g, nil
}

// assemble makes everything that needs no socket.
func (g *Gateway) assemble(c *Config, s *settings, o Options) error {
	m := metrics.New()
	g.transport = inbound.NewTransport(inbound.TransportOptions{Roots: s.roots, Host: s.host, Networks: s.networks})
	handler, err := inbound.New(inbound.Options{
		Allow: c.Platform.Allow, Own: g.own, Transport: around(o.Seams.Platform, m.RoundTripper(g.transport)), Timeout: c.Platform.Timeout,
		HC:     c.HC.link(),
		Logger: g.log.With("part", "inbound"),
	})
	if err != nil {
		return err
	}
	g.blocks = blockwise.NewHandler(g.whileOpen(handler), blockwise.Options{})
	g.endpoint = endpoint.New(endpoint.Options{
		Handler: around(o.Seams.Handler, m.Handler(g.blocks)), Recognized: blockwise.Recognized,
		MaxPayload: blockwise.DefaultMaxBody, // who puts bodies together refuses what is too long
		Logger:     g.log.With("part", "endpoint"),
	})
	m.Endpoint(g.endpoint)
	g.countBlocks(m)
	g.countSessions(m)
	g.caller = call.New(call.Options{
		Endpoint: g.endpoint, Roots: s.trust, Resolve: s.resolve, KeyLog: o.KeyLog, ProbingRate: c.ProbingRate,
		DialUDP: o.Seams.dialUDP(), DialDTLS: o.Seams.dialDTLS(),
		Logger: g.log.With("part", "call"),
	})
	handleHTTP, err := g.withHC(c.HC, g.caller, api.New(api.Options{
		Store: s.store, Caller: around(o.Seams.Calls, api.Caller(g.caller)), Users: s.users, Ready: g.ready,
		Logger: g.log.With("part", "api"),
	}))
	if err != nil {
		return err
	}
	g.api = &http.Server{
		Handler:           around(o.Seams.API, handleHTTP),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(g.log.With("part", "api").Handler(), slog.LevelWarn),
	}
	log := g.log.With("part", "admin")
	g.admin = &http.Server{
		Handler:           admin.New(admin.Options{Metrics: m.Page(log), Ready: g.ready}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return nil
}

// countBlocks adds what is kept of bodies that are on their way.
func (g *Gateway) countBlocks(m *metrics.Metrics) {
	for _, kept := range []struct {
		name, help string
		value      func(blockwise.Usage) int
	}{
		{"uploads", "Request bodies that are not whole yet.", func(u blockwise.Usage) int { return u.Uploads }},
		{"upload_bytes", "Memory for request bodies that are not whole yet.", func(u blockwise.Usage) int { return u.UploadBytes }},
		{"answers", "Response bodies kept for their further blocks.", func(u blockwise.Usage) int { return u.Answers }},
		{"answer_bytes", "Memory for response bodies kept for their further blocks.", func(u blockwise.Usage) int { return u.AnswerBytes }},
	} {
		m.Gauge("blockwise", kept.name, kept.help, func() float64 { return float64(kept.value(g.blocks.Usage())) })
	}
}

// countSessions adds the DTLS sessions of all listeners. The metrics are served
// when all of those are there.
func (g *Gateway) countSessions(m *metrics.Metrics) {
	sum := func(value func(dtls.Stats) float64) func() float64 {
		return func() (n float64) {
			for _, l := range g.listeners {
				if l, ok := l.(*dtls.Listener); ok {
					n += value(l.Stats())
				}
			}
			return n
		}
	}
	m.Gauge("dtls", "sessions", "DTLS sessions of devices.", sum(func(s dtls.Stats) float64 { return float64(s.Sessions) }))
	m.Gauge("dtls", "handshakes", "DTLS handshakes under way.", sum(func(s dtls.Stats) float64 { return float64(s.Handshakes) }))
	m.Counter("dtls", "established_total", "DTLS handshakes that succeeded.", sum(func(s dtls.Stats) float64 { return float64(s.Established) }))
	m.Counter("dtls", "failed_total", "DTLS handshakes that failed.", sum(func(s dtls.Stats) float64 { return float64(s.Failed) }))
}

// whileOpen hands requests on until the gateway is asked to end: from then on
// the platform is not called any more, also while a call over the HTTP API keeps
// the rest alive.
func (g *Gateway) whileOpen(h endpoint.Handler) endpoint.Handler {
	return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
		if !g.closing.Load() {
			h.ServeCoAP(ctx, x)
			return
		}
		x.Respond(&coap.Message{Code: coap.ServiceUnavailable, Payload: []byte("the gateway is closing")})
	})
}

// resolve finds the addresses of a host: the configuration goes before the name
// service.
func (s *settings) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, ok := s.host(host); ok {
		return []netip.Addr{addr}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (g *Gateway) ready() error {
	if g.closing.Load() {
		return errors.New("it is closing")
	}
	return nil
}

// warn says what is unsafe about what is served.
func (g *Gateway) warn(s *settings, o Options) {
	if len(g.addresses.CoAP) > 0 {
		g.log.Warn("plain coap is served: it is unencrypted, AuthTokens included, and for testing only", "addresses", g.addresses.CoAP)
	}
	if a := g.addresses.API; a.IsValid() && !a.Addr().IsLoopback() {
		g.log.Warn("the HTTP API is reachable from other machines and asks for no credentials: protect its network", "address", a)
	}
	if a := g.addresses.Admin; a.IsValid() && !a.Addr().IsLoopback() {
		g.log.Warn("metrics and profiles are reachable from other machines and ask for no credentials: protect their network", "address", a)
	}
	if s.certificate != nil {
		if leaf, now := s.certificate.Leaf, time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
			g.log.Warn("the certificate for coaps is not valid today", "from", leaf.NotBefore, "to", leaf.NotAfter)
		}
	}
	if o.KeyLog != nil {
		g.log.Warn("the secrets of DTLS sessions are written out")
	}
	g.log.Info("gateway started", "coap", g.addresses.CoAP, "coaps", g.addresses.CoAPS, "api", g.addresses.API, "admin", g.addresses.Admin)
}

// Addresses is where the gateway listens, with the real ports.
func (g *Gateway) Addresses() Addresses { return g.addresses }

// Wait waits until the gateway has ended. Its error is that of a listener that
// failed; a gateway that was closed has none.
func (g *Gateway) Wait() error {
	<-g.closed
	return g.fatal
}

// watch closes the gateway when ctx ends or a listener fails.
func (g *Gateway) watch(ctx context.Context) {
	select {
	case <-g.closed:
		return
	case <-ctx.Done():
	case <-g.failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		g.log.Warn("closing the gateway", "error", err)
	}
}

func (g *Gateway) fail(err error) {
	if err == nil {
		return
	}
	g.failOnce.Do(func() {
		g.fatal = err
		close(g.failed)
	})
}

// Close ends the gateway: it takes no new request, lets those finish that run
// until ctx ends, and closes every socket. It may be called again and then waits
// for the same end.
func (g *Gateway) Close(ctx context.Context) error {
	g.closeOnce.Do(func() {
		g.closing.Store(true)
		defer close(g.closed)
		var errs []error
		if err := g.api.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("ending the HTTP API: %w", err), g.api.Close())
		}
		// The admin listener is the last to go: a profile that is being taken is cut off.
		errs = append(errs, g.dismantle(ctx))
		if err := g.admin.Close(); !errors.Is(err, net.ErrClosed) { // dismantle may have closed its socket
			errs = append(errs, err)
		}
		g.closeErr = errors.Join(errs...)
		g.serving.Wait()
		g.log.Info("gateway ended")
	})
	<-g.closed
	return g.closeErr
}

// dismantle closes what assemble and listen made.
func (g *Gateway) dismantle(ctx context.Context) error {
	errs := []error{g.caller.Close(), g.endpoint.Close(ctx)}
	g.blocks.Close()
	for _, l := range g.listeners {
		errs = append(errs, l.Close())
	}
	g.transport.CloseIdleConnections()
	return errors.Join(errs...)
}
