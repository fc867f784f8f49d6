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

// alternativeSteps is what a gateway may do or refuse: the document leaves it
// open, but not everything is right.
func alternativeSteps() []Step {
	return []Step{
		{
			Expression: `the device {string} received a {type} {method} to {string}, or the gateway refuses and names {string}`,
			Doc:        "The request came in a message of this type, or the gateway has refused the connector.",
			Example:    `Then the device "sensor" received a NON GET to "/x", or the gateway refuses and names "non"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if w.refused() {
					return w.refuses(a.String(4))
				}
				r, err := w.oneRequest(ctx, a.String(0))
				if err == nil && (r.Message.Type != a.Type(1) || r.Message.Code != a.Method(2) || r.Message.Path() != a.String(3)) {
					err = verdict.Failed(fmt.Sprintf("a %s %s to %s, or a refusal that names %s", a.Type(1), a.Method(2), a.String(3), a.String(4)), r.Message.String())
				}
				return err
			},
		},
		{
			Expression: `the caller gets {status} as the gateway's own error after {duration} to {duration}, or the gateway refuses and names {string}`,
			Doc:        "The call ended in this way and time, or the gateway has refused the connector.",
			Example:    `Then the caller gets 504 as the gateway's own error after 700 ms to 1200 ms, or the gateway refuses and names "Timeout"`,
			Run: func(_ context.Context, w *World, a Args) error {
				if w.refused() {
					return w.refuses(a.String(3))
				}
				if err := w.ownError(statusesOf(a, 0)); err != nil {
					return err
				}
				return w.took(a.Duration(1), a.Duration(2))
			},
		},
		{
			Expression: `the device {string} received a request with the options of one of the rows, or the gateway refuses and names {string}`,
			Doc:        "The options of the one request are those of one of the rows, or the gateway has refused the connector.",
			Example:    "Then the device \"sensor\" received a request with the options of one of the rows, or the gateway refuses and names \"image/x-none\"\n  | Uri-Path: x, Content-Format: 42 |\n  | Uri-Path: x                     |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				if w.refused() {
					return w.refuses(a.String(1))
				}
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				var allowed []string
				for _, row := range a.Table() {
					allowed = append(allowed, strings.Join(row, ", "))
				}
				if got := requestOptions(r.Message, strings.Join(allowed, ", ")); !slices.Contains(allowed, got) {
					return verdict.Failed("the options "+strings.Join(allowed, ", or ")+", or a refusal that names "+a.String(1), orNone(got))
				}
				return nil
			},
		},
		{
			Expression: `the device {string} received {string} as UTF-8, or not as the Content-Format 0, or the gateway refuses and names {string}`,
			Doc:        "A payload of the Content-Format 0 is this text in UTF-8; one of another Content-Format is not judged; or the gateway has refused the connector.",
			Example:    `Then the device "sensor" received "größe" as UTF-8, or not as the Content-Format 0, or the gateway refuses and names "iso-8859-1"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if w.refused() {
					return w.refuses(a.String(2))
				}
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				f, ok := r.Message.ContentFormat()
				if ok && f == coap.TextPlain && (!utf8.Valid(r.Message.Payload) || string(r.Message.Payload) != a.String(1)) {
					return verdict.Failed("the payload "+quoted([]byte(a.String(1)))+" in UTF-8 under the Content-Format 0", r.Message.String())
				}
				return nil
			},
		},
	}
}

// refused says whether the gateway has refused the connector, with whatever
// words, instead of sending anything: refuses looks at those.
func (w *World) refused() bool {
	return w.outcome != nil && w.outcome.result.Status >= 400 && w.outcome.result.Status <= 499 && w.outcome.result.Header.Get("CoAP-Code") == ""
}
