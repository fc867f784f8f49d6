// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// inboundDeviants are wrong in what the document's §3 asks for: devices that call
// Composite APIs.
func inboundDeviants() []Deviant {
	return slices.Concat(addressDeviants(), tokenDeviants(), messageDeviants(), mappingDeviants())
}

// otherPort is the address with another port than the default one.
func otherPort(addr netip.AddrPort, usual uint16) netip.AddrPort {
	if addr.Port() == usual {
		return netip.AddrPortFrom(addr.Addr(), 5693)
	}
	return addr
}

// addressDeviants get wrong where a request comes to and where it goes.
func addressDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "serves coaps on another port than 5684",
			Breaks: "RMP-3-01",
			Says:   "no answer",
			made: seams(func() gateway.Seams {
				return gateway.Seams{ListenDTLS: func(next gateway.ListenDTLS) gateway.ListenDTLS {
					return func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, c dtls.ServerConfig) (gateway.Listener, error) {
						return next(ctx, otherPort(addr, 5684), r, c)
					}
				}}
			}),
		},
		{
			Name:   "serves coap on another port than 5683",
			Breaks: "RMP-3-02",
			Says:   "nothing",
			made: seams(func() gateway.Seams {
				return gateway.Seams{ListenUDP: func(next gateway.ListenUDP) gateway.ListenUDP {
					return func(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, o udp.Options) (gateway.Listener, error) {
						return next(ctx, otherPort(addr, 5683), r, o)
					}
				}}
			}),
		},
		{
			Name:   "answers 4.00 where 4.04 is right",
			Breaks: "RMP-3-03",
			Says:   "4.00",
			made: response(func(req, resp *coap.Message) {
				if resp.Code == coap.NotFound && req.Path() != "/no/such/resource" && !req.Has(coap.ProxyURI) {
					resp.Code = coap.BadRequest
				}
			}),
		},
		{
			Name:   "does not answer over IPv6",
			Breaks: "RMP-3-04",
			Says:   "nothing",
			made: fromDevices(func() pass {
				return func(p endpoint.Peer, b []byte, next func([]byte)) {
					if p.Key().Addr.Addr().Is4() {
						next(b)
					}
				}
			}),
		},
		{
			Name:   "answers 4.04 for want of a Proxy-Uri",
			Breaks: "RMP-3.1-03",
			Says:   "4.04",
			made: response(func(req, resp *coap.Message) {
				if req.Path() == "/coap2http" && !req.Has(coap.ProxyURI) && !req.Has(coap.ProxyScheme) {
					resp.Code = coap.NotFound
				}
			}),
		},
		{
			Name:   "answers 4.03 for a host that is not the platform",
			Breaks: "RMP-3.1-04",
			Says:   "4.03",
			made: response(func(req, resp *coap.Message) {
				if resp.Code == coap.ProxyingNotSupported && strings.HasPrefix(proxyURI(req), "http://169.") {
					resp.Code = coap.Forbidden
				}
			}),
		},
		{
			Name:   "is an open proxy",
			Breaks: "RMP-3.1-04",
			Says:   "2.05",
			made:   platformAnswers(func(m *coap.Message) bool { return strings.Contains(proxyURI(m), "//example.org/") }),
		},
		{
			Name:   "answers 4.00 for a scheme that is not HTTP",
			Breaks: "RMP-3.1-16",
			Says:   "4.00",
			made: response(func(req, resp *coap.Message) {
				if resp.Code == coap.ProxyingNotSupported && strings.HasPrefix(proxyURI(req), "gopher:") {
					resp.Code = coap.BadRequest
				}
			}),
		},
		{
			Name:   "wants the path coap2http beside the Proxy-Uri",
			Breaks: "RMP-3.1-20",
			Says:   "4.04",
			made: refusing(coap.NotFound, "want /coap2http", func(m *coap.Message) bool {
				return m.Has(coap.ProxyURI) && !m.Has(coap.URIPath)
			}),
		},
		{
			Name:   "cannot call a Composite API over https",
			Breaks: "RMP-3.1-26",
			Says:   "5.02",
			made: platformCall(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.URL.Scheme == "https" {
					return nil, errors.New("no TLS here")
				}
				return next.RoundTrip(r)
			}),
		},
	}
}

// tokenDeviants get the AuthToken wrong.
func tokenDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "sends no credentials to the platform",
			Breaks: "RMP-3.1-05",
			Also:   []string{"RMP-4.2-09"},
			Says:   "Authorization absent",
			made:   platformRequest(func(r *http.Request) { r.Header.Del("Authorization") }),
		},
		{
			Name:   "leaves the AuthToken in the URL",
			Breaks: "RMP-3.1-06",
			Also:   []string{"RMP-3.1-40"},
			Says:   "AuthToken",
			made: platformRequest(func(r *http.Request) {
				if user, password, _ := r.BasicAuth(); r.URL.RawQuery == "P_mode=TEST" {
					token := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
					r.URL.RawQuery += "&AuthToken=" + url.QueryEscape(token)
				}
			}),
		},
		{
			Name:   "calls as somebody else for want of an AuthToken",
			Breaks: "RMP-3.1-07",
			Says:   "2.05",
			made: request(func(m *coap.Message) {
				if m.Code == coap.GET && strings.HasPrefix(proxyURI(m), "http") && strings.Join(tokens(m), "") == "" {
					setProxyURI(m, withToken(proxyURI(m), helloToken))
				}
			}),
		},
		{
			Name:   "answers 4.03 when the platform does not accept the credentials",
			Breaks: "RMP-3.1-08",
			Says:   "4.03",
			made: platformResponse(func(r *http.Response) {
				if user, _, _ := r.Request.BasicAuth(); user == "hello" && r.StatusCode == http.StatusUnauthorized {
					r.StatusCode = http.StatusForbidden
				}
			}),
		},
		{
			Name:   "takes a line end behind the password for part of it",
			Breaks: "RMP-3.1-09",
			Says:   "4.01",
			made:   refusing(coap.Unauthorized, "no such user", func(m *coap.Message) bool { return strings.HasSuffix(credentials(m), "\n") }),
		},
		{
			Name:   "takes the first of two AuthTokens",
			Breaks: "RMP-3.1-17",
			Says:   "2.05",
			made: request(func(m *coap.Message) {
				if all := tokens(m); len(all) > 1 && strings.HasPrefix(credentials(m), "hello:") {
					setProxyURI(m, withToken(proxyURI(m), all[0]))
				}
			}),
		},
		{
			Name:   "calls the platform whatever the AuthToken is",
			Breaks: "RMP-3.1-18",
			Says:   "2.05",
			made: request(func(m *coap.Message) {
				if all := tokens(m); len(all) == 1 && all[0] == "aGVsbG8" {
					setProxyURI(m, withToken(proxyURI(m), helloToken))
				}
			}),
		},
		{
			Name:   "takes the + of an AuthToken for a space",
			Breaks: "RMP-3.1-23",
			Says:   "4.01",
			made: request(func(m *coap.Message) {
				if all := tokens(m); len(all) == 1 && strings.Contains(all[0], "+") {
					setProxyURI(m, strings.ReplaceAll(proxyURI(m), all[0], strings.ReplaceAll(all[0], "+", "%20")))
				}
			}),
		},
	}
}

// messageDeviants get message types, acknowledgements, ids and tokens wrong.
func messageDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "answers a Confirmable request in a Non-confirmable message",
			Breaks: "RMP-3.1-01",
			Also:   []string{"RMP-3.1-19"},
			Says:   "NON",
			made: toDevices(rewritten(func(m *coap.Message) bool {
				if m.Type == coap.Acknowledgement && m.Code == coap.Content {
					m.Type = coap.NonConfirmable
				}
				return true
			})),
		},
		{
			Name:   "does not serve Non-confirmable requests",
			Breaks: "RMP-3.1-14",
			Says:   "nothing",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				return m.Type != coap.NonConfirmable || !m.Has(coap.ProxyURI)
			})),
		},
		{
			Name:   "acknowledges nothing before it can answer",
			Breaks: "RMP-3.1-15",
			Says:   "none",
			made: toDevices(rewritten(func(m *coap.Message) bool {
				return m.Type != coap.Acknowledgement || !m.Empty()
			})),
		},
		{
			Name:   "takes a repeated request for a new one",
			Breaks: "RMP-3.1-19",
			Says:   "2",
			made:   seams(forgetful),
		},
		{
			Name:   "cuts a token of 8 bytes",
			Breaks: "RMP-3.1-27",
			Says:   "ffffffff",
			made: toDevices(rewritten(func(m *coap.Message) bool {
				if m.Code == coap.Content && bytes.Count(m.Token, []byte{0xff}) == 8 {
					m.Token = m.Token[:7]
				}
				return true
			})),
		},
	}
}

// mappingDeviants get the HTTP call and its answer wrong.
func mappingDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "changes the answer of the Composite API",
			Breaks: "RMP-3.1-02",
			Also:   []string{"RMP-3.1-12"},
			Says:   "RAIN",
			made: response(func(_, resp *coap.Message) {
				if resp.Code == coap.Content {
					resp.Payload = bytes.ToUpper(resp.Payload)
				}
			}),
		},
		{
			Name:   "calls a Composite API with POST for DELETE",
			Breaks: "RMP-3.1-10",
			Also:   []string{"RMP-3.1-12"},
			Says:   "POST",
			made: platformRequest(func(r *http.Request) {
				if r.Method == http.MethodDelete {
					r.Method = http.MethodPost
				}
			}),
		},
		{
			Name:   "does not say what the body is",
			Breaks: "RMP-3.1-11",
			Says:   "no such header",
			made: platformRequest(func(r *http.Request) {
				if r.Method == http.MethodPut {
					r.Header.Del("Content-Type")
				}
			}),
		},
		{
			Name:   "labels every answer application/octet-stream",
			Breaks: "RMP-3.1-12",
			Says:   "42",
			made: platformResponse(func(r *http.Response) {
				if r.Header.Get("Content-Type") != "" && r.Request.Header.Get("Accept") == "" {
					r.Header.Set("Content-Type", "application/octet-stream")
				}
			}),
		},
		{
			Name:   "puts the query together anew",
			Breaks: "RMP-3.1-13",
			Says:   "q=~%2F+",
			made: platformRequest(func(r *http.Request) {
				if values, err := url.ParseQuery(r.URL.RawQuery); err == nil && strings.Contains(r.URL.RawQuery, "%7e") {
					r.URL.RawQuery = values.Encode()
				}
			}),
		},
		{
			Name:   "tells the device 5.00 of every error of the platform",
			Breaks: "RMP-3.1-21",
			Says:   "5.00",
			made: platformResponse(func(r *http.Response) {
				if r.StatusCode == http.StatusBadGateway {
					r.StatusCode = http.StatusInternalServerError
				}
			}),
		},
		{
			Name:   "hands on what came of an answer that broke off",
			Breaks: "RMP-3.1-22",
			Says:   "2.05",
			made: platformResponse(func(r *http.Response) {
				if r.Request.Method != http.MethodGet {
					return
				}
				body, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				r.Body = io.NopCloser(bytes.NewReader(body))
			}),
		},
		{
			Name:   "does not tell the platform what the device accepts",
			Breaks: "RMP-3.1-24",
			Says:   "no such header",
			made:   platformRequest(func(r *http.Request) { r.Header.Del("Accept") }),
		},
		{
			Name:   "calls ISO 8859-1 text in UTF-8",
			Breaks: "RMP-3.1-25",
			Says:   "636166e9",
			made: response(func(_, resp *coap.Message) {
				if f, ok := resp.ContentFormat(); ok && f == coap.TextPlain && strings.Contains(string(resp.Payload), "é") && utf8.Valid(resp.Payload) {
					resp.Payload, _ = charmap.ISO8859_1.NewEncoder().Bytes(resp.Payload)
				}
			}),
		},
		{
			Name:   "serves FETCH as GET",
			Breaks: "RMP-3.1-28",
			Says:   "2.05",
			made: request(func(m *coap.Message) {
				if m.Code == coap.FETCH {
					m.Code = coap.GET
				}
			}),
		},
	}
}

// platformAnswers answers requests as if they had been forwarded.
func platformAnswers(which func(*coap.Message) bool) func() embedded.Options {
	return refusing(coap.Content, "", which)
}

// forgetful gives every message that comes again with its id a new one, so that
// it is served again, and the answer the old one back.
func forgetful() gateway.Seams {
	type key struct {
		peer endpoint.PeerKey
		id   uint16
	}
	var mu sync.Mutex
	seen, was, next := map[key]bool{}, map[key]uint16{}, uint16(1)
	return gateway.Seams{Inbound: gateway.Datagrams{
		Received: received(func() pass {
			return func(p endpoint.Peer, b []byte, hand func([]byte)) {
				var m coap.Message
				if m.Unmarshal(b) != nil || !m.Code.IsRequest() || !m.Has(coap.ProxyURI) {
					hand(b)
					return
				}
				mu.Lock()
				k := key{p.Key(), m.MessageID}
				if seen[k] {
					for next++; seen[key{p.Key(), next}]; next++ {
					}
					was[key{p.Key(), next}] = m.MessageID
					m.MessageID = next
				}
				seen[k] = true
				mu.Unlock()
				hand(coap.Frame{Message: m}.Bytes())
			}
		}).Received,
		Sent: sent(func(p endpoint.Peer, b []byte, hand func([]byte)) {
			var m coap.Message
			if m.Unmarshal(b) != nil || m.Type != coap.Acknowledgement {
				hand(b)
				return
			}
			mu.Lock()
			if id, ok := was[key{p.Key(), m.MessageID}]; ok {
				m.MessageID = id
			}
			mu.Unlock()
			hand(coap.Frame{Message: m}.Bytes())
		}).Sent,
	}}
}
