// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Addresses hands out addresses for devices.
type Addresses interface {
	// Client is an address for a device that calls.
	Client(ctx context.Context, ipv6 bool) (netip.Addr, error)
	// Server is an address for a device that is called, held until release;
	// port 0 is any port, and stays 0.
	Server(ctx context.Context, port uint16, ipv6 bool) (addr netip.AddrPort, release func(), err error)
}

// Shared is one address per family, used by all devices. A fixed port is held by
// one of them at a time: the others wait.
type Shared struct {
	// V4 and V6 are the addresses; the zero Addr where there is none.
	V4, V6 netip.Addr

	mu   sync.Mutex
	held map[netip.AddrPort]chan struct{} // closed on release
}

// Client is the address of that family.
func (s *Shared) Client(_ context.Context, ipv6 bool) (netip.Addr, error) {
	a, name := s.V4, "IPv4"
	if ipv6 {
		a, name = s.V6, "IPv6"
	}
	if !a.IsValid() {
		return a, verdict.DoesNotApply("the lab has no %s address for devices", name)
	}
	return a, nil
}

// Server is the address of that family with the port, once nobody else has it.
func (s *Shared) Server(ctx context.Context, port uint16, ipv6 bool) (netip.AddrPort, func(), error) {
	a, err := s.Client(ctx, ipv6)
	if err != nil {
		return netip.AddrPort{}, nil, err
	}
	ap := netip.AddrPortFrom(a, port)
	if port == 0 {
		return ap, func() {}, nil
	}
	for {
		s.mu.Lock()
		busy, ok := s.held[ap]
		if !ok {
			freed := make(chan struct{})
			if s.held == nil {
				s.held = map[netip.AddrPort]chan struct{}{}
			}
			s.held[ap] = freed
			s.mu.Unlock()
			return ap, sync.OnceFunc(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.held, ap)
				close(freed)
			}), nil
		}
		s.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return netip.AddrPort{}, nil, verdict.Broken(ctx.Err(), "waiting for %s, which another scenario's device uses", ap)
		}
	}
}

// Own is an IPv4 address of its own for every device, out of 65,000 in turn, and
// one IPv6 address that all share.
type Own struct {
	// Prefix is a /16; its first 256 addresses are left to the lab itself.
	Prefix netip.Prefix
	V6     Shared

	mu   sync.Mutex
	next uint16
}

func (o *Own) take() netip.Addr {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.Prefix.Addr().As4()
	// Neither x.y.z.0 nor x.y.z.255: some systems take them for networks and
	// broadcasts.
	for o.next++; o.next < 256 || o.next%256 == 0 || o.next%256 == 255; o.next++ {
	}
	binary.BigEndian.PutUint16(b[2:], o.next)
	return netip.AddrFrom4(b)
}

// Client is an address that no other device has.
func (o *Own) Client(ctx context.Context, ipv6 bool) (netip.Addr, error) {
	if ipv6 {
		return o.V6.Client(ctx, true)
	}
	return o.take(), nil
}

// Server is an address that no other device has, with the port.
func (o *Own) Server(ctx context.Context, port uint16, ipv6 bool) (netip.AddrPort, func(), error) {
	if ipv6 {
		return o.V6.Server(ctx, port, true)
	}
	return netip.AddrPortFrom(o.take(), port), func() {}, nil
}
