// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
)

// The two cipher suites of RFC 7925 §4.2 and §4.4, which the document asks for.
const (
	suitePSK         = "TLS_PSK_WITH_AES_128_CCM_8"
	suiteCertificate = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
)

// pskOf is a pre-shared key that the target has.
type pskOf struct {
	name     string // "the user hello"
	path     string // where it stands in the target file
	identity string
	key      []byte
	form     string // of the key: raw, hex, explicit
	err      error  // why there is no key
}

// otherForms reminds of the forms that a user's key can have.
func (p pskOf) otherForms() string {
	if p.form == "explicit" {
		return ""
	}
	return fmt.Sprintf("the form may be another (%s.psk-key: raw is 32 bytes, hex is 64 digits as text), ", p.path)
}

// attempt is what became of one handshake.
type attempt struct {
	client   *peer.Client // nil when it failed
	session  peer.Session
	security *peer.Security
	heard    bool // a datagram came back
	err      error
	elapsed  time.Duration
	reached  *arrivals // this machine, heard or not
}

// try makes one handshake.
func (c *check) try(ctx context.Context, e endpoint, s *peer.Security) attempt {
	c.pause(ctx)
	log := &trace.Log{}
	if s.HandshakeTimeout == 0 {
		s.HandshakeTimeout = or(c.o.Handshake, handshakeTimeout)
	}
	watch := watchArrivals()
	defer watch.stop()
	begun := time.Now()
	hearing, deaf := context.WithCancel(ctx)
	defer deaf()
	go func() {
		if !heardWithin(hearing, log, e.at, or(c.o.Reach, reachTimeout)) {
			deaf() // nothing came to the first copies of the hello: nothing will
		}
	}()
	client, err := peer.Dial(hearing, e.at, peer.Options{
		Name: "bench", Remote: c.thing(), Local: netip.AddrPortFrom(c.local(e.at), 0), Trace: log, Security: s,
	})
	a := attempt{client: client, security: s, err: err, elapsed: time.Since(begun), reached: watch}
	var failed *peer.HandshakeError
	switch {
	case err == nil:
		a.session = client.Session()
	case errors.As(err, &failed):
		a.session = failed.Session
	}
	a.heard = heard(log, e.at)
	return a
}

// heard says whether a datagram came from there.
func heard(log *trace.Log, from netip.AddrPort) bool {
	return slices.ContainsFunc(log.Events(), func(e trace.Event) bool { return e.Layer == trace.Datagram && e.From.Addr == from })
}

// heardWithin waits for a datagram from there, and no longer than d. The end of ctx
// counts as one: then nobody asks any more.
func heardWithin(ctx context.Context, log *trace.Log, from netip.AddrPort, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		changed := log.Changed()
		if heard(log, from) {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}

// closeNotify is an alert that no server minds: it ends what does not exist. It
// asks the network alone whether anybody listens.
func closeNotify() []byte {
	return []byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0}
}

// deaf is the outcome of a handshake to which nothing at all came back: the
// network may know why.
func (c *check) deaf(ctx context.Context, e endpoint, a attempt) outcome {
	if o, dropped := c.answersDropped(a.reached, e); dropped {
		return o
	}
	bounded, cancel := context.WithTimeout(ctx, 2*probeInterval)
	defer cancel()
	s, _, err := probe(bounded, c.local(e.at), e.at, closeNotify())
	return c.missing(s, err, e, a.elapsed)
}

// psk makes a handshake with a pre-shared key.
func (c *check) psk(ctx context.Context, e endpoint, cred pskOf) (outcome, attempt) {
	if cred.err != nil {
		return untrue("correct "+cred.path+" in the target file", "its key cannot be read: %v", cred.err), attempt{}
	}
	if limit := c.t.Limits.PSKKey; limit > 0 && len(cred.key) > limit {
		return untrue(fmt.Sprintf("give %s a key of its own of %d bytes or fewer: psk-key: explicit, and key: {env: NAME} (reading 8: the derivation of the key is then not met)", cred.name, limit),
			"its key of the form %s has %s, and limits.psk-key says %d", cred.form, octets(len(cred.key)), limit), attempt{}
	}
	a := c.try(ctx, e, &peer.Security{Identity: cred.identity, Key: cred.key})
	switch {
	case a.err == nil:
		return well("%s in %s, with a key of %s", a.session.CipherSuite, brief(a.elapsed), octets(len(cred.key))), a
	case !a.heard:
		return c.deaf(ctx, e, a), a
	default:
		return pskRefused(cred, a), a
	}
}

func octets(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// pskRefused reads why a handshake with a pre-shared key failed.
func pskRefused(cred pskOf, a attempt) outcome {
	const unknownIdentity = 115
	var failed *peer.HandshakeError
	if !errors.As(a.err, &failed) {
		return blocked("look at what the error names", "%v", a.err)
	}
	switch {
	case failed.Received != nil && failed.Received.Description == unknownIdentity:
		return untrue(fmt.Sprintf("make the user known to it, or correct %s in the target file", cred.path),
			"does not know the identity %q: %s", cred.identity, failed.Received)
	case a.session.CipherSuite == suitePSK:
		return untrue(fmt.Sprintf("compare the identity %q and the key with what it has: %sand some stacks cut keys off (tinydtls at 16 bytes, Zephyr at 32 by default): limits.psk-key says so", cred.identity, cred.otherForms()),
			"chose %s and then refused the %s key of %s: got %s", suitePSK, cred.form, octets(len(cred.key)), failed.Got())
	default:
		return untrue("turn "+suitePSK+" on in it, or write psk: false under declares",
			"declares pre-shared keys, and refuses them: got %s", failed.Got())
	}
}

// certificate makes a handshake in which the target shows its certificate.
func (c *check) certificate(ctx context.Context, e endpoint, roots *x509.CertPool, host string) (outcome, attempt) {
	a := c.try(ctx, e, &peer.Security{Roots: roots, ServerName: host})
	switch {
	case a.err == nil:
		return well("%s in %s, certificate of %s", a.session.CipherSuite, brief(a.elapsed), subject(a.session)), a
	case !a.heard:
		return c.deaf(ctx, e, a), a
	case roots == nil && a.session.CipherSuite == suiteCertificate:
		return skipped("it does %s; whose certificate it shows is not known: name the roots in %s.roots", suiteCertificate, section(c)), a
	default:
		return c.certificateRefused(a), a
	}
}

func subject(s peer.Session) string {
	if len(s.PeerCertificates) == 0 {
		return "nobody"
	}
	return fmt.Sprintf("%q, valid until %s", s.PeerCertificates[0].Subject.CommonName, s.PeerCertificates[0].NotAfter.Format(time.DateOnly))
}

// section is where the target's addresses stand in the file.
func section(c *check) string { return c.thing() }

// certificateRefused reads why a handshake with certificates failed.
func (c *check) certificateRefused(a attempt) outcome {
	var (
		failed  *peer.HandshakeError
		stray   x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(a.err, &stray):
		by := ""
		if stray.Cert != nil {
			by = fmt.Sprintf(" (%q, issued by %q)", stray.Cert.Subject.CommonName, stray.Cert.Issuer.CommonName)
		}
		return untrue(fmt.Sprintf("put the root that signed it into the file of %s.roots, and have it send its intermediates", section(c)),
			"its certificate%s does not lead to a root of %s.roots", by, section(c))
	case errors.As(a.err, &name):
		return untrue(fmt.Sprintf("write the name that its certificate is for into %s.host, or give it a certificate for %q", section(c), name.Host),
			"its certificate is for another name than %q: %v", name.Host, certificateNames(name.Certificate))
	case errors.As(a.err, &invalid):
		return untrue("give it a certificate that is valid today", "its certificate is not valid: %v", invalid)
	case !errors.As(a.err, &failed):
		return blocked("look at what the error names", "%v", a.err)
	case a.session.CipherSuite == "":
		return untrue("turn "+suiteCertificate+" on in it, or write certificates: false under declares",
			"declares certificates, and refuses them: got %s", failed.Got())
	default:
		return untrue(fmt.Sprintf("look at its certificate: it must be an ECDSA one on P-256, for the name in %s.host", section(c)),
			"chose %s and did not finish: got %s", a.session.CipherSuite, failed.Got())
	}
}

func certificateNames(cert *x509.Certificate) []string {
	if cert == nil {
		return nil
	}
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// deniedTimeout bounds a handshake that is not to come about: who refuses by
// silence costs this long.
const deniedTimeout = 3 * time.Second

// undeclared looks whether the target does a scheme that it does not declare: it
// is offered that alone, with credentials that nobody has. Its ServerHello says
// enough; and then the handshake is ended with an alert, so that a device that
// has one session has it back.
func (c *check) undeclared(ctx context.Context, e endpoint, capability, suite string) outcome {
	s := &peer.Security{HandshakeTimeout: deniedTimeout}
	if suite == suitePSK {
		s.Identity, s.Key = "coapstone-preflight", make([]byte, 16)
		_, _ = rand.Read(s.Key) // never fails
	}
	a := c.try(ctx, e, s)
	if a.client != nil { // it took a random key from a stranger
		_ = a.client.Close()
	}
	switch {
	case a.session.CipherSuite == "" && !a.heard:
		return well("not declared, and not done: no answer to an offer of %s", suite)
	case a.session.CipherSuite == "":
		return well("not declared, and not done: an offer of %s is refused", suite)
	case c.denied(capability):
		return untrue(fmt.Sprintf("write %s: true under declares, or turn %s off in it", capability, suite),
			"denies %s, and does it: a ServerHello chose %s", capability, suite)
	default:
		return well("not declared, and done all the same (%s): write %s: true under declares to have it judged", suite, capability)
	}
}

// extendedMasterSecret compares the statement with a session.
func (c *check) extendedMasterSecret(s peer.Session) outcome {
	const name = "extended-master-secret"
	switch {
	case s.ExtendedMasterSecret == c.declared[name] && s.ExtendedMasterSecret:
		return well("negotiated (RFC 7627)")
	case s.ExtendedMasterSecret == c.declared[name]:
		return well("not negotiated, as the statement says")
	case s.ExtendedMasterSecret:
		return untrue("write "+name+": true under declares", "denies the extended master secret, and negotiates it")
	default:
		return untrue("turn it on in the DTLS stack (RFC 7925 §16), or write "+name+": false under declares",
			"declares the extended master secret, and does not negotiate it")
	}
}
