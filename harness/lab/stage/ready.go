// SPDX-License-Identifier: Apache-2.0

package stage

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
	"time"

	"github.com/coapstone/coapstone/gateway/outbound/api"
)

// pingInterval is how often a ping is repeated: a gateway that starts is
// awaited, so RFC 7252's 2 s would only cost time.
const pingInterval = 50 * time.Millisecond

// AwaitPing returns when the gateway at remote has answered a CoAP ping, an
// empty confirmable message, with a Reset (RFC 7252 §4.3). It asks until ctx
// ends. The ping leaves from local; the zero Addr is any.
func AwaitPing(ctx context.Context, local netip.Addr, remote netip.AddrPort) error {
	d := net.Dialer{}
	if local.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	conn, err := d.DialContext(ctx, "udp", remote.String())
	if err != nil {
		return fmt.Errorf("cannot send a CoAP ping to %s: %w", remote, err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	id := uint16(rand.Uint32()) //nolint:gosec // a message id is no secret
	ping := binary.BigEndian.AppendUint16([]byte{0x40, 0}, id)
	reset := binary.BigEndian.AppendUint16([]byte{0x70, 0}, id)
	b := make([]byte, 64)
	var last error // what the network said; refused until the gateway listens
	for ctx.Err() == nil {
		next := time.Now().Add(pingInterval)
		if _, err := conn.Write(ping); err != nil {
			last = err
		}
		if err := conn.SetReadDeadline(next); err != nil {
			last = err
		}
		for {
			n, err := conn.Read(b)
			if err == nil && bytes.Equal(b[:n], reset) {
				return nil
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				last = err
				wait(ctx, next)
			}
			break
		}
	}
	return fmt.Errorf("the gateway at %s answers no CoAP ping: %w", remote, errors.Join(ctx.Err(), last))
}

// AwaitAPI returns when the gateway's HTTP API says that the gateway is ready. It
// asks until ctx ends.
func AwaitAPI(ctx context.Context, gateway *api.Client) error {
	for {
		next := time.Now().Add(pingInterval)
		err := gateway.Ready(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the gateway does not become ready: %w", err)
		}
		wait(ctx, next)
	}
}

// wait returns at the given time, or when ctx ends: a refusal comes at once, and
// must not be asked for again as fast as it comes.
func wait(ctx context.Context, until time.Time) {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
