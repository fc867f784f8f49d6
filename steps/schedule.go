// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

func scheduleSteps() []Step {
	return []Step{
		{
			Expression: `the device {string} received the same message twice, {duration} to {duration} apart`,
			Doc:        "The request came again, the same to the last byte, after a time within these bounds. The harness allows 250 ms for what is seen late.",
			Example:    `And the device "sensor" received the same message twice, 2 s to 3 s apart`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.repeated(ctx, a.String(0), 2, a.Duration(1), a.Duration(2))
			},
		},
		{
			Expression: `the device {string} received the same message {int} times: {duration} to {duration} apart, and then twice as long each time`,
			Doc:        "The request came so many times in all, the same to the last byte; the first interval is within these bounds, and each following one is twice the one before. The harness allows 250 ms for each datagram that is seen late, and 2 % for the gateway's clock.",
			Example:    `And the device "sensor" received the same message 4 times: 2 s to 3 s apart, and then twice as long each time`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.repeated(ctx, a.String(0), a.Int(1), a.Duration(2), a.Duration(3))
			},
		},
		{
			Expression: `the device {string} received the message once`,
			Doc:        "Exactly one message has reached the device, of whatever type; a copy counts as another.",
			Example:    `And the device "sensor" received the message once`,
			Run: func(ctx context.Context, w *World, a Args) error {
				d, err := w.listeningDevice(a.String(0))
				if err != nil {
					return err
				}
				return d.receivedOnce(ctx)
			},
		},
		{
			Expression: `the device {string} received no copy of the request`,
			Doc:        "The one request came once: it was not sent again.",
			Example:    `And the device "sensor" received no copy of the request`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				if copies := r.Copies(); len(copies) > 0 {
					return verdict.Failed("one transmission of "+r.Message.String(),
						fmt.Sprintf("%d, the second after %s", 1+len(copies), within(copies[0].Sub(r.At).Round(time.Millisecond))))
				}
				return nil
			},
		},
		{
			Expression: `the device {string} receives nothing more for {duration}`,
			Doc:        "From now on, and for so long, no message reaches the device. It is a wait for something that must not come.",
			Example:    `And the device "sensor" receives nothing more for 3 s`,
			Run: func(ctx context.Context, w *World, a Args) error {
				d, err := w.listeningDevice(a.String(0))
				if err != nil {
					return err
				}
				begun := time.Now()
				return d.server.Silence(ctx, a.Duration(1), func(r *peer.Received) bool { return r.At.After(begun) })
			},
		},
	}
}

// listeningDevice is a device that can say what it received.
func (w *World) listeningDevice(name string) (*servedDevice, error) {
	d, err := w.servedDevice(name)
	if err == nil && d.server == nil {
		err = verdict.Broken(nil, "the device %q does nothing: it cannot say what it received", name)
	}
	return d, err
}

// repeated says whether the one request came n times, byte for byte, first
// within these bounds and then at intervals that double (RFC 7252 §4.2).
func (w *World) repeated(ctx context.Context, name string, n int, least, most time.Duration) error {
	r, err := w.oneRequest(ctx, name)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("the same message %d times, %s to %s apart", n, within(least), within(most))
	if n > 2 {
		want += " and then twice as long each time"
	}
	var all []peer.Received
	for _, in := range w.served[name].server.Received() {
		if in.Fault == nil && in.Message.MessageID == r.Message.MessageID && in.From == r.Peer {
			all = append(all, in)
		}
	}
	came := "it " + times(all)
	if len(all) != n {
		return verdict.Failed(want, came)
	}
	for _, in := range all[1:] {
		if !bytes.Equal(in.Raw, r.Raw) {
			return verdict.Failed(want, fmt.Sprintf("first %s, then %s", r.Message, in.Message))
		}
	}
	first := all[1].At.Sub(all[0].At)
	if first < least-arrivalSlack || first > most+arrivalSlack {
		return verdict.Failed(want, came)
	}
	for i := 2; i < n; i++ {
		before, now := all[i-1].At.Sub(all[i-2].At), all[i].At.Sub(all[i-1].At)
		// Twice an interval that may be out at both ends, and an end of its own.
		slack := 5*arrivalSlack/2 + time.Duration(driftSlack*float64(2*before))
		if off := now - 2*before; off.Abs() > slack {
			return verdict.Failed(want, came)
		}
	}
	return nil
}

// times is when messages came, counted from the first.
func times(all []peer.Received) string {
	s := "once"
	if len(all) != 1 {
		s = fmt.Sprintf("%d times", len(all))
	}
	for i := 1; i < len(all); i++ {
		word := ", then"
		if i == 1 {
			word = ": again"
		}
		s += fmt.Sprintf("%s after %s", word, within(all[i].At.Sub(all[i-1].At).Round(time.Millisecond)))
	}
	return s
}

func (d *servedDevice) receivedOnce(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	// A request may come in a message of the type ACK or RST, so any message counts.
	if _, err := d.server.AwaitMessage(waiting, fmt.Sprintf("a message to the device %q", d.name), peer.Anything); err != nil {
		return err
	}
	if rs := d.server.Received(); len(rs) > 1 {
		return verdict.Failed(fmt.Sprintf("one message to the device %q", d.name),
			fmt.Sprintf("%d: %s; then %s after %s", len(rs), &rs[0], &rs[1], within(rs[1].At.Sub(rs[0].At).Round(time.Millisecond))))
	}
	return nil
}
