// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// encryptionDeviants are wrong in what the document's §2.1.2, §4 and §5 ask for:
// DTLS, its credentials, and what must not be seen.
func encryptionDeviants() []Deviant {
	return slices.Concat(suiteDeviants(), keyDeviants(), certificateDeviants(), connectorKeyDeviants(), secrecyDeviants())
}

// suiteDeviants choose or offer other cipher suites than those of the document.
func suiteDeviants() []Deviant {
	ecdsa := []pion.CipherSuiteID{pion.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	psk := []pion.CipherSuiteID{pion.TLS_PSK_WITH_AES_128_GCM_SHA256}
	return []Deviant{
		{
			Name:   "speaks DTLS with pre-shared keys alone",
			Breaks: "RMP-4.1-01",
			Also:   []string{"RMP-4.1-03", "RMP-4.1-18", "RMP-3.1-02", "RMP-5-03", "RMP-5-05", "RMP-5-07", "RMP-3-10"},
			Says:   "alert",
			made:   configured(func(c *gateway.Config) { c.DTLS = gateway.DTLS{} }),
		},
		{
			Name:   "takes another cipher suite with certificates as well",
			Breaks: "RMP-4.1-02",
			Also:   []string{"RMP-4.1-16", "RMP-4.1-18", "RMP-4.2-13"},
			Says:   "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
			made:   speaking(ecdsa...),
		},
		{
			Name:   "takes another cipher suite with pre-shared keys as well",
			Breaks: "RMP-4.2-05",
			Also:   []string{"RMP-4.1-16", "RMP-4.1-18", "RMP-4.2-13"},
			Says:   "TLS_PSK_WITH_AES_128_GCM_SHA256",
			made:   speaking(psk...),
		},
		{
			Name:   "takes a cipher suite of old that few devices have",
			Breaks: "RMP-4.1-16",
			Also:   []string{"RMP-4.1-18", "RMP-4.2-13"},
			Says:   "TLS_PSK_WITH_AES_128_CBC_SHA256",
			made:   speaking(pion.TLS_PSK_WITH_AES_128_CBC_SHA256),
		},
		{
			Name:   "gives up on a device with certificates that offers many cipher suites",
			Breaks: "RMP-4.1-18",
			Says:   "alert",
			made: listening(func(c dtls.ServerConfig) []pion.ServerOption {
				return []pion.ServerOption{pion.WithGetCertificate(modest(c.Certificate))}
			}),
		},
		{
			Name:   "takes the first cipher suite of a device that offers its own among others",
			Breaks: "RMP-4.2-13",
			Also:   []string{"RMP-4.1-16", "RMP-4.1-18"},
			Says:   "TLS_PSK_WITH_AES_128_CBC_SHA256",
			made:   speaking(pion.TLS_PSK_WITH_AES_128_CBC_SHA256),
		},
		{
			Name:   "offers a device with a certificate another cipher suite as well",
			Breaks: "RMP-4.1-04",
			Also:   []string{"RMP-4.1-15"},
			Says:   "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
			made:   offering(nil, ecdsa),
		},
		{
			Name:   "calls a device with a certificate in another cipher suite",
			Breaks: "RMP-4.1-15",
			Also:   []string{"RMP-4.1-04"},
			Says:   "200",
			made:   offering(nil, ecdsa),
		},
		{
			Name:   "offers a device with a pre-shared key another cipher suite as well",
			Breaks: "RMP-4.2-06",
			Also:   []string{"RMP-4.2-14"},
			Says:   "TLS_PSK_WITH_AES_128_GCM_SHA256",
			made:   offering(psk, nil),
		},
		{
			Name:   "calls a device with a pre-shared key in another cipher suite",
			Breaks: "RMP-4.2-14",
			Also:   []string{"RMP-4.2-06"},
			Says:   "204",
			made:   offering(psk, nil),
		},
	}
}

// keyDeviants are wrong about the pre-shared keys of devices that call.
func keyDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "knows no pre-shared keys",
			Breaks: "RMP-4.2-01",
			Also: []string{
				"RMP-4.2-02", "RMP-4.2-07", "RMP-4.2-08", "RMP-4.2-10", "RMP-4.2-11", "RMP-4.2-13",
				"RMP-3-01", "RMP-3.1-02", "RMP-5-03", "RMP-5-05", "RMP-5-07",
			},
			Says: "alert",
			made: accepting(func(c *dtls.ServerConfig) { c.PSK = nil }),
		},
		{
			Name:   "cuts the key after sixteen bytes, as some stacks do",
			Breaks: "RMP-4.2-02",
			Also: []string{
				"RMP-4.2-01", "RMP-4.2-07", "RMP-4.2-08", "RMP-4.2-10", "RMP-4.2-11",
				"RMP-3-01", "RMP-3.1-02", "RMP-5-03", "RMP-5-05", "RMP-5-07",
			},
			Says: "no end of the handshake",
			made: keyed(func(_ string, key []byte) []byte { return key[:min(16, len(key))] }),
		},
		{
			Name:   "takes the password itself for the pre-shared key",
			Breaks: "RMP-4.2-03",
			Also:   []string{"RMP-4.2-01", "RMP-4.2-02", "RMP-3-01", "RMP-3.1-02", "RMP-5-03", "RMP-5-05"},
			Says:   "a session",
			made: accepting(func(c *dtls.ServerConfig) {
				c.MaxFailures = -1 // the right key fails so often that nobody would be let in
				known := c.PSK
				c.PSK = func(identity string) ([]byte, bool) {
					if identity == "hello" {
						return []byte("world"), true
					}
					return known(identity)
				}
			}),
		},
		{
			Name:   "takes the key of another user for an identity that it does not know",
			Breaks: "RMP-4.2-04",
			Says:   "a session",
			made: accepting(func(c *dtls.ServerConfig) {
				known := c.PSK
				c.PSK = func(identity string) ([]byte, bool) {
					if key, ok := known(identity); ok {
						return key, true
					}
					return hashed("world"), true
				}
			}),
		},
		{
			Name:   "takes 64 hexadecimal digits for the 32 bytes that they stand for",
			Breaks: "RMP-4.2-07",
			Says:   "no end of the handshake",
			made: keyed(func(_ string, key []byte) []byte {
				if b, err := hex.DecodeString(string(key)); err == nil {
					return b
				}
				return key
			}),
		},
		{
			Name:   "hashes the first eight bytes of a password",
			Breaks: "RMP-4.2-08",
			Says:   "no end of the handshake",
			made: keyed(func(identity string, key []byte) []byte {
				if identity == "keyholder" { // the others' passwords are shorter
					return hashed("rmppassw")
				}
				return key
			}),
		},
		{
			Name:   "hashes the password in ISO 8859-1",
			Breaks: "RMP-4.2-10",
			Says:   "no end of the handshake",
			made: keyed(func(identity string, key []byte) []byte {
				if identity == "umlaut" {
					return hashed("gr\xf6\xdfe")
				}
				return key
			}),
		},
		{
			Name:   "knows identities in ASCII alone",
			Breaks: "RMP-4.2-11",
			Says:   "no end of the handshake",
			made: keyed(func(identity string, key []byte) []byte {
				if slices.ContainsFunc([]byte(identity), func(b byte) bool { return b > 0x7f }) {
					return randomly(32)
				}
				return key
			}),
		},
		{
			Name:   "says that it does not know an identity",
			Breaks: "RMP-4.2-12",
			Says:   "alert",
			made: listening(func(c dtls.ServerConfig) []pion.ServerOption {
				return []pion.ServerOption{pion.WithPSK(func(identity []byte) ([]byte, error) {
					if key, ok := c.PSK(string(identity)); ok {
						return key, nil
					}
					return nil, errUnknown
				})}
			}),
		},
	}
}

// keyed answers an identity that is known with another key.
func keyed(change func(identity string, key []byte) []byte) func() embedded.Options {
	return accepting(func(c *dtls.ServerConfig) {
		known := c.PSK
		c.PSK = func(identity string) ([]byte, bool) {
			key, ok := known(identity)
			if ok {
				key = change(identity, key)
			}
			return key, ok
		}
	})
}

func hashed(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return sum[:]
}
