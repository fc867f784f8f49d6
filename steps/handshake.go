// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/coapstone/coapstone/harness/credential"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// attempt is one of several handshakes that a step tries at once.
type attempt struct {
	identity string
	refusal  *peer.HandshakeError
}

// coapsAddr is where the gateway takes sessions, and where the device is.
func (w *World) coapsAddr(ctx context.Context) (at netip.AddrPort, local netip.AddrPort, err error) {
	all := w.Stage.Gateway().CoAPS
	i := slices.IndexFunc(all, func(a netip.AddrPort) bool { return a.Addr().Is6() == w.device.ipv6 })
	if i < 0 {
		return at, local, verdict.DoesNotApply("the gateway does not serve coaps over %s", family(w.device.ipv6))
	}
	addr, err := w.Stage.ClientAddr(ctx, w.device.ipv6)
	return all[i], netip.AddrPortFrom(addr, 0), err
}

// offer sends a ClientHello with every registered cipher suite but the
// document's two, and those named.
func (w *World) offer(ctx context.Context, besides ...string) error {
	suites := peer.OtherCipherSuites()
	for _, name := range besides {
		id, err := peer.SuiteNumber(name)
		if err != nil {
			return verdict.Broken(err, "the cipher suite of the step")
		}
		suites = append(suites, id)
	}
	at, local, err := w.coapsAddr(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := patience(ctx, handshakeTimeout)
	defer cancel()
	result, err := peer.Offer(ctx, at, peer.Options{
		Local: local, Trace: w.Stage.Trace(), Guard: w.Stage.Guard, Security: &peer.Security{ServerName: w.Stage.Gateway().Name},
	}, suites)
	if err == nil {
		w.offered = &result
	}
	return err
}

// tryBoth tries two identities with one key, both at once.
func (w *World) tryBoth(ctx context.Context, key string, identities ...string) error {
	b, err := parseKey(key)
	if err != nil {
		return err
	}
	if err := w.asWritten(identities...); err != nil {
		return err
	}
	w.attempts = nil
	errs := make([]error, len(identities))
	var group sync.WaitGroup
	for i, identity := range identities {
		at, local, err := w.coapsAddr(ctx)
		if err != nil {
			return err
		}
		w.attempts = append(w.attempts, &attempt{identity: identity})
		this := w.attempts[i]
		group.Go(func() {
			c, err := peer.Dial(ctx, at, peer.Options{
				Local: local, Trace: w.Stage.Trace(), Guard: w.Stage.Guard,
				Security: &peer.Security{Identity: identity, Key: b, HandshakeTimeout: handshakeTimeout},
			})
			if err == nil {
				err = c.Close()
			}
			if !errors.As(err, &this.refusal) {
				errs[i] = err
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// alike fails unless both attempts were refused and looked the same on the wire.
func (w *World) alike() error {
	if len(w.attempts) != 2 {
		return verdict.Broken(nil, "no step has tried two identities")
	}
	var looks [2]string
	for i, a := range w.attempts {
		if a.refusal == nil {
			return verdict.Failed(fmt.Sprintf("no DTLS session for the identity %q", a.identity), "a session")
		}
		looks[i] = look(w.Stage.Trace().Events(), a.refusal.Local)
		if looks[i] == "" {
			return verdict.CannotJudge(nil, "the gateway sent no datagram at all to the identity %q: it may be down", a.identity)
		}
	}
	if looks[0] != looks[1] {
		return verdict.Failed(fmt.Sprintf("records of the same kinds and lengths for %q and for %q", w.attempts[0].identity, w.attempts[1].identity),
			fmt.Sprintf("%s for the first, %s for the second", looks[0], looks[1]))
	}
	return nil
}

// look is what somebody on the wire sees of what a device is sent: the kinds
// and the lengths of the records, each once, because what is sent again says
// nothing of its own.
func look(events []trace.Event, device netip.AddrPort) string {
	var kinds []string
	for _, e := range events {
		if e.Layer != trace.Datagram || e.To.Addr != device {
			continue
		}
		for b := e.Bytes; len(b) >= recordHeader; {
			n := recordHeader + int(b[11])<<8 + int(b[12])
			kind := fmt.Sprintf("a record of type %d in epoch %d with %d bytes", b[0], int(b[3])<<8|int(b[4]), n-recordHeader)
			if b[0] == alertRecord && n == recordHeader+2 && len(b) >= n {
				kind = peer.Alert{Level: b[recordHeader], Description: b[recordHeader+1]}.String()
			}
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
			b = b[min(n, len(b)):]
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, ", ")
}

// The header of a DTLS record, and the type of one with an alert (RFC 6347 §4.1).
const (
	recordHeader = 13
	alertRecord  = 21
)

func handshakeSteps() []Step {
	return []Step{
		{
			Expression: `the device offers every cipher suite but the two of the document`,
			Doc:        "One ClientHello with every cipher suite of IANA's registry, except TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 and TLS_PSK_WITH_AES_128_CCM_8.",
			Example:    `When the device offers every cipher suite but the two of the document`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.offer(ctx)
			},
		},
		{
			Expression: `the device offers every cipher suite but the two of the document, and {string}`,
			Doc:        "The same with one of the two behind the others.",
			Example:    `When the device offers every cipher suite but the two of the document, and "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.offer(ctx, a.String(0))
			},
		},
		{
			Expression: `the gateway chooses {string}`,
			Doc:        "The cipher suite of the gateway's ServerHello, by its IANA name.",
			Example:    `Then the gateway chooses "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(_ context.Context, w *World, a Args) error {
				if w.offered == nil {
					return verdict.Broken(nil, "no step has offered cipher suites")
				}
				if got := *w.offered; got.CipherSuite != a.String(0) {
					return verdict.Failed("a ServerHello that chose "+a.String(0), got.String())
				}
				return nil
			},
		},
		{
			Expression: `the gateway chooses none of them`,
			Doc:        "The gateway sends an alert, or no ServerHello.",
			Example:    `Then the gateway chooses none of them`,
			Run: func(_ context.Context, w *World, _ Args) error {
				switch {
				case w.offered == nil:
					return verdict.Broken(nil, "no step has offered cipher suites")
				case w.offered.CipherSuite != "":
					return verdict.Failed("no ServerHello", w.offered.String())
				case !w.offered.Heard:
					return verdict.CannotJudge(nil, "the gateway sent no datagram at all: a refusal cannot be told from a gateway that is down")
				}
				return nil
			},
		},
		{
			Expression: `the device tries the identities {string} and {string} with the key {string}`,
			Doc:        "Two handshakes at once, each from a socket of its own. A later step says how they must end.",
			Example:    `When the device tries the identities "nobody" and "hello" with the key "hex:00"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.tryBoth(ctx, a.String(2), a.String(0), a.String(1))
			},
		},
		{
			Expression: `the gateway refuses both handshakes alike`,
			Doc:        "Neither comes about, and the gateway has sent both the same: records of the same kinds and lengths, the same alert or none.",
			Example:    `Then the gateway refuses both handshakes alike`,
			Run: func(_ context.Context, w *World, _ Args) error {
				return w.alike()
			},
		},
		{
			Expression: `the device opens a DTLS session as {string} with the key that the key tool prints`,
			Doc:        "The PSK identity is the user's name, the key the bytes for which the 64 hexadecimal digits stand that the key tool (coapstone key psk) prints for the user's password.",
			Example:    `When the device opens a DTLS session as "hello" with the key that the key tool prints`,
			Run: func(ctx context.Context, w *World, a Args) error {
				u, ok := w.users[a.String(0)]
				if !ok {
					return notNamed("user", a.String(0), maps.Keys(w.users))
				}
				key, err := hex.DecodeString(credential.PSKKey(u.Password))
				if err != nil || len(key) != 32 {
					return verdict.Broken(err, "the key tool prints %q, no 64 hexadecimal digits", credential.PSKKey(u.Password))
				}
				if err := w.asWritten(a.String(0)); err != nil {
					return err
				}
				return w.openSession(ctx, &peer.Security{Identity: u.Identity, Key: key})
			},
		},
	}
}
