// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

// transmitWait is how long copies of a request may come: MAX_TRANSMIT_WAIT
// (RFC 7252 §4.8.2).
const transmitWait = 93 * time.Second

// The names of those whose datagrams are not judged.
const (
	stranger  = "somebody else"
	earlier   = "device under test, from before"
	oldRecord = "device under test, in an old session"
)

// stand is where the harness plays the gateway in one scenario: it tells the
// device's datagrams from those of others, and from what began before.
type stand struct {
	*client

	secure bool
	at     netip.AddrPort
	url    string
	heard  chan struct{}

	mu      sync.Mutex
	source  netip.Addr // who is taken for the device; the zero Addr until somebody begins
	greeted map[netip.AddrPort]bool
	others  map[netip.Addr]int
	copies  int // of requests from before
	records int // of sessions from before
}

// Stand is where the harness plays the gateway for the device.
func (c *client) Stand(_ context.Context, secure bool) (lab.Stand, error) {
	scheme := "coap"
	if secure {
		scheme = "coaps"
	}
	k := c.keepers[scheme]
	if k == nil {
		return lab.Stand{}, verdict.DoesNotApply("the device under test does not send to %s: the target file says where it does, with device.calls.url or under declares", scheme)
	}
	s := &stand{
		client: c, secure: secure, at: k.at, url: c.url(scheme), heard: make(chan struct{}),
		greeted: map[netip.AddrPort]bool{}, others: map[netip.Addr]int{},
	}
	out := lab.Stand{
		Local: k.at, URL: s.url, Reached: c.target.Bench.ReachedAs(k.at.Addr()),
		Screen: s.screen, Heard: s.heard, Unheard: s.unheard,
		Take: func(context.Context) error { return k.release() },
		Leave: func(open []lab.Sent) error { //nolint:contextcheck // it is held beyond any step
			s.leave(open)
			return k.hold(context.Background())
		},
	}
	if cert := c.target.Bench.Certificate; cert != nil && secure {
		pair, err := cert.Load()
		if err != nil {
			return out, verdict.Broken(err, "reading bench.certificate")
		}
		out.Certificate = &pair
	}
	return out, nil
}

// screen names a datagram that is not to be judged, and notes that the device was
// heard otherwise.
func (s *stand) screen(from netip.AddrPort, b []byte) string {
	s.arrivals.Add(from, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	hello := isHello(b)
	switch {
	case !s.isDevice(from.Addr(), b):
		s.others[from.Addr()]++
		return stranger
	case s.secure && isRecord(b) && !hello && !s.greeted[from]:
		s.records++
		return oldRecord
	case !s.secure && s.isPast(from, b):
		s.copies++
		return earlier
	}
	s.greeted[from] = true
	if !s.source.IsValid() {
		s.source = from.Addr()
		close(s.heard)
	}
	return ""
}

// isDevice says whether a datagram is the device's: its address is in the target
// file, or, without one there, it begins as the device must.
func (s *stand) isDevice(from netip.Addr, b []byte) bool {
	switch {
	case len(s.from) > 0:
		return s.isFrom(from)
	case s.source.IsValid():
		return from == s.source
	case s.secure:
		return isHello(b)
	}
	m, err := coap.Decode(b)
	return err == nil && m.Code.IsRequest()
}

// isPast says whether a datagram belongs to an earlier scenario, or to none.
func (s *stand) isPast(from netip.AddrPort, b []byte) bool {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	first, ok := s.past[fingerprint(from, b)]
	return ok && time.Since(first) < transmitWait
}

// leave ends the scenario's hold: what the device still sends of what is open is
// past. What was answered is forgotten, since some devices begin with the same
// message id each time that they are switched on.
func (s *stand) leave(open []lab.Sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	maps.DeleteFunc(s.past, func(_ string, first time.Time) bool { return time.Since(first) >= transmitWait })
	for _, d := range open {
		s.past[fingerprint(d.From, d.Bytes)] = time.Now()
	}
	if s.source.IsValid() {
		s.known = s.source
	}
	s.astray = s.astray || s.copies+s.records > 0
}

// fingerprint is a datagram and where it is from.
func fingerprint(from netip.AddrPort, b []byte) string { return from.String() + " " + string(b) }

// isRecord says whether a datagram begins as a DTLS record does (RFC 6347 §4.1).
func isRecord(b []byte) bool { return len(b) > 1 && b[0] >= 20 && b[0] <= 25 && b[1] == 0xfe }

// isHello says whether a datagram begins with a ClientHello (RFC 6347 §4.1, RFC
// 5246 §7.4.1.2).
func isHello(b []byte) bool {
	const header = 13
	return len(b) > header && b[0] == 22 && b[1] == 0xfe && b[3] == 0 && b[4] == 0 && b[header] == 1
}

// unheard says why nothing of the device came, and what to do about it.
func (s *stand) unheard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "no datagram of the device came to %s/udp within %s", s.at, s.patience())
	switch {
	case s.records > 0:
		fmt.Fprintf(&b, ", but for %d in a session that is over: it goes on as if that still stood. Give the target file hooks.reset, or restart the device by hand, and run this again", s.records)
	case s.copies > 0:
		fmt.Fprintf(&b, ", but for %d copies of a request from before: it is still busy with that. Give it time with bench.pause, or hooks.reset, and run this again", s.copies)
	case len(s.others) > 0:
		fmt.Fprintf(&b, ", but %s. Is that the device, write its address as device.%s in the target file", s.strangers(), schemeOf(s.secure))
		b.WriteString("; else see that a firewall lets UDP through to that port, and that the device sends to ")
		b.WriteString(s.url)
	default:
		fmt.Fprintf(&b, ": see that a firewall on the way lets UDP through to that port, and that the device sends to %s, which must lead here", s.url)
		if s.target.Hooks.Trigger == nil {
			b.WriteString("; have it send while the harness waits, or give the target file hooks.trigger")
		}
	}
	return b.String()
}

func schemeOf(secure bool) string {
	if secure {
		return "coaps"
	}
	return "coap"
}

// strangers says from where else something came; s.mu is held.
func (s *stand) strangers() string {
	var all []string
	for _, a := range slices.SortedFunc(maps.Keys(s.others), netip.Addr.Compare) {
		all = append(all, fmt.Sprintf("%d from %s", s.others[a], a))
	}
	if len(s.from) == 0 {
		return strings.Join(all, ", ") + " that are no " + map[bool]string{true: "beginning of a DTLS handshake", false: "CoAP request"}[s.secure]
	}
	return strings.Join(all, ", ") + ", where the target file has no device"
}
