// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"container/list"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// maxQueued is how many datagrams wait for one session. More are dropped, as a
// full socket would drop them.
const maxQueued = 64

// packetConn is the datagrams of one session, or of one handshake, to pion.
type packetConn struct {
	mux    *mux
	random [randomLength]byte // of its ClientHello
	// conn is pion's side. abort ends a handshake, hangUp a session. conn and hangUp
	// are set before the handshake begins.
	conn   *pion.Conn
	abort  context.CancelFunc
	hangUp func()
	// heard is when the last datagram came, in nanoseconds.
	heard atomic.Int64

	// Guarded by mux.mu: where the handshake stands in the queue of those under
	// way, nil when it is over; where the client is now; its connection id, if any;
	// whether the mux has forgotten it.
	waiting *list.Element
	path    udp.Path
	id      *[idLength]byte
	gone    bool

	mu     sync.Mutex
	addr   *address // where the client was when pion was last told
	queue  []datagram
	closed bool
	// hello is the client's hello with its cookie, until pion has made believe that
	// it gave the cookie out; shift is by how much pion's sequence numbers in the
	// clear are behind.
	hello *hello
	shift uint64
	// finished says that the server's Finished is on its way: the client's has
	// come, so that no alert in the clear is the client's. pion v3.1.15 heeds one
	// until it has returned from sending.
	finished bool
	// ready says that pion has returned from the handshake. What comes between its
	// Finished and that waits: pion v3.1.15 keeps one early record of application
	// data and throws away the others.
	ready bool
	// changed is signalled when there is something new for ReadFrom.
	changed chan struct{}
	// deadline of ReadFrom; alarm signals it.
	deadline time.Time
	alarm    *time.Timer
}

// datagram is what came, and from where.
type datagram struct {
	data []byte
	path udp.Path
}

// address is a path as pion takes it.
type address struct{ udp.Path }

// Network implements net.Addr.
func (*address) Network() string { return "udp" }

func (a *address) String() string { return a.Remote.String() }

var _ net.PacketConn = (*packetConn)(nil)

// newPacketConn begins with the hello as it was without the cookie.
func newPacketConn(m *mux, path udp.Path, h hello, abort context.CancelFunc) *packetConn {
	first := h.first()
	h.record, h.cookie = slices.Clone(h.record), slices.Clone(h.cookie)
	h.client = [2][]byte{}
	return &packetConn{
		mux: m, random: h.random, abort: abort, path: path,
		addr: &address{path}, queue: []datagram{{first, path}}, hello: &h, shift: h.sequence,
		changed: make(chan struct{}, 1),
	}
}

// deliver queues a copy of a datagram.
func (c *packetConn) deliver(b []byte, path udp.Path) {
	c.heard.Store(time.Now().UnixNano())
	c.mu.Lock()
	if !c.closed && len(c.queue) < maxQueued {
		c.queue = append(c.queue, datagram{append([]byte(nil), b...), path})
	}
	c.mu.Unlock()
	c.signal()
}

func (c *packetConn) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// ReadFrom implements net.PacketConn, for one reader at a time.
func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.next(b)
		if n > 0 || err != nil {
			return n, from, err
		}
		<-c.changed
	}
}

// next takes the next datagram; 0 and nil mean that there is none yet.
func (c *packetConn) next(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		c.signal() // for another reader
		return 0, nil, net.ErrClosed
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		return 0, nil, os.ErrDeadlineExceeded
	case len(c.queue) == 0, c.finished && !c.ready:
		return 0, nil, nil
	}
	d := c.queue[0]
	c.queue[0] = datagram{}
	c.queue = c.queue[1:]
	if c.finished {
		d.data = withoutAlerts(d.data)
	}
	if len(d.data) == 0 {
		c.signal() // there may be more
		return 0, nil, nil
	}
	if routeOf(d.path) != routeOf(c.addr.Path) {
		// pion answers to there only if the record proves to be the client's, and
		// newer than all others (RFC 9146 §6). Whether the client can be reached there
		// is for the layers above: CoAP's requests wait for an acknowledgement.
		return copy(b, d.data), &address{d.path}, nil
	}
	return copy(b, d.data), c.addr, nil
}

// WriteTo implements net.PacketConn.
func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	addr, moved := c.addr, false
	if a, ok := to.(*address); ok && a != addr {
		moved = routeOf(a.Path) != routeOf(addr.Path)
		c.addr, addr = a, a
	}
	if c.hello != nil && isVerifyRequest(b) {
		defer c.mu.Unlock()
		return len(b), c.verified()
	}
	out := c.shifted(b)
	c.finished = c.finished || len(b) > 0 && b[0] == typeChangeCipherSpec
	c.mu.Unlock()
	if moved {
		c.mux.move(c, addr.Path)
	}
	if err := c.mux.socket.Write(out, addr.Path); err != nil {
		return 0, err
	}
	return len(b), nil
}

// release lets pion have what has come since it sent its Finished.
func (c *packetConn) release() {
	c.mu.Lock()
	c.ready = true
	c.mu.Unlock()
	c.signal()
}

// verified takes the place of the HelloVerifyRequest that pion sends: the client
// has answered one already. It runs on the goroutine on which pion looks at the
// cookie next.
func (c *packetConn) verified() error {
	cookie, ok := pionsCookie(c.conn)
	if !ok || len(cookie) != cookieLength {
		return errPion
	}
	copy(cookie, c.hello.cookie)
	c.shift-- // the ServerHello has the number of the hello (RFC 6347 §4.2.1)
	c.queue = append([]datagram{{c.hello.record, c.addr.Path}}, c.queue...)
	c.hello = nil
	c.signal()
	return nil
}

// errPion says that pion has changed where nobody promised that it would not.
var errPion = errors.New("this version of pion/dtls keeps its cookies elsewhere than the gateway thinks: use the version in the gateway's go.mod, or mend gateway/transport/dtls/cookie.go")

// shifted is a datagram of pion's with the right sequence numbers: they go on
// from those of the hello.
func (c *packetConn) shifted(b []byte) []byte {
	if c.shift == 0 || len(b) < recordHeader || epoch(b) != 0 {
		return b
	}
	b = slices.Clone(b)
	for rest := b; len(rest) > 0; {
		r, next, ok := record(rest, 0)
		if !ok || epoch(r) != 0 {
			break
		}
		setSequence(r, sequence(r)+c.shift)
		rest = next
	}
	return b
}

// Close implements net.PacketConn.
func (c *packetConn) Close() error {
	c.mu.Lock()
	c.closed, c.queue, c.hello = true, nil, nil
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.mu.Unlock()
	c.signal()
	c.mux.remove(c)
	return nil
}

// LocalAddr implements net.PacketConn.
func (c *packetConn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return net.UDPAddrFromAddrPort(c.addr.Local)
}

// SetReadDeadline implements net.PacketConn.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.alarm != nil {
		c.alarm.Stop()
	}
	if !t.IsZero() && !c.closed {
		c.alarm = time.AfterFunc(time.Until(t), c.signal)
	}
	return nil
}

// SetWriteDeadline implements net.PacketConn: a UDP socket does not block.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.PacketConn.
func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }
