// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// OfferResult is what a server said to a ClientHello.
type OfferResult struct {
	// CipherSuite is what its ServerHello chose, by its IANA name; empty when it
	// sent none.
	CipherSuite string
	// Alert is the alert that it sent instead; nil is none.
	Alert *Alert
	// Heard says that it sent anything at all: a HelloVerifyRequest, for one.
	Heard bool
}

// String is the answer as a phrase that follows "got".
func (a OfferResult) String() string {
	switch {
	case a.CipherSuite != "":
		return "a ServerHello that chose " + a.CipherSuite
	case a.Alert != nil:
		return a.Alert.String()
	case a.Heard:
		return "a HelloVerifyRequest and nothing more"
	default:
		return "no answer"
	}
}

// offerInterval is how often a hello is repeated that got no answer.
const offerInterval = time.Second

// Offer sends a ClientHello with these cipher suites, known to this package or
// not, brings back the cookie that is asked for, and goes no further. It waits
// for a ServerHello or a fatal alert until ctx ends: some servers refuse by
// silence. o.Security is not looked at, but for ServerName.
func Offer(ctx context.Context, remote netip.AddrPort, o Options, suites []uint16) (OfferResult, error) {
	var name string
	if o.Security != nil {
		name = o.Security.ServerName
	}
	o, remote = o.withDefaults(), unmap(remote)
	if err := o.allowed(remote); err != nil {
		return OfferResult{}, err
	}
	o.Security = &Security{} // the trace says that these are records
	if !o.Local.Addr().IsValid() {
		local, err := localFor(ctx, remote)
		if err != nil {
			return OfferResult{}, fmt.Errorf("a socket towards the %s: %w", o.Remote, err)
		}
		o.Local = netip.AddrPortFrom(local, o.Local.Port())
	}
	w, err := openWire(ctx, o)
	if err != nil {
		return OfferResult{}, err
	}
	defer func() { _ = w.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = w.conn.SetReadDeadline(time.Now()) })
	defer stop()
	h := rawHello{suites: suites, name: name}
	_, _ = rand.Read(h.random[:]) // never fails
	return h.offer(ctx, w, remote)
}

func (h *rawHello) offer(ctx context.Context, w *wire, remote netip.AddrPort) (a OfferResult, err error) {
	var seen observer
	b := make([]byte, maxDatagram)
	for ctx.Err() == nil {
		if err := w.write(h.record(), remote, false); err != nil {
			return a, verdict.Broken(err, "sending a ClientHello to %s", remote)
		}
		if err := w.conn.SetReadDeadline(time.Now().Add(offerInterval)); err != nil {
			return a, verdict.Broken(err, "waiting for the %s", w.remote)
		}
		for again := false; !again && ctx.Err() == nil; {
			n, from, _, err := w.read(b)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				again = true
				continue
			case errors.Is(err, net.ErrClosed), err != nil:
				return a, verdict.Broken(err, "waiting for the %s", w.remote)
			case from != remote:
				continue
			}
			a.Heard = true
			if cookie, ok := verifyRequest(b[:n]); ok {
				h.cookie, again = cookie, true
				continue
			}
			seen.see(b[:n], false)
			session, alert, _ := seen.seen()
			a.CipherSuite, a.Alert = session.CipherSuite, alert
			if a.CipherSuite != "" || alert != nil && alert.Fatal() {
				return a, nil
			}
		}
	}
	return a, nil
}

// rawHello is a ClientHello of DTLS 1.2, put together by hand: libraries offer
// only what they can speak.
type rawHello struct {
	random  [32]byte
	cookie  []byte
	suites  []uint16
	name    string
	records uint64
}

// The numbers of a ClientHello (RFC 5246 §7.4.1, RFC 6347 §4.2, RFC 8422 §5).
const (
	helloVersion       = 0xfefd
	messageClientHello = 1
	messageVerify      = 3
	recordHeader       = 13
	messageHeader      = 12
)

// record is the hello as one record, the next of the flight.
func (h *rawHello) record() []byte {
	message := byte(0)
	if len(h.cookie) > 0 {
		message = 1
	}
	body := h.body()
	r := []byte{recordHandshake}
	r = binary.BigEndian.AppendUint16(r, helloVersion)
	r = binary.BigEndian.AppendUint64(r, h.records)                            // epoch 0
	r = binary.BigEndian.AppendUint16(r, uint16(messageHeader+len(body)))      //nolint:gosec // under 2 KiB
	r = append(r, messageClientHello, 0, byte(len(body)>>8), byte(len(body)))  //nolint:gosec // its octets
	r = append(r, 0, message, 0, 0, 0, 0, byte(len(body)>>8), byte(len(body))) //nolint:gosec // its octets
	h.records++
	return append(r, body...)
}

func (h *rawHello) body() []byte {
	b := binary.BigEndian.AppendUint16(nil, helloVersion)
	b = append(b, h.random[:]...)
	b = append(b, 0)                   // no session
	b = append(b, byte(len(h.cookie))) //nolint:gosec // 255 at most
	b = append(b, h.cookie...)
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(h.suites))) //nolint:gosec // a few hundred
	for _, s := range h.suites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	b = append(b, 1, 0) // no compression
	x := h.extensions()
	b = binary.BigEndian.AppendUint16(b, uint16(len(x))) //nolint:gosec // short
	return append(b, x...)
}

// extensions are those that suites with elliptic curves need, and the host name.
func (h *rawHello) extensions() []byte {
	x := []byte{
		0, 10, 0, 6, 0, 4, 0, 23, 0, 29, // supported groups: secp256r1, x25519
		0, 11, 0, 2, 1, 0, // point formats: uncompressed
		0, 13, 0, 10, 0, 8, 4, 3, 4, 1, 2, 3, 2, 1, // signatures: ECDSA and RSA with SHA-256 and SHA-1
		0, 23, 0, 0, // extended master secret
		0xff, 0x01, 0, 1, 0, // renegotiation: none
	}
	if h.name == "" {
		return x
	}
	n := len(h.name)
	x = append(x, 0, 0, byte((n+5)>>8), byte(n+5), byte((n+3)>>8), byte(n+3), 0, byte(n>>8), byte(n)) //nolint:gosec // its octets
	return append(x, h.name...)
}

// verifyRequest is the cookie of a HelloVerifyRequest (RFC 6347 §4.2.1).
func verifyRequest(b []byte) (cookie []byte, ok bool) {
	const before = recordHeader + messageHeader + 2
	if len(b) <= before || b[0] != recordHandshake || epoch(b) != 0 || b[recordHeader] != messageVerify {
		return nil, false
	}
	n := int(b[before])
	if len(b) < before+1+n {
		return nil, false
	}
	return append([]byte(nil), b[before+1:before+1+n]...), true
}

// The suites of the document, by their numbers.
const (
	pskCCM8   = 0xc0a8
	ecdsaCCM8 = 0xc0ae
)

// OtherCipherSuites is the number of every cipher suite for TLS 1.2 and before
// in IANA's registry, and those of TLS 1.3, but for the two of the document.
// Signalling values are left out, and so is what nobody has been given.
func OtherCipherSuites() []uint16 {
	var all []uint16
	for _, block := range [][2]uint16{
		{0x0001, 0x001b},
		{0x001e, 0x0046},
		{0x0067, 0x006d},
		{0x0084, 0x00c7}, // 0x00ff is a signal (RFC 5746)
		{0x1301, 0x1307}, // TLS 1.3
		{0xc001, 0xc0b5}, // 0x5600 is a signal (RFC 7507)
		{0xc100, 0xc106},
		{0xcca8, 0xccae},
		{0xd001, 0xd005},
	} {
		for id := block[0]; id <= block[1]; id++ {
			if id != pskCCM8 && id != ecdsaCCM8 {
				all = append(all, id)
			}
		}
	}
	return all
}

// SuiteNumber is the number of one of the document's two suites.
func SuiteNumber(name string) (uint16, error) {
	id, err := ParseCipherSuite(name)
	return uint16(id), err
}
