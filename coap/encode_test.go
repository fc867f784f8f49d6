// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
)

func TestMarshalPutsOptionsInOrderAndKeepsTheOrderOfOneNumber(t *testing.T) {
	m := coap.Message{Code: coap.GET, MessageID: 1, Options: []coap.Option{
		{Number: coap.URIQuery, Value: []byte("x")},
		{Number: coap.URIPath, Value: []byte("b")},
		{Number: coap.URIPath, Value: []byte("a")},
	}}
	got, err := m.MarshalBinary()
	if want := unhex(t, "40 01 00 01 b1 62 01 61 41 78"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
	if m.Options[0].Number != coap.URIQuery {
		t.Error("the message's own options were put in another order")
	}
}

func TestMarshalChoosesTheOnlyFormOfDeltaAndLength(t *testing.T) {
	for _, tc := range []struct {
		number coap.OptionNumber
		length int
		want   string
	}{
		{12, 0, "c0"},
		{13, 0, "d0 00"},
		{268, 0, "d0 ff"},
		{269, 0, "e0 0000"},
		{65535, 0, "e0 fef2"},
		{1, 12, "1c"},
		{1, 13, "1d 00"},
		{1, 268, "1d ff"},
		{1, 269, "1e 0000"},
		{1, 65804, "1e ffff"},
		{13, 13, "dd 00 00"},
		{269, 269, "ee 0000 0000"},
	} {
		m := coap.Message{Code: coap.GET, Options: []coap.Option{{Number: tc.number, Value: make([]byte, tc.length)}}}
		b, err := m.MarshalBinary()
		if err != nil {
			t.Errorf("option %d of %d bytes: %v", tc.number, tc.length, err)
			continue
		}
		if got, want := b[coap.HeaderLength:len(b)-tc.length], unhex(t, tc.want); !bytes.Equal(got, want) {
			t.Errorf("option %d of %d bytes: %x, want %x", tc.number, tc.length, got, want)
		}
	}
}

func TestMarshalRefusesWhatIsNoMessage(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    coap.Message
		want string
	}{
		{"a fifth type", coap.Message{Type: 4, Code: coap.GET}, "byte 0: message type 4, 3 is the greatest (RFC 7252 §3)"},
		{"a token of nine bytes", coap.Message{Code: coap.GET, Token: make([]byte, 9)}, "byte 0: token of 9 bytes, 8 are the most (RFC 7252 §3)"},
		{"Empty with a token", coap.Message{Token: []byte{1}}, "byte 4: an Empty message has no token, no options and no payload (RFC 7252 §4.1)"},
		{"Empty with an option", coap.Message{Options: []coap.Option{{Number: 11}}}, "byte 4: an Empty message has no token, no options and no payload (RFC 7252 §4.1)"},
		{"Empty with a payload", coap.Message{Payload: []byte{1}}, "byte 4: an Empty message has no token, no options and no payload (RFC 7252 §4.1)"},
		{"an option too long for its length field", coap.Message{Code: coap.GET, Options: []coap.Option{{Number: 11, Value: make([]byte, 65805)}}}, "byte 4: Uri-Path is 65805 bytes long, no option can be longer than 65804 (RFC 7252 §3.1)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.m.AppendBinary([]byte("before"))
			if !errors.Is(err, coap.ErrFormat) || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			if string(got) != "before" {
				t.Errorf("%q was written, want nothing", strings.TrimPrefix(string(got), "before"))
			}
		})
	}
}

func TestFrameWritesWhatIsIllegal(t *testing.T) {
	number := func(v uint8) *uint8 { return &v }
	get := coap.Message{Code: coap.GET, MessageID: 1, Token: []byte{0xaa}}
	for _, tc := range []struct {
		name  string
		frame coap.Frame
		want  string
		fault string
	}{
		{"nothing set: the message", coap.Frame{Message: get}, "41 01 00 01 aa", ""},
		{"a version", coap.Frame{Message: get, Version: number(2)}, "81 01 00 01 aa", "version 2"},
		{"version 0", coap.Frame{Message: get, Version: number(0)}, "01 01 00 01 aa", "version 0"},
		{"a token length that is wrong", coap.Frame{Message: get, TokenLength: number(8)}, "48 01 00 01 aa", "the token should be 8 bytes long"},
		{"a token length of 0 beside a token", coap.Frame{Message: get, TokenLength: number(0)}, "40 01 00 01 aa", "the value of Option 10 should be 10 bytes long"},
		{"a token of nine bytes", coap.Frame{Message: coap.Message{Code: coap.GET, Token: make([]byte, 9)}}, "49 01 00 00 000000000000000000", "token length 9"},
		{"raw options", coap.Frame{Message: get, RawOptions: []byte{0xf0}}, "41 01 00 01 aa f0", "option delta 15"},
		{"raw options instead of options", coap.Frame{Message: coap.Message{Code: coap.GET, Options: []coap.Option{{Number: 11}}}, RawOptions: []byte{}}, "40 01 00 00", ""},
		{"a marker alone", coap.Frame{Message: get, EmptyMarker: true}, "41 01 00 01 aa ff", "a payload marker with no payload"},
		{"one marker only", coap.Frame{Message: coap.Message{Code: coap.GET, Payload: []byte("a")}, EmptyMarker: true}, "40 01 00 00 ff 61", ""},
		{"a tail", coap.Frame{Message: coap.Message{MessageID: 2}, Tail: []byte{0xb1, 0x61}}, "40 00 00 02 b1 61", "an Empty message must end"},
		{"types and lengths cut to their bits", coap.Frame{Message: coap.Message{Type: 7, Code: coap.GET}, Version: number(5), TokenLength: number(0x31)}, "71 01 00 00", "the token should be 1 bytes long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.frame.Bytes()
			if want := unhex(t, tc.want); !bytes.Equal(got, want) {
				t.Errorf("%x, want %x", got, want)
			}
			_, err := coap.Decode(got)
			switch {
			case tc.fault == "" && err != nil:
				t.Errorf("error %v, want a legal message", err)
			case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)):
				t.Errorf("error %v, want one of %q", err, tc.fault)
			}
			if again := tc.frame.Append([]byte("before")); !bytes.Equal(again, append([]byte("before"), got...)) {
				t.Errorf("appended: %x, want the same behind what was there", again)
			}
		})
	}
}
