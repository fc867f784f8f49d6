// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench looks whether the bench's addresses are this machine's.
func (c *check) bench(ctx context.Context) {
	for i, s := range c.t.Bench.Addresses {
		a, err := netip.ParseAddr(s)
		if err != nil {
			continue // the file was checked when it was read
		}
		o := c.step(ctx, "bench address "+s, func(ctx context.Context) outcome { return c.benchAddress(ctx, i, a) })
		if o.state == Failed {
			c.gone[a.Is6()] = true
		}
	}
	c.devicePorts(ctx)
	c.vendorCertificate(ctx)
}

// devicePorts looks whether the ports of the harness's own devices can be bound.
func (c *check) devicePorts(ctx context.Context) {
	first, last, err := c.t.Bench.DevicePorts()
	if err != nil || first == 0 {
		return
	}
	c.step(ctx, "bench devices "+c.t.Bench.Devices, func(ctx context.Context) outcome {
		var taken []string
		for _, ipv6 := range []bool{false, true} {
			own := c.t.Bench.Addr(ipv6)
			if !own.IsValid() || c.gone[ipv6] {
				continue
			}
			for port := first; port != last+1; port++ { // last may be the greatest there is
				at := netip.AddrPortFrom(own, port)
				if why := bindable(ctx, at); why != "" {
					taken = append(taken, fmt.Sprintf("%s (%s)", at, why))
				}
			}
		}
		if len(taken) > 0 {
			return blocked("end what listens there (`ss -lunp` shows it), or choose other ports in bench.devices", "cannot be bound: %s", strings.Join(taken, ", "))
		}
		return well("%d ports are free", int(last)-int(first)+1)
	})
}

// vendorCertificate looks whether the certificate that the harness is to show is
// worth anything to the device.
func (c *check) vendorCertificate(ctx context.Context) {
	given := c.t.Bench.Certificate
	if given == nil {
		return
	}
	c.step(ctx, "bench certificate "+given.Host, func(context.Context) outcome {
		pair, err := given.Load()
		if err != nil {
			return blocked("correct bench.certificate", "%v", err)
		}
		now := time.Now()
		switch leaf := pair.Leaf; {
		case now.After(leaf.NotAfter), now.Before(leaf.NotBefore):
			return blocked("take one that is valid today", "it is valid from %s to %s", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
		default:
			return well("valid until %s", leaf.NotAfter.Format(time.DateOnly))
		}
	})
}

func (c *check) benchAddress(ctx context.Context, i int, a netip.Addr) outcome {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", netip.AddrPortFrom(a, 0).String())
	on := interfacesOf(a)
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return blocked(fmt.Sprintf("put an address of this machine into bench.addresses[%d]: %s", i, machine()),
			"this machine has no such address")
	case err != nil:
		return blocked(fmt.Sprintf("put an address of this machine into bench.addresses[%d]: %s", i, machine()),
			"no UDP port can be bound there: %v", err)
	}
	if err := conn.Close(); err != nil {
		return blocked("try again", "the socket does not close: %v", err)
	}
	want := c.t.Bench.Interface
	switch {
	case want != "" && !slices.Contains(on, want):
		return blocked(fmt.Sprintf("correct bench.interface, or bench.addresses[%d]: %s", i, machine()),
			"it is on %s, the target file says %s", either(on), want)
	case i < len(c.t.Bench.Reached):
		return well("on %s; the target reaches it under %s", either(on), c.t.Bench.Reached[i])
	default:
		return well("on %s", either(on))
	}
}

// either is a list of names for a sentence.
func either(names []string) string {
	if len(names) == 0 {
		return "no interface"
	}
	return strings.Join(names, " and ")
}

// interfacesOf are the interfaces that have the address, or, where none has it
// itself, a network with it that is wholly local: 127.0.0.0/8.
func interfacesOf(a netip.Addr) []string {
	var exact, around []string
	for _, n := range Networks() {
		switch {
		case n.Prefix.Addr() == a.WithZone(""):
			exact = append(exact, n.Interface)
		case a.IsLoopback() && n.Prefix.Contains(a):
			around = append(around, n.Interface)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return around
}

// Network is an address of this machine, with its network and its interface.
type Network struct {
	Interface string
	Prefix    netip.Prefix
}

// Networks are this machine's, of the interfaces that are up.
func Networks() []Network {
	var all []Network
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, Network{i.Name, p})
			}
		}
	}
	return all
}

// machine is this machine's addresses as a sentence: "it has 192.0.2.20 on eth0".
func machine() string {
	var parts []string
	for _, n := range Networks() {
		if !n.Prefix.Addr().IsLinkLocalUnicast() {
			parts = append(parts, n.Prefix.Addr().String()+" on "+n.Interface)
		}
	}
	if len(parts) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(parts, ", ")
}

// bindable says what is in the way of listening at an address with a port; empty
// is nothing.
func bindable(ctx context.Context, at netip.AddrPort) string {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", at.String())
	switch {
	case err == nil:
		_ = conn.Close()
		return ""
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program has the port"
	case errors.Is(err, syscall.EACCES):
		return "this user may not bind the port"
	default:
		return err.Error()
	}
}
