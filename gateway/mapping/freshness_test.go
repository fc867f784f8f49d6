// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway/mapping"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }

func TestMaxAgeIsTheFreshnessThatIsLeft(t *testing.T) {
	for _, tt := range []struct {
		h    http.Header
		want uint32
	}{
		{header(), 0},
		{header("Cache-Control", "max-age=90"), 90},
		{header("Cache-Control", `private, Max-Age="90"`), 90},
		{header("Cache-Control", "private", "Cache-Control", "max-age=90"), 90},
		{header("Cache-Control", "max-age=90", "Age", "30"), 60},
		{header("Cache-Control", "max-age=90", "Age", "91"), 0},
		{header("Cache-Control", "max-age=90, no-store"), 0},
		{header("Cache-Control", "no-cache, max-age=90"), 0},
		{header("Cache-Control", "max-age=-1"), 0},
		{header("Cache-Control", "max-age=x"), 0},
		{header("Cache-Control", "max-age=99999999999999999999"), 1<<31 - 1},
		{header("Expires", at(time.Minute)), 60},
		{header("Expires", at(time.Minute), "Date", at(-time.Minute)), 120},
		{header("Expires", at(-time.Minute)), 0},
		{header("Expires", "0"), 0},
		{header("Expires", at(time.Minute), "Cache-Control", "max-age=1"), 1},
	} {
		if got := mapping.MaxAge(tt.h, now); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.h, got, tt.want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  uint32
		ok    bool
	}{
		{"120", 120, true},
		{at(time.Minute), 60, true},
		{at(-time.Minute), 0, true},
		{"0", 0, true},
		{"", 0, false},
		{"soon", 0, false},
		{"-1", 0, false},
	} {
		if got, ok := mapping.RetryAfter(header("Retry-After", tt.value), now); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %d, %t", tt.value, got, ok)
		}
	}
}

func TestStrongShortEntityTagsGoBothWays(t *testing.T) {
	for tag, want := range map[string]string{
		`"abc"`: "abc", `"12345678"`: "12345678", "\"\xc3\xbc\"": "ü",
		`W/"abc"`: "", `""`: "", `abc`: "", `"a"b"`: "", `"a b"`: "", `"`: "", "": "",
	} {
		got, ok := mapping.ETagFromHTTP(tag)
		if ok != (want != "") || string(got) != want {
			t.Errorf("%s: got %q, %t", tag, got, ok)
		}
		if back, backOK := mapping.ETagToHTTP(got); ok && (!backOK || back != tag) {
			t.Errorf("%s comes back as %s", tag, back)
		}
	}
	long, ok := mapping.ETagFromHTTP(`"123456789"`)
	other, _ := mapping.ETagFromHTTP(`"12345678a"`)
	if _, back := mapping.ETagToHTTP(long); !ok || len(long) != 8 || long[0] != 0 || back || string(long) == string(other) {
		t.Errorf("a long tag: got %x, %t; another %x", long, ok, other)
	}
	for _, etag := range []string{"", "a\r\nb", `a"b`, "\x00"} {
		if tag, ok := mapping.ETagToHTTP([]byte(etag)); ok {
			t.Errorf("%q: got %q", etag, tag)
		}
	}
}
