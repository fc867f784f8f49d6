// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// MaxDatagram is the longest UDP payload in bytes.
const MaxDatagram = 65535

// receiveBuffer is how many bytes the kernel is asked to hold for a listener, so
// that a burst is not lost; it may grant less.
const receiveBuffer = 4 << 20

// Socket is a UDP socket that knows to which of our addresses a datagram came,
// and sends from the address that it is told, also when it is bound to the
// wildcard address.
type Socket struct {
	conn *net.UDPConn
	addr netip.AddrPort
	// wildcard says that the local address of a datagram stands in its control
	// message, as otherwise the kernel would choose the source of an answer by
	// its routes (RFC 7252 §8.2 asks for the address that was spoken to).
	wildcard bool
}

// Bind binds a socket. 0.0.0.0 serves IPv4 alone and :: IPv6 alone: what serves
// both lists both. Port 0 takes a free one.
func Bind(ctx context.Context, addr netip.AddrPort) (*Socket, error) {
	network := "udp4"
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		network = "udp6"
	}
	var config net.ListenConfig
	pc, err := config.ListenPacket(ctx, network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("listening on UDP %s: %w", addr, err)
	}
	conn := pc.(*net.UDPConn)             // what ListenPacket returns for udp4 and udp6
	_ = conn.SetReadBuffer(receiveBuffer) // a wish
	s := &Socket{conn: conn, addr: local(conn), wildcard: addr.Addr().IsUnspecified()}
	if s.wildcard {
		if err := s.askForDestination(); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("listening on UDP %s: the system does not tell the destination of a datagram, so bind a concrete address instead of the wildcard: %w", addr, err)
		}
	}
	return s, nil
}

// local is the address that a socket is bound to.
func local(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort() // a UDP socket's
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *Socket) askForDestination() error {
	if s.addr.Addr().Is4() {
		return ipv4.NewPacketConn(s.conn).SetControlMessage(ipv4.FlagDst, true)
	}
	return ipv6.NewPacketConn(s.conn).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
}

// Addr is the address that the socket is bound to.
func (s *Socket) Addr() netip.AddrPort { return s.addr }

// Close closes the socket; a Read returns.
func (s *Socket) Close() error { return s.conn.Close() }

// Path is the two ends that a datagram travels between.
type Path struct {
	Remote, Local netip.AddrPort
	// control is the control message that makes an answer leave from Local.
	control []byte
}

// Buffer is what Read reads into, for one goroutine.
type Buffer struct {
	data    [MaxDatagram]byte
	control [128]byte
}

// Read waits for one datagram. The bytes are valid until the next Read with the
// same buffer.
func (s *Socket) Read(b *Buffer) ([]byte, Path, error) {
	n, nc, _, from, err := s.conn.ReadMsgUDPAddrPort(b.data[:], b.control[:])
	if err != nil {
		return nil, Path{}, err
	}
	path := Path{Remote: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), Local: s.addr}
	if s.wildcard {
		path.Local, path.control = s.destination(b.control[:nc])
	}
	return b.data[:n], path, nil
}

// destination reads a control message, and makes that for the answer.
func (s *Socket) destination(control []byte) (netip.AddrPort, []byte) {
	var dst net.IP
	var answer []byte
	if s.addr.Addr().Is4() {
		var m ipv4.ControlMessage
		if m.Parse(control) == nil && m.Dst != nil {
			dst, answer = m.Dst, (&ipv4.ControlMessage{Src: m.Dst}).Marshal()
		}
	} else {
		var m ipv6.ControlMessage
		if m.Parse(control) == nil && m.Dst != nil {
			out := ipv6.ControlMessage{Src: m.Dst}
			if m.Dst.IsLinkLocalUnicast() {
				out.IfIndex = m.IfIndex
			}
			dst, answer = m.Dst, out.Marshal()
		}
	}
	a, ok := netip.AddrFromSlice(dst)
	if !ok || a.IsMulticast() || dst.Equal(net.IPv4bcast) {
		return s.addr, nil
	}
	return netip.AddrPortFrom(a.Unmap(), s.addr.Port()), answer
}

// Write sends one datagram back along a path.
func (s *Socket) Write(b []byte, path Path) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, path.control, path.Remote)
	return err
}
