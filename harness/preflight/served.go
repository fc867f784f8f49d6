// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/coapstone/coapstone/harness/verdict"
)

// served looks at a target that is called: a gateway, or a device that serves.
func (c *check) served(ctx context.Context) {
	plain, secure := c.endpoints()
	for _, e := range plain {
		c.about("coap")
		c.step(ctx, e.String(), func(ctx context.Context) outcome {
			if c.gone[e.at.Addr().Is6()] {
				return skipped("needs the bench's address")
			}
			c.pause(ctx)
			return c.ping(ctx, e)
		})
	}
	if c.denied("coap") {
		c.about("coap")
		c.unspoken(ctx, secure)
	}
	for _, e := range secure {
		c.about("coaps")
		c.secure(ctx, e)
	}
	c.ipv6(ctx, slices.Concat(plain, secure))
	if c.t.Role == verdict.DeviceServer {
		c.resources(ctx)
	}
}

// unspoken looks whether a target that denies plain CoAP answers at its default
// port all the same.
func (c *check) unspoken(ctx context.Context, secure []endpoint) {
	for _, e := range secure {
		plain := endpoint{"coap", netip.AddrPortFrom(e.at.Addr(), 5683), e.key}
		if e.at == plain.at {
			continue
		}
		c.step(ctx, plain.String(), func(ctx context.Context) outcome {
			bounded, cancel := context.WithTimeout(ctx, 2*probeInterval)
			defer cancel()
			if s, b, _ := probe(bounded, c.local(plain.at), plain.at, []byte{0x40, 0, 0x70, 0x69}); s == answer && len(b) >= 4 && b[0]>>6 == 1 {
				return untrue("write coap: true under declares, with the address, or close the port", "denies plain CoAP, and answers a CoAP ping at its default port")
			}
			return well("not declared, and not spoken")
		})
	}
}

// endpoints are the target's addresses.
func (c *check) endpoints() (plain, secure []endpoint) {
	if d := c.t.Device; d != nil && c.t.Role != verdict.Gateway {
		if a := d.CoAPAddr(); a.IsValid() {
			plain = append(plain, endpoint{"coap", a, "device.coap"})
		}
		if a := d.CoAPSAddr(); a.IsValid() {
			secure = append(secure, endpoint{"coaps", a, "device.coaps"})
		}
		return plain, secure
	}
	if c.t.Gateway == nil {
		return nil, nil
	}
	each := func(scheme string, list []string, sorted []netip.AddrPort) []endpoint {
		var es []endpoint
		for _, a := range sorted {
			es = append(es, endpoint{scheme, a, fmt.Sprintf("gateway.%s[%d]", scheme, slices.Index(list, a.String()))})
		}
		return es
	}
	g := c.t.Gateway
	return each("coap", g.CoAP, g.CoAPAddrs()), each("coaps", g.CoAPS, g.CoAPSAddrs())
}

// secure makes each kind of handshake at one address.
func (c *check) secure(ctx context.Context, e endpoint) {
	if c.gone[e.at.Addr().Is6()] {
		c.step(ctx, e.String(), func(context.Context) outcome { return skipped("needs the bench's address") })
		return
	}
	c.about("psk")
	c.about("certificates")
	alive, settled := true, (*attempt)(nil)
	handshake := func(what string, do func(context.Context) (outcome, attempt)) {
		c.step(ctx, e.String()+" "+what, func(ctx context.Context) outcome {
			if !alive {
				return skipped("nothing answers there")
			}
			o, a := do(ctx)
			if a.client != nil {
				defer func() { _ = a.client.Close() }()
				settled = &a
				if c.answering == nil {
					c.answering, c.door = &e, a.security
				}
				o = c.inSession(ctx, o, a)
			}
			alive = alive && (a.err == nil || a.heard)
			return o
		})
		c.masterSecret(ctx, settled)
	}
	c.keys(e, handshake)
	c.certificates(e, handshake)
	for _, s := range []struct{ capability, suite string }{{"psk", suitePSK}, {"certificates", suiteCertificate}} {
		if !c.declared[s.capability] {
			handshake(s.capability, func(ctx context.Context) (outcome, attempt) {
				return c.undeclared(ctx, e, s.capability, s.suite), attempt{}
			})
		}
	}
}

type handshaking func(what string, do func(context.Context) (outcome, attempt))

// keys tries each pre-shared key that the target file names.
func (c *check) keys(e endpoint, handshake handshaking) {
	if !c.declared["psk"] {
		return
	}
	all := c.credentials()
	if len(all) == 0 {
		handshake("psk", func(context.Context) (outcome, attempt) {
			return skipped("declares pre-shared keys, and the target file names none: %s", c.whereKeys()), attempt{}
		})
	}
	for _, cred := range all {
		handshake("psk, "+cred.name, func(ctx context.Context) (outcome, attempt) { return c.psk(ctx, e, cred) })
	}
}

func (c *check) whereKeys() string {
	if c.t.Role == verdict.Gateway {
		return "bind a user under users"
	}
	return "write device.identity and device.key"
}

// credentials are the pre-shared keys that the target has.
func (c *check) credentials() []pskOf {
	if d := c.t.Device; d != nil && c.t.Role == verdict.DeviceServer {
		key, err := d.PSK()
		if key == nil && err == nil {
			return nil
		}
		return []pskOf{{"device.identity", "device.key", d.Identity, key, "explicit", err}}
	}
	var all []pskOf
	for _, name := range slices.Sorted(maps.Keys(c.t.Users)) {
		u := c.t.Users[name]
		key, err := u.PSK()
		form := u.PSKKey
		if form == "" {
			form = "raw"
		}
		all = append(all, pskOf{"users." + name, "users." + name, u.Name, key, form, err})
	}
	return all
}

// certificates verifies the target's own.
func (c *check) certificates(e endpoint, handshake handshaking) {
	if !c.declared["certificates"] {
		return
	}
	handshake("certificate", func(ctx context.Context) (outcome, attempt) {
		roots, host, err := c.trust()
		if err != nil {
			return untrue("correct "+section(c)+".roots", "%v", err), attempt{}
		}
		return c.certificate(ctx, e, roots, host)
	})
}

// trust is what the target's certificate is verified against.
func (c *check) trust() (*x509.CertPool, string, error) {
	if d := c.t.Device; d != nil && c.t.Role != verdict.Gateway {
		roots, err := d.TrustStore()
		return roots, d.Host, err
	}
	roots, err := c.t.Gateway.TrustStore()
	return roots, c.t.Gateway.Host, err
}

// masterSecret compares the statement with the first session, once.
func (c *check) masterSecret(ctx context.Context, settled *attempt) {
	const name = "extended-master-secret"
	if settled == nil || slices.Contains(c.looked, name) {
		return
	}
	c.about(name)
	c.step(ctx, "extended master secret", func(context.Context) outcome { return c.extendedMasterSecret(settled.session) })
}

// inSession looks whether CoAP is spoken in a session.
func (c *check) inSession(ctx context.Context, o outcome, a attempt) outcome {
	bounded, cancel := context.WithTimeout(ctx, or(c.o.Reach, reachTimeout))
	defer cancel()
	rtt, err := a.client.Ping(bounded)
	if err != nil {
		return untrue("have it reject an Empty confirmable message with a Reset (RFC 7252 §4.3), inside DTLS too: the suite takes that for ready",
			"%s; but in the session: %v", o.detail, err)
	}
	o.detail += "; answers a CoAP ping in it in " + brief(rtt)
	return o
}

// ipv6 compares the statement with the addresses.
func (c *check) ipv6(ctx context.Context, all []endpoint) {
	if !c.declared["ipv6"] {
		return
	}
	c.about("ipv6")
	c.step(ctx, "ipv6", func(context.Context) outcome {
		if !slices.ContainsFunc(all, func(e endpoint) bool { return e.at.Addr().Is6() }) {
			return untrue("add its IPv6 address under "+section(c)+", or write ipv6: false under declares",
				"declares IPv6, and the target file names no IPv6 address of it")
		}
		if !c.t.Bench.Addr(true).IsValid() {
			return blocked("add an IPv6 address of this machine to bench.addresses", "declares IPv6, and the bench has no IPv6 address")
		}
		return well("has addresses on both sides")
	})
}
