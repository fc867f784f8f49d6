// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
)

// seed gives the hostile datagrams to a fuzz target. The longest are left out:
// the engine would spend its time on copying them.
func seed(f *testing.F) {
	f.Helper()
	ds, err := fixtures.HostileCoAP()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range ds {
		if len(d.Bytes) <= 1100 {
			f.Add(d.Bytes)
		}
	}
	f.Add([]byte("\x44\x02\x12\x34tok!\x39localhost\x84test\x12\x11\x32\x22\x11\x32\xff{}"))
}

// A legal datagram has one message, and that message one datagram. Dissect
// never panics, and says legal exactly where Decode does.
func FuzzDecode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		m, err := coap.Decode(b)
		d := coap.Dissect(b)
		if !bytes.Equal(b, before) {
			t.Fatalf("decoding changed the datagram: %x, was %x", b, before)
		}
		_ = m.String()
		_ = d.Message.String()
		m.CheckOptions(nil)
		if !bytes.HasSuffix(b, d.Rest) {
			t.Errorf("the rest %x is not the datagram's end", d.Rest)
		}

		var fault *coap.FormatError
		if errors.As(err, &fault) {
			if fault.Offset < 0 || fault.Offset > len(b) {
				t.Errorf("%v: the datagram has %d bytes", fault, len(b))
			}
			if len(d.Faults) == 0 || *d.Faults[0] != *fault {
				t.Errorf("Dissect names %v, Decode %v", d.Faults, fault)
			}
			if !fault.Ignore && (m.Type != d.Message.Type || m.Code != d.Message.Code || m.MessageID != d.Message.MessageID) {
				t.Errorf("the header of a message to reject: %v, Dissect %v", m, &d.Message)
			}
			return
		}
		if err != nil {
			t.Fatalf("an error of another type: %v", err)
		}
		if len(d.Faults) != 0 || len(d.Rest) != 0 {
			t.Errorf("Decode accepts it, Dissect names %v with the rest %x", d.Faults, d.Rest)
		}
		if diff := cmp.Diff(m, &d.Message, equal); diff != "" {
			t.Errorf("-Decode +Dissect:\n%s", diff)
		}
		again, err := m.MarshalBinary()
		if err != nil {
			t.Fatalf("a decoded message is refused: %v", err)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("encoded again: %x, want %x", again, b)
		}
		m2, err := coap.Decode(again)
		if err != nil {
			t.Fatalf("decoded again: %v", err)
		}
		if diff := cmp.Diff(m, m2, equal); diff != "" {
			t.Errorf("decoded again, -first +second:\n%s", diff)
		}
	})
}

// What a parser accepts, it accepts again as it prints.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"GET", "2.05 Content", "CON", "Uri-Path", "Option 65001", "application/json", "text/plain; charset=utf-8", "50", "4.11"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := coap.ParseCode(s); err == nil {
			if again, err := coap.ParseCode(c.String()); err != nil || again != c {
				t.Errorf("code %q: %v, then %v, %v", s, c, again, err)
			}
		}
		if n, err := coap.ParseOptionNumber(s); err == nil {
			if again, err := coap.ParseOptionNumber(n.String()); err != nil || again != n {
				t.Errorf("option %q: %v, then %v, %v", s, n, again, err)
			}
		}
		if typ, err := coap.ParseType(s); err == nil {
			if again, err := coap.ParseType(typ.String()); err != nil || again != typ {
				t.Errorf("type %q: %v, then %v, %v", s, typ, again, err)
			}
		}
		if n, err := coap.ParseFormat(s); err == nil {
			if mt, ok := n.MediaType(); ok {
				if again, err := coap.ParseFormat(mt); err != nil || again != n {
					t.Errorf("format %q: %v, then %v, %v", s, n, again, err)
				}
			}
		}
		_ = coap.Excerpt([]byte(s), 10)
	})
}
