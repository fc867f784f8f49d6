// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/coapstone/coapstone/gateway/endpoint"
)

// Conn is a remote address with a socket of our own for it alone, so that the
// kernel drops what comes from elsewhere. It is an endpoint.Peer.
type Conn struct {
	conn     *net.UDPConn
	key      endpoint.PeerKey
	receiver endpoint.Receiver
	log      *slog.Logger
	once     sync.Once
	done     chan struct{}
}

var _ endpoint.Peer = (*Conn)(nil)

// Dial makes a socket with a free port for the remote address and hands what
// comes from there to r. Nothing is sent: whether somebody is there is not known.
// It waits for nothing, and so heeds no deadline: a dialer reports one that has
// just passed as an error of the network before the context knows of it.
func Dial(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, o Options) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(context.WithoutCancel(ctx), "udp", remote.String())
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket for %s: %w", remote, err)
	}
	conn := c.(*net.UDPConn) // what DialContext returns for udp
	u := &Conn{
		conn:     conn,
		key:      endpoint.PeerKey{Addr: remote, Local: local(conn)},
		receiver: r,
		log:      o.logger(),
		done:     make(chan struct{}),
	}
	go u.receive()
	return u, nil
}

// Key implements endpoint.Peer.
func (c *Conn) Key() endpoint.PeerKey { return c.key }

// Local implements endpoint.Peer.
func (c *Conn) Local() netip.AddrPort { return c.key.Local }

// Send implements endpoint.Peer. What ICMP says is ignored, as it may be forged
// (RFC 7252 §4.2).
func (c *Conn) Send(b []byte) error {
	_, err := c.conn.Write(b)
	if FromICMP(err) {
		c.log.Debug("sending a datagram", "remote", c.key.Addr, "error", err)
		return nil
	}
	return err
}

// Close closes the socket, and makes the receiver forget the peer.
func (c *Conn) Close() error {
	err := error(nil)
	c.once.Do(func() {
		err = c.conn.Close()
		<-c.done
		c.receiver.Forget(c.key)
	})
	return err
}

func (c *Conn) receive() {
	defer close(c.done)
	buffer := make([]byte, MaxDatagram)
	for {
		n, err := c.conn.Read(buffer)
		switch {
		case err == nil:
			c.receiver.Receive(c, buffer[:n])
		case FromICMP(err):
			c.log.Debug("receiving a datagram", "remote", c.key.Addr, "error", err)
		default:
			if !errors.Is(err, net.ErrClosed) {
				c.log.Warn("a UDP socket stopped receiving", "remote", c.key.Addr, "error", err)
			}
			return
		}
	}
}

// FromICMP says whether an error is what ICMP reported of an earlier datagram.
func FromICMP(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.ECONNRESET)
}
