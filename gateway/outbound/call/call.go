// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// Options is what calls are made with.
type Options struct {
	// Endpoint is the message layer. It must be there, and outlives the Caller. It
	// recognises Block1 and Block2 (blockwise.Recognized), or long answers fail.
	Endpoint *endpoint.Endpoint
	// Roots is what the devices' certificates must lead to. Nil trusts none.
	Roots *x509.CertPool
	// Resolve finds the addresses of a host, the best one first. Nil asks the
	// system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// DialUDP and DialDTLS open the ways to devices; nil means DefaultDialUDP and
	// DefaultDialDTLS.
	DialUDP  DialUDP
	DialDTLS DialDTLS
	// KeyLog gets the sessions' secrets in NSS format. Nil in production.
	KeyLog io.Writer
	// Logger is told of calls, without URLs and secrets. Nil means no log.
	Logger *slog.Logger
	// MaxSessions bounds the sessions with devices, 10,000 by default. A call
	// beyond it gets 503.
	MaxSessions int
	// IdleAfter is how long a session is kept that nobody uses, 15 minutes by
	// default.
	IdleAfter time.Duration
	// ProbingRate is PROBING_RATE (RFC 7252 §4.7, §4.8): how many bytes a second,
	// on average, are sent to a device that does not answer; 1 by default. A
	// request beyond it waits, or gets 503 when that would take longer than its
	// timeout.
	ProbingRate int
}

// The limits of Options that docs/limits.md lists.
const (
	defaultMaxSessions = 10_000
	defaultIdleAfter   = 15 * time.Minute
)

// Caller calls devices. Make it with New.
type Caller struct {
	o       Options
	pool    pool
	probing *probing
	blocks  blockwise.Client
}

// New makes a Caller. Whoever makes it closes it, before the endpoint.
func New(o Options) *Caller {
	if o.Roots == nil {
		o.Roots = x509.NewCertPool() // an empty pool, never the system's
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.DialUDP == nil {
		o.DialUDP = DefaultDialUDP
	}
	if o.DialDTLS == nil {
		o.DialDTLS = DefaultDialDTLS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxSessions <= 0 {
		o.MaxSessions = defaultMaxSessions
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = defaultIdleAfter
	}
	if o.ProbingRate <= 0 {
		o.ProbingRate = defaultProbingRate
	}
	c := &Caller{o: o, probing: &probing{rate: o.ProbingRate, remotes: map[netip.AddrPort]*silence{}}}
	c.blocks.Exchanger = c.paced()
	c.pool = pool{max: o.MaxSessions, idle: o.IdleAfter, dial: c.dial, sessions: map[sessionKey]*session{}}
	return c
}

// Close ends the sessions with devices: at once, or with the calls that still
// use them. Later calls get 503.
func (c *Caller) Close() error {
	c.pool.close()
	return nil
}

func (c *Caller) paced() paced { return paced{c.o.Endpoint, c.probing} }

// Result is what a call came to.
type Result struct {
	// Request is what was sent.
	Request *request.Request
	// Remote is where it was sent.
	Remote netip.AddrPort
	// Response is what the device answered; nil when the request's type is ACK or
	// RST, to which no answer is awaited.
	Response *coap.Message
}

// Do makes one call. It returns within the connector's timeout, name
// resolution and DTLS handshake included. Every error is an *Error.
func (c *Caller) Do(ctx context.Context, p outbound.Provider, connector outbound.Connector, call outbound.Call) (*Result, error) {
	r, err := request.Build(p, connector, call)
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Detail: err.Error(), Err: err}
	}
	return c.send(ctx, r, "provider", connector.Provider)
}

// Send makes the call of a request that no connector describes. It returns
// within the request's timeout. Every error is an *Error.
func (c *Caller) Send(ctx context.Context, r *request.Request) (*Result, error) {
	return c.send(ctx, r)
}

// send makes a call; what it is for is told to the log.
func (c *Caller) send(ctx context.Context, r *request.Request, purpose ...any) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	start := time.Now()
	result, failure := c.do(ctx, r)
	log := c.o.Logger.With(purpose...).With("method", r.Message.Code.String(), "type", r.Message.Type.String(), "secure", r.Secure, "took", time.Since(start))
	if failure != nil {
		log.Info("call failed", "status", failure.Status, "error", failure.Detail)
		return nil, failure
	}
	if result.Response != nil {
		log = log.With("code", result.Response.Code.Dotted())
	}
	log.Debug("call", "remote", result.Remote.String())
	return result, nil
}

func (c *Caller) do(ctx context.Context, r *request.Request) (*Result, *Error) {
	addrs, failure := c.resolve(ctx, r)
	if failure != nil {
		return nil, failure
	}
	for i, addr := range addrs {
		remote := netip.AddrPortFrom(addr.Unmap(), r.Port)
		s, reused, err := c.pool.acquire(ctx, r, remote)
		if err != nil {
			failure = c.noSession(ctx, r, remote, err)
			if failure.Status == http.StatusBadGateway && i < len(addrs)-1 {
				continue // the next address may do
			}
			return nil, failure
		}
		response, sent, err := c.exchange(ctx, r, s)
		if reused && sessionEnded(err) && ctx.Err() == nil && (!sent || idempotent(r.Message.Code)) {
			// The session had ended unnoticed. If something was sent over it, sending
			// again over a new one may repeat the request, which does no harm to an
			// idempotent one (RFC 7252 §5.1).
			if s, _, err = c.pool.acquire(ctx, r, remote); err != nil {
				return nil, c.noSession(ctx, r, remote, err)
			}
			response, _, err = c.exchange(ctx, r, s)
		}
		if err != nil {
			return nil, unanswered(ctx, r, remote.String(), err)
		}
		return &Result{r, remote, response}, nil
	}
	return nil, failure
}

func (c *Caller) resolve(ctx context.Context, r *request.Request) ([]netip.Addr, *Error) {
	if r.Host == "" {
		return []netip.Addr{r.Addr}, nil
	}
	addrs, err := c.o.Resolve(ctx, r.Host)
	if deadline, ok := ctx.Deadline(); ok && err != nil && !time.Now().Before(deadline) {
		<-ctx.Done() // the resolver may see the deadline pass before the context does
	}
	switch {
	case ctx.Err() != nil:
		return nil, ended(ctx, r, "resolving the name "+r.Host, "the name server does not answer")
	case err != nil || len(addrs) == 0:
		return nil, unresolved(r, err)
	}
	// A name is as little that of many devices as an address is (RFC 8075 §10.4).
	one := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !request.OneDevice(a) })
	if len(one) == 0 {
		return nil, fail(http.StatusForbidden, nil, "the name %q has the address %s, which is not that of one device", r.Host, addrs[0])
	}
	return one, nil
}

func (c *Caller) noSession(ctx context.Context, r *request.Request, remote netip.AddrPort, err error) *Error {
	switch {
	case ctx.Err() != nil:
		return unfinished(ctx, r, remote.String())
	case errors.Is(err, errTooMany), errors.Is(err, endpoint.ErrClosed):
		return fail(http.StatusServiceUnavailable, err, "the gateway cannot call %s now: %v", remote, err)
	}
	return undialled(r, err)
}

// sessionEnded says whether an error means that the session is no more.
func sessionEnded(err error) bool {
	return errors.Is(err, endpoint.ErrForgotten) || errors.Is(err, net.ErrClosed)
}

// attempt is the session of one call, and notes whether anything of the call was
// sent over it.
type attempt struct {
	endpoint.Peer
	sent atomic.Bool
}

// Send implements endpoint.Peer.
func (a *attempt) Send(b []byte) error {
	err := a.Peer.Send(b)
	if err == nil {
		a.sent.Store(true)
	}
	return err
}

// exchange sends the request over the session and releases it. sent is false when
// nothing left for the device.
func (c *Caller) exchange(ctx context.Context, r *request.Request, s *session) (response *coap.Message, sent bool, err error) {
	defer c.pool.release(s)
	to := &attempt{Peer: s.conn}
	message := r.Message.Clone() // message id and token are each call's own
	if r.Awaited() {
		response, err = c.blocks.Do(ctx, to, message)
	} else {
		err = c.paced().post(ctx, to, message)
	}
	var soon *tooSoonError
	alive := errors.As(err, &soon) || errors.Is(err, endpoint.ErrReset) || errors.Is(err, endpoint.ErrBadResponse) ||
		errors.Is(err, blockwise.ErrBroken) || errors.Is(err, blockwise.ErrChanged) || errors.Is(err, blockwise.ErrTooLarge)
	if err != nil && !alive && !errors.Is(err, context.Canceled) {
		// Perhaps the device has restarted and knows nothing of the session.
		c.pool.retire(s)
	}
	return response, to.sent.Load(), err
}

// idempotent says whether sending the request twice is as good as once (RFC 7252 §5.1).
func idempotent(method coap.Code) bool {
	return method == coap.GET || method == coap.PUT || method == coap.DELETE
}

func (c *Caller) dial(ctx context.Context, r *request.Request, remote netip.AddrPort, gone func()) (conn, error) {
	receiver := &watcher{c.o.Endpoint, func() { c.probing.heard(remote) }, gone}
	if !r.Secure {
		return c.o.DialUDP(ctx, remote, receiver, udp.Options{Logger: c.o.Logger})
	}
	config := dtls.ClientConfig{KeyLog: c.o.KeyLog, Logger: c.o.Logger}
	if r.PSK != nil {
		config.PSK = &dtls.PSK{Identity: r.PSK.Identity, Key: r.PSK.Key}
	} else {
		config.Roots, config.ServerName = c.o.Roots, r.ServerName()
	}
	session, err := c.o.DialDTLS(ctx, remote, receiver, config)
	if err == nil {
		c.probing.heard(remote) // it has answered the handshake
	}
	return session, err
}

// opened keeps a nil *Conn from becoming a conn that is not nil.
func opened[C conn](c C, err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// watcher is the endpoint, and tells when something comes over the session and
// when it ends.
type watcher struct {
	*endpoint.Endpoint
	heard, gone func()
}

// Receive says that something came. It does so first: the answer ends the wait of
// its request, and the next one must not find a debt.
func (w *watcher) Receive(p endpoint.Peer, b []byte) {
	w.heard()
	w.Endpoint.Receive(p, b)
}

// Forget says that the session has ended.
func (w *watcher) Forget(k endpoint.PeerKey) {
	w.gone()
	w.Endpoint.Forget(k)
}
