// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is the only version of CoAP there is (RFC 7252 §3).
const Version = 1

// MaxTokenLength is the longest token in bytes (RFC 7252 §3).
const MaxTokenLength = 8

// HeaderLength is the length of the fixed header in bytes (RFC 7252 §3).
const HeaderLength = 4

// DefaultPort and DefaultSecurePort are the ports of coap and coaps
// (RFC 7252 §6.1, §6.2).
const (
	DefaultPort       = 5683
	DefaultSecurePort = 5684
)

// Type is the type of a message (RFC 7252 §3).
type Type uint8

// The four message types.
const (
	Confirmable     Type = 0
	NonConfirmable  Type = 1
	Acknowledgement Type = 2
	Reset           Type = 3
)

var typeNames = [...]string{"CON", "NON", "ACK", "RST"}

// String is the short name of the type: CON, NON, ACK or RST.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// ParseType reads a type by its short or long name: "CON", "confirmable", "RST".
func ParseType(s string) (Type, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "con", "confirmable":
		return Confirmable, nil
	case "non", "non-confirmable", "nonconfirmable":
		return NonConfirmable, nil
	case "ack", "acknowledgement", "acknowledgment":
		return Acknowledgement, nil
	case "rst", "reset":
		return Reset, nil
	}
	return 0, fmt.Errorf("message type %q: want CON, NON, ACK or RST", s)
}

// Message is one CoAP message. The zero value is an Empty Confirmable message
// with the message id 0.
type Message struct {
	Type      Type
	Code      Code
	MessageID uint16
	// Token is 0 to 8 bytes (RFC 7252 §5.3.1).
	Token []byte
	// Options stand in the order of their numbers, as on the wire; options of
	// one number stand in their own order, which has a meaning (§5.4.5).
	Options []Option
	// Payload is absent when it is empty: CoAP knows no empty payload with a
	// marker (§3).
	Payload []byte
}

// Empty says whether m is an Empty message: code 0.00 (RFC 7252 §4.1).
func (m *Message) Empty() bool { return m.Code == CodeEmpty }

// Clone is a deep copy of m.
func (m *Message) Clone() *Message {
	c := *m
	c.Token = slices.Clone(m.Token)
	c.Payload = slices.Clone(m.Payload)
	c.Options = make([]Option, len(m.Options))
	for i, o := range m.Options {
		c.Options[i] = Option{o.Number, slices.Clone(o.Value)}
	}
	return &c
}

// Has says whether an option of this number is present.
func (m *Message) Has(n OptionNumber) bool {
	return slices.ContainsFunc(m.Options, func(o Option) bool { return o.Number == n })
}

// Get is the value of the first option of this number.
func (m *Message) Get(n OptionNumber) (value []byte, ok bool) {
	for _, o := range m.Options {
		if o.Number == n {
			return o.Value, true
		}
	}
	return nil, false
}

// GetUint is the first option of this number read as a uint (RFC 7252 §3.2).
// ok is false when it is absent or longer than four bytes.
func (m *Message) GetUint(n OptionNumber) (value uint32, ok bool) {
	v, ok := m.Get(n)
	if !ok {
		return 0, false
	}
	return Uint(v)
}

// All is the values of every option of this number, in order.
func (m *Message) All(n OptionNumber) [][]byte {
	var vs [][]byte
	for _, o := range m.Options {
		if o.Number == n {
			vs = append(vs, o.Value)
		}
	}
	return vs
}

// Strings is the values of every option of this number as strings, in order.
func (m *Message) Strings(n OptionNumber) []string {
	var vs []string
	for _, o := range m.Options {
		if o.Number == n {
			vs = append(vs, string(o.Value))
		}
	}
	return vs
}

// Add inserts an option behind the last one whose number is not greater.
func (m *Message) Add(n OptionNumber, value []byte) {
	i := len(m.Options)
	for i > 0 && m.Options[i-1].Number > n {
		i--
	}
	m.Options = slices.Insert(m.Options, i, Option{n, value})
}

// AddString inserts an option with a string value.
func (m *Message) AddString(n OptionNumber, value string) { m.Add(n, []byte(value)) }

// AddUint inserts an option with a uint value in its shortest form (RFC 7252 §3.2).
func (m *Message) AddUint(n OptionNumber, value uint32) { m.Add(n, AppendUint(nil, value)) }

// Remove deletes every option of this number.
func (m *Message) Remove(n OptionNumber) {
	m.Options = slices.DeleteFunc(m.Options, func(o Option) bool { return o.Number == n })
}

// AddPath inserts one Uri-Path option for each segment of path. A leading slash
// is not a segment; "" and "/" add none (RFC 7252 §6.4).
func (m *Message) AddPath(path string) {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return
	}
	for seg := range strings.SplitSeq(path, "/") {
		m.AddString(URIPath, seg)
	}
}

// Path is the Uri-Path options joined by slashes, with a leading slash, as a
// person reads it. It is not escaped: never build a URL from it.
func (m *Message) Path() string { return "/" + strings.Join(m.Strings(URIPath), "/") }

// ContentFormat is the Content-Format option (RFC 7252 §5.10.3). A value longer
// than two bytes is treated as an unrecognised elective option: absent (§5.4.3).
func (m *Message) ContentFormat() (f Format, ok bool) {
	v, ok := m.Get(ContentFormat)
	if !ok || len(v) > 2 {
		return 0, false
	}
	u, _ := Uint(v)
	return Format(u), true //nolint:gosec // two bytes fit
}

// Accept is the Accept option (RFC 7252 §5.10.4).
func (m *Message) Accept() (f Format, ok bool) {
	v, ok := m.Get(Accept)
	if !ok || len(v) > 2 {
		return 0, false
	}
	u, _ := Uint(v)
	return Format(u), true //nolint:gosec // two bytes fit
}

// Uint reads a uint option value: network byte order, leading zeros allowed on
// receipt (RFC 7252 §3.2). ok is false above four bytes.
func Uint(v []byte) (u uint32, ok bool) {
	if len(v) > 4 {
		return 0, false
	}
	for _, b := range v {
		u = u<<8 | uint32(b)
	}
	return u, true
}

// AppendUint appends the shortest form of u; zero is no byte at all (RFC 7252 §3.2).
func AppendUint(b []byte, u uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if u>>shift != 0 {
			b = append(b, byte(u>>shift)) //nolint:gosec // byte by byte
		}
	}
	return b
}
