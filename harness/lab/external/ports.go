// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// ports hands out ports of a range where any port is asked for. One that was
// given back is the last to be given out again: what is still under way to it
// would be taken for the next device's.
type ports struct {
	stage.Addresses

	v4, v6 chan uint16
}

// withPorts is the addresses with the target file's range of ports, if it has one.
func withPorts(a stage.Addresses, b *target.Bench) (stage.Addresses, error) {
	first, last, err := b.DevicePorts()
	if err != nil {
		return nil, fmt.Errorf("bench.devices: %w", err)
	}
	if first == 0 {
		return a, nil
	}
	n := int(last-first) + 1
	p := &ports{a, make(chan uint16, n), make(chan uint16, n)}
	for i := range n {
		p.v4 <- first + uint16(i)
		p.v6 <- first + uint16(i)
	}
	return p, nil
}

// Server is an address with one of the ports; a port that is named stays.
func (p *ports) Server(ctx context.Context, port uint16, ipv6 bool) (netip.AddrPort, func(), error) {
	if port != 0 {
		return p.Addresses.Server(ctx, port, ipv6)
	}
	free := p.v4
	if ipv6 {
		free = p.v6
	}
	select {
	case port = <-free:
	case <-ctx.Done():
		return netip.AddrPort{}, nil, verdict.Broken(ctx.Err(), "waiting for one of the ports of bench.devices: give more of them in the target file, or run fewer scenarios at once")
	}
	at, release, err := p.Addresses.Server(ctx, port, ipv6)
	if err != nil {
		free <- port
		return at, nil, err
	}
	return at, sync.OnceFunc(func() {
		release()
		free <- port
	}), nil
}
