// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/coapstone/coapstone/harness/lab/stage"
)

// The default ports (RFC 7252 §6.1, §6.2).
const (
	coapPort  = 5683
	coapsPort = 5684
)

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// place is where on the loopback interface a lab is.
type place struct {
	gateway, platform netip.Addr
	// device is the address of the devices that have a host name, and named hands
	// it out with ports.
	device netip.Addr
	named  stage.Addresses
	// coap and coaps are the gateway's ports; 0 is any.
	coap, coaps uint16
	// v6 says whether there is a ::1.
	v6        bool
	addresses stage.Addresses
	claim     net.PacketConn // keeps other labs away; nil on 127.0.0.1
}

// findPlace takes a network of the lab's own, if there is one.
func findPlace(ctx context.Context) place {
	v6 := has(ctx, loopback6)
	shared := netip.Addr{}
	if v6 {
		shared = loopback6
	}
	// 127.0.0.0/16 is everybody's; begin anywhere, so that labs of several
	// processes seldom try the same one.
	first := rand.IntN(254) //nolint:gosec // no secret
	for i := range 254 {
		x := byte(1 + (first+i)%254) //nolint:gosec // 254 at most
		claim, err := listen(ctx, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, x, 0, 254}), coapPort))
		if err != nil {
			continue
		}
		gateway := netip.AddrFrom4([4]byte{127, x, 0, 1})
		if !free(ctx, netip.AddrPortFrom(gateway, coapPort)) || !free(ctx, netip.AddrPortFrom(gateway, coapsPort)) {
			_ = claim.Close()
			continue
		}
		own := &stage.Own{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, x, 0, 0}), 16)}
		own.V6.V6 = shared
		device := netip.AddrFrom4([4]byte{127, x, 0, 3})
		return place{
			gateway:  gateway,
			platform: netip.AddrFrom4([4]byte{127, x, 0, 2}),
			device:   device,
			named:    &stage.Shared{V4: device},
			coap:     coapPort, coaps: coapsPort,
			v6: v6, addresses: own, claim: claim,
		}
	}
	all := &stage.Shared{V4: loopback4, V6: shared}
	return place{
		gateway: loopback4, platform: loopback4, device: loopback4,
		v6: v6, addresses: all, named: all,
	}
}

// listen holds a UDP port.
func listen(ctx context.Context, a netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", a.String())
}

func free(ctx context.Context, a netip.AddrPort) bool {
	c, err := listen(ctx, a)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func has(ctx context.Context, a netip.Addr) bool { return free(ctx, netip.AddrPortFrom(a, 0)) }
