// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxLocation is how many bytes of Location-Path and Location-Query go into a
// response: they share the datagram with a block of the payload.
const maxLocation = 512

// Location is the options Location-Path and Location-Query for the header
// Location of a 201 in answer to a request for base (RFC 7252 §5.10.7). They can
// only tell of another resource at the same origin: ok is false for a Location
// at another, for one that is no URI, and for one that is too long for options.
// A fragment, which CoAP has no option for, is left out.
func Location(base URI, location string) (path, query []string, ok bool) {
	from, err := url.Parse(base.String())
	if err != nil || location == "" || invalidByte(strings.Replace(location, "#", "", 1), pchar+"/?[]") >= 0 {
		return nil, nil, false
	}
	ref, err := url.Parse(location)
	if err != nil {
		return nil, nil, false
	}
	to := from.ResolveReference(ref)
	to.Fragment, to.RawFragment = "", ""
	u, err := ParseURI(to.String())
	if err != nil || !sameOrigin(base, u) {
		return nil, nil, false
	}
	length := 0
	option := func(s string) string {
		decoded, err := url.PathUnescape(s)
		ok = ok && err == nil && len(decoded) <= 255 && utf8.ValidString(decoded) && decoded != "." && decoded != ".."
		length += len(decoded) + 1
		return decoded
	}
	ok = true
	if u.Path != "" && u.Path != "/" {
		for s := range strings.SplitSeq(u.Path[1:], "/") {
			path = append(path, option(s))
		}
	}
	if u.Query != "" {
		for s := range strings.SplitSeq(u.Query, "&") {
			query = append(query, option(s))
		}
	}
	if !ok || length > maxLocation || len(path)+len(query) == 0 {
		return nil, nil, false
	}
	return path, query, true
}

func sameOrigin(a, b URI) bool {
	aPort, aOK := a.PortNumber()
	bPort, bOK := b.PortNumber()
	return aOK && bOK && aPort == bPort && b.UserInfo == "" && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host)
}
