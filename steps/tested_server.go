// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

// tests is the device under test that is called.
func (w *World) tests(ctx context.Context) (*lab.Served, error) {
	if w.tested == nil {
		d, err := w.Stage.DeviceServes(ctx)
		if err != nil {
			return nil, err
		}
		w.tested = &d
	}
	return w.tested, nil
}

// approach opens the scripted gateway's socket towards the device under test, and
// with security its DTLS session.
func (w *World) approach(ctx context.Context, security func(*lab.Served) (*peer.Security, error)) error {
	t, err := w.tests(ctx)
	if err != nil {
		return err
	}
	d := &w.device
	if d.client != nil {
		if err := d.client.Close(); err != nil {
			return verdict.Broken(err, "closing the scripted gateway's socket")
		}
		d.client = nil
	}
	at, scheme := t.CoAP, "coap"
	o := peer.Options{Name: "gateway", Remote: deviceUnderTest, Trace: w.Stage.Trace(), Guard: w.Stage.Guard}
	if security != nil {
		at, scheme = t.CoAPS, "coaps"
		if o.Security, err = security(t); err != nil {
			return err
		}
		o.Security.CipherSuites, o.Security.HandshakeTimeout = d.suites, handshakeTimeout
	}
	if !at.IsValid() {
		return verdict.DoesNotApply("the device under test does not serve %s", scheme)
	}
	local, err := w.Stage.ClientAddr(ctx, at.Addr().Is6())
	if err != nil {
		return err
	}
	o.Local = netip.AddrPortFrom(local, 0)
	d.client, err = peer.Dial(ctx, at, o)
	return err
}

// attempt is approach for a handshake that may be refused.
func (w *World) attempt(ctx context.Context, security func(*lab.Served) (*peer.Security, error)) error {
	err := w.approach(ctx, security)
	w.device.refusal = nil
	if errors.As(err, &w.device.refusal) {
		return nil
	}
	return err
}

func byKey(t *lab.Served) (*peer.Security, error) {
	if t.Identity == "" {
		return nil, verdict.DoesNotApply("the device under test has no pre-shared key")
	}
	return &peer.Security{Identity: t.Identity, Key: t.Key}, nil
}

func byCertificate(t *lab.Served) (*peer.Security, error) {
	if t.Roots == nil {
		return nil, verdict.DoesNotApply("nothing says which root vouches for the certificate of the device under test")
	}
	return &peer.Security{Roots: t.Roots, ServerName: t.Name}, nil
}

// send has the scripted gateway send a request to the device under test.
func (w *World) send(ctx context.Context, t coap.Type, method coap.Code, path string, rows [][]string) error {
	served, err := w.tests(ctx)
	if err != nil {
		return err
	}
	if path, err = inResource(served, path); err != nil {
		return err
	}
	if w.device.client == nil {
		if err := w.approach(ctx, nil); err != nil {
			return err
		}
	}
	return w.request(ctx, t, method, path, rows)
}

// answered is the response to the scripted gateway's request, of any code.
func (w *World) answered(ctx context.Context) (*peer.Received, error) {
	out, err := w.finished(ctx)
	if err != nil {
		return nil, err
	}
	w.device.response = out.Received
	return out.Received, nil
}

// unacknowledged sends a confirmable request by hand and leaves its separate
// response without an acknowledgement until it comes again.
func (w *World) unacknowledged(ctx context.Context, least, most time.Duration) error {
	d := &w.device
	if d.request == nil {
		return verdict.Broken(nil, "the scripted gateway has not sent anything yet")
	}
	response := func(r *peer.Received) bool {
		return r.Fault == nil && r.Message.Type == coap.Confirmable && r.Message.Code.IsResponse() && bytes.Equal(r.Message.Token, d.request.Token)
	}
	waiting, cancel := patience(ctx, answerTimeout)
	defer cancel()
	acknowledged := peer.Both(peer.Is(coap.Acknowledgement, coap.CodeEmpty), peer.WithID(d.request.MessageID))
	if _, err := d.client.Await(waiting, "an empty acknowledgement of the request", acknowledged); err != nil {
		return err
	}
	first, err := d.client.Await(waiting, "a confirmable separate response", response)
	if err != nil {
		return err
	}
	again, cancelAgain := patience(ctx, most+replyTimeout)
	defer cancelAgain()
	second, err := d.client.Await(again, "the response again: "+describe(first), func(r *peer.Received) bool { return bytes.Equal(r.Raw, first.Raw) })
	if err != nil {
		return err
	}
	if wait := second.At.Sub(first.At); wait < least-harnessSlack || wait > most+timerSlack {
		return verdict.Failed(fmt.Sprintf("the response again after %s to %s", within(least), within(most)), "it after "+within(wait.Round(time.Millisecond)))
	}
	return d.client.Ack(second)
}

func testedServerSteps() []Step {
	return []Step{
		{
			Expression: `the device under test serves {word} on the default port`,
			Doc:        "The scenario applies where the device under test is reached on port 5683 for coap, or 5684 for coaps.",
			Example:    `Given the device under test serves coap on the default port`,
			Run: func(ctx context.Context, w *World, a Args) error {
				t, err := w.tests(ctx)
				if err != nil {
					return err
				}
				at, port := t.CoAP, uint16(coap.DefaultPort)
				if a.String(0) == "coaps" {
					at, port = t.CoAPS, coap.DefaultSecurePort
				}
				switch {
				case !at.IsValid():
					return verdict.DoesNotApply("the device under test does not serve %s", a.String(0))
				case !t.DefaultPorts:
					return verdict.DoesNotApply("the device under test was given other ports than the default ones")
				case at.Port() != port:
					return verdict.Failed(fmt.Sprintf("%s on port %d", a.String(0), port), at.String())
				}
				return nil
			},
		},
		{
			Expression:   `the scripted gateway has a DTLS session with the device under test, by its pre-shared key`,
			Doc:          "A session with the identity and the key that the device takes.",
			Example:      `Given the scripted gateway has a DTLS session with the device under test, by its pre-shared key`,
			Precondition: true,
			Run:          func(ctx context.Context, w *World, _ Args) error { return w.approach(ctx, byKey) },
		},
		{
			Expression:   `the scripted gateway has a DTLS session with the device under test, by certificates`,
			Doc:          "A session in which the device has shown its certificate.",
			Example:      `Given the scripted gateway has a DTLS session with the device under test, by certificates`,
			Precondition: true,
			Run:          func(ctx context.Context, w *World, _ Args) error { return w.approach(ctx, byCertificate) },
		},
		{
			Expression: `the scripted gateway opens a DTLS session with the device under test, by its pre-shared key`,
			Doc:        "It tries to, with the identity and the key that the device takes. A later step says whether it must succeed.",
			Example:    `When the scripted gateway opens a DTLS session with the device under test, by its pre-shared key`,
			Run:        func(ctx context.Context, w *World, _ Args) error { return w.attempt(ctx, byKey) },
		},
		{
			Expression: `the scripted gateway opens a DTLS session with the device under test, by certificates`,
			Doc:        "It tries to, trusting the root that vouches for the device. A later step says whether it must succeed.",
			Example:    `When the scripted gateway opens a DTLS session with the device under test, by certificates`,
			Run:        func(ctx context.Context, w *World, _ Args) error { return w.attempt(ctx, byCertificate) },
		},
		{
			Expression: `the scripted gateway opens a DTLS session with the device under test, by the identity {string} and the device's key`,
			Doc:        "It tries to, with an identity that the device does not know.",
			Example:    `When the scripted gateway opens a DTLS session with the device under test, by the identity "nobody" and the device's key`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.attempt(ctx, func(t *lab.Served) (*peer.Security, error) {
					s, err := byKey(t)
					if err == nil {
						s.Identity = a.String(0)
					}
					return s, err
				})
			},
		},
		{
			Expression: `the scripted gateway opens a DTLS session with the device under test, by the device's identity and the key {string}`,
			Doc:        "It tries to, with a key that is not the device's. A key is text, or bytes behind the prefix hex:.",
			Example:    `When the scripted gateway opens a DTLS session with the device under test, by the device's identity and the key "hex:00"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.attempt(ctx, func(t *lab.Served) (*peer.Security, error) {
					s, err := byKey(t)
					if err == nil {
						s.Key, err = parseKey(a.String(0))
					}
					return s, err
				})
			},
		},
		{
			Expression: `the scripted gateway offers the cipher suites`,
			Doc:        "What its next ClientHello offers, by IANA names, one a row.",
			Example:    "Given the scripted gateway offers the cipher suites\n  | TLS_PSK_WITH_AES_128_GCM_SHA256 |\n  | TLS_PSK_WITH_AES_128_CCM_8      |",
			Takes:      Table,
			Run: func(_ context.Context, w *World, a Args) error {
				w.device.suites = nil
				for _, row := range a.Table() {
					id, err := peer.ParseCipherSuite(strings.Join(row, " "))
					if err != nil {
						return verdict.Broken(err, "the cipher suite of the step")
					}
					w.device.suites = append(w.device.suites, id)
				}
				return nil
			},
		},
		{
			Expression: `the scripted gateway sends a {type} {method} to {string}`,
			Doc:        "A request to the device under test, over plain CoAP unless there is a session. {readable}, {stored} and {slow} stand for the resources that the device declares. A confirmable request is repeated and a separate response acknowledged, as RFC 7252 asks.",
			Example:    `When the scripted gateway sends a confirmable GET to "{readable}"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.send(ctx, a.Type(0), a.Method(1), a.String(2), nil)
			},
		},
		{
			Expression: `the scripted gateway sends a {type} {method} to {string} with the options`,
			Doc:        "The same with options, a token or a payload, as in the requests of devices.",
			Example:    "When the scripted gateway sends a confirmable PUT to \"{stored}\" with the options\n  | Content-Format | 0    |\n  | Payload        | 21.5 |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.send(ctx, a.Type(0), a.Method(1), a.String(2), a.Table())
			},
		},
		{
			Expression: `the scripted gateway sends a {type} {method} to {string}, and acknowledges nothing`,
			Doc:        "A request that is sent once; no separate response to it is acknowledged.",
			Example:    `When the scripted gateway sends a confirmable GET to "{slow}", and acknowledges nothing`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if err := w.prepare(ctx, a.Type(0), a.Method(1), a.String(2)); err != nil {
					return err
				}
				return w.device.client.SendBytes(w.device.sent, false)
			},
		},
		{
			Expression: `the scripted gateway sends the same message again`,
			Doc:        "The last request once more, byte for byte, as if the answer had been lost.",
			Example:    `And the scripted gateway sends the same message again`,
			Run: func(_ context.Context, w *World, _ Args) error {
				if w.device.sent == nil {
					return verdict.Broken(nil, "the scripted gateway has not sent anything yet")
				}
				return w.device.client.SendBytes(w.device.sent, false)
			},
		},
		{
			Expression: `the scripted gateway sends an Empty confirmable message`,
			Doc:        "A ping (RFC 7252 §4.3).",
			Example:    `When the scripted gateway sends an Empty confirmable message`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				if err := w.approach(ctx, nil); err != nil {
					return err
				}
				ping := coap.Frame{Message: coap.Message{MessageID: w.device.client.NextMessageID()}}
				return w.sendBytes(ctx, ping.Bytes())
			},
		},
		{
			Expression: `the device under test answers`,
			Doc:        "A response with the token of the request has come, of any code.",
			Example:    `Then the device under test answers`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				_, err := w.answered(ctx)
				return err
			},
		},
		{
			Expression: `the device under test answers {code}`,
			Doc:        "The response to the request, piggybacked or separate, with this code.",
			Example:    `Then the device under test answers 2.05 Content`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.answered(ctx)
				if err == nil && r.Message.Code != a.Code(0) {
					err = verdict.Failed(a.Code(0).String(), describe(r))
				}
				return err
			},
		},
		{
			Expression: `the device under test answers {code} with the payload {string}`,
			Doc:        "The same, and the payload as text.",
			Example:    `Then the device under test answers 2.05 Content with the payload "21.5"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.answered(ctx)
				if err == nil && (r.Message.Code != a.Code(0) || string(r.Message.Payload) != a.String(1)) {
					err = verdict.Failed(fmt.Sprintf("%s with the payload %s", a.Code(0), quoted([]byte(a.String(1)))),
						fmt.Sprintf("%s with the payload %s", describe(r), quoted(r.Message.Payload)))
				}
				return err
			},
		},
		{
			Expression: `its answer has no Content-Format but {int}`,
			Doc:        "The Content-Format of the response, by number, if it has one at all. RFC 7252 §5.5.1 leaves it to the server whether to give one.",
			Example:    `And its answer has no Content-Format but 50`,
			Run: func(_ context.Context, w *World, a Args) error {
				r, err := w.response()
				if err != nil {
					return err
				}
				if f, ok := r.Message.ContentFormat(); ok && int(f) != a.Int(0) {
					return verdict.Failed(fmt.Sprintf("no Content-Format but %d", a.Int(0)), describe(r))
				}
				return nil
			},
		},
		{
			Expression: `its answer came in a {type} message`,
			Doc:        "The type of the message that carried the response.",
			Example:    `And its answer came in a non-confirmable message`,
			Run: func(_ context.Context, w *World, a Args) error {
				r, err := w.response()
				if err == nil && r.Message.Type != a.Type(0) {
					err = verdict.Failed(fmt.Sprintf("the response in a %s message", a.Type(0)), describe(r))
				}
				return err
			},
		},
		{
			Expression: `the device under test acknowledges the request with its message id`,
			Doc:        "An Acknowledgement message, empty or with the response in it.",
			Example:    `Then the device under test acknowledges the request with its message id`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				out, err := w.finished(ctx)
				if err == nil && out.EmptyAck == nil && out.Separate {
					err = verdict.Failed(fmt.Sprintf("an acknowledgement with the message id 0x%04x", out.Request.MessageID),
						"only a separate response: "+describe(out.Received))
				}
				return err // the exchange takes an acknowledgement with this id alone
			},
		},
		{
			Expression: `the device under test answers the same again`,
			Doc:        "The answer to a repeated message: the same response once more, byte for byte.",
			Example:    `Then the device under test answers the same again`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				first, err := w.response()
				if err != nil {
					return err
				}
				_, err = w.await(ctx, "the response "+describe(first)+" again", func(r *peer.Received) bool {
					return bytes.Equal(r.Raw, first.Raw)
				})
				return err
			},
		},
		{
			Expression: `the device under test sends its separate response again after {duration} to {duration}`,
			Doc:        "A confirmable response that nobody acknowledges comes again, byte for byte, after a time within these bounds. It may come 100 ms early, for clocks, and 250 ms late, for coarse timers.",
			Example:    `Then the device under test sends its separate response again after 2 s to 3 s`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.unacknowledged(ctx, a.Duration(0), a.Duration(1))
			},
		},
		{
			Expression: `the device under test rejects it with a Reset of its message id`,
			Doc:        "A Reset message that answers a ping, or rejects what was sent.",
			Example:    `Then the device under test rejects it with a Reset of its message id`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				if w.device.request == nil {
					return verdict.Broken(nil, "the scripted gateway has not sent anything yet")
				}
				id := w.device.request.MessageID
				_, err := w.await(ctx, fmt.Sprintf("a Reset with the message id 0x%04x", id),
					peer.Both(peer.Is(coap.Reset, coap.CodeEmpty), peer.WithID(id)))
				return err
			},
		},
		{
			Expression: `the device under test sends nothing for {duration}`,
			Doc:        "No datagram of any kind comes. Afterwards the device must still answer a request for its readable resource: silence of a dead device is no merit.",
			Example:    `Then the device under test sends nothing for 500 ms`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if err := w.device.client.Silence(ctx, a.Duration(0), peer.Anything); err != nil {
					return err
				}
				if err := w.send(ctx, coap.Confirmable, coap.GET, "{readable}", nil); err != nil {
					return err
				}
				if _, err := w.answered(ctx); err != nil {
					return verdict.CannotJudge(err, "the device is silent altogether")
				}
				return nil
			},
		},
		{
			Expression: `the scripted gateway and the device under test have negotiated {string}`,
			Doc:        "The cipher suite that the device chose, by its IANA name, whatever became of the handshake for other reasons.",
			Example:    `Then the scripted gateway and the device under test have negotiated "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(_ context.Context, w *World, a Args) error {
				var chosen string
				switch d := &w.device; {
				case d.refusal != nil && d.refusal.Session.CipherSuite != "":
					chosen = d.refusal.Session.CipherSuite
				case d.refusal != nil:
					return d.refusal
				case d.client != nil:
					chosen = d.client.CipherSuite()
				}
				if chosen != a.String(0) {
					return verdict.Failed("a session with "+a.String(0), orNone(chosen))
				}
				return nil
			},
		},
		{
			Expression: `the scripted gateway accepts the certificate of the device under test`,
			Doc:        "The handshake has succeeded: the chain leads to the root that vouches for the device, and the name is right.",
			Example:    `Then the scripted gateway accepts the certificate of the device under test`,
			Run:        func(_ context.Context, w *World, _ Args) error { return w.session() },
		},
		{
			Expression: `the device under test accepts the handshake`,
			Doc:        "The handshake has succeeded.",
			Example:    `Then the device under test accepts the handshake`,
			Run:        func(_ context.Context, w *World, _ Args) error { return w.session() },
		},
		{
			Expression: `the device under test refuses the handshake`,
			Doc:        "The device has ended the handshake with an alert, or has not completed it.",
			Example:    `Then the device under test refuses the handshake`,
			Run: func(_ context.Context, w *World, _ Args) error {
				r := w.device.refusal
				switch {
				case r == nil && w.device.client == nil:
					return verdict.Broken(nil, "no step has opened a DTLS session")
				case r == nil:
					return verdict.Failed("no DTLS session", "a session with "+w.device.client.CipherSuite())
				case r.Sent != nil:
					// Our own side broke it off: nothing was seen of a refusal.
					return verdict.Failed("a refusal by the device under test", r.Got())
				case r.Silent && !w.heardFromGateway():
					return verdict.CannotJudge(nil, "the device under test sent no datagram at all: a refusal cannot be told from a device that is down")
				}
				return nil
			},
		},
	}
}

// prepare makes a request ready without sending it.
func (w *World) prepare(ctx context.Context, t coap.Type, method coap.Code, path string) error {
	served, err := w.tests(ctx)
	if err != nil {
		return err
	}
	if w.device.client == nil {
		if err := w.approach(ctx, nil); err != nil {
			return err
		}
	}
	if path, err = inResource(served, path); err != nil {
		return err
	}
	d := &w.device
	m := &coap.Message{Type: t, Code: method, MessageID: d.client.NextMessageID(), Token: d.client.NewToken(4)}
	m.AddPath(path)
	b, err := m.MarshalBinary()
	if err != nil {
		return verdict.Broken(err, "the request of the step")
	}
	d.sent, d.request, d.response, d.exchange = b, m, nil, nil
	return nil
}

// inResource is a path with what stands for the device's resources replaced.
func inResource(served *lab.Served, path string) (string, error) {
	for _, r := range []lab.Resource{lab.Readable, lab.Stored, lab.Slow} {
		name := "{" + string(r) + "}"
		if !strings.Contains(path, name) {
			continue
		}
		if served.Resources[r] == "" {
			return "", verdict.DoesNotApply("the device under test declares no %s resource", r)
		}
		path = strings.ReplaceAll(path, name, served.Resources[r])
	}
	return path, nil
}
