// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

// association is one client of a DTLS server: the datagrams of one remote
// address, as the packet connection that pion reads and writes.
type association struct {
	server *Server
	remote netip.AddrPort
	number uint64
	seen   observer
	in     chan []byte
	conn   *dtls.Conn // set before the association is shared

	unknownIdentity atomic.Bool
	closing         sync.Once
	closed          chan struct{}
	deadline        deadline
}

// backlog is how many datagrams wait for pion; more are lost, as they are in a
// socket's buffer, and count as drops of the harness.
const backlog = 256

// demultiplex hands a datagram to its association. A ClientHello from elsewhere
// begins a new one; anything else from elsewhere belongs to nobody.
func (s *Server) demultiplex(b []byte, from netip.AddrPort) {
	s.mu.Lock()
	a := s.sessions[from]
	s.mu.Unlock()
	if a == nil {
		if !isClientHello(b) || s.ctx.Err() != nil {
			return
		}
		if a = s.associate(from); a == nil {
			return
		}
	}
	a.seen.see(b, false)
	select {
	case a.in <- slices.Clone(b):
	default:
		s.opts.Trace.Dropped(1)
	}
}

func (s *Server) associate(from netip.AddrPort) *association {
	a := &association{server: s, remote: from, in: make(chan []byte, backlog), closed: make(chan struct{})}
	opts, err := s.opts.Security.serverOptions(s.opts.Trace, func() { a.unknownIdentity.Store(true) })
	if err == nil {
		a.conn, err = dtls.ServerWithOptions(a, net.UDPAddrFromAddrPort(from), opts...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.handshakes = append(s.handshakes, Handshake{Remote: from, Err: err})
		s.announce()
		return nil
	}
	s.lastSession++
	a.number = s.lastSession
	s.sessions[from] = a
	s.running.Go(func() { s.serve(a) })
	return a
}

// serve shakes hands and reads until the session ends.
func (s *Server) serve(a *association) {
	defer func() {
		_ = a.close()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sessions[a.remote] == a {
			delete(s.sessions, a.remote)
		}
	}()
	session, err := shake(s.ctx, a.conn, s.wire, a.remote, &a.seen, s.opts.Security)
	if s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	s.handshakes = append(s.handshakes, Handshake{a.remote, session, err})
	s.announce()
	s.mu.Unlock()
	if err != nil {
		return
	}
	from := source{&secureCarrier{s.wire, a.remote, a.conn}, a.remote, a.number, session}
	b := make([]byte, maxDatagram)
	for {
		n, err := a.conn.Read(b)
		if err != nil {
			return
		}
		at := time.Now()
		s.wire.inner(at, b[:n], a.remote, false, false)
		s.deliver(b[:n], from, at)
	}
}

// close ends the session with close_notify, once.
func (a *association) close() error { return a.conn.Close() }

// ReadFrom is the next datagram of the association.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-a.in:
		return copy(b, d), net.UDPAddrFromAddrPort(a.remote), nil
	case <-a.closed:
		return 0, nil, net.ErrClosed
	case <-a.deadline.expired():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends to the association's remote end. pion says internal_error when
// it has no key for an identity; RFC 4279 §2 has an alert for that.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	if a.unknownIdentity.Load() {
		b = renameAlert(b, 80, 115)
	}
	a.seen.see(b, true)
	return len(b), a.server.wire.write(b, a.remote, false)
}

// renameAlert changes the description of an alert that is not encrypted.
func renameAlert(b []byte, from, to byte) []byte {
	const header = 13
	if len(b) != header+plainAlertLength || b[0] != recordAlert || b[header+1] != from {
		return b
	}
	b = slices.Clone(b)
	b[header+1] = to
	return b
}

// Close is called by pion; it ends reading and leaves the server's socket open.
func (a *association) Close() error {
	a.closing.Do(func() { close(a.closed) })
	return nil
}

// LocalAddr is the server's address.
func (a *association) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(a.server.wire.local) }

// SetDeadline sets the deadline of reading: writing never blocks.
func (a *association) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }

// SetReadDeadline sets the deadline of reading, the current read included.
func (a *association) SetReadDeadline(t time.Time) error {
	a.deadline.set(t)
	return nil
}

// SetWriteDeadline does nothing: writing never blocks.
func (a *association) SetWriteDeadline(time.Time) error { return nil }

// deadline is a channel that closes at a time that can be changed. The zero
// value never does.
type deadline struct {
	mu    sync.Mutex
	c     chan struct{}
	timer *time.Timer
}

func (d *deadline) expired() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current()
}

func (d *deadline) current() chan struct{} {
	if d.c == nil {
		d.c = make(chan struct{})
	}
	return d.c
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	c := d.current()
	select {
	case <-c:
		c = make(chan struct{})
		d.c = c
	default:
	}
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(c)
	default:
		d.timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.c == c && !isClosed(c) {
				close(c)
			}
		})
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
