// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// endpoint is one address of the target.
type endpoint struct {
	scheme string
	at     netip.AddrPort
	key    string // where it stands in the target file
}

func (e endpoint) String() string { return e.scheme + " " + e.at.String() }

// sign is what a datagram to an address brought about.
type sign int

const (
	silence     sign = iota // nothing
	answer                  // a datagram came back
	refused                 // ICMP port unreachable: nothing listens
	unreachable             // no route, or no host there
	forbidden               // this machine does not let it out
)

// probeInterval is how often a probe is repeated: datagrams get lost.
const probeInterval = 500 * time.Millisecond

// probe sends a datagram over and over until something comes back or ctx ends.
// The socket is connected: only then does the system tell of ICMP errors.
func probe(ctx context.Context, local netip.Addr, remote netip.AddrPort, datagram []byte) (sign, []byte, error) {
	d := net.Dialer{}
	if local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	conn, err := d.DialContext(ctx, "udp", remote.String())
	if err != nil {
		return classify(err), nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	b := make([]byte, 2048)
	for ctx.Err() == nil {
		if _, err := conn.Write(datagram); err != nil {
			if s := classify(err); s != silence {
				return s, nil, err
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(probeInterval)); err != nil {
			return silence, nil, err
		}
		n, err := conn.Read(b)
		switch {
		case err == nil:
			return answer, b[:n], nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		}
		if s := classify(err); s != silence {
			return s, nil, err
		}
	}
	return silence, nil, nil
}

// classify reads what the system says of a socket.
func classify(err error) sign {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EINVAL):
		return unreachable
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return forbidden
	default:
		return silence
	}
}

// missing is a step's outcome when nothing useful came back.
func (c *check) missing(s sign, err error, e endpoint, within time.Duration) outcome {
	local := c.local(e.at)
	switch s {
	case refused:
		if other := c.answering; other != nil && other.at.Addr() == e.at.Addr() {
			return untrue(fmt.Sprintf("start the %s's server for %s, or take %s out of the target file", c.thing(), e.scheme, e.key),
				"declares %s, and nothing listens there, while it answers at %s", e.scheme, other)
		}
		return blocked(fmt.Sprintf("start the %s's server for %s, or correct %s in the target file", c.thing(), e.scheme, e.key),
			"nothing listens there: the host answered with ICMP port unreachable")
	case unreachable:
		return blocked(fmt.Sprintf("look at the cable, at the address in %s, and whether %s is in the same network or has a route to it", e.key, local),
			"no way there: %v", err)
	case forbidden:
		return blocked("let it out: "+outRule(local, e.at), "this machine's own firewall does not let the datagram out")
	case silence, answer:
	}
	return blocked(
		fmt.Sprintf("see that the %s is on and that %s is its address; then let through the firewalls between: udp from %s to %s port %d, and the answers back",
			c.thing(), e.at.Addr(), local, e.at.Addr(), e.at.Port()),
		"no answer within %s, and no ICMP error: a wrong address, or a firewall that swallows", seconds(within))
}

// thing is what the target is, in a sentence.
func (c *check) thing() string {
	if c.t.Role == "gateway" {
		return "gateway"
	}
	return "device"
}

// local is the bench's address in the family of a.
func (c *check) local(a netip.AddrPort) netip.Addr { return c.t.Bench.Addr(a.Addr().Is6()) }

// ping sends a CoAP ping, an empty confirmable message, which a Reset answers
// (RFC 7252 §4.3).
func (c *check) ping(ctx context.Context, e endpoint) outcome {
	id := uint16(rand.Uint32()) //nolint:gosec // a message id is no secret
	within := or(c.o.Reach, reachTimeout)
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	watch := watchArrivals()
	defer watch.stop()
	begun := time.Now()
	s, b, err := probe(bounded, c.local(e.at), e.at, binary.BigEndian.AppendUint16([]byte{0x40, 0}, id))
	switch {
	case s != answer:
		if o, dropped := c.answersDropped(watch, e); s == silence && dropped {
			return o
		}
		return c.missing(s, err, e, within)
	case bytes.Equal(b, binary.BigEndian.AppendUint16([]byte{0x70, 0}, id)):
		c.answering = &e
		return well("answers a CoAP ping in %s", brief(time.Since(begun)))
	case bytes.Equal(b, binary.BigEndian.AppendUint16([]byte{0x60, 0}, id)):
		return untrue("have it reject an Empty confirmable message with a Reset (RFC 7252 §4.3): the suite takes that for ready",
			"answers a CoAP ping with an acknowledgement, want a Reset")
	default:
		return untrue(fmt.Sprintf("see that a CoAP server listens at %s, without DTLS", e.at),
			"answers a CoAP ping with %s, want a Reset", hexOf(b))
	}
}

// hexOf is the first bytes of a datagram.
func hexOf(b []byte) string {
	const most = 16
	if len(b) > most {
		return fmt.Sprintf("%d bytes (%x…)", len(b), b[:most])
	}
	return fmt.Sprintf("%d bytes (%x)", len(b), b)
}

// brief is a duration as a person reads it.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	default:
		return seconds(d)
	}
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%g s", float64(d.Round(100*time.Millisecond))/float64(time.Second))
}
