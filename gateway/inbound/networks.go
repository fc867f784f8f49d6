// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// The allow-list holds names, and whoever answers for a name decides where it
// leads: into our own network, if he likes, and only at the second question
// (DNS rebinding). So the address itself is judged, at the moment of connecting:
// a name leads to public addresses alone, unless the configuration says where
// else the platform may be. An address that stands in the configuration, on the
// allow-list or for a name, was chosen by the operator and is not judged.

// guard refuses connections that a name service has led inside.
type guard struct{ networks []netip.Prefix }

// control is a net.Dialer's ControlContext for connections to the name.
func (g guard) control(name string) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("the address %q of %s: %w", address, name, err)
		}
		if addr := at.Addr().Unmap().WithZone(""); g.allows(name, addr) {
			return nil
		}
		return fmt.Errorf("the name service says that %s is %s, which is no public address: if it is right, add its network to platform.networks, or the address to hosts", name, at.Addr())
	}
}

func (g guard) allows(name string, addr netip.Addr) bool {
	if slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return true
	}
	if isLocalhost(name) {
		return addr.IsLoopback() // RFC 6761 §6.3: it never is anything else
	}
	return public(addr)
}

func isLocalhost(name string) bool {
	name = strings.ToLower(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// special are the blocks that are not public beside those that package netip
// knows (RFC 6890 and its registry).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), // IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("fec0::/10"), // site-local
}

// public says whether an address is one of the Internet. An IPv6 address that
// leads to an IPv4 one is as public as that.
func public(addr netip.Addr) bool {
	switch b := addr.As16(); {
	case !addr.IsGlobalUnicast(), addr.IsPrivate():
		return false
	case slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return false
	case nat64.Contains(addr):
		return public(netip.AddrFrom4([4]byte(b[12:16])))
	case sixToFour.Contains(addr):
		return public(netip.AddrFrom4([4]byte(b[2:6])))
	default:
		return true
	}
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// dialer makes the connections of a transport.
type dialer struct {
	host     func(string) (netip.Addr, bool)
	guard    guard
	resolver *net.Resolver
}

// dial connects to an authority of the allow-list.
func (d dialer) dial(ctx context.Context, network, authority string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, err
	}
	to := net.Dialer{Timeout: dialTimeout, Resolver: d.resolver}
	if d.host != nil {
		if addr, ok := d.host(name); ok {
			return to.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		}
	}
	if _, err := netip.ParseAddr(name); err != nil {
		to.ControlContext = d.guard.control(name)
	}
	return to.DialContext(ctx, network, authority)
}
