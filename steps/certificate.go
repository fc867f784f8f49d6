// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"crypto/x509"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// place is how the gateway knows a device: by an address, and perhaps by a host
// name.
type place struct {
	host string
	addr netip.Addr
}

// rightLeaf is the certificate that a device at this place needs.
func rightLeaf(at place) pki.Leaf {
	if at.host != "" {
		return pki.Leaf{Names: []string{at.host}}
	}
	return pki.Leaf{Addrs: []netip.Addr{at.addr}}
}

// flaws are what can be wrong with a device's certificate, as the features say it.
func flaws() map[string]func(l *pki.Leaf, at place) {
	return map[string]func(*pki.Leaf, place){
		"of another authority with the same name": func(l *pki.Leaf, _ place) { l.Stranger = true },
		"that is signed by itself":                func(l *pki.Leaf, _ place) { l.SelfSigned = true },
		"without its intermediate":                func(l *pki.Leaf, _ place) { l.WithoutIntermediate = true },
		"that has expired": func(l *pki.Leaf, _ place) {
			was := pki.ExpiredFor()
			l.NotBefore, l.NotAfter = was.NotBefore, was.NotAfter
		},
		"that is not valid yet": func(l *pki.Leaf, _ place) { l.NotBefore = pki.NotYetValidFor().NotBefore },
		"for clients alone":     func(l *pki.Leaf, _ place) { l.Client = true },
		"for signing programs alone": func(l *pki.Leaf, _ place) {
			l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		},
		"whose key may not sign": func(l *pki.Leaf, _ place) { l.KeyUsage = x509.KeyUsageKeyAgreement },
		"with an RSA key":        func(l *pki.Leaf, _ place) { l.RSA = true },
		"for another host":       func(l *pki.Leaf, _ place) { l.Names, l.Addrs = []string{"another.example.org"}, nil },
		"for another address": func(l *pki.Leaf, _ place) {
			l.Names, l.Addrs = nil, []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})}
		},
		"for its address alone":    func(l *pki.Leaf, at place) { l.Names, l.Addrs = nil, []netip.Addr{at.addr} },
		"with a wildcard":          func(l *pki.Leaf, at place) { l.Names = []string{wildcard(at.host)} },
		"with a common name alone": func(l *pki.Leaf, at place) { l.CommonName, l.Names, l.Addrs = at.text(), nil, nil },
		"with its address as a dNSName": func(l *pki.Leaf, at place) {
			l.Names, l.Addrs = []string{at.addr.String()}, nil
		},
		"without any name": func(l *pki.Leaf, _ place) { l.CommonName, l.Names, l.Addrs = "a device", nil, nil },
	}
}

// text is the place as a URL has it.
func (at place) text() string {
	if at.host != "" {
		return at.host
	}
	return at.addr.String()
}

// wildcard is a pattern that would match the host name.
func wildcard(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	return "*." + parent
}

// flawed is the certificate of a device with something wrong in it; "" is nothing.
func (w *World) flawed(host, flaw string, suites ...dtls.CipherSuiteID) func(netip.Addr) (*peer.Security, error) {
	return func(addr netip.Addr) (*peer.Security, error) {
		at := place{host, addr}
		leaf := rightLeaf(at)
		if flaw != "" {
			change, ok := flaws()[flaw]
			if !ok {
				return nil, notNamed("kind of certificate", flaw, maps.Keys(flaws()))
			}
			change(&leaf, at)
		}
		if leaf.RSA && suites == nil {
			suites = []dtls.CipherSuiteID{dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
		}
		s, err := w.withCertificate(func(netip.Addr) pki.Leaf { return leaf })(addr)
		if err == nil {
			s.CipherSuites = suites
		}
		return s, err
	}
}

// serveNamed is serve for a device that the gateway knows by a host name.
func (w *World) serveNamed(ctx context.Context, name, flaw string) error {
	host, addr, err := w.Stage.NamedServerAddr(ctx, 0)
	if err != nil {
		return err
	}
	return w.serveAt(ctx, name, host, addr, w.flawed(host, flaw))
}

// onlySuite reads the one cipher suite that a device is to speak.
func onlySuite(name string) ([]dtls.CipherSuiteID, error) {
	id, err := peer.ParseCipherSuite(name)
	if err != nil {
		return nil, verdict.Broken(err, "the cipher suite of the step")
	}
	return []dtls.CipherSuiteID{id}, nil
}

func certificateSteps() []Step {
	kinds := "\"" + strings.Join(slices.Sorted(maps.Keys(flaws())), "\", \"") + "\""
	return []Step{
		{
			Expression: `a device {string} that is reached over coaps with a certificate {string}`,
			Doc:        "A device that the gateway calls by its address and whose certificate is wrong in one point: " + kinds + ".",
			Example:    `Given a device "meter" that is reached over coaps with a certificate "that is not valid yet"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serve(ctx, a.String(0), 0, w.flawed("", a.String(1)))
			},
		},
		{
			Expression: `a device {string} with a host name that is reached over coaps with a certificate`,
			Doc:        "A device that the gateway calls by a host name. The name stands as a dNSName in its certificate.",
			Example:    `Given a device "meter" with a host name that is reached over coaps with a certificate`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serveNamed(ctx, a.String(0), "")
			},
		},
		{
			Expression: `a device {string} with a host name that is reached over coaps with a certificate {string}`,
			Doc:        "The same with a certificate that is wrong in one point.",
			Example:    `Given a device "meter" with a host name that is reached over coaps with a certificate "with a wildcard"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.serveNamed(ctx, a.String(0), a.String(1))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with a certificate and speaks only {string}`,
			Doc:        "A device with a good certificate and this cipher suite alone, by its IANA name.",
			Example:    `Given a device "meter" that is reached over coaps with a certificate and speaks only "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				suites, err := onlySuite(a.String(1))
				if err != nil {
					return err
				}
				return w.serve(ctx, a.String(0), 0, w.flawed("", "", suites...))
			},
		},
		{
			Expression: `a device {string} that is reached over coaps with the identity {string} and the key {string} and speaks only {string}`,
			Doc:        "A device with a pre-shared key and this cipher suite alone, by its IANA name.",
			Example:    `Given a device "lock" that is reached over coaps with the identity "door-7" and the key "open sesame" and speaks only "TLS_PSK_WITH_AES_128_CCM"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				suites, err := onlySuite(a.String(3))
				if err != nil {
					return err
				}
				return w.serve(ctx, a.String(0), 0, func(addr netip.Addr) (*peer.Security, error) {
					s, err := withKey(a.String(1), a.String(2))(addr)
					if err == nil {
						s.CipherSuites = suites
					}
					return s, err
				})
			},
		},
	}
}
