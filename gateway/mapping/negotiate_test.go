// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestAcceptIsTheMostPreferredTypeWithAFormat(t *testing.T) {
	const none = coap.Format(65535)
	for _, tt := range []struct {
		values []string
		want   coap.Format
	}{
		{nil, none},
		{[]string{""}, none},
		{[]string{"*/*"}, none},
		{[]string{"application/json"}, coap.AppJSON},
		{[]string{"application/json, */*;q=0.1"}, coap.AppJSON},
		{[]string{"application/json;q=0.1, */*"}, none},
		{[]string{"application/json;q=0.5, application/xml;q=0.6"}, coap.AppXML},
		{[]string{"application/json;q=0.5", "application/xml;q=0.6"}, coap.AppXML},
		{[]string{"application/json;q=0"}, none},
		{[]string{"application/json;q=x, application/xml;q=0.1"}, coap.AppXML},
		{[]string{"application/json;q=2, application/xml;q=0.1"}, coap.AppXML},
		{[]string{"application/json;q=NaN, application/xml;q=0.1"}, coap.AppXML},
		{[]string{"application/*, text/html, application/cbor;q=0.2"}, coap.AppCBOR},
		{[]string{`application/cose; cose-type="cose-sign1"; q=0.9, text/plain;q=0.8`}, 18},
		{[]string{`a/b; c="d, application/xml", application/json`}, coap.AppJSON},
		{[]string{`a/b; c="\", application/xml, `}, none},
		{[]string{"text/plain;charset=iso-8859-1"}, none},
		{[]string{"nonsense, /, application/json"}, coap.AppJSON},
	} {
		got, ok, err := mapping.AcceptFromHTTP(tt.values)
		if !ok {
			got = none
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: got %s, %v, want %s", tt.values, got, err, tt.want)
		}
	}
	if _, _, err := mapping.AcceptFromHTTP([]string{"application/json, application/coap-payload;cf=60"}); !errors.Is(err, mapping.ErrPassThrough) {
		t.Errorf("application/coap-payload: %v", err)
	}
}

func TestEntityTagsOfDevicesComeBack(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{nil, "[] false 0"},
		{[]string{"*"}, "[] true 0"},
		{[]string{`"61", "00ff"`, `"6162636465666768"`}, "[61 00ff 6162636465666768] false 0"},
		{[]string{`W/"61", "6", "616", "g0", "", "616263646566676869", 61, "FF"`}, "[] false 8"},
		{[]string{`"61,62"`}, "[] false 1"},
		{[]string{`, ,`}, "[] false 0"},
	} {
		etags, wild, other := mapping.EntityTags(tt.values)
		var hex []string
		for _, e := range etags {
			hex = append(hex, fmt.Sprintf("%x", e))
			if back, _, _ := mapping.EntityTags([]string{mapping.EntityTag(e)}); len(back) != 1 || string(back[0]) != string(e) {
				t.Errorf("%x comes back as %x", e, back)
			}
		}
		if diff := cmp.Diff(tt.want, fmt.Sprint(hex, wild, other)); diff != "" {
			t.Errorf("%q: got (+), want (-):\n%s", tt.values, diff)
		}
	}
}

func FuzzHTTPHeaderFields(f *testing.F) {
	f.Add(`application/json;q=0.5, */*`, "text/plain; charset=utf-16", "", []byte("\xfe\xffa"))
	f.Add(`"61", W/"62", *`, "application/coap-payload;cf=60", "gzip", []byte(nil))
	f.Fuzz(func(t *testing.T, field, contentType, coding string, body []byte) {
		if format, ok, _ := mapping.AcceptFromHTTP([]string{field}); ok {
			if _, known := format.MediaType(); !known {
				t.Errorf("%q: asks for %s", field, format)
			}
		}
		etags, _, _ := mapping.EntityTags([]string{field})
		for _, e := range etags {
			if len(e) < 1 || len(e) > 8 {
				t.Errorf("%q: the tag %x has %d bytes", field, e, len(e))
			}
		}
		format, ok, out, err := mapping.FormatOfBody(contentType, coding, body)
		if ok && (err != nil || coding != "" && len(coding) != len("identity")) {
			t.Errorf("%q in %q: got %s, %v", contentType, coding, format, err)
		}
		if ok && format == coap.TextPlain {
			if f, again := mapping.Representation("text/plain", out); f != coap.TextPlain || string(again) != string(out) {
				t.Errorf("%q is labelled 0 and is not UTF-8: %q", contentType, out)
			}
		}
	})
}
