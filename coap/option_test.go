// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
)

func TestDefinitionsStandInOrderAndAreComplete(t *testing.T) {
	ds := coap.Definitions()
	if !slices.IsSortedFunc(ds, func(a, b coap.OptionDefinition) int { return int(a.Number) - int(b.Number) }) {
		t.Error("not in the order of the numbers: look-up by binary search fails")
	}
	for _, d := range ds {
		if got, ok := d.Number.Definition(); !ok || got != d {
			t.Errorf("%s: looked up: %+v, %t", d.Name, got, ok)
		}
		if d.Name == "" || d.Source == "" || d.Min > d.Max {
			t.Errorf("%+v: name, source and sensible lengths must be given", d)
		}
		if n, err := coap.ParseOptionNumber(d.Number.String()); err != nil || n != d.Number {
			t.Errorf("%s parses as %d, %v, want %d", d.Name, n, err, d.Number)
		}
	}
	ds[0].Name = "changed"
	if n := ds[0].Number; n.String() == "changed" {
		t.Error("a caller can change the registry")
	}
}

// The options that go-coap does not have; TestOptionsAgreeWithGoCoAP sees to the rest.
func TestDefinitionsBeyondGoCoAP(t *testing.T) {
	for _, want := range []coap.OptionDefinition{
		{Number: 9, Name: "OSCORE", Format: coap.FormatOpaque, Max: 255, Source: "RFC 8613 §2"},
		{Number: 16, Name: "Hop-Limit", Format: coap.FormatUint, Min: 1, Max: 1, Source: "RFC 8768 §3"},
		{Number: 19, Name: "Q-Block1", Format: coap.FormatBlock, Max: 3, Source: "RFC 9177 §4.1"},
		{Number: 31, Name: "Q-Block2", Format: coap.FormatBlock, Max: 3, Repeatable: true, Source: "RFC 9177 §4.1"},
		{Number: 252, Name: "Echo", Format: coap.FormatOpaque, Min: 1, Max: 40, Source: "RFC 9175 §2.2.1"},
		{Number: 292, Name: "Request-Tag", Format: coap.FormatOpaque, Max: 8, Repeatable: true, Source: "RFC 9175 §3.2.1"},
	} {
		if got, ok := want.Number.Definition(); !ok || got != want {
			t.Errorf("%d: %+v, %t, want %+v", want.Number, got, ok, want)
		}
	}
}

// The options that may be repeated (RFC 7252 Table 4, RFC 9177, RFC 9175).
func TestRepeatableOptions(t *testing.T) {
	want := []coap.OptionNumber{
		coap.IfMatch, coap.ETag, coap.LocationPath, coap.URIPath, coap.URIQuery, coap.LocationQuery, coap.QBlock2, coap.RequestTag,
	}
	var got []coap.OptionNumber
	for _, d := range coap.Definitions() {
		if d.Repeatable {
			got = append(got, d.Number)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// RFC 7252 Table 4, columns C, U and N.
func TestOptionNumbersCarryTheirProperties(t *testing.T) {
	for _, tc := range []struct {
		number                       coap.OptionNumber
		critical, unsafe, noCacheKey bool
	}{
		{coap.IfMatch, true, false, false},
		{coap.URIHost, true, true, false},
		{coap.ETag, false, false, false},
		{coap.IfNoneMatch, true, false, false},
		{coap.URIPort, true, true, false},
		{coap.LocationPath, false, false, false},
		{coap.URIPath, true, true, false},
		{coap.ContentFormat, false, false, false},
		{coap.MaxAge, false, true, false},
		{coap.URIQuery, true, true, false},
		{coap.Accept, true, false, false},
		{coap.LocationQuery, false, false, false},
		{coap.Size2, false, false, true},
		{coap.ProxyURI, true, true, false},
		{coap.ProxyScheme, true, true, false},
		{coap.Size1, false, false, true},
		{coap.QBlock2, true, true, false}, // RFC 9177 §4.1: the bits of NoCacheKey mean nothing beside Unsafe
		{65001, true, false, false},
	} {
		n := tc.number
		if n.Critical() != tc.critical || n.UnsafeToForward() != tc.unsafe || n.NoCacheKey() != tc.noCacheKey {
			t.Errorf("%s: critical %t, unsafe %t, no cache key %t, want %t, %t, %t",
				n, n.Critical(), n.UnsafeToForward(), n.NoCacheKey(), tc.critical, tc.unsafe, tc.noCacheKey)
		}
	}
}

func TestParseOptionNumber(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want coap.OptionNumber
		ok   bool
	}{
		{"Uri-Path", coap.URIPath, true},
		{" proxy-uri ", coap.ProxyURI, true},
		{"11", coap.URIPath, true},
		{"Option 65001", 65001, true},
		{"option65001", 65001, true},
		{"65535", 65535, true},
		{"65536", 0, false},
		{"-1", 0, false},
		{"", 0, false},
		{"Uri", 0, false},
	} {
		got, err := coap.ParseOptionNumber(tc.in)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %d, %v, want %d, ok %t", tc.in, got, err, tc.want, tc.ok)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	const (
		short    = "Uri-Host is 0 bytes long, 1 to 255 are allowed"
		twice    = "Accept is given more than once"
		unknown  = "Option 65001 is not recognized"
		refused  = "Block1 (27) is not recognized"
		elective = "Option 10 is not recognized"
		flag     = "If-None-Match is 1 bytes long, 0 are allowed"
		long     = "Proxy-Uri is 1035 bytes long, 1 to 1034 are allowed"
	)
	bytes := func(n int) []byte { return make([]byte, n) }
	for _, tc := range []struct {
		name    string
		options []coap.Option
		known   func(coap.OptionNumber) bool
		want    []string
	}{
		{"none", nil, nil, nil},
		{"all known and right", []coap.Option{{coap.URIHost, bytes(255)}, {coap.URIPath, nil}, {coap.URIPath, nil}, {coap.Size1, bytes(4)}}, nil, nil},
		{"too short", []coap.Option{{coap.URIHost, nil}}, nil, []string{short}},
		{"too long", []coap.Option{{coap.ProxyURI, bytes(1035)}}, nil, []string{long}},
		{"a flag with a value", []coap.Option{{coap.IfNoneMatch, bytes(1)}}, nil, []string{flag}},
		{"the second of one that stands once", []coap.Option{{coap.Accept, nil}, {coap.Accept, nil}}, nil, []string{twice}},
		{"every one after the first", []coap.Option{{coap.Accept, nil}, {coap.Accept, nil}, {coap.Accept, nil}}, nil, []string{twice, twice}},
		{"unknown", []coap.Option{{10, nil}, {65001, bytes(1)}}, nil, []string{elective, unknown}},
		{"in the registry, not known to this endpoint", []coap.Option{{coap.Block1, nil}}, func(n coap.OptionNumber) bool { return n != coap.Block1 }, []string{refused}},
		{"known to this endpoint, not in the registry", []coap.Option{{65001, bytes(300)}, {65001, nil}}, func(n coap.OptionNumber) bool { return n == 65001 }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := coap.Message{Code: coap.GET, Options: tc.options}
			var got []string
			for _, p := range m.CheckOptions(tc.known) {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
