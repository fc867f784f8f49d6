// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/link"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

func slowSteps() []Step {
	return []Step{
		{
			Expression: `the device {string} is reached through a link that takes {duration} for each datagram`,
			Doc:        "From now on the device's URL is that of a link, which passes every datagram on after this time, in both directions.",
			Example:    `And the device "lock" is reached through a link that takes 200 ms for each datagram`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.delay(ctx, a.String(0), a.Duration(1))
			},
		},
		{
			Expression: `the device {string} answers block by block without end, and takes {duration} for each block`,
			Doc:        "The device answers a GET with the first block of a representation that never ends (RFC 7959), and every request for a further block with one more.",
			Example:    `Given the device "sensor" answers block by block without end, and takes 200 ms for each block`,
			Run: func(_ context.Context, w *World, a Args) error {
				text := longText(endless)
				return w.answer(a.String(0), 0, "", peer.After(a.Duration(1), peer.AnswerWith(func(r *peer.Request) *coap.Message { return blockOf(text, r.Message) })))
			},
		},
	}
}

// endless is longer than any transfer in the time of a call.
const endless = 1 << 20

// delay puts a link before a device.
func (w *World) delay(ctx context.Context, name string, d time.Duration) error {
	served, err := w.listeningDevice(name)
	if err != nil {
		return err
	}
	at, err := w.Stage.ServerAddr(ctx, 0, served.addr.Addr().Is6())
	if err != nil {
		return err
	}
	conditions := link.Conditions{Delay: d}
	// The device's side of the link stands in the device's own trace. The link
	// outlives the step, and ends with the device.
	l, err := link.Open(context.WithoutCancel(ctx), link.Options{
		Listen: at, Target: served.addr, Up: conditions, Down: conditions, DeviceName: "gateway", TargetName: name,
	})
	if err != nil {
		return verdict.Broken(err, "putting a link before the device %q", name)
	}
	served.link, served.addr = l, l.Addr()
	return nil
}
