// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ErrCertificate is matched by every error that says why a server's certificate
// was refused.
var ErrCertificate = errors.New("the server's certificate is refused")

// verify checks the chain that a server sent: that it leads to one of the roots,
// that it is valid at the time and meant for servers that sign, and that the leaf is for
// the host. A name must stand in a dNSName as it is, without wildcards (RFC 7925
// §4.4.1); an address must stand in an iPAddress. The common name counts for
// nothing (RFC 7252 §9.1.3.3).
func verify(raw [][]byte, roots *x509.CertPool, host string, now time.Time) error {
	if len(raw) == 0 {
		return fmt.Errorf("%w: it sent none", ErrCertificate)
	}
	chain := make([]*x509.Certificate, len(raw))
	intermediates := x509.NewCertPool()
	for i, der := range raw {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%w: certificate %d of its chain: %w", ErrCertificate, i, err)
		}
		chain[i] = c
		if i > 0 {
			intermediates.AddCert(c)
		}
	}
	leaf := chain[0]
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	// The suite has the server sign; crypto/x509 does not look at the leaf's usage.
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("%w: its key usage does not indicate digitalSignature (RFC 7252 §9.1.3.3)", ErrCertificate)
	}
	if !isFor(leaf, host) {
		return fmt.Errorf("%w: it is for %s, not for %s; names stand in dNSName, addresses in iPAddress, wildcards do not count (RFC 7925 §4.4.1)", ErrCertificate, subjects(leaf), host)
	}
	return nil
}

// isFor says whether the certificate is for the host.
func isFor(c *x509.Certificate, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		for _, ip := range c.IPAddresses {
			if b, ok := netip.AddrFromSlice(ip); ok && b.Unmap() == a.Unmap() {
				return true
			}
		}
		return false
	}
	host = strings.TrimSuffix(host, ".")
	return !strings.Contains(host, "*") && slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, host) })
}

// subjects is the names of a certificate for a person.
func subjects(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
