// SPDX-License-Identifier: Apache-2.0

package request

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// target is a coap or coaps URL taken apart (RFC 7252 §6.1, §6.2).
type target struct {
	secure bool
	// host is the registered name in lower case, decoded; "" when the URL names
	// an address.
	host string
	// addr is the IP-literal or IPv4address; not valid when the URL names a host.
	addr netip.Addr
	port uint16
	// path and query are the values of Uri-Path and Uri-Query.
	path, query []string
}

// parseTarget takes a URL apart by RFC 7252 §6.4. The port is always the
// destination's, so there is never a Uri-Port to send. No error repeats a path
// or a query.
func parseTarget(where, url string) (target, error) {
	if strings.Contains(url, "#") {
		return target{}, refuse(where, "a CoAP URL has no fragment (RFC 7252 §6.4): take the # away or write %%23")
	}
	u, err := mapping.ParseURI(url)
	if err != nil {
		return target{}, refuse(where, "%v: want coap://host/path or coaps://host/path, and what is not allowed in a URL percent-encoded", err)
	}
	t := target{secure: strings.EqualFold(u.Scheme, "coaps")}
	if !t.secure && !strings.EqualFold(u.Scheme, "coap") {
		return t, refuse(where, "the scheme is %q: want coap or coaps (RFC 7252 §6)", u.Scheme)
	}
	if u.UserInfo != "" {
		return t, refuse(where, "a CoAP URL has no user information (RFC 7252 §6.1): take the @ and what stands before it away")
	}
	var ok bool
	if t.port, ok = u.PortNumber(); !ok {
		return t, refuse(where, "the port is %q: want 1 to 65535, or none for the default", u.Port)
	}
	t.setHost(decode(u.Host))
	if t.addr.IsValid() && !OneDevice(t.addr) {
		// RFC 7252 §8.1 forbids a confirmable multicast request, and the answers to
		// others would be many.
		return t, refuse(where, "the address %s is not that of one device", t.addr)
	}
	if t.path, err = segments(where, u.Path); err != nil {
		return t, err
	}
	if u.HasQuery {
		for argument := range strings.SplitSeq(u.Query, "&") {
			t.query = append(t.query, decode(argument))
		}
	}
	return t, nil
}

// OneDevice says whether an address can be that of one device: it is no
// multicast, broadcast or unspecified one.
func OneDevice(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsValid() && !addr.IsMulticast() && !addr.IsUnspecified() && addr != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// setHost tells an address from a name.
func (t *target) setHost(host string) {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		t.addr = addr.Unmap()
	} else {
		t.host = strings.ToLower(host)
	}
}

// segments is the values of Uri-Path. It resolves dot segments first (RFC 3986
// §5.2.4), as RFC 7252 §6.4 step 2 wants.
func segments(where, path string) ([]string, error) {
	var kept []string
	all := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range all {
		switch {
		case segment == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case segment == "." || segment == "..":
		default:
			kept = append(kept, decode(segment))
			if s := kept[len(kept)-1]; s == "." || s == ".." {
				return nil, refuse(where, "a path segment is %q once it is decoded, which no Uri-Path may be (RFC 7252 §5.10.1)", s)
			}
			continue
		}
		if i == len(all)-1 {
			kept = append(kept, "") // "/a/.." is "/"
		}
	}
	if slices.Equal(kept, []string{""}) {
		return nil, nil // an empty path, or "/"
	}
	return kept, nil
}

// decode resolves the percent-encodings of a valid URI, each once (RFC 7252 §6).
func decode(s string) string {
	before, after, found := strings.Cut(s, "%")
	if !found {
		return s
	}
	var b strings.Builder
	for found {
		b.WriteString(before)
		v, _ := strconv.ParseUint(after[:2], 16, 8)
		b.WriteByte(byte(v))
		before, after, found = strings.Cut(after[2:], "%")
	}
	b.WriteString(before)
	return b.String()
}

// join appends a connector's URL part to a provider's URL with one slash
// between them.
func join(where, base, part string) (string, error) {
	switch {
	case part == "":
		return base, nil
	case strings.Contains(base, "?"):
		return "", refuse(where, "the provider's URL ends in a query, to which nothing can be appended: move the query to the connector")
	case strings.HasPrefix(part, "?"):
		return base + part, nil
	case strings.HasSuffix(base, "://"):
		return base + "/" + part, nil // the host is missing: the part must not become it
	}
	return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(part, "/"), nil
}

// addOptions adds the options of the URL (RFC 7252 §6.4). Uri-Host is there
// only when the host is a name.
func (t target) addOptions(m *coap.Message) {
	if t.host != "" {
		m.AddString(coap.URIHost, t.host)
	}
	for _, segment := range t.path {
		m.AddString(coap.URIPath, segment)
	}
	for _, argument := range t.query {
		m.AddString(coap.URIQuery, argument)
	}
}
