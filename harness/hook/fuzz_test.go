// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/target"
)

func FuzzSecretsAreBlottedOut(f *testing.F) {
	f.Add("hunter2", "p=", "&x")
	f.Add("a b/ö", "", "a b/ö")
	f.Add("aa", "a", "")
	f.Fuzz(func(t *testing.T, s, before, after string) {
		if s == "" || strings.ContainsAny(s, secret.Mask) || strings.ContainsRune(s, '\uFFFD') {
			t.Skip("it is no secret, or the mask looks like it")
		}
		blot := blotter([]secret.Text{secret.Text(s)}, nil)
		for _, form := range []string{s, url.QueryEscape(s), inURL(s)} {
			if got := blot(before + form + after); strings.Contains(got, s) {
				t.Errorf("%q stands in %q", s, got)
			}
		}
	})
}

func FuzzWhatIsVisibleSteersNoTerminal(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff\tplain •")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range visible(s) {
			if !unicode.IsGraphic(r) {
				t.Errorf("%q holds %q", visible(s), r)
			}
		}
	})
}

func FuzzAValueStaysInItsPlaceOfAURL(f *testing.F) {
	f.Add("http://192.0.2.1/a?b=", "&c=d#e", "x/../y?")
	f.Fuzz(func(t *testing.T, before, after, value string) {
		template := "http://192.0.2.1/" + before + "{payload}" + after
		o := &occasion{Runner: &Runner{}, name: "reset", vars: map[string]string{"payload": value}}
		o.hook = &target.Hook{HTTP: &target.HTTPCall{URL: template}}
		o.blot = asText
		r, err := o.request(t.Context())
		if err != nil {
			return
		}
		if r.URL.Host != "192.0.2.1" || r.URL.User != nil {
			t.Errorf("%s with %q goes to %q", template, value, r.URL.Host)
		}
		plain, err := url.Parse(strings.ReplaceAll(template, "{payload}", "x"))
		if err == nil && (len(strings.Split(r.URL.RawQuery, "&")) != len(strings.Split(plain.RawQuery, "&")) || strings.Count(r.URL.EscapedPath(), "/") != strings.Count(plain.EscapedPath(), "/")) {
			t.Errorf("%s with %q is %s", template, value, r.URL)
		}
	})
}

func TestExpandTellsWhichVariableHasNoValue(t *testing.T) {
	o := &occasion{Runner: &Runner{}, name: "trigger", vars: map[string]string{"url": "{key}", "payload": ""}}
	for text, want := range map[string]string{"{url}{payload}.": "{key}.", "{}{A}{ url}{{url}}": "{}{A}{ url}{{key}}"} {
		if got, err := o.expand(text, asText); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := o.expand("{url} {key} {user}", asText); err == nil || !strings.HasPrefix(err.Error(), "{key} has no value here") {
		t.Errorf("error %v", err)
	}
}
