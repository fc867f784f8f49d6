// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/coap"
)

// ComposeURI puts a URI together from the Uri-* options of a request, with the
// given scheme in place of coap or coaps (RFC 7252 §5.10.2, §6.5). Where
// Uri-Host or Uri-Port is missing, the address stands in that the request came
// to; the port is left out when it is the default one of coap, or of coaps when
// the request is secure: the RFC replaces the scheme last.
//
// A segment "." or "..", which no Uri-Path may be (§5.10.1), is an error, and
// so is a host that is none.
func ComposeURI(scheme string, req *coap.Message, to netip.AddrPort, secure bool) (URI, error) {
	host, err := composeHost(req, to.Addr())
	if err != nil {
		return URI{}, err
	}
	port, ok := req.GetUint(coap.URIPort)
	if !ok {
		port = uint32(to.Port())
	}
	authority := host
	if usual := defaultPort(secure); port != usual {
		authority = fmt.Sprintf("%s:%d", host, port)
	}
	resource, err := composeResource(req)
	if err != nil {
		return URI{}, err
	}
	return ParseURI(scheme + "://" + authority + resource)
}

func defaultPort(secure bool) uint32 {
	if secure {
		return coap.DefaultSecurePort
	}
	return coap.DefaultPort
}

// composeHost is steps 2 and 3.
func composeHost(req *coap.Message, to netip.Addr) (string, error) {
	v, ok := req.Get(coap.URIHost)
	if !ok {
		if to = to.Unmap().WithZone(""); to.Is6() {
			return "[" + to.String() + "]", nil
		}
		return to.String(), nil
	}
	var b strings.Builder
	for _, c := range v {
		if c < 0x80 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	host := b.String()
	if literal, bracket := strings.CutPrefix(host, "["); bracket {
		if literal, closed := strings.CutSuffix(literal, "]"); closed && validLiteral(literal) {
			return host, nil
		}
	} else if invalidByte(host, unreserved+subDelims) < 0 {
		return host, nil
	}
	return "", fmt.Errorf("%w: Uri-Host is neither a name nor an address (RFC 7252 §6.5)", ErrURI)
}

// composeResource is steps 6 to 8.
func composeResource(req *coap.Message) (string, error) {
	var b strings.Builder
	for _, segment := range req.Strings(coap.URIPath) {
		if segment == "." || segment == ".." {
			return "", fmt.Errorf("%w: Uri-Path is %q (RFC 7252 §5.10.1)", ErrURI, segment)
		}
		b.WriteByte('/')
		escape(&b, segment, pchar)
	}
	if b.Len() == 0 {
		b.WriteByte('/')
	}
	for i, argument := range req.Strings(coap.URIQuery) {
		b.WriteByte("?&"[min(i, 1)])
		escape(&b, argument, queryChars)
	}
	return b.String(), nil
}

// queryChars are the characters that stand for themselves in one argument of a
// query: not the & that parts arguments.
var queryChars = strings.ReplaceAll(pchar, "&", "") + "/?"

// escape writes s with every byte percent-encoded that is not in the set, with
// capital digits.
func escape(b *strings.Builder, s, set string) {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(b, "%%%02X", s[i])
		}
	}
}
