// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
)

func TestAddKeepsTheOrderOfNumbersAndOfAdding(t *testing.T) {
	var m coap.Message
	m.AddString(coap.URIQuery, "q")
	m.AddString(coap.URIPath, "a")
	m.AddString(coap.ProxyURI, "p")
	m.AddString(coap.URIPath, "b")
	m.AddUint(coap.Accept, 50)
	want := []coap.Option{
		{coap.URIPath, []byte("a")},
		{coap.URIPath, []byte("b")},
		{coap.URIQuery, []byte("q")},
		{coap.Accept, []byte{50}},
		{coap.ProxyURI, []byte("p")},
	}
	if diff := cmp.Diff(want, m.Options); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	m.Remove(coap.URIPath)
	if m.Has(coap.URIPath) || len(m.Options) != 3 {
		t.Errorf("after Remove: %v", m.Options)
	}
}

func TestAddPathFollowsTheURI(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"/", nil},
		{"coap2http", []string{"coap2http"}},
		{"/a/b", []string{"a", "b"}},
		{"/a/", []string{"a", ""}},
		{"//", []string{"", ""}},
	} {
		var m coap.Message
		m.AddPath(tc.in)
		if diff := cmp.Diff(tc.want, m.Strings(coap.URIPath)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", tc.in, diff)
		}
	}
}

// RFC 7252 §3.2: the shortest form is sent, leading zeros are accepted.
func TestUintsAreSentShortAndReadLong(t *testing.T) {
	for _, tc := range []struct {
		value uint32
		short []byte
	}{
		{0, nil},
		{1, []byte{1}},
		{255, []byte{255}},
		{256, []byte{1, 0}},
		{0x10000, []byte{1, 0, 0}},
		{0x1000000, []byte{1, 0, 0, 0}},
		{0xffffffff, []byte{255, 255, 255, 255}},
	} {
		short := coap.AppendUint(nil, tc.value)
		if !bytes.Equal(short, tc.short) {
			t.Errorf("%d is written as %x, want %x", tc.value, short, tc.short)
		}
		padded := append(make([]byte, 4-len(short)), short...)
		for _, v := range [][]byte{short, padded} {
			if got, ok := coap.Uint(v); !ok || got != tc.value {
				t.Errorf("%x is read as %d, %t, want %d", v, got, ok, tc.value)
			}
		}
	}
	if _, ok := coap.Uint(make([]byte, 5)); ok {
		t.Error("five bytes are accepted")
	}
}

func TestAFormatTooLongIsAbsent(t *testing.T) {
	m := coap.Message{Options: []coap.Option{{coap.ContentFormat, []byte{0, 0, 50}}, {coap.Accept, []byte{0, 0, 50}}}}
	if f, ok := m.ContentFormat(); ok {
		t.Errorf("Content-Format %v, want none", f)
	}
	if f, ok := m.Accept(); ok {
		t.Errorf("Accept %v, want none", f)
	}
	m = coap.Message{Options: []coap.Option{{coap.ContentFormat, nil}, {coap.Accept, []byte{0, 50}}}}
	if f, ok := m.ContentFormat(); !ok || f != coap.TextPlain {
		t.Errorf("Content-Format %v, %t, want 0", f, ok)
	}
	if f, ok := m.Accept(); !ok || f != coap.AppJSON {
		t.Errorf("Accept %v, %t, want 50", f, ok)
	}
}

func TestACloneSharesNothing(t *testing.T) {
	m := coap.Message{
		Code: coap.POST, Token: []byte{1}, Payload: []byte{2},
		Options: []coap.Option{{coap.URIPath, []byte{3}}},
	}
	c := m.Clone()
	if diff := cmp.Diff(&m, c); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	m.Token[0], m.Payload[0], m.Options[0].Value[0] = 9, 9, 9
	m.Options[0].Number = 9
	if c.Token[0] != 1 || c.Payload[0] != 2 || c.Options[0].Value[0] != 3 || c.Options[0].Number != coap.URIPath {
		t.Errorf("the clone changed too: %v", c)
	}
}

func TestTypesParseAsTheyPrint(t *testing.T) {
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable, coap.Acknowledgement, coap.Reset} {
		if got, err := coap.ParseType(typ.String()); err != nil || got != typ {
			t.Errorf("%s parses as %v, %v", typ, got, err)
		}
	}
	for in, want := range map[string]coap.Type{"confirmable": 0, " Non-Confirmable ": 1, "Acknowledgment": 2, "reset": 3} {
		if got, err := coap.ParseType(in); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	if _, err := coap.ParseType("reject"); err == nil {
		t.Error(`"reject" is no type`)
	}
	if got := coap.Type(7).String(); got != "Type(7)" {
		t.Errorf("%q", got)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		block coap.Block
		value []byte
		text  string
	}{
		{coap.Block{}, nil, "0/0/16"},
		{coap.Block{Num: 2, More: true, SZX: 2}, []byte{0x2a}, "2/1/64"},
		{coap.Block{Num: 1048575, SZX: 6}, []byte{0xff, 0xff, 0xf6}, "1048575/0/1024"},
	} {
		v := coap.AppendUint(nil, tc.block.Uint())
		if !bytes.Equal(v, tc.value) {
			t.Errorf("%v is written as %x, want %x", tc.block, v, tc.value)
		}
		if got, ok := coap.ParseBlock(v); !ok || got != tc.block {
			t.Errorf("%x is read as %v, %t, want %v", v, got, ok, tc.block)
		}
		if got := tc.block.String(); got != tc.text {
			t.Errorf("%q, want %q", got, tc.text)
		}
	}
	if _, ok := coap.ParseBlock(make([]byte, 4)); ok {
		t.Error("four bytes are accepted")
	}
}
