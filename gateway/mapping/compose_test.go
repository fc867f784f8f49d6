// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// Options become a URI from which they can be read again, whatever they hold:
// nothing in one of them ends it or becomes another (RFC 7252 §6.5).
func FuzzComposeURI(f *testing.F) {
	f.Add("http", "h.test", uint16(80), "a b/c?d", "", "x=1&y", "#")
	f.Add("https", "[2001:db8::1]", uint16(0), "\r\nX: y", "%2f", "\x00", "AuthToken=x")
	f.Add("http", "h/@evil", uint16(5683), "..", ".", "", "")
	f.Fuzz(func(t *testing.T, scheme, host string, port uint16, segment1, segment2, argument1, argument2 string) {
		m := &coap.Message{Code: coap.GET}
		m.AddString(coap.URIHost, host)
		m.AddUint(coap.URIPort, uint32(port))
		segments, arguments := []string{segment1, segment2}, []string{argument1, argument2}
		for i := range 2 {
			m.AddString(coap.URIPath, segments[i])
			m.AddString(coap.URIQuery, arguments[i])
		}
		u, err := mapping.ComposeURI(scheme, m, netip.MustParseAddrPort("192.0.2.1:5683"), false)
		if err != nil || u.Opaque != "" {
			return // refused, or of a scheme that is not taken apart
		}
		if u.UserInfo != "" || strings.Trim(u.Host, "[]") == "" || strings.ContainsAny(u.String(), " \r\n#\\") {
			t.Errorf("%q: got %q", m, u)
		}
		var gotSegments, gotArguments []string
		for s := range strings.SplitSeq(strings.TrimPrefix(u.Path, "/"), "/") {
			gotSegments = append(gotSegments, unescape(t, s))
		}
		for s := range strings.SplitSeq(u.Query, "&") {
			gotArguments = append(gotArguments, unescape(t, s))
		}
		if diff := cmp.Diff([][]string{segments, arguments}, [][]string{gotSegments, gotArguments}, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q: got (+), want (-):\n%s", u, diff)
		}
	})
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	decoded, err := url.PathUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}
