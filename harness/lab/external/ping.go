// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/coapstone/coapstone/harness/peer"
)

// The time between two pings: doubled from the first to the last, which is
// ACK_TIMEOUT (RFC 7252 §4.8), so as not to flood a target that starts.
const (
	firstPing = 100 * time.Millisecond
	lastPing  = 2 * time.Second
)

// awaitGateway returns when the gateway has answered a ping. Its error says what
// was sent, what came, and what to do.
func (l *Lab) awaitGateway(ctx context.Context) error {
	g := l.bench.Gateway
	if len(g.CoAP) == 0 {
		return l.pingSecurely(ctx)
	}
	return l.awaitPing(ctx, "gateway.coap", g.CoAP[0])
}

// awaitPing returns when what listens there has answered a CoAP ping, an Empty
// Confirmable message (RFC 7252 §4.3). It asks until ctx ends, for the time of a
// boot at most. Key is where the address stands in the target file.
func (l *Lab) awaitPing(ctx context.Context, key string, at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, l.target.Bench.BootTime())
	defer cancel()
	p := pinging{key: key, at: at, local: l.target.Bench.Addr(at.Addr().Is6()), begun: time.Now()}
	return p.await(ctx)
}

// pinging is an attempt to have a ping answered, and what came of it so far.
type pinging struct {
	key   string
	at    netip.AddrPort
	local netip.Addr
	begun time.Time
	sent  int
	// refused says that an ICMP port unreachable came; unsent is why a ping did not
	// leave; strange is what came that is no answer.
	refused bool
	unsent  error
	strange []byte
}

func (p *pinging) await(ctx context.Context) error {
	d := net.Dialer{}
	if p.local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.local, 0))
	}
	conn, err := d.DialContext(ctx, "udp", p.at.String())
	if err != nil {
		return fmt.Errorf("no CoAP ping can be sent to %s/udp (%s) from %s: %w: is that an address of this machine, and has it a route there", p.at, p.key, p.from(), err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	id := uint16(rand.Uint32()) //nolint:gosec // a message id is no secret
	for between := firstPing; ctx.Err() == nil; between = min(2*between, lastPing) {
		if p.once(ctx, conn, id, time.Now().Add(between)) {
			return nil
		}
	}
	return p.diagnosis(ctx)
}

// once sends one ping, and says whether it was answered until then.
func (p *pinging) once(ctx context.Context, conn net.Conn, id uint16, until time.Time) bool {
	if _, err := conn.Write(binary.BigEndian.AppendUint16([]byte{0x40, 0}, id)); err != nil {
		p.note(err)
	} else {
		p.sent++
	}
	if err := conn.SetReadDeadline(until); err != nil {
		p.note(err)
	}
	b := make([]byte, 64)
	for {
		n, err := conn.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case err != nil:
			p.note(err)
			pauseUntil(ctx, until)
			return false
		case answers(b[:n], id):
			return true
		}
		p.strange = slices.Clone(b[:n])
	}
}

// answers says whether a datagram is a Reset of the ping, or an acknowledgement:
// the latter is wrong, but whoever sends it is there, and a scenario judges it.
func answers(b []byte, id uint16) bool {
	return len(b) == 4 && (b[0] == 0x70 || b[0] == 0x60) && b[1] == 0 && binary.BigEndian.Uint16(b[2:]) == id
}

// isRefused says whether a datagram is answered with ICMP port unreachable, which a
// DTLS socket does not tell.
func (p *pinging) isRefused(ctx context.Context) bool {
	d := net.Dialer{}
	if p.local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.local, 0))
	}
	conn, err := d.DialContext(ctx, "udp", p.at.String())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	p.once(ctx, conn, 0, time.Now().Add(firstPing))
	return p.refused
}

func (p *pinging) note(err error) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		p.refused = true
	case !errors.Is(err, net.ErrClosed):
		p.unsent = err
	}
}

func (p *pinging) from() string {
	if p.local.IsValid() {
		return p.local.String()
	}
	return "this machine"
}

// diagnosis is what the silence means, and what to do about it.
func (p *pinging) diagnosis(ctx context.Context) error {
	what := fmt.Sprintf("%s/udp (%s) answers no CoAP ping: %d went there from %s in %s", p.at, p.key, p.sent, p.from(), time.Since(p.begun).Round(100*time.Millisecond))
	var next string
	switch {
	case p.refused:
		next = "what came back is ICMP port unreachable: nothing listens there. Start the target, or put its port right in the target file"
	case p.strange != nil:
		next = fmt.Sprintf("what came back is %s, which is no Reset (RFC 7252 §4.3): is that CoAP? A DTLS port belongs under coaps", hex.EncodeToString(p.strange))
	case p.unsent != nil:
		next = fmt.Sprintf("the network says: %v. Put the address right in the target file, or give this machine a route there", p.unsent)
	default:
		next = fmt.Sprintf("nothing came back at all: the address is wrong, or a firewall drops it. Let udp pass from %s to %s, and back; then try again", p.from(), p.at)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s, and then the run was interrupted: %w", what, ctx.Err())
	}
	return fmt.Errorf("%s; %s", what, next)
}

// pauseUntil returns at the given time, or when ctx ends: a refusal comes at
// once, and must not be asked for again as fast as it comes.
func pauseUntil(ctx context.Context, until time.Time) {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pingSecurely pings a target that serves coaps alone: with the credentials of
// a bound user, or else trusting its certificate.
func (l *Lab) pingSecurely(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	g := l.bench.Gateway
	at := g.CoAPS[0]
	s, who := &peer.Security{Roots: g.Roots, ServerName: g.Name}, "trusting gateway.roots"
	if names := slices.Sorted(maps.Keys(l.bench.Bound.Users)); len(names) > 0 {
		u := l.bench.Bound.Users[names[0]]
		s, who = &peer.Security{Identity: u.Identity, Key: u.Key}, fmt.Sprintf("as the user %q", u.Name)
	} else if g.Roots == nil {
		return errors.New("there is nothing to open a DTLS session with: name a user, or the gateway's roots, in the target file")
	}
	c, err := peer.Dial(ctx, at, peer.Options{
		Local:    netip.AddrPortFrom(l.target.Bench.Addr(at.Addr().Is6()), 0),
		Security: s,
	})
	if err != nil {
		p := pinging{at: at, local: l.target.Bench.Addr(at.Addr().Is6())}
		return noSession(at, who, p.isRefused(ctx), err)
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Ping(ctx); err != nil {
		return fmt.Errorf("a DTLS session with %s/udp (gateway.coaps) is open, but no CoAP ping is answered in it: %w", at, err)
	}
	return nil
}

// noSession is why there is no DTLS session, and what to do about it.
func noSession(at netip.AddrPort, who string, refused bool, err error) error {
	what := fmt.Sprintf("no DTLS session with %s/udp (gateway.coaps), %s", at, who)
	var failed *peer.HandshakeError
	switch {
	case refused:
		return fmt.Errorf("%s: nothing listens there, for ICMP port unreachable came back: start the target, or put its port right in the target file: %w", what, err)
	case errors.As(err, &failed) && !failed.Silent:
		return fmt.Errorf("%s: it is there, and there is no agreement: are identity and key, or the roots and the host name, those that it knows: %w", what, err)
	default:
		return fmt.Errorf("%s: a wrong address, a firewall, or a key that it does not know and says nothing about: %w", what, err)
	}
}
