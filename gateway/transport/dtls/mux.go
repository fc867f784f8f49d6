// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"container/list"
	"context"
	"crypto/rand"
	"net/netip"
	"sync"

	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// mux spreads the datagrams of one socket over sessions, and is the only one
// that decides when state is made for a stranger: when it has brought back the
// cookie that was sent to its address. Until then it costs nothing but one
// answer, which is no longer than what it sent.
//
// A client that has lost its session, by a power cut for instance, begins a new
// one from the same port: it gets a handshake beside the session, which ends
// only when the new one has proven itself (RFC 6347 §4.2.8). pion's own listener
// would ignore the client until the old session ends.
//
// A client with a connection id (RFC 9146) is known by it, wherever it is.
type mux struct {
	socket  *udp.Socket
	cookies *cookies
	// ctx ends all handshakes; accept starts one, on a goroutine of its own.
	ctx           context.Context
	accept        func(context.Context, *packetConn)
	maxSessions   int
	maxHandshakes int
	maxPerAddress int

	mu     sync.Mutex
	routes map[route]*ends
	ids    map[[idLength]byte]*packetConn
	// waiting are the handshakes under way, the oldest first, and perAddress how
	// many of them an address has.
	waiting    list.List
	perAddress map[netip.Prefix]int
	sessions   int // packetConns, handshakes included
	closed     bool
}

// route tells where a datagram travels.
type route struct{ remote, local netip.AddrPort }

// ends is who gets the datagrams of a route.
type ends struct {
	// session is established; handshake is under way. Either may be nil.
	session, handshake *packetConn
}

func routeOf(p udp.Path) route { return route{p.Remote, p.Local} }

// dispatch hands one datagram to whom it concerns.
func (m *mux) dispatch(b []byte, path udp.Path) {
	b = sift(b, idLength)
	if len(b) == 0 {
		return
	}
	first, _, _ := record(b, idLength)
	if first[0] == typeHandshake && epoch(first) == 0 && first[recordHeader] == handshakeClientHello {
		if h, ok := parseHello(first); ok {
			m.greet(h, path)
		}
		return
	}
	session, handshake := m.find(first, path)
	if handshake != nil {
		handshake.deliver(b, path)
	}
	if session != nil {
		session.deliver(b, path)
	}
}

// greet answers a hello: with a cookie, or with a handshake.
func (m *mux) greet(h hello, path udp.Path) {
	if !m.cookies.good(h, path) {
		_ = m.socket.Write(h.verifyRequest(m.cookies.fresh(h, path)), path) // the client will repeat its hello
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.routes[routeOf(path)]
	switch {
	case m.closed:
	case e != nil && e.handshake != nil && e.handshake.random == h.random:
		e.handshake.deliver(h.record, path)
	case e != nil && e.session != nil && e.session.random == h.random:
		// An echo of the hello that began the session.
	case h.message != 1 || h.sequence == 0:
		// No client that has seen a HelloVerifyRequest once counts like this, and
		// pion takes no other.
	default:
		m.begin(h, path)
	}
}

// find says who gets a datagram whose first record this is.
func (m *mux) find(first []byte, path udp.Path) (session, handshake *packetConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if first[0] == typeConnectionID {
		return m.ids[[idLength]byte(first[recordHeader-2:])], nil
	}
	e := m.routes[routeOf(path)]
	switch {
	case e == nil:
		return nil, nil
	case e.handshake == nil:
		return e.session, nil
	case first[0] == typeApplicationData || first[0] == typeAlert: // of the session, or early ones of the next
		return e.session, e.handshake
	default:
		return nil, e.handshake
	}
}

// begin makes the state of a handshake. When there are too many under way, the
// oldest of the client's address goes, or the oldest of all.
func (m *mux) begin(h hello, path udp.Path) {
	if m.sessions >= m.maxSessions {
		m.makeRoom()
		return // the client will repeat its hello
	}
	e := m.routes[routeOf(path)]
	if e != nil && e.handshake != nil {
		m.giveUp(e.handshake) // the client has begun anew
	}
	from := network(path.Remote.Addr())
	switch {
	case m.perAddress[from] >= m.maxPerAddress:
		for w := m.waiting.Front(); w != nil; w = w.Next() {
			if c := w.Value.(*packetConn); network(c.path.Remote.Addr()) == from { //nolint:forcetypeassert // what the list holds
				m.giveUp(c)
				break
			}
		}
	case m.waiting.Len() >= m.maxHandshakes:
		m.giveUp(m.waiting.Front().Value.(*packetConn)) //nolint:forcetypeassert // what the list holds
	}
	if e = m.routes[routeOf(path)]; e == nil {
		e = &ends{}
		m.routes[routeOf(path)] = e
	}
	ctx, abort := context.WithCancel(m.ctx)
	c := newPacketConn(m, path, h, abort)
	e.handshake = c
	c.waiting = m.waiting.PushBack(c)
	m.perAddress[from]++
	m.sessions++
	m.accept(ctx, c)
}

// giveUp ends a handshake before its time.
func (m *mux) giveUp(c *packetConn) {
	m.forget(c)
	c.abort()
}

// establish makes the handshake of c its route's session, and returns the
// session that it takes the place of, if any. ok is false when the handshake has
// been given up in the meantime.
func (m *mux) establish(c *packetConn) (old *packetConn, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.gone {
		return nil, false
	}
	m.settle(c)
	e := m.routes[routeOf(c.path)]
	old = e.session
	e.session, e.handshake = c, nil
	return old, true
}

// settle takes c out of the handshakes under way.
func (m *mux) settle(c *packetConn) {
	if c.waiting == nil {
		return
	}
	m.waiting.Remove(c.waiting)
	c.waiting = nil
	from := network(c.path.Remote.Addr())
	if m.perAddress[from]--; m.perAddress[from] == 0 {
		delete(m.perAddress, from)
	}
}

// identify gives c a connection id.
func (m *mux) identify(c *packetConn) []byte {
	var id [idLength]byte
	_, _ = rand.Read(id[:]) // never fails
	m.mu.Lock()
	defer m.mu.Unlock()
	if !c.gone {
		if c.id != nil {
			delete(m.ids, *c.id)
		}
		c.id = &id
		m.ids[id] = c
	}
	return id[:]
}

// move notes that the client of c is elsewhere now. Who comes to its old address
// does not end its session.
func (m *mux) move(c *packetConn, to udp.Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.gone || c.waiting != nil {
		return
	}
	m.leave(c)
	c.path = to
	e := m.routes[routeOf(to)]
	if e == nil {
		e = &ends{}
		m.routes[routeOf(to)] = e
	}
	if e.session == nil {
		e.session = c
	}
}

// remove forgets a closed packetConn. It may be forgotten already.
func (m *mux) remove(c *packetConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(c)
}

func (m *mux) forget(c *packetConn) {
	if c.gone {
		return
	}
	m.settle(c)
	m.leave(c)
	if c.id != nil {
		delete(m.ids, *c.id)
	}
	c.gone = true
	m.sessions--
}

// leave takes c from its route.
func (m *mux) leave(c *packetConn) {
	e := m.routes[routeOf(c.path)]
	if e == nil {
		return
	}
	if e.handshake == c {
		e.handshake = nil
	}
	if e.session == c {
		e.session = nil
	}
	if e.session == nil && e.handshake == nil {
		delete(m.routes, routeOf(c.path))
	}
}

// sample is how many sessions are looked at to find one to end.
const sample = 16

// makeRoom ends the session that was silent longest, of a sample: a device that
// is gone says no goodbye.
func (m *mux) makeRoom() {
	var idlest *packetConn
	n := 0
	for _, e := range m.routes { // in random order
		if c := e.session; c != nil {
			if idlest == nil || c.heard.Load() < idlest.heard.Load() {
				idlest = c
			}
			if n++; n == sample {
				break
			}
		}
	}
	if idlest != nil {
		go idlest.hangUp()
	}
}

// close stops new handshakes.
func (m *mux) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// network is what counts as one address: of IPv6, everybody has a whole /64.
func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // the length is right
	return p
}
