// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestAuthTokenIsCutByteForByte(t *testing.T) {
	const token = "AuthToken=aGVsbG86d29ybGQ="
	for query, want := range map[string]string{
		token:                     "none",
		"P_mode=TEST&" + token:    "P_mode=TEST",
		token + "&P_mode=TEST":    "P_mode=TEST",
		"a=%2f&" + token + "&b=+": "a=%2f&b=+",
		"a&&" + token + "&&":      "a&&&",
		"&" + token:               "",
		"authtoken=x&" + token:    "authtoken=x",
		"XAuthToken=x&" + token + "&AuthTokenX=y":         "XAuthToken=x&AuthTokenX=y",
		"Auth%54oken=aGVsbG86d29ybGQ=&a":                  "a",
		"a=1;AuthToken=x&" + token:                        "a=1;AuthToken=x",
		"a=%&" + token + "&b=" + strings.Repeat("x", 500): "a=%&b=" + strings.Repeat("x", 500),
	} {
		rest, ok, c, err := mapping.CutAuthToken(query)
		if !ok {
			rest = "none"
		}
		if err != nil || rest != want || c.User != "hello" || c.Password.Reveal() != "world" {
			t.Errorf("%q: got %q, %q, %v, want %q", query, rest, c.User, err, want)
		}
	}
}

func TestAuthTokenIsDecoded(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		value, user, password string
		lineEnd               bool
	}{
		{"aGVsbG86d29ybGQ=", "hello", "world", false},
		{"aGVsbG86d29ybGQK", "hello", "world", true}, // as the document prints it
		{"aGVsbG86d29ybGQ%3D", "hello", "world", false},
		{b64("hello:world\r\n"), "hello", "world", true},
		{b64("a:b:c"), "a", "b:c", false},
		{b64("a:"), "a", "", false},
		{b64(":b"), "", "b", false},
		{b64("u:\u00fe\u00ff?>"), "u", "\u00fe\u00ff?>", false},
		{b64("u:\xfb\xff\xbf"), "u", "\xfb\xff\xbf", false},
		{strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3d").Replace(b64("u:\xfb\xff\xbf")), "u", "\xfb\xff\xbf", false},
	} {
		_, _, c, err := mapping.CutAuthToken("AuthToken=" + tt.value)
		if err != nil || c.User != tt.user || c.Password.Reveal() != tt.password || c.LineEnd != tt.lineEnd {
			t.Errorf("%q: got %q, %q, %t, %v", tt.value, c.User, c.Password.Reveal(), c.LineEnd, err)
		}
		if want := "Basic " + b64(tt.user+":"+tt.password); c.Basic().Reveal() != want {
			t.Errorf("%q: got %q, want %q", tt.value, c.Basic().Reveal(), want)
		}
	}
}

func TestBadAuthTokenIsRefusedAndNeverRepeated(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	good := b64("hello:world")
	for query, want := range map[string]error{
		"":                  mapping.ErrNoToken,
		"P_mode=TEST":       mapping.ErrNoToken,
		"Authtoken=" + good: mapping.ErrNoToken,
		"AuthToken=" + good + "&AuthToken=" + good: mapping.ErrManyTokens,
		"AuthToken=" + good + "&Auth%54oken=x":     mapping.ErrManyTokens,
		"AuthToken":                                mapping.ErrBadToken,
		"AuthToken=":                               mapping.ErrBadToken,
		"AuthToken=!!!":                            mapping.ErrBadToken,
		"AuthToken=aGVsbG86d29ybGQ":                mapping.ErrBadToken, // no padding
		"AuthToken=" + good + "%0A":                mapping.ErrBadToken,
		"AuthToken=%zz":                            mapping.ErrBadToken,
		"AuthToken=" + b64("helloworld"):           mapping.ErrBadToken, // no colon
		"AuthToken=" + b64("h:w\n\n"):              mapping.ErrBadToken,
		"AuthToken=" + b64("h:w\r"):                mapping.ErrBadToken,
		"AuthToken=" + b64("h:w\nX: y"):            mapping.ErrBadToken,
		"AuthToken=" + b64("h:\x00"):               mapping.ErrBadToken,
		"AuthToken=aGVsbG86d29ybGR=":               mapping.ErrBadToken, // bits beyond the last byte
		"AuthToken=" + b64("u:\xfb") + "\n":        mapping.ErrBadToken,
		"AuthToken=dTr7_78=":                       mapping.ErrBadToken, // the alphabet of URLs
	} {
		_, _, c, err := mapping.CutAuthToken(query)
		if !errors.Is(err, want) || c != (mapping.Credentials{}) {
			t.Errorf("%q: got %v, want %v", query, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "aGVsbG8") {
			t.Errorf("%q is repeated in %q", query, err)
		}
	}
}

func TestCredentialsDoNotPrintThePassword(t *testing.T) {
	_, _, c, _ := mapping.CutAuthToken("AuthToken=aGVsbG86d29ybGQ=")
	if s := fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Basic()); strings.Contains(s, "world") || strings.Contains(s, "aGVsbG8") {
		t.Error(s)
	}
}

func FuzzCutAuthToken(f *testing.F) {
	f.Add("P_mode=TEST&AuthToken=aGVsbG86d29ybGQK")
	f.Add("AuthToken=a&AuthToken=b")
	f.Add("Auth%54oken&&=")
	f.Fuzz(func(t *testing.T, query string) {
		rest, ok, c, err := mapping.CutAuthToken(query)
		if err == nil {
			if strings.ContainsAny(c.User+c.Password.Reveal(), "\r\n\x00") || strings.Contains(c.User, ":") {
				t.Errorf("%q: the credentials %q hold what no header may", query, c.User)
			}
		}
		if !ok {
			return
		}
		if again, _, _, err := mapping.CutAuthToken(rest); !errors.Is(err, mapping.ErrNoToken) || again != rest {
			t.Errorf("%q: a token is left in %q", query, rest)
		}
	})
}
