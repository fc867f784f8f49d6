// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/gateway/mapping"
)

// origin is a scheme, a host and a port (RFC 9110 §4.3.1). Two URIs are of one
// origin when their origins are equal: nothing but the letters' case, the
// default port and the spelling of an IPv6 address is looked through. An
// address spelt in any other way than the one on the allow-list, and a name with
// a trailing dot or a percent-encoding, is another origin.
type origin struct {
	secure bool
	host   string
	port   uint16
}

// originOf is the origin of an http or https URI. ok is false for one that has
// none, or user information, which HTTP forbids (RFC 9110 §4.2.4).
func originOf(u mapping.URI) (o origin, ok bool) {
	o.port, ok = u.PortNumber()
	scheme := strings.ToLower(u.Scheme)
	o.secure = scheme == "https"
	if !ok || u.UserInfo != "" || scheme != "http" && scheme != "https" {
		return origin{}, false
	}
	o.host = strings.ToLower(u.Host)
	if literal, bracket := strings.CutPrefix(o.host, "["); bracket {
		addr, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		o.host = addr.String()
		return o, err == nil
	}
	return o, true
}

// parseOrigin reads an entry of the allow-list.
func parseOrigin(s string) (origin, error) {
	u, err := mapping.ParseURI(s)
	if err != nil {
		return origin{}, fmt.Errorf("allowed origin %q: want one such as https://live.runmyprocess.com: %w", s, err)
	}
	o, ok := originOf(u)
	if !ok || u.Path != "" && u.Path != "/" || u.HasQuery {
		return origin{}, fmt.Errorf("allowed origin %q: want scheme http or https, host and perhaps port, and nothing else: https://live.runmyprocess.com", s)
	}
	return o, nil
}

func (o origin) scheme() string {
	if o.secure {
		return "https"
	}
	return "http"
}

// authority is host and port as a URL and the header Host have them.
func (o origin) authority() string {
	if o.secure && o.port == 443 || !o.secure && o.port == 80 {
		if strings.Contains(o.host, ":") {
			return "[" + o.host + "]"
		}
		return o.host
	}
	return net.JoinHostPort(o.host, strconv.Itoa(int(o.port)))
}

// CheckOrigin says what is wrong with an entry of the allow-list.
func CheckOrigin(s string) error {
	_, err := parseOrigin(s)
	return err
}
