// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
)

func TestMessageReadsAsOneLine(t *testing.T) {
	m := coap.Message{
		Code: coap.GET, MessageID: 0x1a2b, Token: []byte{0x7d, 0x1f},
		Options: []coap.Option{
			{coap.URIPath, []byte("coap2http")},
			{coap.Accept, []byte{50}},
			{65001, []byte{1, 2}},
		},
		Payload: []byte(`{"open": 3}`),
	}
	want := `CON GET [0x1a2b] token 7d1f  Uri-Path: coap2http  Accept: 50 (application/json)  Option 65001: 0x0102  | {"open": 3}`
	if got := m.String(); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	if got, want := (&coap.Message{Type: coap.Reset}).String(), "RST 0.00 Empty [0x0000]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOptionValuesReadAsWhatTheyAre(t *testing.T) {
	for _, tc := range []struct {
		number coap.OptionNumber
		value  string
		want   string
	}{
		{coap.MaxAge, "", "Max-Age: 0"},
		{coap.MaxAge, "\x3c", "Max-Age: 60"},
		{coap.MaxAge, "\x00\x00\x00\x00\x01", "Max-Age: 0x0000000001"},
		{coap.ContentFormat, "", "Content-Format: 0 (text/plain; charset=utf-8)"},
		{coap.ContentFormat, "\xff\xff", "Content-Format: 65535"},
		{coap.ContentFormat, "\x00\x00\x32", "Content-Format: 50"},
		{coap.Block2, "\x2a", "Block2: 2/1/64"},
		{coap.Block2, "\x00\x00\x00\x2a", "Block2: 0x0000002a"},
		{coap.IfNoneMatch, "", "If-None-Match: (empty)"},
		{coap.IfNoneMatch, "a", "If-None-Match: 0x61"},
		{coap.ETag, "ab", "ETag: 0x6162"},
		{coap.URIPath, "", "Uri-Path: (empty)"},
		{coap.URIPath, "\xff", "Uri-Path: 0xff"},
		{coap.URIPath, "a\r\nb", `Uri-Path: a\r\nb`},
	} {
		if got := (coap.Option{Number: tc.number, Value: []byte(tc.value)}).String(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{`"a JSON string"`, `"a JSON string"`},
		{`{"a":"b"}`, `{"a":"b"}`},
		{`back\slash"`, `back\\slash"`},
		{"ends in a tab\t", `ends in a tab\t`},
		{"\x00\xff", "0x00ff"},
		{"grün", "grün"},
		{strings.Repeat("ü", 30), strings.Repeat("ü", 20) + "… (60 bytes)"},
	} {
		if got := coap.Excerpt([]byte(tc.in), 20); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}
