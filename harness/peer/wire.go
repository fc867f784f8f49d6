// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
)

// maxDatagram is more than any UDP datagram holds.
const maxDatagram = 65535

// wire is a UDP socket that writes every datagram into the trace: an incoming
// one before anybody sees it, an outgoing one before it leaves.
type wire struct {
	conn   *net.UDPConn
	local  netip.AddrPort
	log    *trace.Log
	name   string
	remote string
	secure bool
	screen func(netip.AddrPort, []byte) string

	closing sync.Once
	closed  error
}

func openWire(ctx context.Context, o Options) (*wire, error) {
	if !o.Local.Addr().IsValid() {
		return nil, errors.New("no local address: a peer binds a concrete one")
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", o.Local.String())
	if err != nil {
		return nil, fmt.Errorf("the socket of the %s: %w", o.Name, err)
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the socket of the %s is a %T", o.Name, pc), pc.Close())
	}
	stamped(conn) // or else the time of reading has to do
	return &wire{
		conn: conn, local: addrPort(conn.LocalAddr()), log: o.Trace,
		name: o.Name, remote: o.Remote, secure: o.Security != nil, screen: o.Screen,
	}, nil
}

// localFor is the address from which the system would reach remote.
func localFor(ctx context.Context, remote netip.AddrPort) (netip.Addr, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", remote.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr()).Addr(), nil
}

func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(u.AddrPort())
}

// unmap undoes the IPv4-mapped addresses of IPv6 sockets.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// read reads the next datagram that the screen lets pass into b, and records it
// as every other.
func (w *wire) read(b []byte) (n int, from netip.AddrPort, at time.Time, err error) {
	for {
		n, from, at, err = readStamped(w.conn, b)
		if err != nil {
			return n, from, time.Time{}, err
		}
		from = unmap(from)
		name := w.screened(from, b[:n])
		end := trace.End{Name: w.remote, Addr: from}
		if name != "" {
			end.Name = name
		}
		w.log.Add(trace.Event{At: at, Layer: trace.Datagram, From: end, To: w.end(), Bytes: b[:n], Secure: w.secure})
		if name == "" {
			return n, from, at, nil
		}
	}
}

// screened is the name under which a datagram is kept away; "" lets it pass.
func (w *wire) screened(from netip.AddrPort, b []byte) string {
	if w.screen == nil {
		return ""
	}
	return w.screen(from, b)
}

// write records one datagram and sends it.
func (w *wire) write(b []byte, to netip.AddrPort, illegal bool) error {
	w.log.Add(trace.Event{
		Layer: trace.Datagram, From: w.end(), To: trace.End{Name: w.remote, Addr: to}, Bytes: b, Secure: w.secure, Illegal: illegal,
	})
	_, err := w.conn.WriteToUDPAddrPort(b, to)
	return err
}

// close closes the socket, once, and takes to the record what the kernel threw
// away before we read it: the harness was too slow for that, nobody else.
func (w *wire) close() error {
	w.closing.Do(func() {
		if n, ok := drops(w.conn); ok {
			w.log.Dropped(n)
		}
		w.closed = ignoreClosed(w.conn.Close())
	})
	return w.closed
}

func (w *wire) end() trace.End { return trace.End{Name: w.name, Addr: w.local} }

// inner records a message inside a DTLS session.
func (w *wire) inner(at time.Time, b []byte, remote netip.AddrPort, outgoing, illegal bool) {
	from, to := trace.End{Name: w.remote, Addr: remote}, w.end()
	if outgoing {
		from, to = to, from
	}
	w.log.Add(trace.Event{At: at, Layer: trace.CoAP, From: from, To: to, Bytes: b, Illegal: illegal})
}

// decode reads a message as far as it can be read.
func decode(b []byte) (*coap.Message, error) {
	m, err := coap.Decode(b)
	if err == nil {
		return m, nil
	}
	d := coap.Dissect(b)
	return &d.Message, err
}

// isIllegal says whether b is no legal CoAP message.
func isIllegal(b []byte) bool {
	_, err := coap.Decode(b)
	return err != nil
}
