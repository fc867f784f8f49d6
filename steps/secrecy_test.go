// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/trace"
)

func TestATextIsReadInEveryForm(t *testing.T) {
	const canary = "canary-in-the-cage"
	for name, in := range map[string]string{
		"as it stands":                canary,
		"in hexadecimal digits":       fmt.Sprintf("%x", canary),
		"in upper case":               fmt.Sprintf("%X", canary),
		"in digits with spaces":       fmt.Sprintf("% x", canary),
		"as a slice of bytes":         fmt.Sprint([]byte(canary)),
		"in Base64":                   base64.StdEncoding.EncodeToString([]byte(canary)),
		"in Base64 behind one byte":   base64.StdEncoding.EncodeToString([]byte(":" + canary)),
		"in Base64 behind two bytes":  base64.StdEncoding.EncodeToString([]byte("::" + canary)),
		"in Base64 behind a name":     base64.StdEncoding.EncodeToString([]byte("hello:" + canary)),
		"in Base64 before more":       base64.StdEncoding.EncodeToString([]byte(canary + "!")),
		"in Base64 in between":        base64.StdEncoding.EncodeToString([]byte("a:" + canary + "!!")),
		"in the middle of other text": "msg=\"bad token " + canary + "\" from=hello",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, ok := readable(canary, in); !ok {
				t.Errorf("%q is not found in %q", canary, in)
			}
		})
	}
	if _, _, ok := readable("größe ??>", base64.URLEncoding.EncodeToString([]byte("größe ??>"))); !ok {
		t.Error("the URL-safe alphabet is not read")
	}
	if _, _, ok := readable("a b&c", "a+b%26c"); !ok {
		t.Error("percent-encoding is not read")
	}
	if how, _, ok := readable(canary, "a canary, and a cage"); ok {
		t.Errorf("what is not there is found: %s", how)
	}
}

func TestWhereATextStandsIsCountedInTheBytesOfTheDatagram(t *testing.T) {
	const before = "\xff\xfe\u0130\xe9"
	in := before + fmt.Sprintf("%X", "canary-in-the-cage")
	if _, at, ok := readable("canary-in-the-cage", in); !ok || at != len(before) {
		t.Errorf("found at byte %d, %t, want %d", at, ok, len(before))
	}
}

func TestAFindingCallsASecretAsTheFeatureDoes(t *testing.T) {
	err := hidden([]secretText{{"{token of hello}", "aGVsbG86d29ybGQ="}}, []string{"token=aGVsbG86d29ybGQ="}, func(i, at int) string { return fmt.Sprintf("line %d from %d", i, at) })
	const want = "expected nothing that can be read as {token of hello}, got {token of hello} at byte 6 of line 0 from 6"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// seen is a scenario's trace with these datagrams of the gateway.
func seen(to netip.AddrPort, datagrams ...string) (events []trace.Event) {
	for _, d := range datagrams {
		events = append(events, trace.Event{Layer: trace.Datagram, To: trace.End{Addr: to}, Bytes: []byte(d), Secure: true})
	}
	return events
}

func TestHandshakesLookTheSameWhenTheirRecordsAreOfTheSameKinds(t *testing.T) {
	const (
		hello   = "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04abcd"
		other   = "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x07\x00\x04efgh"
		longer  = "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05abcde"
		refusal = "\x15\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x02\x73" // unknown_psk_identity
		decrypt = "\x15\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x02\x33" // decrypt_error
	)
	device, another := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	of := func(datagrams ...string) string {
		return look(append(seen(device, datagrams...), seen(another, refusal)...), device)
	}
	for _, tt := range []struct {
		name string
		a, b string
		same bool
	}{
		{"other bytes of the same kinds", of(hello), of(other), true},
		{"one sent again", of(hello), of(hello, other), true},
		{"two in one datagram", of(hello, decrypt), of(hello + decrypt), true},
		{"another length", of(hello), of(longer), false},
		{"an alert more", of(hello), of(hello, refusal), false},
		{"another alert", of(hello, refusal), of(hello, decrypt), false},
		{"nothing", of(), of(hello), false},
	} {
		if (tt.a == tt.b) != tt.same {
			t.Errorf("%s: %q and %q", tt.name, tt.a, tt.b)
		}
	}
	if got := of(refusal); !strings.Contains(got, "unknown_psk_identity") {
		t.Errorf("the alert is not named: %s", got)
	}
}
