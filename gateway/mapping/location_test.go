// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestLocationAtTheSameOriginBecomesOptions(t *testing.T) {
	base, err := mapping.ParseURI("http://h.test:8080/orders/list?P_mode=TEST")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"/orders/7":                           "orders/7",
		"http://h.test:8080/orders/7":         "orders/7",
		"HTTP://H.TEST:8080/orders/7":         "orders/7",
		"//h.test:8080/orders/7":              "orders/7",
		"7":                                   "orders/7",
		"./7":                                 "orders/7",
		"../7":                                "7",
		"/a/./b/../c":                         "a/c",
		"/a%2Fb/%C3%BC%20":                    "a\x1fb/ü ",
		"/a/":                                 "a/",
		"/a//b":                               "a//b",
		"?id=7":                               "orders/list?id=7",
		"/o?id=7&x=%26#f":                     "o?id=7&x=\x1e",
		"/":                                   "-",
		"":                                    "-",
		"http://h.test/orders/7":              "-", // another port
		"https://h.test:8080/orders/7":        "-",
		"http://other.test:8080/orders/7":     "-",
		"http://u@h.test:8080/orders/7":       "-",
		"http://h.test:8080@other.test/":      "-",
		"//other.test/7":                      "-",
		"coap://h.test/7":                     "-",
		"mailto:a@b":                          "-",
		"/%2e%2e":                             "-", // a segment of dots is no Location-Path
		"/a b":                                "-",
		"/a\r\nb":                             "-",
		"/ü":                                  "-",
		"/%ff":                                "-", // no UTF-8, which both options are
		"/%zz":                                "-",
		"http://[::1":                         "-",
		"/" + strings.Repeat("a", 255):        strings.Repeat("a", 255),
		"/" + strings.Repeat("a", 256):        "-",
		"/" + strings.Repeat("a/", 256) + "b": "-",
	} {
		path, query, ok := mapping.Location(base, location)
		var slash, and []string
		for _, s := range path {
			slash = append(slash, strings.ReplaceAll(s, "/", "\x1f"))
		}
		for _, s := range query {
			and = append(and, strings.ReplaceAll(s, "&", "\x1e"))
		}
		got := strings.Join(slash, "/")
		if len(and) > 0 {
			got += "?" + strings.Join(and, "&")
		}
		if !ok {
			got = "-"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: got (+), want (-):\n%s", location, diff)
		}
	}
}

func FuzzLocation(f *testing.F) {
	f.Add("http://h.test/a?b", "../c?d=e#f")
	f.Add("http://h.test", "//h.test/%2e%2e")
	f.Add("http://[::1]:80/", "http://[::1]/a")
	f.Fuzz(func(t *testing.T, from, location string) {
		base, err := mapping.ParseURI(from)
		if err != nil {
			return
		}
		path, query, ok := mapping.Location(base, location)
		m := &coap.Message{Code: coap.Created}
		for _, s := range path {
			m.AddString(coap.LocationPath, s)
		}
		for _, s := range query {
			m.AddString(coap.LocationQuery, s)
		}
		if !ok && len(m.Options) > 0 || len(m.CheckOptions(nil)) > 0 {
			t.Errorf("%q from %q: %s", location, from, m)
		}
		for _, o := range m.Options {
			if !utf8.Valid(o.Value) {
				t.Errorf("%q from %q: %q is not UTF-8", location, from, o.Value)
			}
		}
	})
}
