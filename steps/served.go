// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/link"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// servedDevice is a device that the gateway calls: a CoAP server.
type servedDevice struct {
	name   string
	secure bool
	addr   netip.AddrPort
	// hostName is how the gateway knows the address; empty: by itself.
	hostName string
	// server is nil for a device whose socket takes datagrams and does nothing.
	server *peer.Server
	silent *net.UDPConn
	// assembly is what a device puts together that takes bodies block by block.
	assembly *assembly
	// link stands before the device, when it is reached through one.
	link *link.Link

	// answers are by method and path; the key "" answers everything.
	answers map[string]peer.Script
}

func (d *servedDevice) host() string {
	if d.hostName != "" {
		return d.hostName
	}
	if d.addr.Addr().Is6() {
		return "[" + d.addr.Addr().String() + "]"
	}
	return d.addr.Addr().String()
}

func (d *servedDevice) url() string {
	scheme := "coap"
	if d.secure {
		scheme = "coaps"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, d.host(), d.addr.Port())
}

func (d *servedDevice) close() error {
	var err error
	if d.link != nil {
		d.link.Close()
	}
	if d.server != nil {
		err = d.server.Close()
	}
	if d.silent != nil {
		err = errors.Join(err, d.silent.Close())
	}
	return err
}

func (w *World) servedDevice(name string) (*servedDevice, error) {
	d, ok := w.served[name]
	if !ok {
		return nil, notNamed("device", name, maps.Keys(w.served))
	}
	return d, nil
}

// serve starts a device. security says which DTLS it speaks, given its address;
// nil is plain CoAP.
func (w *World) serve(ctx context.Context, name string, port uint16, security func(netip.Addr) (*peer.Security, error)) error {
	addr, err := w.Stage.ServerAddr(ctx, port, false)
	if err != nil {
		return err
	}
	return w.serveAt(ctx, name, "", addr, security)
}

// serveAt is serve at an address that the gateway knows by the host name, if
// there is one.
func (w *World) serveAt(ctx context.Context, name, hostName string, addr netip.AddrPort, security func(netip.Addr) (*peer.Security, error)) (err error) {
	o := peer.Options{Name: name, Local: addr, Trace: w.Stage.Trace()}
	if security != nil {
		if o.Security, err = security(addr.Addr()); err != nil {
			return err
		}
	}
	server, err := peer.Listen(ctx, o)
	if err != nil {
		return verdict.Broken(err, "starting the device %q at %s", name, addr)
	}
	d := &servedDevice{
		name: name, secure: security != nil, addr: server.Local(), hostName: hostName,
		server: server, answers: map[string]peer.Script{},
	}
	w.served[name] = d
	server.Handle(d.script)
	return nil
}

// script does with a request what the steps have said, and answers 4.04 to any
// other.
func (d *servedDevice) script(ctx context.Context, r *peer.Request) error {
	for _, key := range []string{answerKey(r.Message.Code, r.Message.Path()), ""} {
		if script, ok := d.answers[key]; ok {
			return script(ctx, r)
		}
	}
	return r.Respond(&coap.Message{Code: coap.NotFound})
}

func answerKey(method coap.Code, path string) string { return method.Name() + " " + path }

// answer says what the device does with requests for this method and path; an
// empty path means every request. The device is not called yet: a Given says it.
func (w *World) answer(name string, method coap.Code, path string, script peer.Script) error {
	d, err := w.servedDevice(name)
	if err != nil {
		return err
	}
	key := ""
	if path != "" {
		key = answerKey(method, path)
	}
	d.answers[key] = script
	return nil
}

func withKey(identity, key string) func(netip.Addr) (*peer.Security, error) {
	return func(netip.Addr) (*peer.Security, error) {
		b, err := parseKey(key)
		// Every suite that pion knows for this scheme: which one it becomes is the
		// gateway's offer, and that is what is judged.
		return &peer.Security{Identity: identity, Key: b}, err
	}
}

func (w *World) withCertificate(leaf func(netip.Addr) pki.Leaf) func(netip.Addr) (*peer.Security, error) {
	return func(addr netip.Addr) (*peer.Security, error) {
		c, err := w.Stage.DeviceCertificate(leaf(addr))
		if err != nil {
			return nil, err
		}
		s := &peer.Security{}
		s.Certificates = append(s.Certificates, c)
		return s, nil
	}
}

func addrLeaf(addr netip.Addr) pki.Leaf { return pki.Leaf{Addrs: []netip.Addr{addr}} }

func servedSteps() []Step {
	return []Step{
		{
			Expression: `a device {string}`,
			Doc:        "A device that is called: a CoAP server on a port of its own. Its URL stands for its name in braces: {sensor}. It answers 4.04 until a step says otherwise.",
			Example:    `Given a device "sensor"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, nil)
			},
		},
		{
			Expression: `a device {string} on the default port`,
			Doc:        "The same on port 5683.",
			Example:    `Given a device "well-known" on the default port`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), coap.DefaultPort, nil)
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with the identity {string} and the key {string}`,
			Doc:        "A device that speaks DTLS with this pre-shared key. A key is text, or bytes behind the prefix hex:.",
			Example:    `Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, withKey(a.String(1), a.String(2)))
			},
		},
		{
			Expression: `a device {string} on the default port, reached over coaps with the identity {string} and the key {string}`,
			Doc:        "The same on port 5684.",
			Example:    `Given a device "well-known" on the default port, reached over coaps with the identity "i" and the key "k"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), coap.DefaultSecurePort, withKey(a.String(1), a.String(2)))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with a certificate`,
			Doc:        "A device that speaks DTLS and shows a certificate for its address, signed by an authority that the gateway trusts.",
			Example:    `Given a device "meter" that is reached over coaps with a certificate`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, w.withCertificate(addrLeaf))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with a self-signed certificate`,
			Doc:        "A device whose certificate no authority has signed.",
			Example:    `Given a device "meter" that is reached over coaps with a self-signed certificate`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, w.withCertificate(func(addr netip.Addr) pki.Leaf {
					return pki.Leaf{Addrs: []netip.Addr{addr}, SelfSigned: true}
				}))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with an expired certificate`,
			Doc:        "A device whose certificate was good until yesterday.",
			Example:    `Given a device "meter" that is reached over coaps with an expired certificate`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, w.withCertificate(func(addr netip.Addr) pki.Leaf {
					leaf := pki.ExpiredFor()
					leaf.Addrs = []netip.Addr{addr}
					return leaf
				}))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with a certificate for {string}`,
			Doc:        "A device whose certificate is for this host name alone.",
			Example:    `Given a device "meter" that is reached over coaps with a certificate for "another.example.org"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, w.withCertificate(func(netip.Addr) pki.Leaf {
					return pki.Leaf{Names: []string{a.String(1)}}
				}))
			},
		},
		{
			Expression: `the device {string} does not answer the handshake`,
			Doc:        "The device's socket takes what comes and sends nothing.",
			Example:    `And the device "lock" does not answer the handshake`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.deafen(a.String(0))
			},
		},
		{
			Expression: `the device {string} answers {method} {string} with {code}`,
			Doc:        "What the device answers to requests for this method and path, piggybacked to a confirmable one.",
			Example:    `And the device "lock" answers POST "/open" with 2.04 Changed`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), a.Method(1), a.String(2), peer.Answer(&coap.Message{Code: a.Code(3)}))
			},
		},
		{
			Expression: `the device {string} answers {method} {string} with {code} and the payload {string}`,
			Doc:        "The same with a payload of text.",
			Example:    `And the device "sensor" answers GET "/temperature" with 2.05 Content and the payload "21.5"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), a.Method(1), a.String(2), peer.Answer(textMessage(a.Code(3), coap.TextPlain, a.String(4))))
			},
		},
		{
			Expression: `the device {string} answers {method} {string} with {code}, the Content-Format {int} and the payload {string}`,
			Doc:        "The same with a Content-Format, by number.",
			Example:    `And the device "sensor" answers GET "/x" with 2.05 Content, the Content-Format 50 and the payload "[21.5]"`,
			Run: func(_ context.Context, w *World, a Args) error {
				f := coap.Format(a.Int(4)) //nolint:gosec // a feature's own number
				return w.answer(a.String(0), a.Method(1), a.String(2), peer.Answer(textMessage(a.Code(3), f, a.String(5))))
			},
		},
		{
			Expression: `the device {string} answers every request with {code}`,
			Doc:        "What the device answers to requests for which no step says more.",
			Example:    `Given the device "sensor" answers every request with 2.05 Content`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), 0, "", peer.Answer(&coap.Message{Code: a.Code(1)}))
			},
		},
		{
			Expression: `the device {string} acknowledges {method} {string} at once and answers it after {duration} with {code} and the payload {string}`,
			Doc:        "A separate response: an empty acknowledgement first, then the response in a confirmable message of its own.",
			Example:    `Given the device "sensor" acknowledges GET "/slow" at once and answers it after 300 ms with 2.05 Content and the payload "done"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), a.Method(1), a.String(2),
					peer.AnswerSeparately(textMessage(a.Code(4), coap.TextPlain, a.String(5)), a.Duration(3)))
			},
		},
		{
			Expression: `the device {string} acknowledges every request and never answers`,
			Doc:        "The device sends an empty acknowledgement, and no response.",
			Example:    `Given the device "sensor" acknowledges every request and never answers`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), 0, "", peer.AcknowledgeOnly())
			},
		},
		{
			Expression: `the device {string} is silent`,
			Doc:        "The device takes every message and sends nothing.",
			Example:    `Given the device "sensor" is silent`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), 0, "", peer.Silent())
			},
		},
		{
			Expression: `the device {string} resets every message`,
			Doc:        "The device rejects every request with a Reset.",
			Example:    `Given the device "sensor" resets every message`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), 0, "", peer.Reject())
			},
		},
		{
			Expression: `the device {string} ignores the first request and answers the next with {code}`,
			Doc:        "The device does nothing with the first copy of a request, as if it had been lost, and answers the second.",
			Example:    `Given the device "sensor" ignores the first request and answers the next with 2.05 Content`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.answer(a.String(0), 0, "", peer.AfterIgnoring(1, peer.Answer(&coap.Message{Code: a.Code(1)})))
			},
		},
		{
			Expression: `the device {string} received one request`,
			Doc:        "Exactly one request has reached the device; copies of it count once.",
			Example:    `And the device "sensor" received one request`,
			Run: func(ctx context.Context, w *World, a Args) error {
				_, err := w.oneRequest(ctx, a.String(0))
				return err
			},
		},
		{
			Expression: `the device {string} received no request`,
			Doc:        "No CoAP message of any kind has reached the device.",
			Example:    `And the device "sensor" received no request`,
			Run: func(_ context.Context, w *World, a Args) error {
				d, err := w.servedDevice(a.String(0))
				if err != nil || d.server == nil {
					return err
				}
				if rs := d.server.Received(); len(rs) > 0 {
					return verdict.Failed(fmt.Sprintf("no message to the device %q", d.name), rs[0].String())
				}
				return nil
			},
		},
		{
			Expression: `the device {string} received a {method} to {string}`,
			Doc:        "The method and the Uri-Path of the one request that reached the device.",
			Example:    `Then the device "sensor" received a GET to "/window"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err == nil && (r.Message.Code != a.Method(1) || r.Message.Path() != a.String(2)) {
					err = verdict.Failed(fmt.Sprintf("a %s to %s", a.Method(1), a.String(2)), r.Message.String())
				}
				return err
			},
		},
		{
			Expression: `the device {string} received a {type} {method} to {string}`,
			Doc:        "The same, with the type of the message. It sees requests in messages of the types ACK and RST as well.",
			Example:    `Then the device "sensor" received a confirmable GET to "/x"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.receivedTyped(ctx, a.String(0), a.Type(1), a.Method(2), a.String(3))
			},
		},
		{
			Expression: `the device {string} received a request with the options`,
			Doc:        "The options of the one request, in their order, separated by commas. Uri-Host, Uri-Port and Hop-Limit are listed only where the step lists them.",
			Example:    "Then the device \"sensor\" received a request with the options\n  | Uri-Path: a, Uri-Query: x=1 |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				want, err := oneCell(a.Table())
				if err != nil {
					return err
				}
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				if got := requestOptions(r.Message, want); got != want {
					return verdict.Failed("the options "+want, orNone(got))
				}
				return nil
			},
		},
		{
			Expression: `the device {string} received a request without the option(s)`,
			Doc:        "None of these options, by their names, stands in the one request.",
			Example:    "And the device \"proxy\" received a request without the options\n  | Uri-Host |\n  | Uri-Path |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				for _, row := range a.Table() {
					for _, cell := range row {
						n, err := coap.ParseOptionNumber(cell)
						if err != nil {
							return verdict.Broken(err, "the option %q", cell)
						}
						if r.Message.Has(n) {
							return verdict.Failed("a request without "+cell, r.Message.String())
						}
					}
				}
				return nil
			},
		},
		{
			Expression: `the device {string} received a request with the payload {string}`,
			Doc:        "The payload of the one request, as text.",
			Example:    `And the device "sensor" received a request with the payload 'open=0.5'`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if want := a.String(1); err == nil && string(r.Message.Payload) != want {
					err = verdict.Failed("the payload "+quoted([]byte(want)), quoted(r.Message.Payload))
				}
				return err
			},
		},
		{
			Expression: `the gateway acknowledged the separate response of the device {string}`,
			Doc:        "The device's confirmable response was acknowledged with its message id.",
			Example:    `And the gateway acknowledged the separate response of the device "sensor"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				waiting, cancel := context.WithTimeout(ctx, arrivalTimeout)
				defer cancel()
				err = r.Wait(waiting) // the device's script ends with the acknowledgement
				if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
					return verdict.Failed("an acknowledgement of the separate response within "+within(arrivalTimeout), "nothing")
				}
				return err
			},
		},
		{
			Expression: `the gateway and the device {string} have negotiated {string}`,
			Doc:        "The cipher suite of the session in which the device was called, by its IANA name.",
			Example:    `And the gateway and the device "meter" have negotiated "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err == nil && r.Session.CipherSuite != a.String(1) {
					err = verdict.Failed("a session with "+a.String(1), orNone(r.Session.CipherSuite))
				}
				return err
			},
		},
		{
			Expression: `the gateway identified itself to the device {string} as {string}`,
			Doc:        "The PSK identity that the gateway gave.",
			Example:    `And the gateway identified itself to the device "lock" as "door-7"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err == nil && r.Session.Identity != a.String(1) {
					err = verdict.Failed(fmt.Sprintf("the PSK identity %q", a.String(1)), fmt.Sprintf("%q", r.Session.Identity))
				}
				return err
			},
		},
		{
			Expression: `the gateway offered the device {string} the cipher suites`,
			Doc:        "All cipher suites of the gateway's ClientHello, by their IANA names, one a row. Signalling values are left out.",
			Example:    "And the gateway offered the device \"lock\" the cipher suites\n  | TLS_PSK_WITH_AES_128_CCM_8 |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.oneRequest(ctx, a.String(0))
				if err != nil {
					return err
				}
				var want []string
				for _, row := range a.Table() {
					want = append(want, strings.Join(row, " "))
				}
				if got := strings.Join(r.Session.Offered, ", "); got != strings.Join(want, ", ") {
					return verdict.Failed("an offer of "+strings.Join(want, ", "), orNone(got))
				}
				return nil
			},
		},
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// requestOptions is the options of a request as features write them; those that a
// gateway may add are there only when the feature lists them.
func requestOptions(m *coap.Message, listed string) string {
	var options []coap.Option
	for _, o := range m.Options {
		optional := o.Number == coap.URIHost || o.Number == coap.URIPort || o.Number == coap.HopLimit
		if !optional || strings.Contains(listed, o.Number.String()) {
			options = append(options, o)
		}
	}
	return optionsText(options)
}

func oneCell(table [][]string) (string, error) {
	if len(table) != 1 || len(table[0]) != 1 {
		return "", verdict.Broken(nil, "want a table of one cell")
	}
	return table[0][0], nil
}

func textMessage(code coap.Code, f coap.Format, text string) *coap.Message {
	m := &coap.Message{Code: code, Payload: []byte(text)}
	m.AddUint(coap.ContentFormat, uint32(f))
	return m
}

// deafen replaces a device by a socket that takes everything and says nothing.
func (w *World) deafen(name string) error {
	d, err := w.servedDevice(name)
	if err != nil {
		return err
	}
	if err := d.server.Close(); err != nil {
		return verdict.Broken(err, "stopping the device %q", name)
	}
	d.server = nil
	d.silent, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(d.addr))
	if err != nil {
		return verdict.Broken(err, "taking the address of the device %q", name)
	}
	return nil
}

// oneRequest is the one request that reached a device.
func (w *World) oneRequest(ctx context.Context, name string) (*peer.Request, error) {
	d, err := w.listeningDevice(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	r, err := d.server.AwaitRequest(ctx, 1)
	if err != nil {
		return nil, err
	}
	if rs := d.server.Requests(); len(rs) > 1 {
		return nil, verdict.Failed(fmt.Sprintf("one request to the device %q", name),
			fmt.Sprintf("%d: %s; then %s", len(rs), rs[0].Message, rs[1].Message))
	}
	return r, nil
}

func (w *World) receivedTyped(ctx context.Context, name string, t coap.Type, method coap.Code, path string) error {
	d, err := w.servedDevice(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	_, err = d.server.AwaitMessage(ctx, fmt.Sprintf("a %s %s to %s", t, method, path), func(r *peer.Received) bool {
		return peer.Is(t, method)(r) && r.Message.Path() == path
	})
	return err
}
