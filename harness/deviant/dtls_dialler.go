// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// offering dials devices with cipher suites beside the one that the document has
// for pre-shared keys, or the one for certificates.
func offering(psk, certificate []pion.CipherSuiteID) func() embedded.Options {
	return dialling(func(ctx context.Context, _ call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
		if c.PSK != nil {
			return dial(ctx, remote, r, append([]pion.ClientOption{
				pion.WithCipherSuites(append([]pion.CipherSuiteID{pion.TLS_PSK_WITH_AES_128_CCM_8}, psk...)...),
			}, pskOptions(c)...))
		}
		return dial(ctx, remote, r, []pion.ClientOption{
			pion.WithCipherSuites(append([]pion.CipherSuiteID{pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8}, certificate...)...),
			pion.WithInsecureSkipVerify(true),
			pion.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
				return strict().verify(raw, c.Roots, c.ServerName)
			}),
		})
	})
}

func pskOptions(c dtls.ClientConfig) []pion.ClientOption {
	return []pion.ClientOption{
		pion.WithPSKIdentityHint([]byte(c.PSK.Identity)),
		pion.WithPSK(func([]byte) ([]byte, error) { return c.PSK.Key, nil }),
	}
}

// trusting dials devices with another look at their certificates.
func trusting(change func(*look)) func() embedded.Options {
	return dialling(func(ctx context.Context, next call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
		if c.PSK != nil {
			return next(ctx, remote, r, c)
		}
		l := strict()
		change(l)
		return dial(ctx, remote, r, []pion.ClientOption{
			pion.WithCipherSuites(pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
			pion.WithInsecureSkipVerify(true),
			pion.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error { return l.verify(raw, c.Roots, c.ServerName) }),
		})
	})
}

// look is how a device's certificate is looked at, step by step, so that each can be
// left out. Every step gets the chain, leaf first.
type look struct {
	now    func(leaf *x509.Certificate) time.Time
	usages []x509.ExtKeyUsage
	signs  bool
	// chain says whether the chain must lead to a root.
	chain func(leaf *x509.Certificate) bool
	// besides are intermediates that the device need not send.
	besides []*x509.Certificate
	host    func(leaf *x509.Certificate, host string) bool
}

// strict is the look of a gateway that does nothing wrong.
func strict() *look {
	return &look{
		now:    func(*x509.Certificate) time.Time { return time.Now() },
		usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		signs:  true,
		chain:  func(*x509.Certificate) bool { return true },
		host:   isFor,
	}
}

// isFor says whether a certificate is for the host, without wildcards.
func isFor(leaf *x509.Certificate, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(leaf.IPAddresses, func(ip net.IP) bool { return ip.Equal(a.AsSlice()) })
	}
	return slices.Contains(leaf.DNSNames, host)
}

func (l *look) verify(raw [][]byte, roots *x509.CertPool, host string) error {
	intermediates := x509.NewCertPool()
	var chain []*x509.Certificate
	for _, der := range raw {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%w: %w", dtls.ErrCertificate, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return dtls.ErrCertificate
	}
	for _, c := range append(chain[1:], l.besides...) {
		intermediates.AddCert(c)
	}
	leaf := chain[0]
	if l.chain(leaf) {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: l.now(leaf), KeyUsages: l.usages})
		if err != nil {
			return fmt.Errorf("%w: %w", dtls.ErrCertificate, err)
		}
	}
	if l.signs && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("%w: its key may not sign", dtls.ErrCertificate)
	}
	if !l.host(leaf, host) {
		return fmt.Errorf("%w: it is not for %s", dtls.ErrCertificate, host)
	}
	return nil
}

// certificatesIn are those in PEM.
func certificatesIn(text string) (all []*x509.Certificate) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, c)
		}
	}
}

// knowingIntermediates is a gateway that has seen the authority's intermediate
// elsewhere, in its own chain, and does without the device's.
func knowingIntermediates() embedded.Options {
	var known []*x509.Certificate
	o := trusting(func(l *look) { l.besides = known })()
	o.Configure = func(c *gateway.Config) { known = certificatesIn(c.DTLS.Certificate)[1:] }
	return o
}

// fallingBack dials again in another way when a device could not be reached with
// what its provider says. trust is the gateway's trust store.
func fallingBack(other func(c dtls.ClientConfig, remote netip.AddrPort, trust *x509.CertPool) dtls.ClientConfig) func() embedded.Options {
	return func() embedded.Options {
		trust := x509.NewCertPool()
		o := dialling(func(ctx context.Context, next call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
			first, cancel := context.WithTimeout(ctx, fallBackAfter)
			defer cancel()
			conn, err := next(first, remote, r, c)
			if err != nil && ctx.Err() == nil {
				return next(ctx, remote, r, other(c, remote, trust))
			}
			return conn, err
		})()
		o.Configure = func(c *gateway.Config) {
			for _, text := range c.Trust {
				for _, certificate := range certificatesIn(text) {
					trust.AddCert(certificate)
				}
			}
		}
		return o
	}
}

// fallBackAfter is how long the right way is tried.
const fallBackAfter = time.Second

// dialled is a session that a gateway has opened.
type dialled struct {
	*session

	done chan struct{}
}

// Close ends the session, and waits until nothing comes of it any more.
func (d dialled) Close() error {
	err := d.Conn.Close()
	<-d.done
	return err
}

// dial opens a session with pion alone.
func dial(ctx context.Context, remote netip.AddrPort, r endpoint.Receiver, opts []pion.ClientOption) (call.Conn, error) {
	conn, err := pion.DialWithOptions("udp", net.UDPAddrFromAddrPort(remote), opts...)
	if err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	d := dialled{newSession(conn), make(chan struct{})}
	go func() {
		defer close(d.done)
		d.receive(r)
	}()
	return d, nil
}
