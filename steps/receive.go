// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

func receiveSteps() []Step {
	return append(append([]Step{
		{
			Expression: `the device receives {code}`,
			Doc:        "The response to the device's request, piggybacked or separate.",
			Example:    `Then the device receives 2.05 Content`,
			Run: func(ctx context.Context, w *World, a Args) error {
				_, err := w.receives(ctx, a.Code(0))
				return err
			},
		},
		{
			Expression: `the device receives {code} with the payload {string}`,
			Doc:        "The response, and its payload as text.",
			Example:    `Then the device receives 2.05 Content with the payload "three"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.receivesPayload(ctx, a.Code(0), a.String(1))
			},
		},
		{
			Expression: `the device receives {code} with the payload`,
			Doc:        "The response, and its payload as text of any number of lines.",
			Example:    "Then the device receives 2.05 Content with the payload\n  \"\"\"\n  {\"open\": 3}\n  \"\"\"",
			Takes:      DocString,
			Run: func(ctx context.Context, w *World, a Args) error {
				text, _ := a.DocString()
				return w.receivesPayload(ctx, a.Code(0), text)
			},
		},
		{
			Expression: `the device receives an acknowledgement with the message id of its request`,
			Doc:        "An Acknowledgement message, empty or with the response in it.",
			Example:    `Then the device receives an acknowledgement with the message id of its request`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				out, err := w.finished(ctx)
				if err != nil {
					return err
				}
				if out.EmptyAck == nil && out.Separate {
					return verdict.Failed(fmt.Sprintf("an acknowledgement with the message id 0x%04x", out.Request.MessageID),
						"only a separate response: "+describe(out.Received))
				}
				return nil // the exchange takes an acknowledgement with this id alone
			},
		},
		{
			Expression: `the device receives an empty acknowledgement within {duration}`,
			Doc:        "An Empty Acknowledgement message for the device's request, no later than this after the request was sent first.",
			Example:    `Then the device receives an empty acknowledgement within 2 s`,
			Run: func(ctx context.Context, w *World, a Args) error {
				out, err := w.finished(ctx)
				if out == nil {
					return err
				}
				want := "an empty acknowledgement within " + within(a.Duration(0))
				if out.EmptyAck == nil {
					if out.Received == nil {
						return verdict.Failed(want, "none")
					}
					return verdict.Failed(want, "none, but "+describe(out.Received))
				}
				if after := out.EmptyAck.At.Sub(out.Sent[0]); after > a.Duration(0) {
					return verdict.Failed(want, "it after "+within(after))
				}
				return nil
			},
		},
		{
			Expression: `the response came in a message of its own`,
			Doc:        "The response was separate. It may be confirmable or not (RFC 7252 §5.2.2).",
			Example:    `And the response came in a message of its own`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				out, err := w.finished(ctx)
				if err == nil && !out.Separate {
					err = verdict.Failed("a separate response", describe(out.Received))
				}
				return err
			},
		},
		{
			Expression: `the response came in a {type} message`,
			Doc:        "The type of the message that carried the response.",
			Example:    `And the response came in a non-confirmable message`,
			Run: func(_ context.Context, w *World, a Args) error {
				r, err := w.response()
				if err == nil && r.Message.Type != a.Type(0) {
					err = verdict.Failed(fmt.Sprintf("the response in a %s message", a.Type(0)), describe(r))
				}
				return err
			},
		},
		{
			Expression: `the device receives the same answer again`,
			Doc:        "The answer to a repeated message: the acknowledgement that it had before, with the response in it or without.",
			Example:    `Then the device receives the same answer again`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				first, err := w.response()
				if err != nil {
					return err
				}
				if first.Message.Type != coap.Acknowledgement { // it was separate; the message is acknowledged again
					id := w.device.request.MessageID
					_, err = w.await(ctx, fmt.Sprintf("an empty acknowledgement with the message id 0x%04x again", id),
						peer.Both(peer.Is(coap.Acknowledgement, coap.CodeEmpty), peer.WithID(id)))
					return err
				}
				_, err = w.await(ctx, "the response "+describe(first)+" again", func(r *peer.Received) bool {
					return bytes.Equal(r.Raw, first.Raw)
				})
				return err
			},
		},
		{
			Expression: `the device receives a Reset with the message id of its message`,
			Doc:        "A Reset message that rejects what the device has sent, or answers its ping.",
			Example:    `Then the device receives a Reset with the message id of its message`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				id := w.device.request.MessageID
				_, err := w.await(ctx, fmt.Sprintf("a Reset with the message id 0x%04x", id),
					peer.Both(peer.Is(coap.Reset, coap.CodeEmpty), peer.WithID(id)))
				return err
			},
		},
		{
			Expression: `the device receives nothing for {duration}`,
			Doc:        "No datagram of any kind comes. Afterwards the gateway must still answer a ping: silence of a dead gateway is no merit.",
			Example:    `Then the device receives nothing for 500 ms`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if err := w.device.client.Silence(ctx, a.Duration(0), peer.Anything); err != nil {
					return err
				}
				return w.alive(ctx)
			},
		},
		{
			Expression: `the device receives nothing but perhaps a Reset for {duration}`,
			Doc:        "No datagram but a Reset comes. Afterwards the gateway must still answer a ping.",
			Example:    `Then the device receives nothing but perhaps a Reset for 500 ms`,
			Run: func(ctx context.Context, w *World, a Args) error {
				reset := peer.Is(coap.Reset, coap.CodeEmpty)
				err := w.device.client.Silence(ctx, a.Duration(0), func(r *peer.Received) bool { return !reset(r) })
				if err != nil {
					return err
				}
				return w.alive(ctx)
			},
		},
		{
			Expression: `the response has a diagnostic payload`,
			Doc:        "Text in UTF-8 that says what is wrong, without a Content-Format (RFC 7252 §5.5.2).",
			Example:    `And the response has a diagnostic payload`,
			Run: func(_ context.Context, w *World, _ Args) error {
				r, err := w.response()
				if err != nil {
					return err
				}
				_, formatted := r.Message.ContentFormat()
				if len(r.Message.Payload) == 0 || !utf8.Valid(r.Message.Payload) || formatted {
					return verdict.Failed("a diagnostic payload: UTF-8 text without a Content-Format", describe(r))
				}
				return nil
			},
		},
		{
			Expression: `the response has the option Content-Format {int}`,
			Doc:        "The Content-Format of the response, by number.",
			Example:    `And the response has the option Content-Format 50`,
			Run: func(_ context.Context, w *World, a Args) error {
				r, err := w.response()
				if err != nil {
					return err
				}
				if f, ok := r.Message.ContentFormat(); !ok || int(f) != a.Int(0) {
					return verdict.Failed(fmt.Sprintf("the option Content-Format: %d", a.Int(0)), describe(r))
				}
				return nil
			},
		},
		{
			Expression: `the response has the token {string}`,
			Doc:        "The token of the response, as hexadecimal digits.",
			Example:    `And the response has the token "01 02 03 04"`,
			Run: func(_ context.Context, w *World, a Args) error {
				want, err := parseHex(a.String(0))
				if err != nil {
					return err
				}
				r, err := w.response()
				if err == nil && !bytes.Equal(r.Message.Token, want) {
					err = verdict.Failed("the token "+hexOrNone(want), hexOrNone(r.Message.Token))
				}
				return err
			},
		},
	}, inReceiveSteps()...), inSeparateSteps()...)
}

// receives is the response to the device's last message: of the exchange, or,
// after plain bytes, the message that carries the code.
func (w *World) receives(ctx context.Context, want coap.Code) (*peer.Received, error) {
	d := &w.device
	if d.exchange == nil {
		if d.request == nil {
			return nil, verdict.Broken(nil, "the device has not sent anything yet")
		}
		r, err := w.await(ctx, want.String(), func(r *peer.Received) bool {
			return r.Fault == nil && r.Message.Code == want && bytes.Equal(r.Message.Token, d.request.Token) &&
				(r.Message.Type != coap.Acknowledgement || r.Message.MessageID == d.request.MessageID)
		})
		if err == nil {
			d.response = r
		}
		return r, err
	}
	out, err := w.finished(ctx)
	if err != nil {
		return nil, err
	}
	d.response = out.Received
	if out.Response.Code != want {
		return nil, verdict.Failed(want.String(), describe(out.Received))
	}
	return out.Received, nil
}

func (w *World) receivesPayload(ctx context.Context, code coap.Code, text string) error {
	want, err := w.expand(text)
	if err != nil {
		return err
	}
	r, err := w.receives(ctx, code)
	if err == nil && string(r.Message.Payload) != want {
		err = verdict.Failed(fmt.Sprintf("%s with the payload %s", code, quoted([]byte(want))), quoted(r.Message.Payload))
	}
	return err
}

// response is what the device received last.
func (w *World) response() (*peer.Received, error) {
	if w.device.response == nil {
		return nil, verdict.Broken(nil, `no step has received a response yet: say "the device receives …" first`)
	}
	return w.device.response, nil
}

func (w *World) await(ctx context.Context, what string, match func(*peer.Received) bool) (*peer.Received, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	return w.device.client.Await(ctx, what, match)
}

// alive fails unless the gateway answers a ping.
func (w *World) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	_, err := w.device.client.Ping(ctx)
	return err
}

func hexOrNone(b []byte) string {
	if len(b) == 0 {
		return "(no token)"
	}
	return hex.EncodeToString(b)
}
