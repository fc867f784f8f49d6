// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// MarshalBinary is the message as bytes. What RFC 7252 §3 and §4.1 do not allow
// is refused with a *FormatError; Frame can write that. Whether a code is one to
// be sent is not looked at.
func (m *Message) MarshalBinary() ([]byte, error) { return m.AppendBinary(nil) }

// AppendBinary appends the message to b. Options out of order are written in
// order; those of one number keep theirs.
func (m *Message) AppendBinary(b []byte) ([]byte, error) {
	if m.Type > Reset {
		return b, &FormatError{0, fmt.Sprintf("message type %d, 3 is the greatest", m.Type), "RFC 7252 §3", false}
	}
	if len(m.Token) > MaxTokenLength {
		return b, &FormatError{0, fmt.Sprintf("token of %d bytes, %d are the most", len(m.Token), MaxTokenLength), "RFC 7252 §3", false}
	}
	if m.Empty() && (len(m.Token) != 0 || len(m.Options) != 0 || len(m.Payload) != 0) {
		return b, &FormatError{HeaderLength, "an Empty message has no token, no options and no payload", "RFC 7252 §4.1", false}
	}
	for _, o := range m.Options {
		if len(o.Value) > maxOptionLength {
			return b, &FormatError{HeaderLength, fmt.Sprintf("%s is %d bytes long, no option can be longer than %d", o.Number, len(o.Value), maxOptionLength), "RFC 7252 §3.1", false}
		}
	}
	return Frame{Message: *m}.Append(b), nil
}

// maxOptionLength is the longest value that a two-byte extended length can say.
const maxOptionLength = 65535 + 269

// Frame is a message that may be illegal on purpose. With none of its own
// fields set it is written as the message would be, without any check.
type Frame struct {
	Message
	// Version is written instead of 1 when it is not nil.
	Version *uint8
	// TokenLength is written instead of the token's length when it is not nil.
	TokenLength *uint8
	// RawOptions is written instead of the options when it is not nil.
	RawOptions []byte
	// EmptyMarker writes a payload marker although there is no payload.
	EmptyMarker bool
	// Tail is written behind everything, without a payload marker.
	Tail []byte
}

// Bytes is the frame as bytes.
func (f Frame) Bytes() []byte { return f.Append(nil) }

// Append appends the frame to b. Values too long for their field are cut to the
// bits that the field has.
func (f Frame) Append(b []byte) []byte {
	version, tkl := uint8(Version), uint8(len(f.Token)) //nolint:gosec // cut to its four bits below
	if f.Version != nil {
		version = *f.Version
	}
	if f.TokenLength != nil {
		tkl = *f.TokenLength
	}
	b = append(b, version<<6|uint8(f.Type)&3<<4|tkl&15, uint8(f.Code))
	b = binary.BigEndian.AppendUint16(b, f.MessageID)
	b = append(b, f.Token...)
	if f.RawOptions != nil {
		b = append(b, f.RawOptions...)
	} else {
		b = appendOptions(b, f.Options)
	}
	if len(f.Payload) > 0 || f.EmptyMarker {
		b = append(b, payloadMarker)
	}
	b = append(b, f.Payload...)
	return append(b, f.Tail...)
}

func appendOptions(b []byte, options []Option) []byte {
	byNumber := func(x, y Option) int { return int(x.Number) - int(y.Number) }
	if !slices.IsSortedFunc(options, byNumber) {
		options = slices.Clone(options)
		slices.SortStableFunc(options, byNumber)
	}
	previous := OptionNumber(0)
	for _, o := range options {
		delta, length := int(o.Number-previous), len(o.Value)
		previous = o.Number
		b = append(b, nibble(delta)<<4|nibble(length))
		b = appendExtended(b, delta)
		b = appendExtended(b, length)
		b = append(b, o.Value...)
	}
	return b
}

// nibble is the four bits that announce v (RFC 7252 §3.1).
func nibble(v int) byte {
	switch {
	case v < 13:
		return byte(v) //nolint:gosec // less than 13
	case v < 269:
		return 13
	default:
		return 14
	}
}

func appendExtended(b []byte, v int) []byte {
	switch {
	case v < 13:
		return b
	case v < 269:
		return append(b, byte(v-13))
	default:
		return binary.BigEndian.AppendUint16(b, uint16(v-269)) //nolint:gosec // the field has sixteen bits
	}
}
