// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/coap"
)

// The character sets of RFC 3986 §2 and §3.3.
const (
	digits     = "0123456789"
	letters    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	unreserved = letters + digits + "-._~"
	subDelims  = "!$&'()*+,;="
	pchar      = unreserved + subDelims + ":@" // and percent-encodings
)

// URI is an absolute URI taken apart without a byte changed: every part stands
// as it was written, percent-encodings included.
type URI struct {
	Scheme string
	// Opaque is all that stands behind the colon when the scheme is none of http,
	// https, coap and coaps: such a URI is not taken apart.
	Opaque string
	// UserInfo is what stands before the @, with it; "" when there is none.
	UserInfo string
	// Host is a registered name, an address, or an IP-literal with its brackets.
	Host string
	// Port is the digits behind the colon; HasPort says that the colon is there.
	Port    string
	HasPort bool
	// Path is empty or begins with a slash.
	Path string
	// Query is what stands behind the question mark; HasQuery says that it is there.
	Query    string
	HasQuery bool
}

// ErrURI is matched by every error about the syntax of a URI.
var ErrURI = errors.New("not an absolute URI")

// ParseURI takes an absolute URI apart (RFC 3986 §4.3). It accepts what the
// grammar accepts and nothing else, so that whoever reads the URI after us reads
// the same parts; http, https, coap and coaps need a host (RFC 9110 §4.2, RFC
// 7252 §6.1). An error never repeats the URI, which may carry a token.
func ParseURI(s string) (URI, error) {
	var u URI
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !validScheme(scheme) {
		return u, fmt.Errorf("%w: it does not begin with a scheme and a colon (RFC 3986 §3.1)", ErrURI)
	}
	u.Scheme = scheme
	if at := invalidByte(rest, pchar+"/?[]"); at >= 0 {
		return u, fmt.Errorf("%w: the character at byte %d is not allowed, or a percent sign without two hexadecimal digits (RFC 3986 §2)", ErrURI, len(s)-len(rest)+at)
	}
	if _, known := defaultPorts[strings.ToLower(scheme)]; !known {
		u.Opaque = rest
		return u, nil
	}
	rest, ok = strings.CutPrefix(rest, "//")
	if !ok {
		return u, fmt.Errorf("%w: no // and host behind the scheme (RFC 3986 §3.2)", ErrURI)
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		end = i
	}
	authority, rest := rest[:end], rest[end:]
	if strings.ContainsAny(rest, "[]") {
		return u, fmt.Errorf("%w: brackets are for the host alone (RFC 3986 §3.2.2)", ErrURI)
	}
	u.Path, u.Query, u.HasQuery = strings.Cut(rest, "?")
	return u, u.parseAuthority(authority)
}

func (u *URI) parseAuthority(authority string) error {
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		u.UserInfo, authority = authority[:i+1], authority[i+1:]
	}
	u.Host = authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		u.Host, u.Port, u.HasPort = authority[:i], authority[i+1:], true
	}
	switch literal, bracket := strings.CutPrefix(u.Host, "["); {
	case strings.ContainsAny(u.UserInfo[:max(0, len(u.UserInfo)-1)], "@[]"):
		return fmt.Errorf("%w: an @ or a bracket in the user information (RFC 3986 §3.2.1)", ErrURI)
	case u.Host == "":
		return fmt.Errorf("%w: the host is missing (RFC 9110 §4.2.1, RFC 7252 §6.1)", ErrURI)
	case strings.Trim(u.Port, digits) != "":
		return fmt.Errorf("%w: the port is no number (RFC 3986 §3.2.3)", ErrURI)
	case bracket:
		literal, closed := strings.CutSuffix(literal, "]")
		if !closed || !validLiteral(literal) {
			return fmt.Errorf("%w: what stands in brackets is no IPv6 address (RFC 3986 §3.2.2)", ErrURI)
		}
	case strings.ContainsAny(u.Host, "[]:@"):
		return fmt.Errorf("%w: the host is neither a name nor an address (RFC 3986 §3.2.2)", ErrURI)
	}
	return nil
}

// validLiteral says whether an IP-literal is an IPv6 address, without a zone.
// IPvFuture, for which no version was ever defined, is refused.
func validLiteral(literal string) bool {
	addr, err := netip.ParseAddr(literal)
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// String is the URI, byte for byte as it was.
func (u URI) String() string {
	if u.Host == "" {
		return u.Scheme + ":" + u.Opaque
	}
	return u.Scheme + "://" + u.UserInfo + u.Host + u.portSuffix() + u.Path + u.querySuffix()
}

// RequestTarget is the path and the query, byte for byte; an empty path is "/",
// as HTTP wants it (RFC 9112 §3.2.1).
func (u URI) RequestTarget() string {
	if u.Path == "" {
		return "/" + u.querySuffix()
	}
	return u.Path + u.querySuffix()
}

func (u URI) portSuffix() string {
	if u.HasPort {
		return ":" + u.Port
	}
	return ""
}

func (u URI) querySuffix() string {
	if u.HasQuery {
		return "?" + u.Query
	}
	return ""
}

// defaultPorts are the schemes that are known here, with the ports of their own.
var defaultPorts = map[string]uint16{
	"http": 80, "https": 443, "coap": coap.DefaultPort, "coaps": coap.DefaultSecurePort,
}

// PortNumber is the port, the scheme's own when none is given. ok is false for a
// scheme that is not known here, and for a number that is no port.
func (u URI) PortNumber() (port uint16, ok bool) {
	if u.Port == "" {
		port, ok = map[string]uint16{
			"http": 80, "https": 443, "coap": coap.DefaultPort, "coaps": coap.DefaultSecurePort,
		}[strings.ToLower(u.Scheme)]
		return port, ok
	}
	n, err := strconv.ParseUint(u.Port, 10, 16)
	return uint16(n), err == nil && n != 0
}

func validScheme(s string) bool {
	return s != "" && strings.IndexByte(letters, s[0]) >= 0 && strings.Trim(s, letters+digits+"+-.") == ""
}

// invalidByte is where the first byte stands that is neither in the set nor part
// of a percent-encoding, or -1.
func invalidByte(s, set string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		case strings.IndexByte(set, s[i]) < 0:
			return i
		}
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
