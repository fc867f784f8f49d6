// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

var (
	errUnknown = errors.New("nobody has this identity")
	errTooMany = errors.New("too many cipher suites")
)

// modest is a certificate for devices that offer few cipher suites.
func modest(c *tls.Certificate) func(*pion.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *pion.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.CipherSuites) > 16 {
			return nil, errTooMany
		}
		return c, nil
	}
}

// selfSigned says whether a certificate is signed by its own key.
func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// certificateDeviants are wrong about certificates: their own, and those of the
// devices that they call.
func certificateDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "leaves the intermediate certificate out of its own chain",
			Breaks: "RMP-4.1-03",
			Also:   []string{"RMP-4.1-01", "RMP-3.1-02", "RMP-5-03", "RMP-5-05", "RMP-5-07", "RMP-3-10"},
			Says:   "from the peer itself",
			made: accepting(func(c *dtls.ServerConfig) {
				alone := *c.Certificate
				alone.Certificate = alone.Certificate[:1]
				c.Certificate = &alone
			}),
		},
		{
			Name:   "does not ask who has signed a device's certificate",
			Breaks: "RMP-4.1-05",
			Says:   "200",
			made: trusting(func(l *look) {
				// But what its other requirements are about is looked at.
				l.chain = func(leaf *x509.Certificate) bool {
					now := time.Now()
					return selfSigned(leaf) || now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) || !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
				}
				l.besides = nil
			}),
			Also: []string{"RMP-4.1-11"},
		},
		{
			Name:   "does not look at the host that a device's certificate is for",
			Breaks: "RMP-4.1-06",
			Also:   []string{"RMP-4.1-13", "RMP-4.1-14"},
			Says:   "200",
			made:   trusting(func(l *look) { l.host = func(*x509.Certificate, string) bool { return true } }),
		},
		{
			Name:   "takes a device's certificate that has expired",
			Breaks: "RMP-4.1-07",
			Says:   "200",
			made: trusting(func(l *look) {
				l.now = func(leaf *x509.Certificate) time.Time { return earlier(time.Now(), leaf.NotAfter) }
			}),
		},
		{
			Name:   "takes a device's certificate before it is valid",
			Breaks: "RMP-4.1-08",
			Says:   "200",
			made: trusting(func(l *look) {
				l.now = func(leaf *x509.Certificate) time.Time {
					if now := time.Now(); now.After(leaf.NotBefore) {
						return now
					}
					return leaf.NotBefore
				}
			}),
		},
		{
			Name:   "takes a device's certificate that is for another use",
			Breaks: "RMP-4.1-09",
			Says:   "200",
			made:   trusting(func(l *look) { l.usages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }),
		},
		{
			Name:   "takes a device's certificate whose key may not sign",
			Breaks: "RMP-4.1-09",
			Says:   "200",
			made:   trusting(func(l *look) { l.signs = false }),
		},
		{
			Name:   "takes a device's certificate that is signed by itself",
			Breaks: "RMP-4.1-10",
			Says:   "200",
			made:   trusting(func(l *look) { l.chain = func(leaf *x509.Certificate) bool { return !selfSigned(leaf) } }),
		},
		{
			Name:   "finds the intermediate certificate that a device leaves out elsewhere",
			Breaks: "RMP-4.1-11",
			Says:   "200",
			made:   knowingIntermediates,
		},
		{
			Name:   "looks for host names in the common name alone",
			Breaks: "RMP-4.1-12",
			Also:   []string{"RMP-4.1-14"},
			Says:   "502",
			made: trusting(func(l *look) {
				l.host = func(leaf *x509.Certificate, host string) bool {
					if _, err := netip.ParseAddr(host); err != nil {
						return leaf.Subject.CommonName == host && len(leaf.DNSNames) == 0
					}
					return isFor(leaf, host)
				}
			}),
		},
		{
			Name:   "looks for addresses among the names of a device's certificate",
			Breaks: "RMP-4.1-13",
			Says:   "200",
			made: trusting(func(l *look) {
				l.host = func(leaf *x509.Certificate, host string) bool {
					return isFor(leaf, host) || slices.Contains(leaf.DNSNames, host)
				}
			}),
		},
		{
			Name:   "takes wildcards in a device's certificate",
			Breaks: "RMP-4.1-14",
			Says:   "200",
			made: trusting(func(l *look) {
				l.host = func(leaf *x509.Certificate, host string) bool { return leaf.VerifyHostname(host) == nil }
			}),
		},
		{
			Name:   "takes the common name of a device's certificate for its host name",
			Breaks: "RMP-4.1-14",
			Also:   []string{"RMP-4.1-13"},
			Says:   "200",
			made: trusting(func(l *look) {
				l.host = func(leaf *x509.Certificate, host string) bool {
					return isFor(leaf, host) || leaf.Subject.CommonName == host && len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0
				}
			}),
		},
		{
			Name:   "tries a pre-shared key that it knows where certificates fail",
			Breaks: "RMP-4.1-17",
			Says:   "200",
			made: fallingBack(func(c dtls.ClientConfig, _ netip.AddrPort, _ *x509.CertPool) dtls.ClientConfig {
				if c.PSK == nil {
					c.Roots, c.PSK = nil, &dtls.PSK{Identity: "meter-3", Key: []byte("open sesame")}
				}
				return c
			}),
		},
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// connectorKeyDeviants are wrong about the pre-shared keys with which they call.
func connectorKeyDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "tries another identity that it knows where the device does not know the first",
			Breaks: "RMP-2.1.2-10",
			Says:   "204",
			made: dialling(func(ctx context.Context, next call.DialDTLS, remote netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
				conn, err := next(ctx, remote, r, c)
				if err != nil && ctx.Err() == nil && c.PSK != nil {
					c.PSK = &dtls.PSK{Identity: "door-8", Key: c.PSK.Key}
					return next(ctx, remote, r, c)
				}
				return conn, err
			}),
		},
		{
			Name:   "tries certificates where a pre-shared key fails",
			Breaks: "RMP-4.2-15",
			Says:   "204",
			made: fallingBack(func(c dtls.ClientConfig, remote netip.AddrPort, trust *x509.CertPool) dtls.ClientConfig {
				if c.PSK != nil {
					c.PSK, c.Roots, c.ServerName = nil, trust, remote.Addr().String()
				}
				return c
			}),
		},
	}
}
