// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"net/netip"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// Conn is a way to a device: a UDP socket of our own, or a DTLS session.
type Conn = conn

// DialUDP opens a way to a device over plain UDP.
type DialUDP func(context.Context, netip.AddrPort, endpoint.Receiver, udp.Options) (Conn, error)

// DialDTLS opens a DTLS session with a device.
type DialDTLS func(context.Context, netip.AddrPort, endpoint.Receiver, dtls.ClientConfig) (Conn, error)

// DefaultDialUDP is udp.Dial.
func DefaultDialUDP(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, o udp.Options) (Conn, error) {
	return opened(udp.Dial(ctx, remote, r, o))
}

// DefaultDialDTLS is dtls.Dial.
func DefaultDialDTLS(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (Conn, error) {
	return opened(dtls.Dial(ctx, remote, r, c))
}
