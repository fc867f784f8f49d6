// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// listen binds every address of the configuration.
func (g *Gateway) listen(ctx context.Context, s *settings, o Options) error {
	overUDP := func(addr netip.AddrPort) (listener, netip.AddrPort, error) {
		l, err := o.Seams.listenUDP()(ctx, addr, o.Seams.Inbound.receiver(g.endpoint), udp.Options{Logger: g.log.With("part", "udp")})
		if err != nil {
			return nil, addr, err
		}
		return l, l.Addr(), nil
	}
	overDTLS := func(addr netip.AddrPort) (listener, netip.AddrPort, error) {
		l, err := o.Seams.listenDTLS()(ctx, addr, o.Seams.Inbound.receiver(receiver{g.endpoint, g.blocks}), dtls.ServerConfig{
			Certificate: s.certificate, PSK: s.users.key, KeyLog: o.KeyLog, Logger: g.log.With("part", "dtls"),
		})
		if err != nil {
			return nil, addr, err
		}
		return l, l.Addr(), nil
	}
	overTCP := func(server *http.Server) func(netip.AddrPort) (listener, netip.AddrPort, error) {
		return func(addr netip.AddrPort) (listener, netip.AddrPort, error) {
			network := "tcp4"
			if addr.Addr().Is6() {
				network = "tcp6"
			}
			l, err := (&net.ListenConfig{}).Listen(ctx, network, addr.String())
			if err != nil {
				return nil, addr, err
			}
			return httpListener{server, l}, l.Addr().(*net.TCPAddr).AddrPort(), nil
		}
	}
	for _, b := range s.coap {
		if err := g.bind("coap", b, overUDP, &g.addresses.CoAP); err != nil {
			return err
		}
	}
	for _, b := range s.coaps {
		if err := g.bind("coaps", b, overDTLS, &g.addresses.CoAPS); err != nil {
			return err
		}
	}
	if s.api != nil {
		var bound []netip.AddrPort
		if err := g.bind("http", *s.api, overTCP(g.api), &bound); err != nil {
			return err
		}
		g.addresses.API = bound[0]
	}
	if s.admin != nil {
		var bound []netip.AddrPort
		if err := g.bind("http", *s.admin, overTCP(g.admin), &bound); err != nil {
			return err
		}
		g.addresses.Admin = bound[0]
	}
	g.machine = machineAddresses()
	return nil
}

// receiver is the endpoint, and forgets the unfinished bodies of sessions that
// have ended.
type receiver struct {
	*endpoint.Endpoint

	blocks *blockwise.Handler
}

// Forget says that the session has ended.
func (r receiver) Forget(k endpoint.PeerKey) {
	r.Endpoint.Forget(k)
	r.blocks.Forget(k)
}

// bind listens on the addresses of one entry of the configuration.
func (g *Gateway) bind(scheme string, b bind, listen func(netip.AddrPort) (listener, netip.AddrPort, error), bound *[]netip.AddrPort) error {
	for i, addr := range b.addresses() {
		l, local, err := listen(addr)
		if i > 0 && noIPv6(err) {
			continue
		}
		if err != nil {
			return &ListenError{Scheme: scheme, Addr: addr, Where: b.where, Err: err}
		}
		g.listeners = append(g.listeners, l)
		*bound = append(*bound, local)
	}
	return nil
}

func noIPv6(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// httpListener is an HTTP server on one socket as a listener. The server, and
// not the socket, is closed with grace before.
type httpListener struct {
	server *http.Server
	net.Listener
}

// Serve serves until the server is shut down.
func (l httpListener) Serve(context.Context) error {
	if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close closes the socket.
func (l httpListener) Close() error {
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// own says whether a host and a port are those of a CoAP listener of this
// gateway, by name or by address (RFC 7252 §5.7.2, §5.10.2).
func (g *Gateway) own(host string, port uint16) bool {
	bound := slices.Concat(g.addresses.CoAP, g.addresses.CoAPS)
	addr, err := netip.ParseAddr(host)
	named := slices.ContainsFunc(g.names, func(name string) bool {
		return strings.EqualFold(name, strings.TrimSuffix(host, "."))
	})
	return slices.ContainsFunc(bound, func(b netip.AddrPort) bool {
		switch {
		case b.Port() != port:
			return false
		case err != nil:
			return named
		case b.Addr().IsUnspecified():
			return slices.Contains(g.machine, addr) || addr.IsLoopback() || addr.IsUnspecified()
		default:
			return b.Addr() == addr
		}
	})
}

// machineAddresses are the addresses of this machine at the start.
func machineAddresses() []netip.Addr {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range found {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, prefix.Addr().Unmap())
		}
	}
	return addrs
}
