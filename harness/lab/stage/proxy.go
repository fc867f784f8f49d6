// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Proxy is an HTTP-to-CoAP proxy (RFC 8075) through which connectors are called
// on a gateway that has none.
type Proxy interface {
	// Request is the HTTP request that has the gateway send what the connector
	// describes. Where RFC 8075 cannot say that, or where the harness would have to
	// do what the gateway is judged for, it is a *verdict.Finding.
	Request(ctx context.Context, p outbound.Provider, c outbound.Connector, call outbound.Call) (*http.Request, error)
	// Do makes the request.
	Do(*http.Request) (*http.Response, error)
}

// throughProxy calls the connector through the proxy, and puts the exchange into
// the trace.
func (s *stage) throughProxy(ctx context.Context, name string, call outbound.Call) (lab.Result, error) {
	s.mu.Lock()
	c, ok := s.connectors[s.own(name)]
	p, hasProvider := s.providers[c.Provider]
	s.mu.Unlock()
	if !ok || !hasProvider {
		return lab.Result{}, verdict.Broken(nil, "the connector %q, or its provider, was not configured", name)
	}
	req, err := s.bench.Proxy.Request(ctx, p, c, call)
	if err != nil {
		return lab.Result{}, err
	}
	begin := time.Now()
	header := req.Header.Clone()
	header.Del("Authorization")
	e := trace.Event{
		At: begin, Layer: trace.HTTP,
		From: trace.End{Name: "application"}, To: trace.End{Name: "gateway"},
		HTTP: &trace.HTTPExchange{Method: req.Method, URL: addressOf(req.URL), RequestHeader: header, RequestBody: []byte(c.Body)},
	}
	r, err := s.exchange(req)
	r.Elapsed, r.Proxied = time.Since(begin), true
	e.HTTP.Elapsed = r.Elapsed
	e.HTTP.Status, e.HTTP.ResponseHeader, e.HTTP.ResponseBody = r.Status, r.Header, r.Body
	if err != nil {
		e.HTTP.Fault = err.Error()
		err = s.bench.broken(err, "calling %q through the gateway's HTTP-to-CoAP proxy", name)
	}
	s.log.Add(e)
	if err == nil {
		err = s.unwilling(r, begin, p.Environments[outbound.Live].URL)
	}
	return r, err
}

// unwilling is the finding that the proxy was not asked to serve this device: it
// refused, and nothing came. That is how it was told to be (RFC 8075 §10.4), and
// no fault.
func (s *stage) unwilling(r lab.Result, since time.Time, device string) error {
	switch r.Status {
	case http.StatusForbidden, http.StatusNotImplemented, http.StatusUnauthorized, http.StatusProxyAuthRequired:
	default:
		return nil
	}
	for _, e := range s.log.Events() {
		if e.Layer == trace.Datagram && !e.At.Before(since) {
			return nil // so it was the device that refused
		}
	}
	return verdict.CannotJudge(nil, "the HTTP-to-CoAP proxy answered %d %s for %s, and nothing came there: allow it this device", r.Status, http.StatusText(r.Status), device)
}

// addressOf is a URL as it is read, one whose line is given byte for byte too.
func addressOf(u *url.URL) string {
	if u.Opaque != "" {
		return u.Scheme + "://" + u.Host + u.Opaque
	}
	return u.Redacted()
}

func (s *stage) exchange(req *http.Request) (_ lab.Result, err error) {
	resp, err := s.bench.Proxy.Do(req)
	if err != nil {
		return lab.Result{}, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResult))
	return lab.Result{Status: resp.StatusCode, Header: resp.Header, Body: body}, err
}
