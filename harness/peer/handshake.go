// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Alert is a TLS alert (RFC 5246 §7.2).
type Alert struct {
	Level       uint8 // 1 warning, 2 fatal
	Description uint8
}

var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
}

// Name is the alert's name in the TLS registry: "handshake_failure".
func (a Alert) Name() string {
	if name, ok := alertNames[a.Description]; ok {
		return name
	}
	return fmt.Sprintf("alert(%d)", a.Description)
}

// Fatal says whether the alert ends the connection at once.
func (a Alert) Fatal() bool { return a.Level == 2 }

// String is the alert as a phrase: "the fatal alert handshake_failure".
func (a Alert) String() string {
	switch a.Level {
	case 1:
		return "the warning alert " + a.Name()
	case 2:
		return "the fatal alert " + a.Name()
	default:
		return fmt.Sprintf("the alert %s of the unknown level %d", a.Name(), a.Level)
	}
}

// HandshakeError is a DTLS handshake that did not come about. errors.As also
// finds a *verdict.Finding in it, with the verdict Fail: a handshake that was
// expected to succeed and did not.
type HandshakeError struct {
	Local, Remote netip.AddrPort
	// RemoteName is the other end's name: "gateway".
	RemoteName string
	// Received is the alert that the other end sent, Sent the one that the peer
	// sent itself; nil is none.
	Received, Sent *Alert
	// Silent says that the handshake was given up at its timeout.
	Silent bool
	// Elapsed is how long it took to fail.
	Elapsed time.Duration
	// Session is what was seen until then.
	Session Session
	// Err is the cause as the DTLS stack reports it.
	Err error
}

// Refused says that the other end ended the handshake with a fatal alert.
func (e *HandshakeError) Refused() bool { return e.Received != nil && e.Received.Fatal() }

// Got is what came instead of a session, as a phrase that follows "got".
func (e *HandshakeError) Got() string {
	after := " after " + rounded(e.Elapsed)
	switch {
	case e.Received != nil:
		return e.Received.String() + " from the " + e.RemoteName + after
	case e.Sent != nil:
		return e.Sent.String() + " from the peer itself" + after + ": " + cause(e.Err)
	case e.Silent && e.Session.CipherSuite != "":
		return "no end of the handshake within " + rounded(e.Elapsed) + " (a ServerHello chose " + e.Session.CipherSuite + ")"
	case e.Silent:
		return "no answer within " + rounded(e.Elapsed)
	default:
		return "an error" + after + ": " + cause(e.Err)
	}
}

// Error says with whom, and what came instead.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("DTLS handshake with the %s at %s: got %s", e.RemoteName, e.Remote, e.Got())
}

// Unwrap is the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// As makes a finding of the error, for errors.As. A handshake that the
// scenario itself broke off judges nobody.
func (e *HandshakeError) As(target any) bool {
	f, ok := target.(**verdict.Finding)
	if !ok {
		return false
	}
	if errors.Is(e.Err, context.Canceled) && e.Received == nil {
		*f = &verdict.Finding{Verdict: verdict.Error, Reason: "the DTLS handshake was broken off", Err: context.Canceled}
		return true
	}
	*f = &verdict.Finding{
		Verdict:  verdict.Fail,
		Expected: fmt.Sprintf("a DTLS session with the %s at %s", e.RemoteName, e.Remote),
		Got:      e.Got(),
	}
	return true
}

// cause is the innermost message, without the stack's own prefixes.
func cause(err error) string {
	if err == nil {
		return "no reason given"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// rounded is a duration as a person reads it: "12 ms", "1.5 s".
func rounded(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	default:
		return fmt.Sprintf("%g s", float64(d.Round(10*time.Millisecond))/float64(time.Second))
	}
}
