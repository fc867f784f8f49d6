// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// The defaults of a bench.
const (
	defaultCoAP      = 5683
	defaultCoAPS     = 5684
	defaultBoot      = 30 * time.Second
	gatewayExchanges = 32
)

// Addr is the bench's address in one family; the zero Addr if it has none.
func (b *Bench) Addr(ipv6 bool) netip.Addr {
	for _, s := range b.Addresses {
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() != ipv6 {
			return a
		}
	}
	return netip.Addr{}
}

// ReachedAs is the address under which the target reaches an address of the bench:
// the address itself where nothing stands between.
func (b *Bench) ReachedAs(a netip.Addr) netip.Addr {
	for i, s := range b.Addresses {
		if own, err := netip.ParseAddr(s); err != nil || own != a || i >= len(b.Reached) {
			continue
		}
		if reached, err := netip.ParseAddr(b.Reached[i]); err == nil {
			return reached
		}
	}
	return a
}

// Listen is where the harness listens for a scheme, coap or coaps, in one family;
// the zero AddrPort if the bench has no address in it.
func (b *Bench) Listen(scheme string, ipv6 bool) netip.AddrPort {
	a := b.Addr(ipv6)
	if !a.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, b.Port(scheme))
}

// Port is where the harness listens for a scheme, coap or coaps.
func (b *Bench) Port(scheme string) uint16 {
	switch {
	case scheme == "coaps" && b.Ports.CoAPS != 0:
		return b.Ports.CoAPS
	case scheme == "coaps":
		return defaultCoAPS
	case b.Ports.CoAP != 0:
		return b.Ports.CoAP
	}
	return defaultCoAP
}

// BootTime is how long the target may take to be back after a reset.
func (b *Bench) BootTime() time.Duration { return b.Boot.Or(defaultBoot) }

// AtOnce is how many scenarios may speak to the target at once: what the target
// takes, and what the bench has ports for. The gateway that a device calls has one
// port, so that is one.
func (f *File) AtOnce() int {
	n := 1
	switch {
	case f.Role == verdict.DeviceClient:
	case f.Bench.Exchanges > 0:
		n = f.Bench.Exchanges
	case f.Role == verdict.Gateway:
		n = gatewayExchanges
	}
	if most := f.Bench.scenariosWithPorts(); most > 0 {
		return min(n, most)
	}
	return n
}

// Addresses are the addresses of the target that the file names, in order and each
// once: nothing of the harness goes anywhere else, its platform and the hooks
// apart. A name in a URL is not looked up.
func (f *File) Addresses() []netip.Addr {
	var all []netip.Addr
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	if g := f.Gateway; g != nil {
		for _, a := range slices.Concat(g.CoAPAddrs(), g.CoAPSAddrs()) {
			add(a.Addr())
		}
		add(urlAddr(g.API))
		add(urlAddr(g.Proxy))
	}
	if d := f.Device; d != nil {
		if a, err := netip.ParseAddr(d.Address); err == nil {
			add(a)
		}
		add(d.CoAPAddr().Addr())
		add(d.CoAPSAddr().Addr())
	}
	return all
}

// urlAddr is the address in a URL; the zero Addr where there is a name, or none.
func urlAddr(s string) netip.Addr {
	u, err := url.Parse(s)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return netip.Addr{}
	}
	return a
}
