// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	coapdtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/options/config"
	"github.com/plgd-dev/go-coap/v3/pkg/runner/periodic"
	coapudp "github.com/plgd-dev/go-coap/v3/udp"
	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// exchangeLifetime is how long go-coap is to remember a peer, and with it the
// message ids of the peer; its own is 16 s (RFC 7252 §4.8.2).
const exchangeLifetime = 247 * time.Second

// Options is how the device serves.
type Options struct {
	// Addr is the address to bind: "127.0.0.1:5683". Port 0 is any port.
	Addr string
	// Security serves coaps instead of coap; nil is coap.
	Security *Security
	// SlowFor is how long the resource /slow takes; 0 is 3 s.
	SlowFor time.Duration
	// Logger takes a line for each request; nil is none.
	Logger *slog.Logger
}

// Server is a device that serves /hello, /test, /echo and /slow.
type Server struct {
	addr    netip.AddrPort
	device  *device
	stop    func()
	running sync.WaitGroup
	closing sync.Once
	err     error
}

// Serve binds the address and serves until ctx ends or Close is called.
func Serve(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{device: newDevice(ctx, o)}
	serve, err := s.listen(ctx, o)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the stock device at %s: %w", o.Addr, err)
	}
	stopServing := s.stop
	s.stop = func() {
		cancel()
		stopServing()
	}
	s.running.Go(func() {
		s.err = serve()
		cancel()
	})
	s.running.Go(func() {
		<-ctx.Done()
		s.closing.Do(s.stop)
		s.device.close()
	})
	return s, nil
}

// serverOptions is the same options for both of go-coap's servers.
type serverOptions struct {
	udp  []coapUDPOption
	dtls []coapDTLSOption
}

func (s *Server) listen(ctx context.Context, o Options) (serve func() error, err error) {
	opts := s.device.options(ctx)
	if o.Security == nil {
		l, err := coapnet.NewListenUDP("udp", o.Addr)
		if err != nil {
			return nil, err
		}
		server := coapudp.NewServer(opts.udp...)
		s.addr, s.stop = address(l.LocalAddr()), server.Stop
		return func() error { return server.Serve(l) }, nil
	}
	secure, err := o.Security.serverOptions()
	if err != nil {
		return nil, err
	}
	l, err := coapnet.NewDTLSListener("udp", o.Addr, coapnet.NewDTLSServerOptions(secure...))
	if err != nil {
		return nil, err
	}
	server := coapdtls.NewServer(opts.dtls...)
	s.addr, s.stop = address(l.Addr()), server.Stop
	return func() error { return server.Serve(l) }, nil
}

func address(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Addr is the address that was bound.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Wait waits until the server has ended, and is the reason if it failed.
func (s *Server) Wait() error {
	s.running.Wait()
	return s.err
}

// Close ends the server and waits until nothing of it is running any more.
func (s *Server) Close() error {
	s.closing.Do(s.stop)
	return s.Wait()
}

// options is what go-coap is told, the same for UDP and DTLS.
func (d *device) options(ctx context.Context) serverOptions {
	var o serverOptions
	both := func(opt interface {
		coapUDPOption
		coapDTLSOption
	},
	) {
		o.udp, o.dtls = append(o.udp, opt), append(o.dtls, opt)
	}
	both(options.WithContext(ctx))
	both(options.WithMux(mux.HandlerFunc(d.serve)))
	both(options.WithPeriodicRunner(periodic.New(ctx.Done(), tick)))
	both(options.WithErrors(func(err error) { d.log.DebugContext(ctx, "go-coap server", "error", err) }))
	both(options.WithInactivityMonitor(exchangeLifetime, func(c *client.Conn) { _ = c.Close() }))
	both(options.WithRequestMonitor(answerPing))
	both(options.WithProcessReceivedMessageFunc(onlyRequests))
	return o
}

// answerPing answers a ping with a Reset (RFC 7252 §4.3), where go-coap would
// acknowledge it.
func answerPing(c *client.Conn, m *pool.Message) (drop bool, err error) {
	if m.Code() != codes.Empty || m.Type() != message.Confirmable {
		return false, nil
	}
	pong := c.AcquireMessage(c.Context())
	defer c.ReleaseMessage(pong)
	pong.SetType(message.Reset)
	pong.SetCode(codes.Empty)
	pong.SetMessageID(m.MessageID())
	// Not c.WriteMessage, which makes a confirmable message of it.
	return true, c.Session().WriteMessage(pong)
}

// onlyRequests keeps from the handler what is no request, since go-coap would
// send its answer, and answers a NON with a NON (RFC 7252 §5.2.3), where go-coap
// sends a CON that it never repeats.
func onlyRequests(m *pool.Message, c *client.Conn, handle config.HandlerFunc[*client.Conn]) {
	if !isRequest(m.Type(), m.Code()) {
		c.ReleaseMessage(m)
		return
	}
	inNON := m.Type() == message.NonConfirmable
	c.ProcessReceivedMessageWithHandler(m, func(w *responseWriter, m *pool.Message) {
		handle(w, m)
		if inNON && w.Message().IsModified() {
			w.Message().SetType(message.NonConfirmable)
		}
	})
}
