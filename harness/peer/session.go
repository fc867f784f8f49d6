// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/dtls/v3"
)

// Session is what a DTLS handshake settled, or what was seen of one that
// failed. The zero value is plain UDP.
type Session struct {
	// CipherSuite is the negotiated suite by its IANA name:
	// "TLS_PSK_WITH_AES_128_CCM_8".
	CipherSuite string
	// Identity is the PSK identity that the client gave.
	Identity string
	// ExtendedMasterSecret says that RFC 7627 is in force.
	ExtendedMasterSecret bool
	// Offered is the cipher suites of the ClientHello, in its order, by their IANA
	// names; signalling values are left out.
	Offered []string
	// ServerName is the name in the ClientHello (RFC 6066 §3).
	ServerName string
	// PeerCertificates is what the other end showed, its own first.
	PeerCertificates []*x509.Certificate
}

// Secure says whether there is DTLS at all.
func (s Session) Secure() bool { return s.CipherSuite != "" }

// suiteName is the IANA name of a cipher suite, or its number as "0xC0A8".
func suiteName(id uint16) string {
	if name := dtls.CipherSuiteID(id).String(); strings.HasPrefix(name, "TLS_") {
		return name
	}
	return tls.CipherSuiteName(id)
}

// ParseCipherSuite reads a cipher suite by its IANA name. It knows those that
// the peer can speak.
func ParseCipherSuite(name string) (dtls.CipherSuiteID, error) {
	var known []string
	for _, s := range dtls.CipherSuites() {
		id := dtls.CipherSuiteID(s.ID)
		if strings.EqualFold(id.String(), strings.TrimSpace(name)) {
			return id, nil
		}
		known = append(known, id.String())
	}
	slices.Sort(known)
	return 0, fmt.Errorf("cipher suite %q: the peer can speak %s", name, strings.Join(known, ", "))
}
