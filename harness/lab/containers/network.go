// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/coapstone/coapstone/harness/lab/stage"
)

// net4 is the space that subnets are taken from. Docker's own pools come first
// in it and are taken by others; we look at what is there before we choose.
var net4 = netip.MustParsePrefix("172.16.0.0/12")

// subnetTries bounds how many subnets are tried before the lab gives up.
const subnetTries = 32

// bridge is a network of a lab's own. The first address of each family is this
// machine's, the second the gateway's, the third the platform's.
type bridge struct {
	ID, Name string
	V4, V6   netip.Prefix // V6 is not valid without IPv6
}

// The places in a subnet.
const (
	hostPlace     = 1
	gatewayPlace  = 2
	platformPlace = 3
)

// at is the addresses of a place, IPv4 before IPv6.
func (b *bridge) at(place int) []netip.Addr {
	as := []netip.Addr{addr(b.V4, place)}
	if b.V6.IsValid() {
		as = append(as, addr(b.V6, place))
	}
	return as
}

// addr is the n-th address of a prefix.
func addr(p netip.Prefix, n int) netip.Addr {
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a
}

// newBridge makes a network without a way out: what is tested stays in here.
func newBridge(ctx context.Context, cli *client.Client, id string) (*bridge, error) {
	taken, err := localPrefixes()
	if err != nil {
		return nil, err
	}
	v6, err := uniqueLocal()
	if err != nil {
		return nil, err
	}
	withV6 := true
	for range subnetTries {
		v4 := randomSubnet()
		if overlaps(v4, taken) {
			continue
		}
		b := &bridge{Name: "coapstone-" + id, V4: v4, V6: v6}
		if !withV6 {
			b.V6 = netip.Prefix{}
		}
		b.ID, err = b.create(ctx, cli, id)
		switch {
		case err == nil:
			return b, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case strings.Contains(err.Error(), "overlaps"):
			continue // with a network of Docker's that has no interface here
		case withV6:
			withV6 = false // a daemon or a kernel without IPv6
		default:
			return nil, fmt.Errorf("cannot make the lab's network: %w", err)
		}
	}
	return nil, errors.Join(fmt.Errorf("no subnet of %s is free for the lab's network", net4), err)
}

func (b *bridge) create(ctx context.Context, cli *client.Client, id string) (string, error) {
	config := []network.IPAMConfig{{Subnet: b.V4, Gateway: addr(b.V4, hostPlace)}}
	v6 := b.V6.IsValid()
	if v6 {
		config = append(config, network.IPAMConfig{Subnet: b.V6, Gateway: addr(b.V6, hostPlace)})
	}
	created, err := cli.NetworkCreate(ctx, b.Name, client.NetworkCreateOptions{
		Driver:     "bridge",
		Internal:   true,
		EnableIPv6: &v6,
		IPAM:       &network.IPAM{Driver: "default", Config: config},
		Labels:     labels(id),
	})
	return created.ID, err
}

// labels are the labels of what a lab makes.
func labels(id string) map[string]string {
	return map[string]string{Label: id, ownerLabel: owner()}
}

// randomSubnet is some /28 of net4.
func randomSubnet() netip.Prefix {
	b := net4.Addr().As4()
	n := mathrand.Uint32N(1 << (28 - 12)) //nolint:gosec // no secret
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|n<<(32-28))
	return netip.PrefixFrom(netip.AddrFrom4(b), 28)
}

// uniqueLocal is a random /64 of fd00::/8 (RFC 4193).
func uniqueLocal() (netip.Prefix, error) {
	b := [16]byte{0xfd}
	if _, err := rand.Read(b[1:8]); err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), 64), nil
}

// localPrefixes is this machine's addresses, with the networks that they are on.
func localPrefixes() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("cannot list this machine's addresses: %w", err)
	}
	var ps []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			ps = append(ps, p)
		}
	}
	return ps, nil
}

// local says whether an address is one of this machine's: devices can be bound
// to the bridge only where the Docker daemon runs on it.
func local(a netip.Addr) bool {
	ps, err := localPrefixes()
	return err == nil && slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Addr() == a })
}

func overlaps(p netip.Prefix, with []netip.Prefix) bool {
	return slices.ContainsFunc(with, p.Overlaps)
}

// ipv6Timeout bounds how long the bridge's IPv6 address may take to come up:
// duplicate address detection takes a second or two (RFC 4862 §5.4).
const ipv6Timeout = 5 * time.Second

// awaitPing6 awaits an answer to a CoAP ping over IPv6. The address is not
// usable at once, so that not even a socket can be bound to it.
func awaitPing6(ctx context.Context, local netip.Addr, remote netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, ipv6Timeout)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := stage.AwaitPing(ctx, local, remote)
		if err == nil || ctx.Err() != nil || !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}
