// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"fmt"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

func wireSteps() []Step {
	const doc = "None of these texts stands in any datagram of the scenario: neither as it is nor in Base64, hexadecimal digits or the like. There must be datagrams."
	return []Step{
		{
			Expression: `nothing on the wire between device and gateway can be read as`,
			Doc:        doc,
			Example:    "And nothing on the wire between device and gateway can be read as\n  | coap2http        |\n  | {token of hello} |",
			Takes:      Table,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.unreadable(a.Table())
			},
		},
		{
			Expression: `nothing on the wire between gateway and device can be read as`,
			Doc:        doc,
			Example:    "And nothing on the wire between gateway and device can be read as\n  | canary-in-the-body |",
			Takes:      Table,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.unreadable(a.Table())
			},
		},
		{
			Expression: `every datagram between gateway and device is a CoAP message`,
			Doc:        "Every datagram of the scenario is one legal CoAP message, in plain sight. There must be datagrams.",
			Example:    `And every datagram between gateway and device is a CoAP message`,
			Run: func(_ context.Context, w *World, _ Args) error {
				datagrams, err := w.datagrams()
				if err != nil {
					return err
				}
				for _, e := range datagrams {
					if _, err := coap.Decode(e.Bytes); err != nil {
						return verdict.Failed("CoAP messages alone", fmt.Sprintf("a datagram from %s that is none: %v", e.From.Name, err))
					}
				}
				return nil
			},
		},
	}
}

// datagrams is every datagram of the scenario so far.
func (w *World) datagrams() ([]trace.Event, error) {
	var ds []trace.Event
	for _, e := range w.Stage.Trace().Events() {
		if e.Layer == trace.Datagram {
			ds = append(ds, e)
		}
	}
	if len(ds) == 0 {
		return nil, verdict.Broken(nil, "no datagram has been recorded: there is nothing to judge")
	}
	return ds, nil
}

func (w *World) unreadable(rows [][]string) error {
	datagrams, err := w.datagrams()
	if err != nil {
		return err
	}
	texts, err := w.texts(rows)
	if err != nil {
		return err
	}
	places := make([]string, len(datagrams))
	for i, e := range datagrams {
		places[i] = string(e.Bytes)
	}
	return hidden(texts, places, func(i, _ int) string {
		return fmt.Sprintf("a datagram of %d bytes from %s", len(datagrams[i].Bytes), datagrams[i].From.Name)
	})
}
