// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Rows of an options table that are no options.
const (
	rowPayload    = "Payload"
	rowPayloadHex = "Payload in hex"
	rowToken      = "Token"
)

func requestSteps() []Step {
	return append([]Step{
		{
			Expression: `the device sends a {type} {method} to {string}`,
			Doc:        "A request without options beside the Uri-Path. The device behaves as RFC 7252 asks: it repeats a confirmable request that is not acknowledged, and acknowledges a separate response.",
			Example:    `When the device sends a confirmable GET to "/coap2http"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.request(ctx, a.Type(0), a.Method(1), a.String(2), nil)
			},
		},
		{
			Expression: `the device sends a {type} {method} to {string} with the options`,
			Doc:        "A request with options, by name or number. The rows Payload, Payload in hex and Token are no options: a payload is text, a token hexadecimal digits. Values of options without a known format are hexadecimal digits. {gateway} is the gateway's own coap URI, and {filler to 1034 bytes} makes a value as long as it says.",
			Example:    "When the device sends a confirmable POST to \"/coap2http\" with the options\n  | Proxy-Uri      | {orders}?P_mode=TEST&AuthToken={token of hello} |\n  | Content-Format | 50 |\n  | Payload        | {\"celsius\": 21} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.request(ctx, a.Type(0), a.Method(1), a.String(2), a.Table())
			},
		},
		{
			Expression: `the device sends a {type} {method} with the options`,
			Doc:        "A request without any Uri-Path.",
			Example:    "When the device sends a confirmable GET with the options\n  | Proxy-Uri | {orders}?P_mode=TEST&AuthToken={token of hello} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.request(ctx, a.Type(0), a.Method(1), "", a.Table())
			},
		},
		{
			Expression: `the device sends the same message again`,
			Doc:        "The last request once more, byte for byte, as if the device had not seen the answer.",
			Example:    `And the device sends the same message again`,
			Run: func(_ context.Context, w *World, _ Args) error {
				if w.device.sent == nil {
					return verdict.Broken(nil, "the device has not sent anything yet")
				}
				return w.device.client.SendBytes(w.device.sent, false)
			},
		},
		{
			Expression: `the device sends the bytes {string}`,
			Doc:        "One datagram of these bytes, legal or not.",
			Example:    `When the device sends the bytes "40 01 10 1c f1 00"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				b, err := parseHex(a.String(0))
				if err != nil {
					return err
				}
				return w.sendBytes(ctx, b)
			},
		},
		{
			Expression: `the device sends an Empty confirmable message`,
			Doc:        "A ping (RFC 7252 §4.3).",
			Example:    `When the device sends an Empty confirmable message`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				if err := w.connected(ctx); err != nil {
					return err
				}
				ping := coap.Frame{Message: coap.Message{MessageID: w.device.client.NextMessageID()}}
				return w.sendBytes(ctx, ping.Bytes())
			},
		},
	}, inRequestSteps()...)
}

// request starts the exchange of a conformant device.
func (w *World) request(ctx context.Context, t coap.Type, method coap.Code, path string, rows [][]string) error {
	if err := w.connected(ctx); err != nil {
		return err
	}
	d := &w.device
	m := &coap.Message{Type: t, Code: method, MessageID: d.client.NextMessageID(), Token: d.client.NewToken(4)}
	m.AddPath(path)
	for _, row := range rows {
		if err := w.addRow(m, row); err != nil {
			return err
		}
	}
	if err := w.foreignAPI(m); err != nil {
		return err
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return verdict.Broken(err, "the request of the step")
	}
	if d.exchange != nil { // a second request: the first one is over
		d.exchange.cancel()
		<-d.exchange.done
	}
	d.sent, d.request, d.response, d.exchange = b, m, nil, nil
	if d.mute {
		return d.client.SendBytes(b, false)
	}
	// The exchange outlives the step: it is judged by later ones.
	timeout := responseTimeout
	if w.tested != nil {
		timeout = answerTimeout
	}
	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	x := &exchange{cancel: cancel, done: make(chan struct{})}
	d.exchange = x
	go func() {
		defer close(x.done)
		defer cancel()
		x.outcome, x.err = d.client.Exchange(running, m)
	}()
	return nil
}

func (w *World) sendBytes(ctx context.Context, b []byte) error {
	if err := w.connected(ctx); err != nil {
		return err
	}
	d := &w.device
	seen := coap.Dissect(b)
	d.sent, d.request, d.response, d.exchange = b, &seen.Message, nil, nil
	return d.client.SendBytes(b, len(seen.Faults) > 0)
}

// addRow adds a row of an options table to m.
func (w *World) addRow(m *coap.Message, row []string) error {
	if len(row) != 2 {
		return verdict.Broken(nil, "a row of %d cells: want the option and its value", len(row))
	}
	value, err := w.cell(row[1])
	if err != nil {
		return err
	}
	switch row[0] {
	case rowPayloadHex:
		m.Payload, err = parseHex(value)
		return err
	case rowPayload:
		m.Payload = []byte(value)
		return nil
	case rowToken:
		m.Token, err = parseHex(value)
		return err
	}
	number, err := coap.ParseOptionNumber(row[0])
	if err != nil {
		return verdict.Broken(err, "the row %q", row[0])
	}
	b, err := optionValue(number, value)
	if err != nil {
		return err
	}
	m.Add(number, b)
	return nil
}

// optionValue reads a value in the option's format.
func optionValue(n coap.OptionNumber, s string) ([]byte, error) {
	d, _ := n.Definition()
	switch d.Format {
	case coap.FormatString:
		return []byte(s), nil
	case coap.FormatUint:
		if n == coap.ContentFormat || n == coap.Accept {
			f, err := coap.ParseFormat(s)
			if err != nil {
				return nil, verdict.Broken(err, "the value of %s", n)
			}
			return coap.AppendUint(nil, uint32(f)), nil
		}
		u, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, verdict.Broken(err, "the value of %s: want a whole number", n)
		}
		return coap.AppendUint(nil, uint32(u)), nil
	default:
		return parseHex(s)
	}
}

// finished is the outcome of the exchange under way.
func (w *World) finished(ctx context.Context) (*peer.Outcome, error) {
	x := w.device.exchange
	if x == nil {
		return nil, verdict.Broken(nil, "the device has not sent a request")
	}
	select {
	case <-x.done:
	case <-ctx.Done():
		return nil, verdict.Broken(ctx.Err(), "waiting for the end of the exchange")
	}
	return x.outcome, x.err
}

// optionsText is options as the tables of the features write them:
// "Uri-Path: a, Uri-Query: x=1".
func optionsText(options []coap.Option) string {
	texts := make([]string, len(options))
	for i, o := range options {
		value := o.ValueText()
		if d, _ := o.Number.Definition(); d.Format == coap.FormatUint {
			if u, ok := coap.Uint(o.Value); ok {
				value = fmt.Sprint(u)
			}
		}
		texts[i] = o.Number.String() + ": " + value
	}
	return strings.Join(texts, ", ")
}
