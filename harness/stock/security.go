// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"github.com/pion/dtls/v3"
)

// Security is DTLS 1.2 with TLS_PSK_WITH_AES_128_CCM_8 when Identity is set,
// with TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 otherwise. A server may have both.
type Security struct {
	Identity string
	Key      []byte
	// Certificates is what the device shows.
	Certificates []tls.Certificate
	// Roots is what a client trusts; nil trusts nobody.
	Roots *x509.CertPool
	// ServerName is what the server's certificate must be for; empty is the host
	// of the URL.
	ServerName string
	// KeyLog takes the keys of the sessions, for a packet analyser. Whoever has
	// them reads everything.
	KeyLog io.Writer
}

func (s *Security) keyLog() io.Writer {
	if s.KeyLog == nil {
		return io.Discard
	}
	return s.KeyLog
}

func (s *Security) serverOptions() ([]dtls.ServerOption, error) {
	opts := []dtls.ServerOption{dtls.WithKeyLogWriter(s.keyLog())}
	var suites []dtls.CipherSuiteID
	if s.Identity != "" {
		suites = append(suites, dtls.TLS_PSK_WITH_AES_128_CCM_8)
		opts = append(opts, dtls.WithPSK(func(identity []byte) ([]byte, error) {
			if string(identity) != s.Identity {
				return nil, fmt.Errorf("no key for the identity %q", identity)
			}
			return s.Key, nil
		}))
	}
	if len(s.Certificates) > 0 {
		suites = append(suites, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)
		opts = append(opts, dtls.WithCertificates(s.Certificates...))
	}
	if len(suites) == 0 {
		return nil, errors.New("coaps needs a PSK identity and key, or a certificate")
	}
	return append(opts, dtls.WithCipherSuites(suites...)), nil
}

func (s *Security) clientOptions(host string) []dtls.ClientOption {
	opts := []dtls.ClientOption{dtls.WithKeyLogWriter(s.keyLog())}
	if s.Identity != "" {
		return append(opts,
			dtls.WithCipherSuites(dtls.TLS_PSK_WITH_AES_128_CCM_8),
			dtls.WithPSK(func([]byte) ([]byte, error) { return s.Key, nil }),
			dtls.WithPSKIdentityHint([]byte(s.Identity)))
	}
	if s.ServerName != "" {
		host = s.ServerName
	}
	roots := s.Roots
	if roots == nil {
		roots = x509.NewCertPool() // pion would take the system's
	}
	opts = append(opts,
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
		dtls.WithRootCAs(roots), dtls.WithServerName(host))
	if len(s.Certificates) > 0 {
		opts = append(opts, dtls.WithCertificates(s.Certificates...))
	}
	return opts
}
