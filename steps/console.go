// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// plainTimeout is how long an answer over plain CoAP is waited for that must not
// come.
const plainTimeout = time.Second

func consoleSteps() []Step {
	return []Step{
		{
			Expression: `the gateway's console warns of {string}`,
			Doc:        "A line of what the gateway has said so far is a warning and has these words in it; case does not matter.",
			Example:    `Then the gateway's console warns of "plain coap"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				text, err := w.Stage.Console(ctx)
				if err != nil {
					return err
				}
				words := strings.ToLower(a.String(0))
				var warnings []string
				for line := range strings.Lines(text) {
					lower := strings.ToLower(line)
					if !strings.Contains(lower, "warn") {
						continue
					}
					if strings.Contains(lower, words) {
						return nil
					}
					warnings = append(warnings, strings.TrimSpace(line))
				}
				got := "no warning at all"
				if len(warnings) > 0 {
					got = "other warnings: " + strings.Join(warnings, "; ")
				}
				return verdict.Failed("a warning of "+a.String(0)+" on the gateway's console", got)
			},
		},
		{
			Expression: `nothing on the gateway's console can be read as`,
			Doc:        "None of these texts stands in what the gateway has said so far, as it is or encoded.",
			Example:    "And nothing on the gateway's console can be read as\n  | {token of hello} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				texts, err := w.texts(a.Table())
				if err != nil {
					return err
				}
				said, err := w.Stage.Console(ctx)
				if err != nil {
					return err
				}
				if strings.TrimSpace(said) == "" {
					return verdict.CannotJudge(nil, "the gateway's console is empty: there is nothing to judge")
				}
				lines := slices.Collect(strings.Lines(said))
				return hidden(texts, lines, func(i, at int) string { return "the line " + lines[i][:at] + "…" })
			},
		},
		{
			Expression: `the gateway is configured to serve coaps alone`,
			Doc:        "The gateway is restarted with a configuration that does not name plain CoAP. Only for scenarios tagged @own-lab.",
			Example:    `Given the gateway is configured to serve coaps alone`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				was := w.Stage.Gateway().CoAP
				if len(was) == 0 {
					return verdict.DoesNotApply("the gateway serves no plain CoAP to begin with")
				}
				w.plain = was[0]
				return w.Stage.SecureOnly(ctx)
			},
		},
		{
			Expression: `the gateway answers nothing over plain CoAP`,
			Doc:        "Where plain CoAP was served before, a ping and a request get no answer.",
			Example:    `Then the gateway answers nothing over plain CoAP`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				if !w.plain.IsValid() {
					return verdict.Broken(nil, "no step has configured the gateway to serve coaps alone")
				}
				got, err := w.askPlainly(ctx, w.plain)
				if err == nil && got != nil {
					d := coap.Dissect(got)
					err = verdict.Failed("no answer over plain CoAP", d.Message.String())
				}
				return err
			},
		},
	}
}

// askPlainly sends a ping and a request, and returns the first datagram that
// comes back, if one does.
func (w *World) askPlainly(ctx context.Context, at netip.AddrPort) ([]byte, error) {
	local, err := w.Stage.ClientAddr(ctx, at.Addr().Is6())
	if err != nil {
		return nil, err
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	conn, err := d.DialContext(ctx, "udp", at.String())
	if err != nil {
		return nil, verdict.Broken(err, "a socket towards %s", at)
	}
	defer func() { _ = conn.Close() }()
	ping := coap.Frame{Message: coap.Message{Type: coap.Confirmable, MessageID: 1}}
	request := coap.Frame{Message: coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: 2}}
	request.Message.AddPath("/coap2http")
	if err := conn.SetReadDeadline(time.Now().Add(plainTimeout)); err != nil {
		return nil, verdict.Broken(err, "a socket towards %s", at)
	}
	for _, f := range []coap.Frame{ping, request} {
		if _, err := conn.Write(f.Bytes()); err != nil {
			break // refused: the port is closed
		}
	}
	b := make([]byte, 1500)
	for {
		n, err := conn.Read(b)
		switch {
		case err == nil:
			return b[:n], nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil
		case ctx.Err() != nil:
			return nil, verdict.Broken(ctx.Err(), "waiting for an answer from %s", at)
		}
		// The port is closed: that is no answer, and the other datagram is refused too.
	}
}
