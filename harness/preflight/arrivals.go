// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// arrival is a UDP datagram as it reached an interface of this machine, before its
// firewall.
type arrival struct{ from, to netip.AddrPort }

// arrivals is a watch over what reaches the machine. Only who may read raw packets
// has one; a nil one has seen nothing.
type arrivals struct {
	close func() // once

	mu   sync.Mutex
	seen []arrival
	when []time.Time // of the first of each
}

// mostArrivals bounds what is remembered of a busy network.
const mostArrivals = 4096

// stop ends the watch. What was seen stays.
func (a *arrivals) stop() {
	if a != nil {
		a.close()
	}
}

// packet takes one IP packet.
func (a *arrivals) packet(b []byte) {
	found, ok := parseUDP(b)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) < mostArrivals && !slices.Contains(a.seen, found) {
		a.seen, a.when = append(a.seen, found), append(a.when, time.Now())
	}
}

// where is the first arrival that matches, and how long ago it was.
func (a *arrivals) where(match func(arrival) bool) (found arrival, ago time.Duration, ok bool) {
	if a == nil {
		return arrival{}, 0, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.seen, match)
	if i < 0 {
		return arrival{}, 0, false
	}
	return a.seen[i], time.Since(a.when[i]), true
}

// The numbers of IP packets (RFC 791 §3.1, RFC 8200 §3, RFC 768).
const (
	ipv4Header   = 20
	ipv6Header   = 40
	udpHeader    = 8
	protocolUDP  = 17
	fragmentBits = 0x1fff
)

// parseUDP reads the ends of a UDP datagram in an IP packet. Extension headers of
// IPv6 are not followed, and later fragments have no ports.
func parseUDP(b []byte) (arrival, bool) {
	switch {
	case len(b) >= ipv4Header && b[0]>>4 == 4:
		header := int(b[0]&0x0f) * 4
		if header < ipv4Header || b[9] != protocolUDP || binary.BigEndian.Uint16(b[6:])&fragmentBits != 0 || len(b) < header+udpHeader {
			return arrival{}, false
		}
		return ends([4]byte(b[12:16]), [4]byte(b[16:20]), b[header:], netip.AddrFrom4), true
	case len(b) >= ipv6Header+udpHeader && b[0]>>4 == 6 && b[6] == protocolUDP:
		return ends([16]byte(b[8:24]), [16]byte(b[24:40]), b[ipv6Header:], netip.AddrFrom16), true
	}
	return arrival{}, false
}

func ends[A any](from, to A, udp []byte, addr func(A) netip.Addr) arrival {
	return arrival{
		netip.AddrPortFrom(addr(from), binary.BigEndian.Uint16(udp)),
		netip.AddrPortFrom(addr(to), binary.BigEndian.Uint16(udp[2:])),
	}
}

// dropTimeout is how long a datagram that has reached the machine may take to
// reach its socket.
const dropTimeout = 2 * time.Second

// dropped says whether datagrams come as far as this machine and no further. A
// datagram that was seen a moment ago may still be on its way.
func (c *check) dropped(h *hearing) (outcome, bool) {
	here, ago, ok := h.arrivals.where(func(a arrival) bool { return slices.Contains(h.at, a.to) })
	if !ok || ago < dropTimeout || len(datagrams(h.log)) > 0 {
		return outcome{}, false
	}
	return blocked(inRule(here.from.Addr(), here.to),
		"datagrams from %s for %s reach this machine, and its own firewall drops them", here.from.Addr(), here.to), true
}

// answersDropped says whether the target's answers come as far as this machine and
// no further.
func (c *check) answersDropped(a *arrivals, e endpoint) (outcome, bool) {
	here, _, ok := a.where(func(a arrival) bool { return a.from == e.at && a.to.Addr() == c.local(e.at) })
	if !ok {
		return outcome{}, false
	}
	return blocked(answerRule(here.from, here.to.Addr()),
		"answers, and this machine's own firewall drops what it answers"), true
}

// astray says whether the device sends to another port of the bench.
func (c *check) astray(h *hearing, within string) (outcome, bool) {
	known := c.t.Addresses()
	elsewhere, _, ok := h.arrivals.where(func(a arrival) bool {
		return slices.Contains(known, a.from.Addr()) && slices.Contains(h.addresses(), a.to.Addr()) && !slices.Contains(h.at, a.to)
	})
	if !ok {
		return outcome{}, false
	}
	return blocked(fmt.Sprintf("have it send to %s, or listen where it sends: bench.addresses, bench.ports", h.at[0]),
		"no datagram at %s %s; but %s sends to %s", h.at[0], within, elsewhere.from.Addr(), elsewhere.to), true
}

// addresses are those at which the bench listens.
func (h *hearing) addresses() []netip.Addr {
	var all []netip.Addr
	for _, at := range h.at {
		all = append(all, at.Addr())
	}
	return all
}
