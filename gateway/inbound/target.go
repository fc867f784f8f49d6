// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// target is what a request asks for: a URI that may be called, with the
// credentials for it, or else a path of our own. It refuses in a fixed order:
// the endpoint has refused critical options before, here follow the URI's
// syntax, its scheme, the allow-list, the token.
func (h *handler) target(req *request) (t target, proxied bool, refusal *coap.Message) {
	u, given, err := requestURI(req)
	switch {
	case err != nil:
		return t, false, refuse(coap.BadRequest, err.Error())
	case !given:
		return target{local: req.Strings(coap.URIPath)}, false, nil
	}
	// Its path may hold a secret that has slipped out of the query; the host tells enough.
	req.name = u.Scheme + "://" + u.Host
	if h.own(req, u) {
		return target{local: segments(u.Path)}, false, nil
	}
	if len(req.unsafe) > 0 {
		return t, true, refuse(coap.BadOption, req.unsafe[0].String()+", and a proxy must not leave it out (RFC 7252 §5.7.1)")
	}
	if scheme := strings.ToLower(u.Scheme); scheme != "http" && scheme != "https" {
		return t, true, refuse(coap.ProxyingNotSupported, "no proxy for this scheme: want http or https")
	}
	o, ok := originOf(u)
	if !ok || !h.allowed[o] {
		return t, true, refuse(coap.ProxyingNotSupported, "no proxy for this host: it is not on the allow-list")
	}
	t = target{URI: u, origin: o}
	t.Query, t.HasQuery, t.credentials, err = mapping.CutAuthToken(u.Query)
	if err != nil {
		return t, true, refuse(coap.Unauthorized, err.Error())
	}
	return t, true, nil
}

// target is where a request goes.
type target struct {
	mapping.URI // without the AuthToken

	origin      origin
	credentials mapping.Credentials

	local []string // or else the segments of a path of our own
}

// segments are the segments of a URI's path as Uri-Path would have them (RFC 7252 §6.4).
func segments(path string) []string {
	s := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := range s {
		if decoded, err := url.PathUnescape(s[i]); err == nil {
			s[i] = decoded
		}
	}
	return s
}

// requestURI is the URI of a proxy request (RFC 7252 §5.7.2): given is false for
// a request to the gateway itself. Proxy-Uri goes before the Uri-* options
// (§5.10.2), whether they are coap2http or not.
func requestURI(req *request) (u mapping.URI, given bool, err error) {
	if v, ok := req.Get(coap.ProxyURI); ok {
		u, err = mapping.ParseURI(string(v))
		return u, true, err
	}
	if v, ok := req.Get(coap.ProxyScheme); ok {
		u, err = mapping.ComposeURI(string(v), req.Message, req.to, req.secure)
		return u, true, err
	}
	return u, false, nil
}

// own says whether the URI names this gateway: by the address that the request
// came to, or by a name or address that it is told of. A host that is our own at
// another port is another server.
func (h *handler) own(req *request, u mapping.URI) bool {
	port, ok := u.PortNumber()
	if !ok {
		return false
	}
	host := strings.ToLower(u.Host)
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		here := netip.AddrPortFrom(req.to.Addr().Unmap().WithZone(""), req.to.Port())
		return netip.AddrPortFrom(addr.Unmap(), port) == here || h.Own(addr.Unmap().String(), port)
	}
	return h.Own(host, port)
}
