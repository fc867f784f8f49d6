// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
)

// clock shows an expired certificate to a device that has just accepted a valid
// one. Only a device whose file speaks of a clock is asked: it costs one more
// trigger.
func (c *check) clock(ctx context.Context, m mode) {
	_, said := c.t.Declares["clock"]
	if !said || c.t.Hooks.Trigger == nil || c.o.Runner == nil || c.t.Bench.PKI == "" {
		return
	}
	c.about("clock")
	c.step(ctx, "clock", func(ctx context.Context) outcome {
		h := &hearing{mode: m, log: &trace.Log{}, expired: true}
		defer h.close()
		security, err := c.asGateway(h)
		if err != nil {
			return skipped("no expired certificate can be made: %v", err)
		}
		for _, ipv6 := range []bool{false, true} {
			at := c.listening(h.scheme, ipv6)
			if !at.IsValid() || c.gone[ipv6] {
				continue
			}
			s, err := peer.Listen(ctx, peer.Options{Name: "bench", Remote: "device", Local: at, Trace: h.log, Security: security})
			if err != nil {
				return blocked("try again", "%v", err)
			}
			h.servers, h.at = append(h.servers, s), append(h.at, at)
		}
		c.pause(ctx)
		if _, err := c.press(ctx, h); err != nil && len(datagrams(h.log)) == 0 {
			return hookFailed("trigger", err)
		}
		if _, o := c.first(ctx, h, func() error { return nil }); o.state != OK {
			return o
		}
		shaken, _ := c.handshake(ctx, h)
		return c.dated(shaken)
	})
}

// dated reads what a device did with an expired certificate.
func (c *check) dated(shaken peer.Handshake) outcome {
	var failed *peer.HandshakeError
	refused := errors.As(shaken.Err, &failed) && failed.Received != nil
	switch {
	case shaken.Err == nil && c.declared["clock"]:
		return untrue("set its clock, or write clock: false under declares", "declares a clock, and takes a certificate that expired yesterday")
	case shaken.Err == nil:
		return well("takes a certificate that expired yesterday: no clock, as the statement says")
	case refused && c.declared["clock"]:
		return well("refuses a certificate that expired yesterday: %s", failed.Received)
	case refused:
		return untrue("write clock: true under declares", "denies a clock, and refuses a certificate that expired yesterday: %s", failed.Received)
	default:
		return skipped("the handshake with an expired certificate came to no end: %v", shaken.Err)
	}
}
