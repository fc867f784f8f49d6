// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"mime"
	"testing"

	"github.com/coapstone/coapstone/coap"
)

func TestFormatsParseAsTheyAreWritten(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range coap.Formats() {
		mt, ok := f.MediaType()
		if !ok || seen[mt] {
			t.Errorf("format %d: media type %q, ok %t, seen before %t", f, mt, ok, seen[mt])
		}
		seen[mt] = true
		if _, _, err := mime.ParseMediaType(mt); err != nil {
			t.Errorf("%q is no media type: %v", mt, err)
		}
		if got, err := coap.ParseFormat(mt); err != nil || got != f {
			t.Errorf("%q parses as %d, %v, want %d", mt, got, err, f)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want coap.Format
		ok   bool
	}{
		{"0", coap.TextPlain, true},
		{"65535", 65535, true},
		{"65536", 0, false},
		{"text/plain", coap.TextPlain, true},
		{"Text/Plain;charset=UTF-8", coap.TextPlain, true},
		{`text/plain;	charset="utf-8"`, coap.TextPlain, true},
		{"text/plain; charset=iso-8859-1", 0, false},
		{"application/json", coap.AppJSON, true},
		{"application/cose; cose-type=cose-mac", 97, true},
		{"application/cose", 0, false},
		{"application/nonsense", 0, false},
		{"", 0, false},
	} {
		got, err := coap.ParseFormat(tc.in)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %d, %v, want %d, ok %t", tc.in, got, err, tc.want, tc.ok)
		}
	}
}

func TestFormatString(t *testing.T) {
	if got := coap.AppJSON.String(); got != "50 (application/json)" {
		t.Errorf("%q", got)
	}
	if got := coap.Format(65000).String(); got != "65000" {
		t.Errorf("%q", got)
	}
}
