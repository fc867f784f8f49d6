// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"testing"
)

func TestAcceptIsReadAsHTTPDefinesIt(t *testing.T) {
	for _, tc := range []struct {
		accept    string
		mediaType string
		want      bool
	}{
		{"application/json", "application/json", true},
		{"Application/JSON", "application/json", true},
		{"application/json", "application/xml", false},
		{"application/xml, application/json", "application/json", true},
		{"application/*", "application/json", true},
		{"text/*", "application/json", false},
		{"*/*", "application/json", true},
		{"*/*;q=0", "application/json", false},
		{"*/*, application/json;q=0", "application/json", false},
		{"*/*;q=0, application/json;q=0.1", "application/json", true},
		{"application/json;q=0.000", "application/json", false},
		{"text/plain;charset=utf-8", "text/plain", true},
		{"text/plain", "text/plain; charset=utf-8", true},
		{"text/plain;charset=utf-8", "text/plain; charset=iso-8859-1", false},
		{"text/plain;charset=UTF-8", "text/plain; charset=utf-8", true},
		{"text/plain;charset=utf-8;q=0, text/plain", "text/plain;charset=utf-8", false},
		{"", "application/json", false},
		{"nonsense;;;", "application/json", false},
	} {
		if got := acceptable([]string{tc.accept}, tc.mediaType); got != tc.want {
			t.Errorf("Accept %q takes %q: %v, want %v", tc.accept, tc.mediaType, got, tc.want)
		}
	}
}

func FuzzPathIsTheOneOfItsPlace(f *testing.F) {
	f.Add("/live/a/host/b/service/c")
	f.Add("/live/a%2Fb/host/%zz/service/")
	f.Add("live/a/host/b/service/c")
	f.Fuzz(func(t *testing.T, path string) {
		p, ok := placeOf(path)
		if !ok {
			return
		}
		if again, ok := placeOf(p.path()); isName(p.customer) && isName(p.host) && isName(p.service) && (!ok || again != p) {
			t.Errorf("%q is %+v, whose path is %+v", path, p, again)
		}
	})
}

func FuzzAcceptable(f *testing.F) {
	f.Add("text/*;q=0.5, */*", "text/plain; charset=utf-8")
	f.Add("a/b;c=\"d,e\"", "a/b")
	f.Fuzz(func(t *testing.T, accept, mediaType string) {
		acceptable([]string{accept}, mediaType)
		if !acceptable([]string{"*/*"}, mediaType) && inRange("*/*", mediaType) {
			t.Errorf("*/* does not take %q", mediaType)
		}
	})
}

func FuzzUnreadRequest(f *testing.F) {
	f.Add([]byte("GET /live/a/host/b HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if r := unreadRequest(head); r.Matched || r.Near == "" || len(r.Target) > len(head) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzFilterOf(f *testing.F) {
	f.Add("customer=a&after=1&wait=5s")
	f.Fuzz(func(t *testing.T, query string) {
		got, err := filterOf(query)
		if err != nil {
			return
		}
		got.Wait = max(got.Wait, 0)
		if again, err := filterOf(got.query().Encode()); err != nil || again != got {
			t.Errorf("%q is %+v, which is written as %+v: %v", query, got, again, err)
		}
	})
}

func TestDistanceCountsLetters(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"orders", "order", 1}, {"orders", "Order", 2}, {"kitten", "sitting", 3}, {"ab", "ba", 2},
	} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
