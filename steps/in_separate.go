// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

const (
	// arrivalSlack is how late a datagram may be read, or its timer fire: an
	// interval may seem so much too long, or too short when its beginning was seen
	// late. It is wide, since no implementation is wrong by so little.
	arrivalSlack = 250 * time.Millisecond
	// driftSlack is the part of an interval by which the clock of the gateway may
	// differ from ours.
	driftSlack = 0.02
)

func inSeparateSteps() []Step {
	return []Step{
		{
			Expression: `the device acknowledges nothing by itself`,
			Doc:        "The device sends each message once, and acknowledges or rejects a separate response in a step of its own only.",
			Example:    `Given the device acknowledges nothing by itself`,
			Run: func(_ context.Context, w *World, _ Args) error {
				w.device.mute = true
				return nil
			},
		},
		{
			Expression: `the device receives {code} in a confirmable message of its own`,
			Doc:        "The separate response to the request of a device that acknowledges nothing by itself. A gateway may send it in a non-confirmable message (RFC 7252 §5.2.2): then the scenario does not apply.",
			Example:    `Then the device receives 2.05 Content in a confirmable message of its own`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.receivesSeparate(ctx, a.Code(0))
			},
		},
		{
			Expression: `the device acknowledges the separate response`,
			Doc:        "An Empty Acknowledgement message with the message id of the response.",
			Example:    `When the device acknowledges the separate response`,
			Run: func(_ context.Context, w *World, _ Args) error {
				r, err := w.response()
				if err != nil {
					return err
				}
				return w.device.client.Ack(r)
			},
		},
		{
			Expression: `the device rejects the separate response with a Reset`,
			Doc:        "A Reset message with the message id of the response.",
			Example:    `When the device rejects the separate response with a Reset`,
			Run: func(_ context.Context, w *World, _ Args) error {
				r, err := w.response()
				if err != nil {
					return err
				}
				return w.device.client.Reset(r)
			},
		},
		{
			Expression: `the device receives the same message again {duration} to {duration} later`,
			Doc:        "The response once more, with the same message id, after a time within these bounds. The harness allows 250 ms for what is seen late.",
			Example:    `Then the device receives the same message again 2 s to 3 s later`,
			Run: func(ctx context.Context, w *World, a Args) error {
				_, err := w.retransmission(ctx, a.Duration(0)-arrivalSlack, a.Duration(1)+arrivalSlack)
				return err
			},
		},
		{
			Expression: `the device receives the same message {int} times again, {duration} to {duration} later, then each time after twice as long, and no more`,
			Doc:        "A whole retransmission (RFC 7252 §4.2). The harness allows 250 ms for each datagram that is seen late, and 2 % for the gateway's clock. It listens for as long as one more interval would take, so this lasts up to 93 s.",
			Example:    `Then the device receives the same message 4 times again, 2 s to 3 s later, then each time after twice as long, and no more`,
			Run: func(ctx context.Context, w *World, a Args) error {
				shortest, longest := a.Duration(1)-arrivalSlack, a.Duration(2)+arrivalSlack
				for range a.Int(0) {
					interval, err := w.retransmission(ctx, shortest, longest)
					if err != nil {
						return err
					}
					// Twice an interval that may be out at both ends, and an end of its own.
					slack := 5*arrivalSlack/2 + time.Duration(driftSlack*float64(2*interval))
					shortest, longest = 2*interval-slack, 2*interval+slack
				}
				if err := w.device.client.Silence(ctx, longest, peer.WithToken(w.device.request.Token)); err != nil {
					return err
				}
				return w.alive(ctx)
			},
		},
	}
}

// receivesSeparate waits for the separate response to the request of a device
// that acknowledges nothing. An Empty Acknowledgement may come before it.
func (w *World) receivesSeparate(ctx context.Context, code coap.Code) error {
	d := &w.device
	if d.request == nil || !d.mute {
		return verdict.Broken(nil, "no request of a device that acknowledges nothing by itself: say so before the device sends")
	}
	ctx, cancel := patience(ctx, responseTimeout)
	defer cancel()
	what := fmt.Sprintf("%s in a confirmable message of its own", code)
	for {
		r, err := d.client.Await(ctx, what, func(r *peer.Received) bool {
			acknowledges := r.Fault == nil && r.Message.Type == coap.Acknowledgement && r.Message.MessageID == d.request.MessageID
			return acknowledges || r.Fault == nil && r.Message.Code.IsResponse() && bytes.Equal(r.Message.Token, d.request.Token)
		})
		switch {
		case err != nil:
			return err
		case r.Message.Empty():
			continue
		case r.Message.Type == coap.NonConfirmable:
			return verdict.DoesNotApply("the gateway sends separate responses in Non-confirmable messages, which nobody acknowledges")
		case r.Message.Type != coap.Confirmable || r.Message.Code != code:
			return verdict.Failed(what, describe(r))
		}
		d.response, d.last = r, r.At
		return nil
	}
}

// retransmission waits for the response to come once more, byte for byte, and
// is the time since it came last.
func (w *World) retransmission(ctx context.Context, shortest, longest time.Duration) (time.Duration, error) {
	first, err := w.response()
	if err != nil {
		return 0, err
	}
	d := &w.device
	if d.last.IsZero() {
		return 0, verdict.Broken(nil, "the device has received no separate response that it did not acknowledge")
	}
	want := fmt.Sprintf("%s again, %s to %s later", describe(first), within(shortest.Round(time.Millisecond)), within(longest.Round(time.Millisecond)))
	ctx, cancel := context.WithDeadline(ctx, d.last.Add(longest+replyTimeout))
	defer cancel()
	r, err := d.client.Await(ctx, want, func(r *peer.Received) bool {
		return r.Fault == nil && bytes.Equal(r.Message.Token, first.Message.Token)
	})
	if err != nil {
		return 0, err
	}
	interval := r.At.Sub(d.last)
	d.last = r.At
	switch {
	case !bytes.Equal(r.Raw, first.Raw):
		return interval, verdict.Failed(want, "another message: "+describe(r))
	case interval < shortest || interval > longest:
		return interval, verdict.Failed(want, "it "+within(interval.Round(time.Millisecond))+" later")
	}
	return interval, nil
}
