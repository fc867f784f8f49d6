// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"net/netip"

	"github.com/coapstone/coapstone/harness/verdict"
)

// NamedServerAddr is an address for a device that is called by a host name.
func (s *stage) NamedServerAddr(ctx context.Context, port uint16) (string, netip.AddrPort, error) {
	if s.bench.Named == nil {
		return "", netip.AddrPort{}, verdict.DoesNotApply("the target knows no host name for the harness's devices")
	}
	a, release, err := s.bench.Named.Server(ctx, port, false)
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases = append(s.releases, release)
	return s.bench.Host, a, nil
}
