// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// Seams are the places between the parts of a gateway where code can be put, as
// middleware is put around a handler of net/http: each function is given what
// stands there and returns what is to stand there in its place. What is nil stays
// as it is; the zero value changes nothing.
//
// The gateway's own metrics sit at Handler and Platform, next to the parts
// themselves.
type Seams struct {
	// Inbound and Outbound are the datagrams of the devices that call the
	// gateway, and of those that it calls, over UDP and within DTLS alike.
	Inbound, Outbound Datagrams
	// Handler serves the requests of devices, as the message layer hands them
	// on: of a body that comes in blocks, each block.
	Handler func(endpoint.Handler) endpoint.Handler
	// Platform makes the HTTP calls of coap2http.
	Platform func(http.RoundTripper) http.RoundTripper
	// API is the HTTP API, with the HTTP-to-CoAP proxy beside it.
	API func(http.Handler) http.Handler
	// Calls makes the calls of connectors that the HTTP API asks for.
	Calls func(api.Caller) api.Caller
	// ListenUDP and ListenDTLS open what devices call, DialUDP and DialDTLS the
	// way to a device.
	ListenUDP  func(ListenUDP) ListenUDP
	ListenDTLS func(ListenDTLS) ListenDTLS
	DialUDP    func(call.DialUDP) call.DialUDP
	DialDTLS   func(call.DialDTLS) call.DialDTLS
}

// Datagrams are the two directions between transports and message layer.
type Datagrams struct {
	// Received takes what was received, and Sent is the peer to whom something
	// is sent. Sent must leave the peer's Key as it is.
	Received func(endpoint.Receiver) endpoint.Receiver
	Sent     func(endpoint.Peer) endpoint.Peer
}

// Listener serves devices on one address until it is closed.
type Listener interface {
	Addr() netip.AddrPort
	Serve(ctx context.Context) error
	Close() error
}

// ListenUDP binds an address for plain CoAP.
type ListenUDP func(context.Context, netip.AddrPort, endpoint.Receiver, udp.Options) (Listener, error)

// ListenDTLS binds an address for CoAP over DTLS.
type ListenDTLS func(context.Context, netip.AddrPort, endpoint.Receiver, dtls.ServerConfig) (Listener, error)

// around is next with a seam's function around it.
func around[T any](f func(T) T, next T) T {
	if f == nil {
		return next
	}
	return f(next)
}

// receiver is next with what the seam puts before it.
func (d Datagrams) receiver(next endpoint.Receiver) endpoint.Receiver {
	next = around(d.Received, next)
	if d.Sent == nil {
		return next
	}
	return answering{next, d.Sent}
}

// answering is a receiver whose answers go through a seam.
type answering struct {
	endpoint.Receiver

	sent func(endpoint.Peer) endpoint.Peer
}

// Receive hands on what p sent.
func (a answering) Receive(p endpoint.Peer, b []byte) { a.Receiver.Receive(a.sent(p), b) }

// dialled is the way to a device whose messages go through a seam.
type dialled struct {
	endpoint.Peer

	conn call.Conn
}

// Close ends the way itself.
func (d dialled) Close() error { return d.conn.Close() }

// conn is c with what the seam puts before it.
func (d Datagrams) conn(c call.Conn, err error) (call.Conn, error) {
	if err != nil || d.Sent == nil {
		return c, err
	}
	return dialled{d.Sent(c), c}, nil
}

func (s *Seams) listenUDP() ListenUDP {
	return around(s.ListenUDP, func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, o udp.Options) (Listener, error) {
		return opened(udp.Listen(ctx, addr, r, o))
	})
}

func (s *Seams) listenDTLS() ListenDTLS {
	return around(s.ListenDTLS, func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, c dtls.ServerConfig) (Listener, error) {
		return opened(dtls.Listen(ctx, addr, r, c))
	})
}

// opened keeps a nil pointer from becoming a Listener that is not nil.
func opened[L Listener](l L, err error) (Listener, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (s *Seams) dialUDP() call.DialUDP {
	next := around(s.DialUDP, call.DefaultDialUDP)
	return func(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, o udp.Options) (call.Conn, error) {
		return s.Outbound.conn(next(ctx, remote, s.Outbound.receiver(r), o))
	}
}

func (s *Seams) dialDTLS() call.DialDTLS {
	next := around(s.DialDTLS, call.DefaultDialDTLS)
	return func(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
		return s.Outbound.conn(next(ctx, remote, s.Outbound.receiver(r), c))
	}
}
