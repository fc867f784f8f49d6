// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
)

// shakes looks at the handshake of a device that calls, and returns the cipher
// suite in which it came about; "" where it did not.
func (c *check) shakes(ctx context.Context, h *hearing, first trace.Event) string {
	if !looksSecure(first.Bytes) {
		c.step(ctx, h.String()+" handshake", func(context.Context) outcome {
			return untrue("give it a coaps URL, or write coaps: false under declares", "sends to the port for coaps what is no DTLS record: %s", hexOf(first.Bytes))
		})
		return ""
	}
	var shaken peer.Handshake
	o := c.step(ctx, h.String()+" handshake", func(ctx context.Context) outcome {
		var o outcome
		shaken, o = c.handshake(ctx, h)
		return o
	})
	c.offered(ctx, h.with, shaken.Session)
	if o.state != OK {
		return ""
	}
	c.masterSecret(ctx, &attempt{session: shaken.Session})
	c.step(ctx, h.String()+" request", func(ctx context.Context) outcome {
		r, err := c.request(ctx, h)
		if err != nil {
			return untrue("look at the device's log: the handshake came about, and then it has to send its request", "no CoAP request came in the DTLS session")
		}
		return well("%s", r)
	})
	return shaken.Session.CipherSuite
}

// handshake waits for the end of a handshake at any of the servers.
func (c *check) handshake(ctx context.Context, h *hearing) (peer.Handshake, outcome) {
	bounded, cancel := context.WithTimeout(ctx, or(c.o.Handshake, handshakeTimeout)+probeInterval)
	defer cancel()
	found := make(chan peer.Handshake, len(h.servers))
	for _, s := range h.servers {
		go func() {
			shaken, err := s.AwaitHandshake(bounded, 1)
			if err != nil {
				shaken = peer.Handshake{Err: errNone}
			}
			found <- shaken
		}()
	}
	last := peer.Handshake{Err: errNone}
	for range h.servers {
		shaken := <-found
		if errors.Is(shaken.Err, errNone) {
			continue
		}
		last = shaken
		if shaken.Err == nil {
			break
		}
	}
	if last.Err != nil {
		return last, c.calleeRefused(h, last)
	}
	as := ""
	if last.Session.Identity != "" {
		as = fmt.Sprintf(" as %q", last.Session.Identity)
	}
	return last, well("%s%s", last.Session.CipherSuite, as)
}

// errNone: no handshake came to an end.
var errNone = errors.New("no handshake came to an end")

// calleeRefused reads why a handshake that the device began failed.
func (c *check) calleeRefused(h *hearing, shaken peer.Handshake) outcome {
	var failed *peer.HandshakeError
	if !errors.As(shaken.Err, &failed) {
		return untrue("have it begin DTLS 1.2 with a ClientHello (RFC 6347 §4.2), and let through what the bench answers",
			"sends DTLS records, and no handshake comes to an end")
	}
	offers := func(suite string) bool { return slices.Contains(shaken.Session.Offered, suite) }
	const unknownIdentity = 115
	switch {
	case !offers(suitePSK) && !offers(suiteCertificate):
		return untrue(fmt.Sprintf("turn %s or %s on in its DTLS stack (RFC 7925)", suitePSK, suiteCertificate),
			"offers neither suite of the document: it offers %s", list(shaken.Session.Offered))
	case !offers(suitePSK) && !h.certificate:
		return blocked("give the bench a certificate: bench.pki, or bench.certificate with the vendor's own chain", "offers certificates alone, and the bench has none")
	case failed.Sent != nil && failed.Sent.Description == unknownIdentity:
		return untrue("bind the user with that name under users", "gives the PSK identity of nobody who is bound under users: got %s", failed.Got())
	case shaken.Session.CipherSuite == suitePSK:
		return untrue("compare the key that the device has with that of the target file: the form may be another (psk-key: raw, hex, explicit), and some stacks cut keys off (tinydtls at 16 bytes): limits.psk-key",
			"the keys differ: got %s", failed.Got())
	case failed.Received != nil:
		return untrue(fmt.Sprintf("put the root of bench.pki, or of bench.certificate, into its trust store, and see that it looks for %s", strings.Join(c.names(h), " or ")),
			"refuses the bench's certificate: got %s", failed.Got())
	default:
		return untrue("look at the device's log, and whether it gets what the bench answers", "the handshake does not come about: got %s", failed.Got())
	}
}

func (c *check) names(h *hearing) []string {
	var names []string
	for _, at := range h.at {
		if name := c.host(at); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing that could be read"
	}
	return strings.Join(names, ", ")
}

// offered compares the statement, and what the device was told to use, with the
// ClientHello.
func (c *check) offered(ctx context.Context, told string, s peer.Session) {
	if len(s.Offered) == 0 {
		return
	}
	for _, m := range []struct{ capability, suite string }{{"psk", suitePSK}, {"certificates", suiteCertificate}} {
		offers := slices.Contains(s.Offered, m.suite)
		if told != "" && told != m.capability && c.declared[m.capability] {
			continue // it has its own turn
		}
		c.about(m.capability)
		c.step(ctx, "offers "+m.capability, func(context.Context) outcome {
			switch {
			case offers && c.declared[m.capability]:
				return well("%s stands in its ClientHello", m.suite)
			case offers && c.denied(m.capability):
				return untrue(fmt.Sprintf("write %s: true under declares, or have it not offer %s", m.capability, m.suite),
					"denies %s, and offers %s", m.capability, m.suite)
			case offers:
				return well("not declared, and offered all the same (%s): write %s: true under declares to have it judged", m.suite, m.capability)
			case c.declared[m.capability]:
				return untrue(fmt.Sprintf("turn %s on in it, or write %s: false under declares", m.suite, m.capability),
					"declares %s, and does not offer %s: it offers %s", m.capability, m.suite, list(s.Offered))
			default:
				return well("not declared, and not offered")
			}
		})
	}
}
