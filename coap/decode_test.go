// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
)

// unhex reads hex with spaces in it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// equal compares messages, an absent slice being the same as an empty one.
var equal = cmpopts.EquateEmpty()

func TestDecodeReadsLegalMessages(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name, hex string
		want      coap.Message
	}{
		{"ping", "40 00 00 0b", coap.Message{MessageID: 11}},
		{"the GET of RFC 7252 Figure 16", "40 01 7d 34 bb 74656d7065726174757265", coap.Message{
			Code: coap.GET, MessageID: 0x7d34,
			Options: []coap.Option{{Number: coap.URIPath, Value: []byte("temperature")}},
		}},
		{"its answer", "60 45 7d 34 ff 32322e332043", coap.Message{
			Type: coap.Acknowledgement, Code: coap.Content, MessageID: 0x7d34, Payload: []byte("22.3 C"),
		}},
		{"a token of eight bytes", "58 02 00 01 0102030405060708", coap.Message{
			Type: coap.NonConfirmable, Code: coap.POST, MessageID: 1, Token: []byte{1, 2, 3, 4, 5, 6, 7, 8},
		}},
		{"a reset", "70 00 ff ff", coap.Message{Type: coap.Reset, MessageID: 0xffff}},
		{"repeated options in their own order", "40 01 00 01 b1 61 01 62", coap.Message{
			Code: coap.GET, MessageID: 1,
			Options: []coap.Option{{Number: coap.URIPath, Value: []byte("a")}, {Number: coap.URIPath, Value: []byte("b")}},
		}},
		{"extended deltas and lengths", "40 01 00 01 dd 0a 00" + hex.EncodeToString([]byte(long[:13])) + "ee fdbd 001f" + hex.EncodeToString([]byte(long)), coap.Message{
			Code: coap.GET, MessageID: 1,
			Options: []coap.Option{
				{Number: coap.Block2, Value: []byte(long[:13])},
				{Number: 65249, Value: []byte(long)},
			},
		}},
		{"the greatest option number", "40 01 00 01 e0 fef2", coap.Message{
			Code: coap.GET, MessageID: 1, Options: []coap.Option{{Number: 65535}},
		}},
		{"an unknown method, a matter of the layer above", "40 1f 00 01", coap.Message{Code: 31, MessageID: 1}},
		{"a reserved code, a matter of the layer above", "40 c0 00 01", coap.Message{Code: coap.MakeCode(6, 0), MessageID: 1}},
		{"a payload of ff", "40 02 00 01 ff ff", coap.Message{Code: coap.POST, MessageID: 1, Payload: []byte{0xff}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := unhex(t, tc.hex)
			got, err := coap.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got, equal); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			back, err := got.MarshalBinary()
			if err != nil || !bytes.Equal(back, b) {
				t.Errorf("encoded again: %x, %v, want %x", back, err, b)
			}
		})
	}
}

func TestDecodeNamesByteFaultAndSection(t *testing.T) {
	for _, tc := range []struct {
		name, hex string
		want      coap.FormatError
	}{
		{"nothing", "", coap.FormatError{Offset: 0, What: "the datagram is 0 bytes long, the header alone takes 4", Section: "RFC 7252 §3", Ignore: true}},
		{"three bytes", "400112", coap.FormatError{Offset: 3, What: "the datagram is 3 bytes long, the header alone takes 4", Section: "RFC 7252 §3", Ignore: true}},
		{"version 0", "00010004", coap.FormatError{Offset: 0, What: "version 0, only version 1 exists", Section: "RFC 7252 §3", Ignore: true}},
		{"version 3", "c0010006", coap.FormatError{Offset: 0, What: "version 3, only version 1 exists", Section: "RFC 7252 §3", Ignore: true}},
		{"token length 9", "49010007 aaaaaaaaaaaaaaaaaa", coap.FormatError{Offset: 0, What: "token length 9, lengths 9 to 15 are reserved", Section: "RFC 7252 §3"}},
		{"token length 15", "4f010008", coap.FormatError{Offset: 0, What: "token length 15, lengths 9 to 15 are reserved", Section: "RFC 7252 §3"}},
		{"a token cut off", "4801000a aaaaaa", coap.FormatError{Offset: 4, What: "the token should be 8 bytes long, 3 are left", Section: "RFC 7252 §3"}},
		{"Empty with a token", "4100000c aa", coap.FormatError{Offset: 0, What: "an Empty message has no token, this one says 1 bytes", Section: "RFC 7252 §4.1"}},
		{"Empty with a token that is not there", "4100000c", coap.FormatError{Offset: 0, What: "an Empty message has no token, this one says 1 bytes", Section: "RFC 7252 §4.1"}},
		{"Empty with an option", "4000000d b161", coap.FormatError{Offset: 4, What: "an Empty message must end behind its message id", Section: "RFC 7252 §4.1"}},
		{"Empty with a payload", "4000000e ff61", coap.FormatError{Offset: 4, What: "an Empty message must end behind its message id", Section: "RFC 7252 §4.1"}},
		{"delta 15", "40010001 f161", coap.FormatError{Offset: 4, What: "option delta 15 is reserved for the payload marker", Section: "RFC 7252 §3.1"}},
		{"length 15", "40010001 1f61", coap.FormatError{Offset: 4, What: "option length 15 is reserved for the payload marker", Section: "RFC 7252 §3.1"}},
		{"length 15 behind a good option", "40010001 b161 1f", coap.FormatError{Offset: 6, What: "option length 15 is reserved for the payload marker", Section: "RFC 7252 §3.1"}},
		{"delta 13 without its byte", "40010001 d0", coap.FormatError{Offset: 5, What: "the extended option delta of one byte is missing", Section: "RFC 7252 §3.1"}},
		{"delta 14 with one byte", "40010001 e001", coap.FormatError{Offset: 5, What: "the extended option delta of two bytes is cut off after 1", Section: "RFC 7252 §3.1"}},
		{"length 13 without its byte", "40010001 1d", coap.FormatError{Offset: 5, What: "the extended option length of one byte is missing", Section: "RFC 7252 §3.1"}},
		{"length 14 without its bytes", "40010001 de00", coap.FormatError{Offset: 6, What: "the extended option length of two bytes is cut off after 0", Section: "RFC 7252 §3.1"}},
		{"a value cut off", "40010001 b56162", coap.FormatError{Offset: 5, What: "the value of Uri-Path should be 5 bytes long, 2 are left", Section: "RFC 7252 §3.1"}},
		{"a value cut off by one byte", "40010001 b2 61", coap.FormatError{Offset: 5, What: "the value of Uri-Path should be 2 bytes long, 1 are left", Section: "RFC 7252 §3.1"}},
		{"an option number above 65535", "40010001 e0fef2 10", coap.FormatError{Offset: 7, What: "option number 65536, 65535 is the greatest", Section: "RFC 7252 §3.1"}},
		{"a marker without a payload", "40010001 ff", coap.FormatError{Offset: 4, What: "a payload marker with no payload behind it", Section: "RFC 7252 §3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := coap.Decode(unhex(t, tc.hex))
			var got *coap.FormatError
			if !errors.As(err, &got) {
				t.Fatalf("error %v, want a *FormatError", err)
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !errors.Is(err, coap.ErrFormat) {
				t.Error("errors.Is(err, ErrFormat) is false")
			}
		})
	}
}

func TestFormatErrorReadsAsOneLine(t *testing.T) {
	_, err := coap.Decode([]byte{0x40, 1, 0, 1, 0xff})
	if want := "byte 4: a payload marker with no payload behind it (RFC 7252 §3)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestDecodeKeepsTheHeaderOfAMessageToReject(t *testing.T) {
	m, err := coap.Decode(unhex(t, "59 45 12 34 aa"))
	if err == nil {
		t.Fatal("a reserved token length was accepted")
	}
	want := &coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 0x1234}
	if diff := cmp.Diff(want, m, equal); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecodedSlicesCannotGrowIntoTheBuffer(t *testing.T) {
	buffer := unhex(t, "41 02 00 01 aa b1 61 ff 62 63")
	b := buffer[:9]
	m, err := coap.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(m.Token, 0)
	_ = append(m.Options[0].Value, 0)
	_ = append(m.Payload, 0)
	if want := unhex(t, "41 02 00 01 aa b1 61 ff 62 63"); !bytes.Equal(buffer, want) {
		t.Errorf("the buffer became %x, want %x", buffer, want)
	}
}

func TestUnmarshalLeavesNothingOfTheMessageBefore(t *testing.T) {
	var m coap.Message
	if err := m.Unmarshal(unhex(t, "42 02 00 01 aabb b161 ff 62")); err != nil {
		t.Fatal(err)
	}
	if err := m.Unmarshal(unhex(t, "70 00 00 02")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(coap.Message{Type: coap.Reset, MessageID: 2}, m, equal); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDissectReadsOnPastFaults(t *testing.T) {
	path := []coap.Option{{Number: coap.URIPath, Value: []byte("a")}}
	for _, tc := range []struct {
		name, hex string
		message   coap.Message
		version   uint8
		tkl       uint8
		faults    []string
		rest      string
	}{
		{"a legal message", "41 01 00 01 aa b1 61", coap.Message{Code: coap.GET, MessageID: 1, Token: []byte{0xaa}, Options: path}, 1, 1, nil, ""},
		{"a header cut off", "40 01", coap.Message{}, 0, 0, []string{"byte 2: the datagram is 2 bytes long"}, "40 01"},
		{"another version", "81 01 00 01 aa b1 61", coap.Message{Code: coap.GET, MessageID: 1, Token: []byte{0xaa}, Options: path}, 2, 1, []string{"byte 0: version 2"}, ""},
		{"a reserved token length", "49 01 00 01 010203040506070809 b1 61", coap.Message{Code: coap.GET, MessageID: 1, Token: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, Options: path}, 1, 9, []string{"byte 0: token length 9"}, ""},
		{"a token cut off", "48 01 00 01 aa", coap.Message{Code: coap.GET, MessageID: 1}, 1, 8, []string{"byte 4: the token should be 8 bytes long, 1 are left"}, "aa"},
		{"Empty with a tail", "41 00 00 01 aa b1 61 ff 62", coap.Message{MessageID: 1, Token: []byte{0xaa}, Options: path, Payload: []byte("b")}, 1, 1, []string{"byte 0: an Empty message has no token"}, ""},
		{"a fault behind an option", "40 01 00 01 b1 61 f0 01", coap.Message{Code: coap.GET, MessageID: 1, Options: path}, 1, 0, []string{"byte 6: option delta 15"}, "f0 01"},
		{"everything at once", "c9 00 00 01 010203040506070809 b1 61 ff", coap.Message{MessageID: 1, Token: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, Options: path}, 3, 9, []string{
			"byte 0: version 3", "byte 0: token length 9", "byte 0: an Empty message has no token", "byte 15: a payload marker",
		}, "ff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := coap.Dissect(unhex(t, tc.hex))
			if diff := cmp.Diff(tc.message, d.Message, equal); diff != "" {
				t.Errorf("message, -want +got:\n%s", diff)
			}
			if d.Version != tc.version || d.TokenLength != tc.tkl {
				t.Errorf("version %d, token length %d, want %d, %d", d.Version, d.TokenLength, tc.version, tc.tkl)
			}
			if len(d.Faults) != len(tc.faults) {
				t.Fatalf("faults %v, want %q", d.Faults, tc.faults)
			}
			for i, f := range d.Faults {
				if !strings.HasPrefix(f.Error(), tc.faults[i]) {
					t.Errorf("fault %d: %v, want %s…", i, f, tc.faults[i])
				}
			}
			if want := unhex(t, tc.rest); !bytes.Equal(d.Rest, want) {
				t.Errorf("rest %x, want %x", d.Rest, want)
			}
		})
	}
}

// What a server must do with a hostile datagram is the endpoint's matter; that
// a datagram is to be ignored or reset for its format alone is the codec's.
func TestHostileDatagramsAreJudgedByTheirFormat(t *testing.T) {
	const (
		legal = iota
		reject
		ignore
	)
	want := map[string]int{
		"M01": ignore, "M02": ignore, "M03": ignore, "M04": ignore, "M05": ignore, "M06": ignore,
		"M07": reject, "M08": reject, "M09": reject, "M10": reject, "M12": reject, "M13": reject, "M14": reject,
		"M28": reject, "M29": reject, "M30": reject, "M31": reject, "M32": reject, "M33": reject, "M34": reject,
		"M35": reject, "M36": reject,
		"M71": ignore, "M72": ignore,
	}
	ds, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		_, err := coap.Decode(d.Bytes)
		got := legal
		var fault *coap.FormatError
		if errors.As(err, &fault) {
			got = reject
			if fault.Ignore {
				got = ignore
			}
		}
		if got != want[d.ID] {
			t.Errorf("%s (%s): error %v, judged %d, want %d (0 legal, 1 reject, 2 ignore)", d.ID, d.Name, err, got, want[d.ID])
		}
	}
}
