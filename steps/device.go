// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// callingDevice is the device that calls the gateway.
type callingDevice struct {
	client *peer.Client
	ipv6   bool
	// defaultPorts says that it knows no other ports than 5683 and 5684.
	defaultPorts bool
	suites       []dtls.CipherSuiteID
	// mute leaves every acknowledgement and repetition to steps of their own.
	mute bool
	// refusal is the handshake that did not come about.
	refusal *peer.HandshakeError

	// sent is the bytes of the last message, and request what they mean.
	sent    []byte
	request *coap.Message
	// exchange is the request under way; done is closed when it has ended.
	exchange *exchange
	// response is what the device received last, and last when a mute device
	// received it, or a copy of it.
	response *peer.Received
	last     time.Time
}

// exchange is one request of a conformant device, run beside the steps.
type exchange struct {
	cancel  context.CancelFunc
	done    chan struct{}
	outcome *peer.Outcome
	err     error
}

func (d *callingDevice) close() error {
	if d.exchange != nil {
		d.exchange.cancel()
		<-d.exchange.done
	}
	if d.client == nil {
		return nil
	}
	if d.mute && d.response != nil {
		// Or the gateway would repeat it beyond the scenario, and wait for the end of that when it closes.
		_ = d.client.Ack(d.response)
	}
	return d.client.Close()
}

func (w *World) user(name string) (lab.User, error) {
	u, ok := w.users[name]
	if !ok {
		return u, notNamed("user", name, maps.Keys(w.users))
	}
	return u, nil
}

func (w *World) pskOf(name string) (*peer.Security, error) {
	u, err := w.user(name)
	if err != nil {
		return nil, err
	}
	return &peer.Security{Identity: u.Identity, Key: u.Key}, nil
}

func (w *World) certificates() *peer.Security {
	g := w.Stage.Gateway()
	return &peer.Security{Roots: g.Roots, ServerName: g.Name}
}

// dial opens the device's socket, and with security its DTLS session.
func (w *World) dial(ctx context.Context, security *peer.Security) error {
	d := &w.device
	if d.client != nil {
		if err := d.client.Close(); err != nil {
			return verdict.Broken(err, "closing the device's socket")
		}
		d.client = nil
	}
	addresses, what := w.Stage.Gateway().CoAP, "coap"
	if security != nil {
		addresses, what = w.Stage.Gateway().CoAPS, "coaps"
		security.CipherSuites = d.suites
		security.HandshakeTimeout = handshakeTimeout
	}
	i := slices.IndexFunc(addresses, func(a netip.AddrPort) bool { return a.Addr().Is6() == d.ipv6 })
	if i < 0 {
		return verdict.DoesNotApply("the gateway does not serve %s over %s", what, family(d.ipv6))
	}
	to := addresses[i]
	if d.defaultPorts {
		to = netip.AddrPortFrom(to.Addr(), defaultPort(security != nil))
	}
	local, err := w.Stage.ClientAddr(ctx, d.ipv6)
	if err != nil {
		return err
	}
	d.client, err = peer.Dial(ctx, to, peer.Options{
		Local: netip.AddrPortFrom(local, 0), Trace: w.Stage.Trace(), Security: security, Guard: w.Stage.Guard,
	})
	return err
}

// defaultPort is that of coap or of coaps (RFC 7252 §6.1, §6.2).
func defaultPort(secure bool) uint16 {
	if secure {
		return 5684
	}
	return 5683
}

func family(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

// connected makes sure that the device has a socket: plain CoAP unless a step
// has opened a session.
func (w *World) connected(ctx context.Context) error {
	if w.device.client != nil {
		return nil
	}
	return w.dial(ctx, nil)
}

// openSession is dial for a handshake that may be refused: whether it was is
// what a later step judges.
func (w *World) openSession(ctx context.Context, security *peer.Security) error {
	err := w.dial(ctx, security)
	w.device.refusal = nil
	if errors.As(err, &w.device.refusal) {
		return nil
	}
	return err
}

func deviceSteps() []Step {
	return []Step{
		{
			Expression: `the gateway listens on the default ports`,
			Doc:        "The scenario applies where the gateway has the ports 5683 and 5684 to itself; the device then tries no other.",
			Example:    `Given the gateway listens on the default ports`,
			Run: func(_ context.Context, w *World, _ Args) error {
				if !w.Stage.Gateway().DefaultPorts {
					return verdict.DoesNotApply("the lab cannot give the gateway the ports 5683 and 5684 here")
				}
				w.device.defaultPorts = true
				return nil
			},
		},
		{
			Expression: `the device speaks IPv6`,
			Doc:        "The device reaches the gateway over IPv6.",
			Example:    `Given the device speaks IPv6`,
			Run: func(_ context.Context, w *World, _ Args) error {
				w.device.ipv6 = true
				return nil
			},
		},
		{
			Expression: `the device speaks plain CoAP`,
			Doc:        "The device uses coap, without DTLS. It does so unless a step says otherwise.",
			Example:    `Given the device speaks plain CoAP`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.dial(ctx, nil)
			},
		},
		{
			Expression:   `the device has a DTLS session with the pre-shared key of {string}`,
			Doc:          "The device has opened a DTLS session as this user.",
			Example:      `Given the device has a DTLS session with the pre-shared key of "hello"`,
			Precondition: true,
			Run: func(ctx context.Context, w *World, a Args) error {
				security, err := w.pskOf(a.String(0))
				if err != nil {
					return err
				}
				return w.dial(ctx, security)
			},
		},
		{
			Expression:   `the device has a DTLS session with certificates`,
			Doc:          "The device has opened a DTLS session in which the gateway showed its certificate.",
			Example:      `Given the device has a DTLS session with certificates`,
			Precondition: true,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.dial(ctx, w.certificates())
			},
		},
		{
			Expression: `the device offers only the cipher suite {string}`,
			Doc:        "What the device's next ClientHello offers, by its IANA name.",
			Example:    `Given the device offers only the cipher suite "TLS_PSK_WITH_AES_128_GCM_SHA256"`,
			Run: func(_ context.Context, w *World, a Args) error {
				id, err := peer.ParseCipherSuite(a.String(0))
				if err != nil {
					return verdict.Broken(err, "the cipher suite of the step")
				}
				w.device.suites = []dtls.CipherSuiteID{id}
				return nil
			},
		},
		{
			Expression: `the device trusts the root that signs the gateway's certificate, and expects its host name`,
			Doc:        "What the device's trust store holds. It does so unless a step says otherwise.",
			Example:    `Given the device trusts the root that signs the gateway's certificate, and expects its host name`,
			Run: func(_ context.Context, w *World, _ Args) error {
				g := w.Stage.Gateway()
				if g.Roots == nil || g.Name == "" {
					return verdict.DoesNotApply("the lab does not say which root and which host name the gateway's certificate has")
				}
				return nil
			},
		},
		{
			Expression: `the device opens a DTLS session with certificates`,
			Doc:        "The device tries to open a DTLS session. A later step says whether it must succeed.",
			Example:    `When the device opens a DTLS session with certificates`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.openSession(ctx, w.certificates())
			},
		},
		{
			Expression: `the device opens a DTLS session with the pre-shared key of {string}`,
			Doc:        "The device tries to open a DTLS session as this user. A later step says whether it must succeed.",
			Example:    `When the device opens a DTLS session with the pre-shared key of "hello"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				security, err := w.pskOf(a.String(0))
				if err != nil {
					return err
				}
				return w.openSession(ctx, security)
			},
		},
		{
			Expression: `the device opens a DTLS session with the identity {string} and the key {string}`,
			Doc:        "The same with any identity and key. A key is text, or bytes behind the prefix hex:.",
			Example:    `When the device opens a DTLS session with the identity "nobody" and the key "hex:00ff"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				key, err := parseKey(a.String(1))
				if err != nil {
					return err
				}
				if err := w.asWritten(a.String(0)); err != nil {
					return err
				}
				return w.openSession(ctx, &peer.Security{Identity: a.String(0), Key: key})
			},
		},
		{
			Expression: `the DTLS session is open`,
			Doc:        "The handshake has succeeded.",
			Example:    `Then the DTLS session is open`,
			Run: func(_ context.Context, w *World, _ Args) error {
				return w.session()
			},
		},
		{
			Expression: `the device accepts the gateway's certificate`,
			Doc:        "The handshake has succeeded: the chain leads to a root that the device trusts, and the name is right.",
			Example:    `Then the device accepts the gateway's certificate`,
			Run: func(_ context.Context, w *World, _ Args) error {
				return w.session()
			},
		},
		{
			Expression: `the device and the gateway have negotiated {string}`,
			Doc:        "The cipher suite of the device's session, by its IANA name.",
			Example:    `Then the device and the gateway have negotiated "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(_ context.Context, w *World, a Args) error {
				if err := w.session(); err != nil {
					return err
				}
				if got := w.device.client.CipherSuite(); got != a.String(0) {
					return verdict.Failed("a session with "+a.String(0), got)
				}
				return nil
			},
		},
		{
			Expression: `the gateway refuses the handshake`,
			Doc:        "The gateway has ended the handshake with an alert, or has not completed it.",
			Example:    `Then the gateway refuses the handshake`,
			Run: func(_ context.Context, w *World, _ Args) error {
				r := w.device.refusal
				switch {
				case r == nil:
					return verdict.Failed("no DTLS session", "a session with "+w.device.client.CipherSuite())
				case r.Sent != nil:
					// Our own side broke it off: nothing was seen of a refusal.
					return verdict.Failed("a refusal by the gateway", r.Got())
				case r.Silent && !w.heardFromGateway():
					// Some refuse by silence, but so does a gateway that is not there.
					return verdict.CannotJudge(nil, "the gateway sent no datagram at all: a refusal cannot be told from a gateway that is down")
				}
				return nil
			},
		},
	}
}

// session fails unless the device has a DTLS session.
func (w *World) session() error {
	if w.device.refusal != nil {
		return w.device.refusal
	}
	if w.device.client == nil || !w.device.client.Session().Secure() {
		return verdict.Broken(nil, "no step has opened a DTLS session")
	}
	return nil
}

// heardFromGateway says whether the device's last socket has received any datagram.
func (w *World) heardFromGateway() bool {
	for _, e := range w.Stage.Trace().Events() {
		if e.Layer == trace.Datagram && e.To.Addr == w.device.refusal.Local {
			return true
		}
	}
	return false
}

// parseKey reads a key as a provider's page takes it.
func parseKey(s string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(s, "hex:"); ok {
		return parseHex(digits)
	}
	if s == "" {
		return nil, verdict.Broken(nil, "a key of no bytes: want text, or hex: with digits")
	}
	return []byte(s), nil
}

// describe is a message as findings show it.
func describe(r *peer.Received) string {
	if r == nil {
		return "nothing"
	}
	return fmt.Sprint(r)
}
