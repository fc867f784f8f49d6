// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	// mostRedirects is how often a call is sent on.
	mostRedirects = 5
	// mostBody is how much of an answer is read.
	mostBody = 16 << 20
)

// call makes the hook's HTTP call. It goes to the host in the target file, past
// any proxy, and nowhere else.
func (o *occasion) call(ctx context.Context) (string, error) {
	request, err := o.request(ctx)
	if err != nil {
		return "", err
	}
	where := request.Method + " " + request.URL.Scheme + "://" + request.URL.Host
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: stay}
	response, err := client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		var outer *url.Error // names the URL, with the values in it
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return "", fmt.Errorf("%s: %w: see what answers there, or mend hooks.%s.http.url", where, err, o.name)
	}
	defer response.Body.Close()
	body, err := drain(io.LimitReader(response.Body, mostBody))
	switch {
	case ctx.Err() != nil:
		return body, ctx.Err()
	case err != nil:
		return body, fmt.Errorf("%s: the answer breaks off: %w: see what answers there", where, err)
	}
	if response.StatusCode/100 != 2 {
		return body, fmt.Errorf("%s: expected a 2xx status, got %s%s: mend hooks.%s.http, or what answers there", where, response.Status, firstLine(o.blot(body)), o.name)
	}
	return body, nil
}

// stay refuses to be sent on to another host.
func stay(r *http.Request, via []*http.Request) error {
	if first := via[0].URL; r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
		return fmt.Errorf("it sends us on to %s://%s, which the target file does not name", r.URL.Scheme, r.URL.Host)
	}
	if len(via) > mostRedirects {
		return fmt.Errorf("it sends us on more than %d times", mostRedirects)
	}
	return nil
}

// request is the hook's HTTP request.
func (o *occasion) request(ctx context.Context) (*http.Request, error) {
	h := o.hook.HTTP
	if variable.MatchString(origin(h.URL)) {
		return nil, fmt.Errorf("its URL has a variable before the path: write the host out in hooks.%s.http.url", o.name)
	}
	text, err := o.expand(h.URL, inURL)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("its URL is none that can be called: want http://… or https://… in hooks.%s.http.url", o.name)
	}
	if pathOf(text) != u.EscapedPath() {
		return nil, fmt.Errorf("the path of its URL holds what a URL cannot: percent-encode it in hooks.%s.http.url", o.name) // or it would be encoded anew, the values as well
	}
	body, err := o.expand(h.Body, o.inBody())
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, cmp.Or(h.Method, http.MethodPost), text, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("no HTTP request can be made of it: mend hooks.%s.http: %w", o.name, err)
	}
	for name, template := range h.Header {
		value, err := o.expand(template, asText)
		if err != nil {
			return nil, err
		}
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// origin is a URL up to its path.
func origin(u string) string {
	scheme, rest, ok := strings.Cut(u, "://")
	if !ok {
		return u
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest
}

// pathOf is the path of a URL as it stands there.
func pathOf(u string) string {
	path := u[len(origin(u)):]
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	return path
}

// inBody is how a value stands in the body, by its Content-Type.
func (o *occasion) inBody() func(string) string {
	for name, value := range o.hook.HTTP.Header {
		if http.CanonicalHeaderKey(name) != "Content-Type" {
			continue
		}
		kind, _, _ := mime.ParseMediaType(value)
		switch {
		case kind == "application/json" || strings.HasSuffix(kind, "+json"):
			return inJSON
		case kind == "application/x-www-form-urlencoded":
			return inURL
		}
	}
	return asText
}

// firstLine is the first line of a body that has one, for an error.
func firstLine(body string) string {
	const most = 200
	line, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	if line == "" {
		return ""
	}
	if r := []rune(line); len(r) > most {
		line = string(r[:most]) + "…"
	}
	return ": " + visible(strings.TrimSpace(line))
}
