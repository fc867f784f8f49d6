// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// proxyURI is the request's Proxy-Uri, or "".
func proxyURI(m *coap.Message) string {
	v, _ := m.Get(coap.ProxyURI)
	return string(v)
}

// setProxyURI puts another Proxy-Uri into the request.
func setProxyURI(m *coap.Message, uri string) {
	m.Remove(coap.ProxyURI)
	m.AddString(coap.ProxyURI, uri)
}

// tokens are the values of AuthToken in the request's Proxy-Uri, as they stand.
func tokens(m *coap.Message) []string {
	var found []string
	_, query, _ := strings.Cut(proxyURI(m), "?")
	for parameter := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(parameter, "AuthToken="); ok {
			found = append(found, value)
		}
	}
	return found
}

// credentials is what the request's AuthToken decodes to; "" for nothing that
// could be read.
func credentials(m *coap.Message) string {
	for _, token := range tokens(m) {
		if plain, err := url.PathUnescape(token); err == nil {
			if b, err := base64.StdEncoding.DecodeString(plain); err == nil {
				return string(b)
			}
		}
	}
	return ""
}

// withToken is the URI with another AuthToken in place of those it has.
func withToken(uri, token string) string {
	path, query, _ := strings.Cut(uri, "?")
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		if parameter != "" && parameter != "AuthToken" && !strings.HasPrefix(parameter, "AuthToken=") {
			kept = append(kept, parameter)
		}
	}
	return path + "?" + strings.Join(append(kept, "AuthToken="+token), "&")
}

// helloToken is the AuthToken of the features' user "hello".
const helloToken = "aGVsbG86d29ybGQ=" //nolint:gosec // the document's own example

// refusing answers the requests that are to be refused with the code, and serves
// the rest.
func refusing(code coap.Code, diagnostic string, refused func(*coap.Message) bool) func() embedded.Options {
	return serving(func(ctx context.Context, x *endpoint.Exchange, next endpoint.Handler) {
		if refused(x.Request) {
			x.Respond(&coap.Message{Code: code, Payload: []byte(diagnostic)})
			return
		}
		next.ServeCoAP(ctx, x)
	})
}
