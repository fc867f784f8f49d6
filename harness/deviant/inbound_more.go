// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// moreInboundDeviants are wrong in the finer points of §3: what may stand in a
// Proxy-Uri and an AuthToken, what a Composite API takes and answers, and what is
// sent again.
func moreInboundDeviants() []Deviant {
	return slices.Concat(proxyURIDeviants(), tokenFormDeviants(), repeatingDeviants(), platformDeviants(), textDeviants())
}

// proxyURIDeviants get wrong which URI a request is for.
func proxyURIDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "does not know its own address in a Proxy-Uri",
			Breaks: "RMP-3-05",
			Says:   "5.05",
			made: refusing(coap.ProxyingNotSupported, "no proxy for coap", func(m *coap.Message) bool {
				return strings.HasPrefix(proxyURI(m), "coap://")
			}),
		},
		{
			Name:   "takes a Proxy-Uri of up to 1024 bytes alone",
			Breaks: "RMP-3.1-32",
			Says:   "4.13",
			made: refusing(coap.RequestEntityTooLarge, "the URI is too long", func(m *coap.Message) bool {
				return len(proxyURI(m)) > 1024
			}),
		},
		{
			Name:   "takes a Proxy-Uri of 1035 bytes",
			Breaks: "RMP-3.1-33",
			Says:   "2.05",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				if uri := proxyURI(m); len(uri) > 1034 {
					setProxyURI(m, strings.Replace(uri, "xx", "x", 1))
				}
				return true
			})),
		},
		{
			Name:   "takes the first of two Proxy-Uris",
			Breaks: "RMP-3.1-34",
			Says:   "2.05",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				if all := m.All(coap.ProxyURI); len(all) > 1 {
					setProxyURI(m, string(all[0]))
				}
				return true
			})),
		},
		{
			Name:   "mends a Proxy-Uri with a space in it",
			Breaks: "RMP-3.1-35",
			Says:   "4.04",
			made: request(func(m *coap.Message) {
				if uri := proxyURI(m); strings.Contains(uri, " ") {
					setProxyURI(m, strings.ReplaceAll(uri, " ", "%20"))
				}
			}),
		},
		{
			Name:   "adds Uri-Query to the query of the Proxy-Uri",
			Breaks: "RMP-3.1-40",
			Says:   "x=1",
			made: request(func(m *coap.Message) {
				if query := m.Strings(coap.URIQuery); len(query) > 0 && m.Has(coap.ProxyURI) {
					setProxyURI(m, proxyURI(m)+"&"+strings.Join(query, "&"))
				}
			}),
		},
		{
			Name:   "judges the Uri-Host beside a Proxy-Uri",
			Breaks: "RMP-3.1-40",
			Says:   "5.05",
			made: refusing(coap.ProxyingNotSupported, "no proxy for this host", func(m *coap.Message) bool {
				return m.Has(coap.ProxyURI) && m.Has(coap.URIHost)
			}),
		},
		{
			Name:   "declares Proxy-Scheme and does not serve it",
			Breaks: "RMP-3.1-41",
			Says:   "5.05",
			made:   refusing(coap.ProxyingNotSupported, "want Proxy-Uri", func(m *coap.Message) bool { return m.Has(coap.ProxyScheme) }),
		},
	}
}

// tokenFormDeviants get a form of the AuthToken wrong, or its place.
func tokenFormDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "takes the AuthToken for ISO 8859-1",
			Breaks: "RMP-3.1-36",
			Says:   "4.01",
			made: recredentialed(func(user, password string) (string, string) {
				return fromLatin(user), fromLatin(password)
			}),
		},
		{
			Name:   "normalizes user names",
			Breaks: "RMP-3.1-36",
			Says:   "zo\u00eb",
			made: recredentialed(func(user, password string) (string, string) {
				return norm.NFC.String(user), norm.NFC.String(password)
			}),
		},
		{
			Name:   "ends a password at its first colon",
			Breaks: "RMP-3.1-37",
			Says:   "4.01",
			made: recredentialed(func(user, password string) (string, string) {
				password, _, _ = strings.Cut(password, ":")
				return user, password
			}),
		},
		{
			Name:   "looks for the AuthToken at the end of the query alone",
			Breaks: "RMP-3.1-38",
			Says:   "4.01",
			made: refusing(coap.Unauthorized, "no AuthToken", func(m *coap.Message) bool {
				uri := proxyURI(m)
				at := strings.LastIndexByte(uri, '&')
				return at >= 0 && len(tokens(m)) == 1 && !strings.HasPrefix(uri[at+1:], "AuthToken=")
			}),
		},
		{
			Name:   "skips what is no character of Base64",
			Breaks: "RMP-3.1-45",
			Says:   "wrong credentials",
			made: request(func(m *coap.Message) {
				if all := tokens(m); len(all) == 1 && strings.ContainsAny(all[0], "-_") {
					setProxyURI(m, withToken(proxyURI(m), base64.StdEncoding.EncodeToString([]byte("a~~~?:~~~x~?>?"))))
				}
			}),
		},
		{
			Name:   "reads authtoken as AuthToken",
			Breaks: "RMP-3.1-46",
			Says:   "4.01",
			made: request(func(m *coap.Message) {
				if uri := proxyURI(m); strings.Contains(uri, "&authtoken=") {
					setProxyURI(m, strings.Replace(uri, "&authtoken=", "&AuthToken=", 1))
				}
			}),
		},
	}
}

// repeatingDeviants send again what they must not, or not what they must.
func repeatingDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "sends a separate response once",
			Breaks: "RMP-3.1-43",
			Says:   "nothing",
			made:   toDevices(copies(1)),
		},
		{
			Name:   "sends a separate response again after one second",
			Breaks: "RMP-3.1-43",
			Also:   []string{"RMP-3.1-44"}, // it does not look for an acknowledgement first
			Says:   "later",
			made:   toDevices(repeated(time.Second)),
		},
		{
			Name:   "sends a separate response three times again",
			Breaks: "RMP-3.1-43",
			Says:   "nothing",
			Full:   true,
			made:   toDevices(copies(4)),
		},
		{
			Name:   "sends a separate response again although it was acknowledged",
			Breaks: "RMP-3.1-44",
			Also:   []string{"RMP-3.1-43"}, // whose copies then come too often
			Says:   "2.05",
			made:   toDevices(repeated(2 * time.Second)),
		},
		{
			Name:   "sends a separate response again although it was rejected",
			Breaks: "RMP-3.1-44",
			Says:   "2.05",
			made:   seams(deafToResets),
		},
		{
			Name:   "sends a POST again when the connection breaks",
			Breaks: "RMP-3.1-47",
			Says:   "2: POST",
			made: platformCall(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil || r.Method != http.MethodPost {
					return resp, err
				}
				again := r.Clone(r.Context())
				if r.GetBody != nil {
					again.Body, _ = r.GetBody()
				}
				return next.RoundTrip(again)
			}),
		},
	}
}

// platformDeviants get wrong what the platform says.
func platformDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "answers 4.00 for a method that is not the Composite API's",
			Breaks: "RMP-3.1-29",
			Says:   "4.00",
			made:   badRequestFor(http.StatusMethodNotAllowed),
		},
		{
			Name:   "answers 4.00 for a media type that the Composite API does not take",
			Breaks: "RMP-3.1-30",
			Says:   "4.00",
			made:   badRequestFor(http.StatusUnsupportedMediaType),
		},
		{
			Name:   "answers 4.00 for an Accept that the Composite API cannot meet",
			Breaks: "RMP-3.1-31",
			Says:   "4.00",
			made:   badRequestFor(http.StatusNotAcceptable),
		},
		{
			Name:   "calls every Composite API in the mode LIVE that is to be called in ACCEPTANCE",
			Breaks: "RMP-3.1-39",
			Says:   "4.04",
			made: platformRequest(func(r *http.Request) {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "P_mode=ACCEPTANCE", "P_mode=LIVE", 1)
			}),
		},
		{
			Name:   "answers a DELETE that finds nothing with an error",
			Breaks: "RMP-3.1-48",
			Says:   "4.00",
			made: platformResponse(func(r *http.Response) {
				if r.Request.Method == http.MethodDelete && r.StatusCode == http.StatusNotFound {
					r.StatusCode = http.StatusBadRequest
				}
			}),
		},
	}
}

// textDeviants get character sets wrong.
func textDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "calls the text of a device ISO 8859-1",
			Breaks: "RMP-3.1-42",
			Says:   "iso-8859-1",
			made: platformBody(func(h http.Header, body []byte) []byte {
				if strings.HasPrefix(h.Get("Content-Type"), "text/plain") && utf8.RuneCount(body) < len(body) {
					h.Set("Content-Type", "text/plain; charset=iso-8859-1")
				}
				return body
			}),
		},
		{
			Name:   "replaces the bytes of a device that are no UTF-8",
			Breaks: "RMP-3.1-42",
			Says:   "efbfbd",
			made: platformBody(func(_ http.Header, body []byte) []byte {
				return bytes.ToValidUTF8(body, []byte("\ufffd"))
			}),
		},
		{
			Name:   "takes every character set that it knows for ISO 8859-1",
			Breaks: "RMP-3.1-49",
			Says:   "Ä",
			made: platformResponse(func(r *http.Response) {
				_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
				if charset := parameters["charset"]; err == nil && charset != "" && charset != "utf-8" && !strings.HasPrefix(charset, "x-") {
					r.Header.Set("Content-Type", "text/plain; charset=iso-8859-1")
				}
			}),
		},
	}
}

// recredentialed sends other credentials to the platform.
func recredentialed(change func(user, password string) (string, string)) func() embedded.Options {
	return platformRequest(func(r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok {
			r.SetBasicAuth(change(user, password))
		}
	})
}

// fromLatin is the UTF-8 of bytes that are taken for ISO 8859-1.
func fromLatin(s string) string {
	out, err := charmap.ISO8859_1.NewDecoder().String(s)
	if err != nil {
		return s
	}
	return out
}

// isSeparate says whether a datagram is a separate response.
func isSeparate(b []byte) bool {
	var m coap.Message
	return m.Unmarshal(b) == nil && m.Type == coap.Confirmable && m.Code.IsResponse()
}

// repeated sends each separate response once more, whatever comes in between.
func repeated(after time.Duration) func() pass {
	return func() pass {
		return func(_ endpoint.Peer, b []byte, next func([]byte)) {
			if isSeparate(b) {
				late := bytes.Clone(b)
				time.AfterFunc(after, func() { next(late) })
			}
			next(b)
		}
	}
}

// deafToResets sends a separate response once more when it was rejected.
func deafToResets() gateway.Seams {
	type key struct {
		peer endpoint.PeerKey
		id   uint16
	}
	var mu sync.Mutex
	responses := map[key][]byte{}
	return gateway.Seams{Inbound: gateway.Datagrams{
		Sent: sent(func(p endpoint.Peer, b []byte, next func([]byte)) {
			if isSeparate(b) {
				mu.Lock()
				responses[key{p.Key(), binary.BigEndian.Uint16(b[2:])}] = bytes.Clone(b)
				mu.Unlock()
			}
			next(b)
		}).Sent,
		Received: received(func() pass {
			return func(p endpoint.Peer, b []byte, next func([]byte)) {
				var m coap.Message
				if m.Unmarshal(b) == nil && m.Type == coap.Reset {
					mu.Lock()
					late := responses[key{p.Key(), m.MessageID}]
					mu.Unlock()
					if late != nil {
						time.AfterFunc(time.Second, func() { _ = p.Send(late) })
					}
				}
				next(b)
			}
		}).Received,
	}}
}

// copies lets each separate response pass so many times.
func copies(most int) func() pass {
	return func() pass {
		type key struct {
			peer endpoint.PeerKey
			id   uint16
		}
		var mu sync.Mutex
		sent := map[key]int{}
		return func(p endpoint.Peer, b []byte, next func([]byte)) {
			if isSeparate(b) {
				k := key{p.Key(), binary.BigEndian.Uint16(b[2:])}
				mu.Lock()
				sent[k]++
				enough := sent[k] > most
				mu.Unlock()
				if enough {
					return
				}
			}
			next(b)
		}
	}
}

// badRequestFor takes a status of the platform for 400.
func badRequestFor(status int) func() embedded.Options {
	return platformResponse(func(r *http.Response) {
		if r.StatusCode == status {
			r.StatusCode = http.StatusBadRequest
		}
	})
}

// platformBody changes the body of the HTTP request to the platform, and what
// its header says of it.
func platformBody(change func(http.Header, []byte) []byte) func() embedded.Options {
	return platformCall(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if r.GetBody == nil {
			return next.RoundTrip(r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		body = change(r.Header, body)
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Body, _ = r.GetBody()
		return next.RoundTrip(r)
	})
}
