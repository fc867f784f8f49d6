// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"time"
)

// The names of the authorities.
const (
	RootName         = "Coapstone Test Root"
	IntermediateName = "Coapstone Test Intermediate"
)

// authorityLife is how long root and intermediate are valid.
const authorityLife = 10 * 365 * 24 * time.Hour

// skew is how far back a validity begins, for devices whose clock is behind.
const skew = 24 * time.Hour

// Authority is a root that signs an intermediate that signs leaves. It is safe
// for use by several goroutines.
type Authority struct {
	rand               io.Reader
	root, intermediate authority
}

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Create makes an authority in memory. A nil random is crypto/rand; it is the
// source of the serial numbers, the keys come from crypto/rand in any case.
func Create(random io.Reader) (*Authority, error) {
	a := &Authority{rand: random}
	if a.rand == nil {
		a.rand = rand.Reader
	}
	var err error
	if a.root, err = a.authority(RootName, nil, 1); err != nil {
		return nil, err
	}
	if a.intermediate, err = a.authority(IntermediateName, &a.root, 0); err != nil {
		return nil, err
	}
	return a, nil
}

// authority makes one that may have below it as many further ones as pathLen
// says. Without an issuer it signs itself.
func (a *Authority) authority(name string, issuer *authority, pathLen int) (authority, error) {
	key, err := newKey()
	if err != nil {
		return authority{}, err
	}
	now := time.Now()
	template, err := a.template(name, now.Add(-skew), now.Add(authorityLife), key.Public())
	if err != nil {
		return authority{}, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.MaxPathLen, template.MaxPathLenZero = pathLen, pathLen == 0
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	self := authority{template, key}
	if issuer == nil {
		issuer = &self
	}
	der, err := sign(template, key.Public(), *issuer)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, fmt.Errorf("%s: %w", name, err)
	}
	return authority{cert, key}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("a P-256 key: %w", err)
	}
	return key, nil
}

// template has what every certificate has: a serial number of 127 bits
// (RFC 5280 §4.1.2.2) and a key identifier.
func (a *Authority) template(name string, from, until time.Time, public crypto.PublicKey) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(a.rand, serial); err != nil {
		return nil, fmt.Errorf("a serial number: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("the public key of %s: %w", name, err)
	}
	id := sha256.Sum256(der)
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Coapstone"}},
		NotBefore:    from.UTC(),
		NotAfter:     until.UTC(),
		SubjectKeyId: id[:20],
	}, nil
}

func sign(template *x509.Certificate, public crypto.PublicKey, issuer authority) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, public, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return der, nil
}

// Roots is a pool with the root alone.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root.cert)
	return pool
}

// RootPEM is the root's certificate in PEM, RootDER the same in DER.
func (a *Authority) RootPEM() []byte { return encodeCertificate(a.root.cert.Raw) }

// RootDER is the root's certificate in DER, as small devices take it.
func (a *Authority) RootDER() []byte { return bytes.Clone(a.root.cert.Raw) }

// IntermediatePEM is the intermediate's certificate in PEM.
func (a *Authority) IntermediatePEM() []byte { return encodeCertificate(a.intermediate.cert.Raw) }

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})
}

// The types of PEM blocks (RFC 7468 §5, §10).
const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)
