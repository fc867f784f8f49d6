// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// FormatError is a datagram that is not a CoAP message, or one with a message
// format error (RFC 7252 §4.2).
type FormatError struct {
	// Offset is the byte at which the fault shows, from 0.
	Offset int
	// What is the fault, in a phrase.
	What string
	// Section is the text that it breaks: "RFC 7252 §3".
	Section string
	// Ignore says that the datagram must be ignored silently: it is too short
	// to hold a header, or of another version. Otherwise type, code and message
	// id could be read, and the message can be rejected (RFC 7252 §4.2, §4.3).
	Ignore bool
}

// Error names the byte, the fault and the section.
func (e *FormatError) Error() string {
	return fmt.Sprintf("byte %d: %s (%s)", e.Offset, e.What, e.Section)
}

// ErrFormat is matched by every *FormatError.
var ErrFormat = errors.New("not a CoAP message")

// Is makes errors.Is(err, ErrFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// Decode reads one message and accepts nothing that RFC 7252 §3 and §4.1 do
// not. Unknown codes and options are no fault of the format and pass. Along with
// an error it returns what stood before the fault; the header is right whenever
// the error does not say Ignore. The message's slices point into b.
func Decode(b []byte) (*Message, error) {
	m := new(Message)
	return m, m.Unmarshal(b)
}

// Unmarshal is Decode into m, whose Options slice is used again.
func (m *Message) Unmarshal(b []byte) error {
	*m = Message{Options: m.Options[:0]}
	if len(b) < HeaderLength {
		return shortFault(b)
	}
	if f := versionFault(b); f != nil {
		return f
	}
	m.unmarshalHeader(b)
	if f := tokenLengthFault(b); f != nil {
		return f
	}
	if f := emptyFault(b); f != nil {
		return f
	}
	if f := tokenFault(b); f != nil {
		return f
	}
	end := HeaderLength + tokenLength(b)
	m.Token = b[HeaderLength:end:end]
	if f := m.unmarshalOptions(b, end); f != nil {
		return f
	}
	return nil
}

func (m *Message) unmarshalHeader(b []byte) {
	m.Type, m.Code, m.MessageID = Type(b[0]>>4&3), Code(b[1]), binary.BigEndian.Uint16(b[2:])
}

func tokenLength(b []byte) int { return int(b[0] & 15) }

// The faults in front of the options, in the order in which they count. Only
// shortFault takes less than a header.

func shortFault(b []byte) *FormatError {
	return &FormatError{len(b), fmt.Sprintf("the datagram is %d bytes long, the header alone takes %d", len(b), HeaderLength), "RFC 7252 §3", true}
}

func versionFault(b []byte) *FormatError {
	if v := b[0] >> 6; v != Version {
		return &FormatError{0, fmt.Sprintf("version %d, only version 1 exists", v), "RFC 7252 §3", true}
	}
	return nil
}

func tokenLengthFault(b []byte) *FormatError {
	if tkl := tokenLength(b); tkl > MaxTokenLength {
		return &FormatError{0, fmt.Sprintf("token length %d, lengths 9 to 15 are reserved", tkl), "RFC 7252 §3", false}
	}
	return nil
}

func emptyFault(b []byte) *FormatError {
	tkl := tokenLength(b)
	switch {
	case Code(b[1]) != CodeEmpty || tkl == 0 && len(b) == HeaderLength:
		return nil
	case tkl != 0:
		return &FormatError{0, fmt.Sprintf("an Empty message has no token, this one says %d bytes", tkl), "RFC 7252 §4.1", false}
	default:
		return &FormatError{HeaderLength, "an Empty message must end behind its message id", "RFC 7252 §4.1", false}
	}
}

func tokenFault(b []byte) *FormatError {
	if tkl, left := tokenLength(b), len(b)-HeaderLength; left < tkl {
		return &FormatError{HeaderLength, fmt.Sprintf("the token should be %d bytes long, %d are left", tkl, left), "RFC 7252 §3", false}
	}
	return nil
}

const payloadMarker = 0xff

func (m *Message) unmarshalOptions(b []byte, p int) *FormatError {
	number := 0
	for p < len(b) {
		if b[p] == payloadMarker {
			if p+1 == len(b) {
				return &FormatError{p, "a payload marker with no payload behind it", "RFC 7252 §3", false}
			}
			m.Payload = b[p+1 : len(b) : len(b)]
			return nil
		}
		start := p
		delta, length := int(b[p]>>4), int(b[p]&15)
		p++
		var err *FormatError
		if delta, p, err = extended(b, p, start, delta, "delta"); err != nil {
			return err
		}
		if length, p, err = extended(b, p, start, length, "length"); err != nil {
			return err
		}
		number += delta
		if number > 65535 {
			return &FormatError{start, fmt.Sprintf("option number %d, 65535 is the greatest", number), "RFC 7252 §3.1", false}
		}
		n := OptionNumber(number) //nolint:gosec // checked above
		if len(b)-p < length {
			return &FormatError{p, fmt.Sprintf("the value of %s should be %d bytes long, %d are left", n, length, len(b)-p), "RFC 7252 §3.1", false}
		}
		m.Options = append(m.Options, Option{n, b[p : p+length : p+length]})
		p += length
	}
	return nil
}

// extended reads the rest of an option delta or length (RFC 7252 §3.1).
func extended(b []byte, p, start, nibble int, what string) (int, int, *FormatError) {
	switch nibble {
	case 13:
		if len(b)-p < 1 {
			return 0, p, &FormatError{p, "the extended option " + what + " of one byte is missing", "RFC 7252 §3.1", false}
		}
		return int(b[p]) + 13, p + 1, nil
	case 14:
		if len(b)-p < 2 {
			return 0, p, &FormatError{p, fmt.Sprintf("the extended option %s of two bytes is cut off after %d", what, len(b)-p), "RFC 7252 §3.1", false}
		}
		return int(binary.BigEndian.Uint16(b[p:])) + 269, p + 2, nil
	case 15:
		return 0, p, &FormatError{start, "option " + what + " 15 is reserved for the payload marker", "RFC 7252 §3.1", false}
	}
	return nibble, p, nil
}

// Dissection is a datagram read as far as it can be read, as an analyser would.
type Dissection struct {
	Message Message
	// Version is the version field, and TokenLength the token length field. Both
	// are 0 where there is no header.
	Version, TokenLength uint8
	// Faults is every fault that was met, the one that Decode names first; none
	// means the datagram is legal.
	Faults []*FormatError
	// Rest is what could not be read at all.
	Rest []byte
}

// Dissect reads a datagram tolerantly: a wrong version, a reserved token
// length or an Empty message with a tail do not stop it, and what stands before
// a fault is kept.
func Dissect(b []byte) Dissection {
	if len(b) < HeaderLength {
		return Dissection{Faults: []*FormatError{shortFault(b)}, Rest: b}
	}
	d := Dissection{Version: b[0] >> 6, TokenLength: b[0] & 15}
	note := func(f *FormatError) bool {
		if f != nil {
			d.Faults = append(d.Faults, f)
		}
		return f != nil
	}
	m := &d.Message
	m.unmarshalHeader(b)
	note(versionFault(b))
	note(tokenLengthFault(b))
	note(emptyFault(b))
	if note(tokenFault(b)) {
		d.Rest = b[HeaderLength:]
		return d
	}
	end := HeaderLength + tokenLength(b)
	m.Token = b[HeaderLength:end:end]
	if f := m.unmarshalOptions(b, end); note(f) {
		d.Rest = b[f.Offset:]
	}
	return d
}
