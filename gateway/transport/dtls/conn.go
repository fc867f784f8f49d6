// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// Conn is a DTLS session that we began, on a socket of its own. It is an
// endpoint.Peer.
type Conn struct {
	session
	socket *clientConn
	once   sync.Once
	done   chan struct{}
}

// Dial makes a session with the remote address and hands what comes over it to
// r. ctx bounds the handshake; errors are wrapped, so that ctx's, ErrCertificate
// and those of crypto/x509 can be told.
func Dial(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, c ClientConfig) (*Conn, error) {
	c.Logger = orDiscard(c.Logger)
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	// Opening a socket waits for nothing; only the handshake heeds the deadline.
	socket, err := d.DialContext(context.WithoutCancel(ctx), "udp", remote.String())
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket for %s: %w", remote, err)
	}
	pc := &clientConn{Conn: socket}
	conn, err := pion.ClientWithOptions(pc, net.UDPAddrFromAddrPort(remote), opts...)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("DTLS towards %s: %w", remote, err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		_ = socket.Close()
		return nil, fmt.Errorf("DTLS handshake with %s: %w", remote, err)
	}
	local := socket.LocalAddr().(*net.UDPAddr).AddrPort() // a UDP socket's
	u := &Conn{
		session: newSession(conn, remote, netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), c.Logger),
		socket:  pc,
		done:    make(chan struct{}),
	}
	go func() {
		defer close(u.done)
		defer conn.Close()
		u.receive(u, r)
	}()
	return u, nil
}

// CipherSuite is the name of the cipher suite that was negotiated.
func (c *Conn) CipherSuite() string { return suite(c.conn) }

// Send implements endpoint.Peer.
func (c *Conn) Send(b []byte) error {
	err := c.session.Send(b)
	if err != nil && !errors.Is(err, net.ErrClosed) && c.socket.closed.Load() {
		return fmt.Errorf("%w: %w", errEnded, err) // pion may put it otherwise
	}
	return err
}

// Done is closed when the session has ended, by either side.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Close says goodbye and ends the session; the receiver has forgotten it when
// Close returns.
func (c *Conn) Close() error {
	err := error(nil)
	c.once.Do(func() { err = c.conn.Close() })
	<-c.done
	return err
}

// clientConn is a connected socket as pion wants it: with addresses that are not
// looked at, without what ICMP reports, which may be forged, and without what
// pion must not see.
type clientConn struct {
	net.Conn
	closed atomic.Bool
}

// ReadFrom implements net.PacketConn.
func (c *clientConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := c.Read(b)
		if udp.FromICMP(err) {
			continue
		}
		if n = len(sift(b[:n], 0)); n > 0 || err != nil {
			return n, c.RemoteAddr(), err
		}
	}
}

// WriteTo implements net.PacketConn.
func (c *clientConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	n, err := c.Write(b)
	if udp.FromICMP(err) {
		return len(b), nil
	}
	return n, err
}

// SetWriteDeadline implements net.PacketConn: a UDP socket does not block. pion
// would take a deadline that can't be set any more for a datagram that was not
// sent.
func (c *clientConn) SetWriteDeadline(time.Time) error { return nil }

// Close implements net.PacketConn.
func (c *clientConn) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}
