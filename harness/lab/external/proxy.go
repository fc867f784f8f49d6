// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/encoding/ianaindex"

	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// proxy calls connectors through a gateway's HTTP-to-CoAP proxy (RFC 8075). It
// only says what the gateway is to send: where it would have to do by itself
// what the gateway is judged for, the scenario does not apply.
type proxy struct {
	template *hc.Template
	secure   bool // it is reached over https
	user     *lab.User
	client   *http.Client
	// reaches makes sure, once, that the proxy serves the bench's devices; nil takes
	// that for granted.
	reaches func(ctx context.Context) error
}

// newProxy is the proxy of the target's gateway; nil where it has none.
func (l *Lab) newProxy(users map[string]lab.User) (*proxy, error) {
	g := l.target.Gateway
	if g.Proxy == "" {
		return nil, nil
	}
	template, err := hc.ParseTemplate(g.Proxy)
	if err != nil {
		return nil, fmt.Errorf("gateway.proxy: %w", err)
	}
	p := &proxy{template: template, secure: strings.HasPrefix(strings.ToLower(g.Proxy), "https://")}
	if g.ProxyUser != "" {
		u, ok := users[g.ProxyUser]
		if !ok {
			return nil, fmt.Errorf("gateway.proxy-user: %q is not among the users of the target file: bind it there, with its password", g.ProxyUser)
		}
		p.user = &u
	}
	p.client = l.client()
	reach := &reach{bench: l, proxy: p, lock: make(chan struct{}, 1)}
	p.reaches = reach.prove
	return p, nil
}

// client is an HTTP client that goes nowhere but where it is sent: what is
// answered is the answer, and no redirection leads elsewhere.
func (l *Lab) client() *http.Client {
	return &http.Client{
		Transport:     l.http,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// trusting has the HTTP client trust the target's roots, where it names some, beside
// those of this machine.
func trusting(t *http.Transport, g *target.Gateway) error {
	if g.Roots == "" {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	b, err := os.ReadFile(g.Roots)
	if err != nil {
		return fmt.Errorf("cannot read gateway.roots: %w", err)
	}
	roots.AppendCertsFromPEM(b)
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return nil
}

// Do makes the request.
func (p *proxy) Do(r *http.Request) (*http.Response, error) { return p.client.Do(r) }

// Request is the HTTP request for what a connector describes.
func (p *proxy) Request(ctx context.Context, provider outbound.Provider, c outbound.Connector, call outbound.Call) (*http.Request, error) {
	if err := expressible(provider, c, call); err != nil {
		return nil, err
	}
	uri, err := mapping.ParseURI(provider.Environments[outbound.Live].URL + c.URL)
	if err != nil {
		return nil, verdict.DoesNotApply("a proxy is asked for a URI (RFC 8075 §5), and this is none: %v", err)
	}
	if strings.EqualFold(uri.Scheme, "coaps") && !p.secure {
		return nil, verdict.DoesNotApply("a coaps resource is for requests over https alone (RFC 8075 §10.3): give the https URL of the proxy as gateway.proxy in the target file")
	}
	body, err := inCharset(c.Content, c.Body)
	if err != nil {
		return nil, err
	}
	if p.reaches != nil {
		if err := p.reaches(ctx); err != nil {
			return nil, err
		}
	}
	return p.request(ctx, c.Method, uri, http.Header{"Accept": {c.Accept}, "Content-Type": {c.Content}}, body)
}

// request is an HTTP request whose line is the template's text, byte for byte.
func (p *proxy) request(ctx context.Context, method string, uri mapping.URI, header http.Header, body string) (*http.Request, error) {
	scheme, rest, _ := strings.Cut(p.template.Pack(uri), "://")
	host, resource := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, resource = rest[:i], rest[i:]
	}
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+host+"/", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("gateway.proxy: %w", err)
	}
	r.URL = &url.URL{Scheme: scheme, Host: r.URL.Host, Opaque: resource}
	for name, values := range header {
		if values[0] != "" && (name != "Content-Type" || body != "") {
			r.Header[name] = values
		}
	}
	if p.user != nil {
		r.SetBasicAuth(p.user.Name, p.user.Password)
	}
	return r, nil
}

// expressible says what of a connector RFC 8075 has no words for.
func expressible(p outbound.Provider, c outbound.Connector, call outbound.Call) error {
	live, hasLive := p.Environments[outbound.Live]
	no := func(format string, args ...any) error {
		return verdict.DoesNotApply("an HTTP-to-CoAP proxy (RFC 8075) knows no connectors: "+format, args...)
	}
	switch {
	case len(p.Environments) != 1 || !hasLive || call.Mode != "":
		return no("it has no environments for a mode to pick from")
	case len(call.Variables) > 0 || len(p.Variables) > 0 || c.DynamicEndpoint != "" || variables(live.URL, c):
		return no("it has no variables")
	case live.Authentication != nil:
		return no("the credentials for a device stand in its own configuration, not in a request")
	case len(c.Parameters) > 0:
		return no("a request cannot say %s", strings.Join(slices.Sorted(maps.Keys(c.Parameters)), ", "))
	case !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}, c.Method):
		return no("the method %q is one of HTTP's to refuse, or none", c.Method)
	case c.Body != "" && (c.Method == http.MethodGet || c.Method == http.MethodDelete):
		return no("a %s has no body", c.Method)
	}
	scheme, rest, ok := strings.Cut(live.URL, "://")
	switch {
	case !ok || !strings.EqualFold(scheme, "coap") && !strings.EqualFold(scheme, "coaps"):
		return no("it has no provider that could be refused for its URL")
	case strings.ContainsAny(rest, "/?#") || c.URL != "" && c.URL[0] != '/':
		return no("it joins no URL of a provider and of a connector")
	}
	return nil
}

// variables says whether a variable stands anywhere in a connector.
func variables(url string, c outbound.Connector) bool {
	return slices.ContainsFunc([]string{url, c.URL, c.Method, c.Accept, c.Content, c.Body}, func(s string) bool {
		return strings.Contains(s, "${")
	})
}

// inCharset is the body in the character set that its content type names: a
// connector's is text, an HTTP body bytes.
func inCharset(contentType, body string) (string, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	charset := parameters["charset"]
	if err != nil || charset == "" {
		return body, nil //nolint:nilerr // what is no media type has no charset
	}
	enc, err := ianaindex.MIME.Encoding(charset)
	if err != nil || enc == nil {
		return "", verdict.DoesNotApply("nobody here can write the character set %q, which an HTTP request would have to be in", charset)
	}
	encoded, err := enc.NewEncoder().String(body)
	if err != nil {
		return "", verdict.DoesNotApply("the body cannot be written in the character set %q: %v", charset, err)
	}
	return encoded, nil
}

// connectorsFact is how connectors are called.
func (l *Lab) connectorsFact() string {
	g := l.target.Gateway
	switch {
	case g == nil:
		return ""
	case g.API != "":
		return "through the HTTP API"
	case g.Proxy != "":
		return "through the HTTP-to-CoAP proxy " + g.Proxy
	}
	return "none can be called"
}
