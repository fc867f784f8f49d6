// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"testing"

	"github.com/coapstone/coapstone/coap"
)

func TestCodesParseAsTheyPrint(t *testing.T) {
	for c := range 256 {
		code := coap.Code(c)
		for _, s := range []string{code.String(), code.Dotted()} {
			if got, err := coap.ParseCode(s); err != nil || got != code {
				t.Errorf("%q parses as %v, %v, want %v", s, got, err, code)
			}
		}
		kinds := 0
		for _, is := range []bool{code == coap.CodeEmpty, code.IsRequest(), code.IsResponse(), code.IsReserved()} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%s is of %d kinds, want one", code.Dotted(), kinds)
		}
	}
}

func TestParseCode(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want coap.Code
		err  string
	}{
		{"GET", coap.GET, ""},
		{"ipatch", coap.IPATCH, ""},
		{"2.05", coap.Content, ""},
		{"2.05 Content", coap.Content, ""},
		{" 2.05  content ", coap.Content, ""},
		{"Content", coap.Content, ""},
		{"Bad Request", coap.BadRequest, ""},
		{"0.00", coap.CodeEmpty, ""},
		{"0.01 GET", coap.GET, ""},
		{"2.05 Created", 0, `code "2.05 Created": 2.05 is called "Content"`},
		{"4.11 Teapot", 0, `code "4.11 Teapot": 4.11 has no name`},
		{"8.00", 0, `code "8.00": want c.dd with c from 0 to 7 and dd from 00 to 31`},
		{"2.32", 0, `code "2.32": want c.dd with c from 0 to 7 and dd from 00 to 31`},
		{"2.-1", 0, `code "2.-1": want c.dd with c from 0 to 7 and dd from 00 to 31`},
		{"205", 0, `code "205": want a method such as GET, or a code such as 2.05`},
		{"", 0, `code "": want a method such as GET, or a code such as 2.05`},
	} {
		got, err := coap.ParseCode(tc.in)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != tc.want || text != tc.err {
			t.Errorf("%q: %v, %q, want %v, %q", tc.in, got, text, tc.want, tc.err)
		}
	}
}
