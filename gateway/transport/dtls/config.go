// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	pion "github.com/pion/dtls/v3"
)

// ServerConfig is what a listener needs: Certificate, PSK, or both.
type ServerConfig struct {
	// Certificate is the server's chain and P-256 key; nil: no certificates.
	Certificate *tls.Certificate
	// PSK finds the key of an identity; nil: no pre-shared keys. It may be
	// called at any time and from many goroutines. For an identity that it does
	// not know the handshake goes on with a random key, so that it fails like
	// one with a wrong key and tells nobody who is known.
	PSK func(identity string) (key []byte, ok bool)
	// KeyLog gets the sessions' secrets in the format of NSS, for Wireshark. It
	// must be nil in production.
	KeyLog io.Writer
	// HandshakeTimeout bounds one handshake, 30 s by default. It begins when the
	// client has brought back its cookie: before that, nothing is kept of it.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the handshakes under way, 1,000 by default, and
	// MaxHandshakesPerAddress those of one IPv4 address or IPv6 /64, 250 by
	// default; for one beyond, the oldest is given up.
	MaxHandshakes           int
	MaxHandshakesPerAddress int
	// MaxFailures bounds the handshakes with a pre-shared key that may fail in a
	// minute, for each identity and for each IPv4 address or IPv6 /64; 10 by
	// default, negative for no bound. One beyond waits for its turn, up to 5 s, and
	// then fails as with a wrong key. Where an identity has succeeded within a day
	// it has an allowance of its own, so that no guesser locks it out.
	MaxFailures int
	// MaxSessions bounds the sessions, handshakes included, 100,000 by default.
	MaxSessions int
	// Logger is told what goes wrong; nil means no log.
	Logger *slog.Logger
}

// PSK is a pre-shared key with its identity.
type PSK struct {
	Identity string
	Key      []byte
}

// ClientConfig is what a dialer needs: PSK, or Roots and ServerName.
type ClientConfig struct {
	// PSK offers TLS_PSK_WITH_AES_128_CCM_8 alone.
	PSK *PSK
	// Roots offers TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 alone, and is what the
	// server's chain must lead to.
	Roots *x509.CertPool
	// ServerName is the name, or the IP address, that the server's certificate
	// must be for.
	ServerName string
	// KeyLog gets the session's secrets in the format of NSS, for Wireshark. It
	// must be nil in production.
	KeyLog io.Writer
	// Logger is told what goes wrong; nil means no log.
	Logger *slog.Logger
}

// replayWindow is how many records the replay protection looks back, the
// number that RFC 6347 §4.1.2.6 prefers.
const replayWindow = 64

// maxIdentity is the longest PSK identity in bytes that must be supported
// (RFC 4279 §5.3); a longer one is not known here.
const maxIdentity = 128

// The limits of ServerConfig that docs/limits.md lists.
const (
	defaultHandshakeTimeout        = 30 * time.Second
	defaultMaxHandshakes           = 1000
	defaultMaxHandshakesPerAddress = 250
	defaultMaxFailures             = 10
	defaultMaxSessions             = 100_000
)

// withDefaults checks c and fills in what is documented above.
func (c ServerConfig) withDefaults() (ServerConfig, error) {
	if c.Certificate == nil && c.PSK == nil {
		return c, errors.New("a DTLS listener needs a certificate, or users with pre-shared keys, or both")
	}
	if c.Certificate != nil {
		if _, ok := c.Certificate.PrivateKey.(*ecdsa.PrivateKey); !ok {
			return c, fmt.Errorf("the DTLS certificate has a key of type %T: CoAP's cipher suite takes ECDSA alone (RFC 7252 §9.1.3.3); make a P-256 key", c.Certificate.PrivateKey)
		}
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshakeTimeout
	}
	if c.MaxHandshakes == 0 {
		c.MaxHandshakes = defaultMaxHandshakes
	}
	if c.MaxHandshakesPerAddress == 0 {
		c.MaxHandshakesPerAddress = defaultMaxHandshakesPerAddress
	}
	if c.MaxFailures == 0 {
		c.MaxFailures = defaultMaxFailures
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = defaultMaxSessions
	}
	c.Logger = orDiscard(c.Logger)
	return c, nil
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// options is the server's configuration for pion; key finds the key of an
// identity.
func (c ServerConfig) options(key pion.PSKCallback) []pion.ServerOption {
	var suites []pion.CipherSuiteID
	opts := []pion.ServerOption{
		pion.WithExtendedMasterSecret(pion.RequestExtendedMasterSecret),
		pion.WithReplayProtectionWindow(replayWindow),
		pion.WithLoggerFactory(logger{c.Logger}),
	}
	if c.PSK != nil {
		suites = append(suites, pion.TLS_PSK_WITH_AES_128_CCM_8)
		opts = append(opts, pion.WithPSK(key))
	}
	if c.Certificate != nil {
		suites = append(suites, pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)
		opts = append(opts, pion.WithCertificates(*c.Certificate))
	}
	if c.KeyLog != nil {
		opts = append(opts, pion.WithKeyLogWriter(c.KeyLog))
	}
	return append(opts, pion.WithCipherSuites(suites...))
}

// key is the key of an identity, or a random one if nobody has it.
func (c ServerConfig) key(identity []byte) []byte {
	random := randomKey() // in any case, so that both take as long
	key, ok := c.PSK(string(identity[:min(len(identity), maxIdentity)]))
	if !ok || len(key) == 0 || len(identity) > maxIdentity {
		return random
	}
	return key
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// printable is an identity as a log can take it.
func printable(identity []byte) string {
	if len(identity) > maxIdentity {
		return fmt.Sprintf("%q… (%d bytes)", identity[:maxIdentity], len(identity))
	}
	return string(identity)
}

// options is the client's configuration for pion.
func (c ClientConfig) options() ([]pion.ClientOption, error) {
	opts := []pion.ClientOption{
		pion.WithExtendedMasterSecret(pion.RequestExtendedMasterSecret),
		pion.WithReplayProtectionWindow(replayWindow),
		pion.WithLoggerFactory(logger{c.Logger}),
	}
	if c.KeyLog != nil {
		opts = append(opts, pion.WithKeyLogWriter(c.KeyLog))
	}
	switch {
	case c.PSK != nil && c.Roots != nil:
		return nil, errors.New("a DTLS session has either a pre-shared key or certificates: give PSK or Roots, not both")
	case c.PSK != nil && (c.PSK.Identity == "" || len(c.PSK.Key) == 0):
		return nil, errors.New("a pre-shared key needs both an identity and a key")
	case c.PSK != nil:
		key := c.PSK.Key
		return append(opts,
			pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8),
			pion.WithPSKIdentityHint([]byte(c.PSK.Identity)),
			pion.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		), nil
	case c.Roots == nil:
		return nil, errors.New("a DTLS session needs a pre-shared key, or roots to verify the server's certificate with")
	case c.ServerName == "":
		return nil, errors.New("a DTLS session with certificates needs the server's name, or its IP address, to verify")
	}
	opts = append(opts,
		pion.WithCipherSuites(pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
		// pion would accept wildcards, and the common name's successor rules of
		// the web: verify does all of it instead.
		pion.WithInsecureSkipVerify(true),
		pion.WithVerifyPeerCertificate(func(chain [][]byte, _ [][]*x509.Certificate) error {
			return verify(chain, c.Roots, c.ServerName, time.Now())
		}),
	)
	if !isAddress(c.ServerName) { // RFC 6066 §3: no addresses in the server name indication
		opts = append(opts, pion.WithServerName(c.ServerName))
	}
	return opts, nil
}
