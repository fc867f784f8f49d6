// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// unreadable are the codes with which a gateway may say that it has no
// representation of a text that it cannot read.
var unreadable = []coap.Code{coap.NotAcceptable, coap.NotImplemented, coap.BadGateway}

func inReceiveSteps() []Step {
	return []Step{
		{
			Expression: `the device receives {code} or {code}`,
			Doc:        "The response to the device's request, with either code: where the RFC leaves the choice.",
			Example:    `Then the device receives 2.01 Created or 2.04 Changed`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.receivesOneOf(ctx, a.Code(0), a.Code(1))
			},
		},
		{
			Expression: `the device receives {code}, {code} or {code}`,
			Doc:        "The response to the device's request, with one of three codes: where the RFC leaves the choice.",
			Example:    `Then the device receives 4.00 Bad Request, 4.02 Bad Option or 5.05 Proxying Not Supported`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.receivesOneOf(ctx, a.Code(0), a.Code(1), a.Code(2))
			},
		},
		{
			Expression: `the device does not receive under Content-Format 0 what is no UTF-8`,
			Doc:        "Content-Format 0 is UTF-8 text (RFC 7252 Table 9), and so is a payload without one. Other text may come under another Content-Format, or not at all: 4.06, 5.01 or 5.02.",
			Example:    `Then the device does not receive under Content-Format 0 what is no UTF-8`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				_, _, err := w.receivesText(ctx, "UTF-8 text")
				return err
			},
		},
		{
			Expression: `the device does not receive other text than {string} under Content-Format 0`,
			Doc:        "If the response is text in UTF-8, it is this text. It may come under another Content-Format, or not at all: 4.06, 5.01 or 5.02.",
			Example:    `Then the device does not receive other text than "café" under Content-Format 0`,
			Run: func(ctx context.Context, w *World, a Args) error {
				want := fmt.Sprintf("the UTF-8 text %q", a.String(0))
				text, ok, err := w.receivesText(ctx, want)
				if err == nil && ok && text != a.String(0) {
					err = verdict.Failed(want+", or a Content-Format other than 0", "the text "+quoted([]byte(text)))
				}
				return err
			},
		},
	}
}

func (w *World) receivesOneOf(ctx context.Context, codes ...coap.Code) error {
	out, err := w.finished(ctx)
	if err != nil {
		return err
	}
	w.device.response = out.Received
	if slices.Contains(codes, out.Response.Code) {
		return nil
	}
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = code.String()
	}
	last := len(names) - 1
	return verdict.Failed(strings.Join(names[:last], ", ")+" or "+names[last], describe(out.Received))
}

// receivesText is the payload of the response where that is text. It fails
// when what comes as text is not UTF-8; ok is false when it comes as something else,
// or when the gateway says that it cannot hand it on.
func (w *World) receivesText(ctx context.Context, what string) (text string, ok bool, err error) {
	out, err := w.finished(ctx)
	if err != nil {
		return "", false, err
	}
	w.device.response = out.Received
	want := what + ", or a Content-Format other than 0"
	switch f, formatted := out.Response.ContentFormat(); {
	case slices.Contains(unreadable, out.Response.Code), out.Response.Code == coap.Content && formatted && f != coap.TextPlain:
		return "", false, nil
	case out.Response.Code != coap.Content:
		return "", false, verdict.Failed(want, describe(out.Received))
	case !utf8.Valid(out.Response.Payload):
		return "", false, verdict.Failed(want, fmt.Sprintf("bytes under Content-Format 0 that are no UTF-8: %x", out.Response.Payload))
	}
	return string(out.Response.Payload), true, nil
}
