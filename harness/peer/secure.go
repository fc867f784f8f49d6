// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/harness/trace"
)

const defaultHandshakeTimeout = 5 * time.Second

// secureCarrier is one DTLS session.
type secureCarrier struct {
	wire   *wire
	remote netip.AddrPort
	conn   *dtls.Conn
}

func (s *secureCarrier) send(b []byte, illegal bool) error {
	s.wire.inner(time.Now(), b, s.remote, true, illegal)
	_, err := s.conn.Write(b)
	return err
}

func (s *Security) hasPSK() bool { return s.PSK != nil || s.Identity != "" || len(s.Key) > 0 }

func (s *Security) timeout() time.Duration {
	if s.HandshakeTimeout > 0 {
		return s.HandshakeTimeout
	}
	return defaultHandshakeTimeout
}

// clientOptions is what a client offers to the server at remote.
func (s *Security) clientOptions(remote netip.AddrPort, log *trace.Log) []dtls.ClientOption {
	opts := []dtls.ClientOption{dtls.WithKeyLogWriter(log.KeyLog())}
	suites := s.CipherSuites
	if s.hasPSK() {
		if suites == nil {
			suites = []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_CCM_8}
		}
		return append(opts,
			dtls.WithCipherSuites(suites...),
			dtls.WithPSK(func([]byte) ([]byte, error) { return s.Key, nil }),
			dtls.WithPSKIdentityHint([]byte(s.Identity)))
	}
	if suites == nil {
		suites = []dtls.CipherSuiteID{dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8}
	}
	name := s.ServerName
	if name == "" {
		name = remote.Addr().WithZone("").String()
	}
	roots := s.Roots
	if roots == nil {
		roots = x509.NewCertPool() // pion would take the system's
	}
	opts = append(opts, dtls.WithCipherSuites(suites...), dtls.WithRootCAs(roots), dtls.WithServerName(name))
	if len(s.Certificates) > 0 {
		opts = append(opts, dtls.WithCertificates(s.Certificates...))
	}
	return opts
}

// serverOptions is what a server accepts. unknown is called when a client gives
// an identity that it has no key for.
func (s *Security) serverOptions(log *trace.Log, unknown func()) ([]dtls.ServerOption, error) {
	opts := []dtls.ServerOption{dtls.WithKeyLogWriter(log.KeyLog())}
	suites := s.CipherSuites
	if s.hasPSK() {
		if s.CipherSuites == nil {
			suites = append(suites, dtls.TLS_PSK_WITH_AES_128_CCM_8)
		}
		opts = append(opts, dtls.WithPSK(func(identity []byte) ([]byte, error) {
			if key, ok := s.lookup(string(identity)); ok {
				return key, nil
			}
			unknown()
			return nil, fmt.Errorf("no key for the identity %q", identity)
		}))
	}
	if len(s.Certificates) > 0 {
		if s.CipherSuites == nil {
			suites = append(suites, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)
		}
		opts = append(opts, dtls.WithCertificates(s.Certificates...))
	}
	if len(suites) == 0 {
		return nil, errors.New("a DTLS server needs a certificate or a pre-shared key")
	}
	return append(opts, dtls.WithCipherSuites(suites...)), nil
}

func (s *Security) lookup(identity string) ([]byte, bool) {
	if s.PSK != nil {
		return s.PSK(identity)
	}
	return s.Key, identity == s.Identity
}

// shake runs the handshake of conn and says what it settled.
func shake(ctx context.Context, conn *dtls.Conn, w *wire, remote netip.AddrPort, seen *observer, s *Security) (Session, error) {
	begun := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	err := conn.HandshakeContext(bounded)
	session, received, sent := seen.seen()
	if err == nil {
		if state, ok := conn.ConnectionState(); ok {
			session.CipherSuite = suiteName(uint16(state.CipherSuiteID))
			session.Identity = string(state.IdentityHint)
			session.PeerCertificates = parseCertificates(state.PeerCertificates)
			return session, nil
		}
		err = errors.New("the DTLS session ended at once")
	}
	if a, ok := alertOf(err); ok {
		received = &a
	}
	silent := errors.Is(err, context.DeadlineExceeded)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		err, silent = ctx.Err(), false
	}
	return session, &HandshakeError{
		Local: w.local, Remote: remote, RemoteName: w.remote,
		Received: received, Sent: sent, Silent: silent, Elapsed: time.Since(begun), Session: session, Err: err,
	}
}

// alertOf is the alert of the other end in an error of pion, whose type for it
// has no name outside.
func alertOf(err error) (Alert, bool) {
	var alert interface {
		error
		IsFatalOrCloseNotify() bool
		Marshal() ([]byte, error)
	}
	if !errors.As(err, &alert) {
		return Alert{}, false
	}
	b, marshalErr := alert.Marshal()
	if marshalErr != nil || len(b) != plainAlertLength {
		return Alert{}, false
	}
	return Alert{Level: b[0], Description: b[1]}, true
}

// ending is why a session ended, as a phrase for a finding.
func ending(remote string, err error) error {
	if a, ok := alertOf(err); ok {
		return &sessionError{remote, &a, err}
	}
	return &sessionError{remote, nil, err}
}

// sessionError is the end of a DTLS session that was not of our making.
type sessionError struct {
	remote string
	alert  *Alert
	err    error
}

func (e *sessionError) Error() string {
	switch {
	case e.alert != nil:
		return fmt.Sprintf("the end of the DTLS session: %s from the %s", e.alert, e.remote)
	case errors.Is(e.err, io.EOF):
		return "the end of the DTLS session"
	default:
		return "the end of the DTLS session: " + e.err.Error()
	}
}

func (e *sessionError) Unwrap() error { return e.err }

func parseCertificates(raw [][]byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, der := range raw {
		if c, err := x509.ParseCertificate(der); err == nil {
			certs = append(certs, c)
		}
	}
	return certs
}
