// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/coapstone/coapstone/gateway/endpoint"
)

// Options is for a listener or a dialer. The zero value logs nothing.
type Options struct {
	// Logger is told what goes wrong; nil means no log.
	Logger *slog.Logger
}

// logger is the Logger, never nil.
func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// Listener receives datagrams on one address.
type Listener struct {
	socket   *Socket
	receiver endpoint.Receiver
	log      *slog.Logger
}

// Listen binds the address; Serve receives. A wildcard address serves its own IP
// version alone, and answers leave from the address that was spoken to.
func Listen(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, o Options) (*Listener, error) {
	s, err := Bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &Listener{socket: s, receiver: r, log: o.logger()}, nil
}

// Addr is the address that is bound, with its real port.
func (l *Listener) Addr() netip.AddrPort { return l.socket.Addr() }

// Serve hands every datagram to the receiver, until ctx ends or Close is called,
// which is no error.
func (l *Listener) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	buffer := new(Buffer)
	for {
		b, path, err := l.socket.Read(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case FromICMP(err):
			l.log.Debug("receiving a datagram", "error", err)
		case err != nil:
			return fmt.Errorf("receiving on UDP %s: %w", l.Addr(), err)
		default:
			l.receiver.Receive(&peer{l.socket, path}, b)
		}
	}
}

// Close unbinds the address; Serve returns. It may be called again.
func (l *Listener) Close() error {
	if err := l.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// peer is a remote address as a listener's socket sees it.
type peer struct {
	socket *Socket
	path   Path
}

// Key implements endpoint.Peer.
func (p *peer) Key() endpoint.PeerKey {
	return endpoint.PeerKey{Addr: p.path.Remote, Local: p.path.Local}
}

// Local implements endpoint.Peer.
func (p *peer) Local() netip.AddrPort { return p.path.Local }

// Send implements endpoint.Peer.
func (p *peer) Send(b []byte) error { return p.socket.Write(b, p.path) }
