// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// String is the message on one line, as an analyser shows it:
//
//	CON GET [0x1a2b] token 7d1f  Uri-Path: coap2http  Accept: 50 (application/json)  | 12 bytes
func (m *Message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s [0x%04x]", m.Type, m.Code, m.MessageID)
	if len(m.Token) > 0 {
		fmt.Fprintf(&b, " token %x", m.Token)
	}
	for _, o := range m.Options {
		fmt.Fprintf(&b, "  %s", o)
	}
	if len(m.Payload) > 0 {
		fmt.Fprintf(&b, "  | %s", Excerpt(m.Payload, 48))
	}
	return b.String()
}

// String is the option's name and value: "Uri-Path: orders".
func (o Option) String() string { return o.Number.String() + ": " + o.ValueText() }

// ValueText is the value as a person reads it: a number, a string, or hex.
func (o Option) ValueText() string {
	d, _ := o.Number.Definition()
	if len(o.Value) == 0 && d.Format != FormatUint && d.Format != FormatBlock {
		return "(empty)"
	}
	switch d.Format {
	case FormatUint:
		u, ok := Uint(o.Value)
		if !ok {
			return "0x" + hex.EncodeToString(o.Value)
		}
		if (o.Number == ContentFormat || o.Number == Accept) && len(o.Value) <= 2 {
			return Format(u).String() //nolint:gosec // two bytes fit
		}
		return fmt.Sprint(u)
	case FormatBlock:
		if blk, ok := ParseBlock(o.Value); ok {
			return blk.String()
		}
	case FormatString:
		return Excerpt(o.Value, 160)
	case FormatOpaque, FormatEmpty:
	}
	return "0x" + hex.EncodeToString(o.Value)
}

// Excerpt is bytes as a person reads them: text where they are text, with
// control characters escaped, else hex; cut at about limit characters, with the
// whole length said.
func Excerpt(v []byte, limit int) string {
	var s string
	if utf8.Valid(v) {
		s = strconv.Quote(string(v))
		s = strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	} else {
		s = "0x" + hex.EncodeToString(v)
	}
	if r := []rune(s); len(r) > limit {
		return fmt.Sprintf("%s… (%d bytes)", string(r[:limit]), len(v))
	}
	return s
}
