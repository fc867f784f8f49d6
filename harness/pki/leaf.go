// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// leafLife is how long a leaf is valid when nothing else is said.
const leafLife = 397 * 24 * time.Hour

// Leaf is a certificate to issue. The zero value is a server's certificate for
// no name at all, which every client must refuse.
type Leaf struct {
	// Names and Addrs are its dNSName and iPAddress subject alternative names.
	Names []string
	Addrs []netip.Addr
	// CommonName is the first name or address when empty. No verifier may look at
	// it (RFC 7925 §4.4.1).
	CommonName string
	// NotBefore and NotAfter are its validity: a day ago, and 397 days after
	// NotBefore, when zero.
	NotBefore, NotAfter time.Time
	// Client makes it a client's certificate instead of a server's.
	Client bool
	// KeyUsage and ExtKeyUsage replace digitalSignature, and serverAuth or
	// clientAuth, when they are not zero. An empty list that is not nil leaves the
	// extended key usage out.
	KeyUsage    x509.KeyUsage
	ExtKeyUsage []x509.ExtKeyUsage
	// SelfSigned has it signed by its own key.
	SelfSigned bool
	// Stranger has it signed by another authority whose certificates have the same
	// names.
	Stranger bool
	// RSA gives it an RSA key of 2048 bits instead of one on P-256.
	RSA bool
	// WithoutIntermediate leaves the intermediate out of the chain that is sent, so
	// that nobody who knows the root alone can follow it.
	WithoutIntermediate bool
}

// ExpiredFor and NotYetValidFor are leaves that are wrong in their validity
// alone.
func ExpiredFor(names ...string) Leaf {
	now := time.Now()
	return Leaf{Names: names, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}
}

// NotYetValidFor is a leaf whose validity begins tomorrow.
func NotYetValidFor(names ...string) Leaf {
	return Leaf{Names: names, NotBefore: time.Now().Add(24 * time.Hour)}
}

// Issue makes a key and its certificate, with the chain up to the root, which
// is left out.
func (a *Authority) Issue(l Leaf) (tls.Certificate, error) {
	if l.Stranger {
		stranger, err := Create(a.rand)
		if err != nil {
			return tls.Certificate{}, err
		}
		l.Stranger = false
		return stranger.Issue(l)
	}
	key, err := l.newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = time.Now().Add(-skew)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = l.NotBefore.Add(leafLife)
	}
	if l.NotAfter.Before(l.NotBefore) {
		return tls.Certificate{}, fmt.Errorf("a certificate that ends (%s) before it begins (%s): swap NotBefore and NotAfter",
			l.NotAfter.Format(time.RFC3339), l.NotBefore.Format(time.RFC3339))
	}
	template, err := a.template(l.commonName(), l.NotBefore, l.NotAfter, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	template.BasicConstraintsValid = true
	template.DNSNames = l.Names
	for _, addr := range l.Addrs {
		template.IPAddresses = append(template.IPAddresses, addr.WithZone("").Unmap().AsSlice())
	}
	template.KeyUsage, template.ExtKeyUsage = l.usage()
	issuer := a.intermediate
	if l.SelfSigned {
		issuer = authority{template, key}
	}
	der, err := sign(template, key.Public(), issuer)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	if cert.Leaf, err = x509.ParseCertificate(der); err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate just issued for %s: %w", l.commonName(), err)
	}
	if !l.SelfSigned && !l.WithoutIntermediate {
		cert.Certificate = append(cert.Certificate, bytes.Clone(a.intermediate.cert.Raw))
	}
	return cert, nil
}

func (l Leaf) newKey() (crypto.Signer, error) {
	if !l.RSA {
		return newKey()
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("an RSA key: %w", err)
	}
	return key, nil
}

func (l Leaf) commonName() string {
	switch {
	case l.CommonName != "":
		return l.CommonName
	case len(l.Names) > 0:
		return l.Names[0]
	case len(l.Addrs) > 0:
		return l.Addrs[0].String()
	default:
		return "Coapstone leaf"
	}
}

func (l Leaf) usage() (x509.KeyUsage, []x509.ExtKeyUsage) {
	usage, ext := l.KeyUsage, l.ExtKeyUsage
	if usage == 0 {
		usage = x509.KeyUsageDigitalSignature
	}
	if ext == nil {
		ext = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if l.Client {
			ext = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}
	}
	return usage, ext
}

// EncodePEM is a certificate's chain and its key (PKCS #8) in PEM.
func EncodePEM(c tls.Certificate) (certPEM, keyPEM []byte, err error) {
	if len(c.Certificate) == 0 {
		return nil, nil, errors.New("no certificate to encode")
	}
	for _, der := range c.Certificate {
		certPEM = append(certPEM, encodeCertificate(der)...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("the certificate's key: %w", err)
	}
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}
