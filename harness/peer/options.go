// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/harness/trace"
)

// Options is how a peer is set up. The zero value is a plain UDP peer on any
// port of the address from which the system would reach the other end.
type Options struct {
	// Name is the peer's name in the trace: "device" when empty.
	Name string
	// Remote is the other end's name in the trace: "gateway" when empty.
	Remote string
	// Local is the address to bind. Port 0 is any port. A server needs a concrete
	// address: a wildcard would stand in the trace, and answers might leave from
	// another address than the request came to.
	Local netip.AddrPort
	// Trace takes every datagram; nil records nothing.
	Trace *trace.Log
	// Security asks for DTLS; nil is plain UDP.
	Security *Security
	// Timing is how confirmable messages are repeated.
	Timing Timing
	// Screen is asked of each datagram that comes to a server. What it gives a name it
	// keeps away: that is recorded as from this name, and goes no further. Nil lets
	// everything pass.
	Screen func(from netip.AddrPort, datagram []byte) (name string)
	// Guard is asked before anything is sent to where a client is to send; its error
	// is that of Dial and Offer. Nil lets everything pass.
	Guard func(to netip.Addr) error
	// Seed makes message ids, tokens and timeouts repeatable; 0 draws a new one.
	// DTLS stays random.
	Seed uint64
}

// Security is DTLS 1.2 with a pre-shared key when Identity, Key or PSK is set,
// and with certificates otherwise. A server may have both.
type Security struct {
	// Identity and Key are the PSK identity and key; a server accepts this one.
	Identity string
	Key      []byte
	// PSK looks up the key of an identity, in a server. It goes before Identity
	// and Key.
	PSK func(identity string) (key []byte, ok bool)
	// Certificates is what the peer shows: a server its chain, a client its own
	// if it is asked for one.
	Certificates []tls.Certificate
	// Roots is what a client trusts; nil trusts nobody.
	Roots *x509.CertPool
	// ServerName is the name or the address that the server's certificate must be
	// for: the remote address when empty. A name is sent as SNI, an address is not
	// (RFC 6066 §3).
	ServerName string
	// CipherSuites is what the peer offers or accepts; nil is CCM_8 of the
	// scheme (RFC 7925 §4.2, §4.4).
	CipherSuites []dtls.CipherSuiteID
	// HandshakeTimeout bounds a handshake; 0 is 5 s.
	HandshakeTimeout time.Duration
}

// Timing is the transmission parameters of RFC 7252 §4.8. Zero fields have the
// defaults of Table 2.
type Timing struct {
	AckTimeout      time.Duration // 2 s
	AckRandomFactor float64       // 1.5
	// MaxRetransmit is 4; a negative number sends once.
	MaxRetransmit int
}

func (t Timing) withDefaults() Timing {
	if t.AckTimeout == 0 {
		t.AckTimeout = 2 * time.Second
	}
	if t.AckRandomFactor == 0 {
		t.AckRandomFactor = 1.5
	}
	if t.MaxRetransmit == 0 {
		t.MaxRetransmit = 4
	}
	t.MaxRetransmit = max(t.MaxRetransmit, 0)
	return t
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "device"
	}
	if o.Remote == "" {
		o.Remote = "gateway"
	}
	o.Timing = o.Timing.withDefaults()
	return o
}

// allowed is the guard's error for a remote end.
func (o Options) allowed(remote netip.AddrPort) error {
	if o.Guard == nil {
		return nil
	}
	return o.Guard(remote.Addr())
}

// SendOption changes how a frame is sent.
type SendOption func(*sending)

type sending struct{ illegal *bool }

// Illegal says what the trace is to say of the frame, instead of whether it
// decodes.
func Illegal(illegal bool) SendOption {
	return func(s *sending) { s.illegal = &illegal }
}
