// SPDX-License-Identifier: Apache-2.0

package hc_test

import (
	"strings"
	"testing"

	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
)

func template(t testing.TB, s string) *hc.Template {
	t.Helper()
	template, err := hc.ParseTemplate(s)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// The examples of RFC 8075 §5.3, §5.4.1.1 and §5.4.2.1, and what they leave open.
func TestTemplatesGoBothWays(t *testing.T) {
	for _, tt := range []struct{ template, packed, uri string }{
		{"{+tu}", "coap://s.example.com/light", "coap://s.example.com/light"},
		{"{+tu}", "coap://%5B2001:db8::1%5D/light?on", "coap://[2001:db8::1]/light?on"},
		{"{+tu}", "coaps://%5B2001:db8::1%5D:61616", "coaps://[2001:db8::1]:61616"},
		{"{+tu}", "coap://h/%5Ba%5D//b/../%2F?x=%5B&y=?", "coap://h/%5Ba%5D//b/../%2F?x=%5B&y=?"},
		{"{+tu}", "coap://h?q", "coap://h?q"},
		{"?target_uri={+tu}", "?target_uri=coap://s.example.com/light", "coap://s.example.com/light"},
		{"?target_uri={+tu}", "?target_uri=coaps://s.example.com/light?a&b=c", "coaps://s.example.com/light?a&b=c"},
		{"forward/{+tu}", "forward/coap://s.example.com/light", "coap://s.example.com/light"},
		{"{+s}/{+hp}{+p}{+qq}", "coap/s.example.com/light", "coap://s.example.com/light"},
		{"{+s}/{+hp}{+p}{+qq}", "coap/s.example.com/light?on", "coap://s.example.com/light?on"},
		{"{+s}/{+hp}{+p}{+qq}", "coaps/%5B::1%5D:5684", "coaps://[::1]:5684"},
		{"?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coap&hp=s.example.com&p=/light&q=", "coap://s.example.com/light"},
		{"?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coaps&hp=s.example.com&p=/light&q=on", "coaps://s.example.com/light?on"},
		{"?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coap&hp=h:1&p=&q=a&q=b", "coap://h:1?a&q=b"},
	} {
		got, ok := template(t, tt.template).Unpack(tt.packed)
		if !ok || got != tt.uri {
			t.Errorf("%s: %q holds %q, %t, want %q", tt.template, tt.packed, got, ok, tt.uri)
		}
		u, err := mapping.ParseURI(tt.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := template(t, tt.template).Pack(u); got != tt.packed {
			t.Errorf("%s: %q becomes %q, want %q", tt.template, tt.uri, got, tt.packed)
		}
	}
}

func TestBracketsOpenWhateverBytesStandBetweenThem(t *testing.T) {
	for _, tt := range []struct{ packed, uri string }{
		{"coap://%5b::1%5d/a", "coap://[::1]/a"},
		{"coap://%5B\xef%5D", "coap://[\xef]"},
		{"coap://%5B\xef\xef\xef%5d:1/\xef", "coap://[\xef\xef\xef]:1/\xef"},
		{"coap://%5B\u0131%5D", "coap://[\u0131]"}, // in capitals it is shorter
		{"coap://%5B%5D", "coap://[]"},
		{"coap://%5B%5", "coap://%5B%5"},
		{"coap://%5", "coap://%5"},
		{"coap://%5B::1/%5D", "coap://%5B::1/%5D"},
	} {
		if got, ok := template(t, hc.DefaultTemplate).Unpack(tt.packed); !ok || got != tt.uri {
			t.Errorf("%q holds %q, %t, want %q", tt.packed, got, ok, tt.uri)
		}
	}
}

func TestWhatHoldsNoCoAPURIIsRefused(t *testing.T) {
	for _, tt := range []struct{ template, packed string }{
		{"{+tu}", ""},
		{"{+tu}", "s.example.com/light"}, // RFC 8075 §5.3.1
		{"{+tu}", "coap:/s.example.com/light"},
		{"{+tu}", "http://s.example.com/light"},
		{"{+tu}", "coap%3A%2F%2Fs.example.com/light"},
		{"{+tu}", "//s.example.com/light"},
		{"{+tu}", " coap://h/"},
		{"?target_uri={+tu}", "coap://h/"},
		{"?target_uri={+tu}", "?other=coap://h/"},
		{"{+s}/{+hp}{+p}{+qq}", "http/h/light"},
		{"{+s}/{+hp}{+p}{+qq}", "coap//light"},
		{"?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coap&hp=h&p=light&q="},
		{"?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coap&p=/light&hp=h&q="},
	} {
		if got, ok := template(t, tt.template).Unpack(tt.packed); ok {
			t.Errorf("%s: %q holds %q", tt.template, tt.packed, got)
		}
	}
}

func TestTemplateThatIsNoneIsAnError(t *testing.T) {
	for s, word := range map[string]string{
		"": "whole URI", "x": "whole URI", "{tu}": "{tu}", "{+tu}{+tu}": "twice", "{+tu}{+s}": "parts", "{+s}/{+hp}": "whole URI", "{+s}{+p}": "whole URI",
		"{+s}{+hp}{+p}{+q}{+qq}": "both", "{+x}": "{+x}", "{+tu": "character", "{+tu}}": "character", "{+tu}#": "character", "{}": "{}", "{+tu} ": "character",
	} {
		_, err := hc.ParseTemplate(s)
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want %q in it", s, err, word)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{+tu}", "coap://%5B2001:db8::1%5D/light?on")
	f.Add("{+tu}", "coap://%5B\xef%5D")
	f.Add("{+s}/{+hp}{+p}{+qq}", "coaps/h:1/a?b")
	f.Add("?s={+s}&hp={+hp}&p={+p}&q={+q}", "?s=coap&hp=h:1&p=/&q=a&q=b")
	f.Fuzz(func(t *testing.T, text, packed string) {
		template, err := hc.ParseTemplate(text)
		if err != nil {
			return
		}
		uri, ok := template.Unpack(packed)
		if !ok {
			return
		}
		u, err := mapping.ParseURI(uri)
		if err != nil || u.UserInfo != "" {
			return
		}
		// What is packed again names the same resource, unless a part holds the
		// text that ends it: then nothing else may come out than what went in.
		again, ok := template.Unpack(template.Pack(u))
		if text == hc.DefaultTemplate && (!ok || strings.TrimSuffix(again, "?") != strings.TrimSuffix(uri, "?")) {
			t.Errorf("%q holds %q, which comes back as %q, %t", packed, uri, again, ok)
		}
	})
}
