// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// forward makes the HTTP call for a request and returns what came of it.
func (h *handler) forward(ctx context.Context, req *request, t target) *coap.Message {
	if refusal := hopLimit(req); refusal != nil {
		return refusal
	}
	header, refusal := requestHeader(req)
	if refusal != nil {
		return refusal
	}
	header.Set("Authorization", t.credentials.Basic().Reveal())
	req.target = t.URI
	req.name = t.origin.scheme() + "://" + t.origin.authority() + t.Path

	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	resp, err := h.Transport.RoundTrip(httpRequest(ctx, req, t, header))
	if err != nil {
		return h.failed(ctx, req, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return h.respond(req, resp, nil) // its body is a connection and has no end
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(h.MaxBody)+1))
	if err != nil {
		return h.failed(ctx, req, err)
	}
	return h.respond(req, resp, body)
}

// errNoHTTP stands in the log for what a server sent instead of HTTP.
var errNoHTTP = errors.New("the server's answer is no HTTP that can be understood")

// cause is an error as the log may show it. Those of the network tell what is
// wrong; those of package http's parser quote the answer, which may be anything, the
// credentials that were sent with the request included.
func cause(err error) error {
	var (
		network     net.Error
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &network), errors.As(err, &certificate),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return err
	default:
		return errNoHTTP
	}
}

// failed is the response when no whole HTTP answer was had (RFC 7252 §5.7.1,
// §10.1). What exactly went wrong is for the log: it tells of the inside.
func (h *handler) failed(ctx context.Context, req *request, err error) *coap.Message {
	req.cause = cause(err)
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return refuse(coap.ServiceUnavailable, "the gateway is closing")
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return refuse(coap.GatewayTimeout, fmt.Sprintf("the HTTP server did not answer within %s", h.Timeout))
	default:
		return refuse(coap.BadGateway, "the HTTP server could not be reached, or gave no answer that can be understood")
	}
}

// httpRequest puts the call together. Path and query go out byte for byte: a
// url.URL writes RawPath and RawQuery as they stand when they are valid, which
// mapping.ParseURI has made sure of. Scheme, host and port are the allow-list's.
func httpRequest(ctx context.Context, req *request, t target, header http.Header) *http.Request {
	u := &url.URL{
		Scheme: t.origin.scheme(), Host: t.origin.authority(),
		RawPath: t.Path, RawQuery: t.Query, ForceQuery: t.HasQuery,
	}
	if u.RawPath == "" {
		u.RawPath = "/" // RFC 9112 §3.2.1
	}
	u.Path, _ = url.PathUnescape(u.RawPath)
	r := &http.Request{
		Method: req.Code.String(), URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	switch {
	case req.Code == coap.GET:
		r.Body, r.TransferEncoding = io.NopCloser(eof{}), []string{"identity"}
	case carriesBody(req.Code) && len(req.Payload) > 0:
		r.ContentLength = int64(len(req.Payload))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Payload)), nil }
		r.Body, _ = r.GetBody()
	}
	return r.WithContext(ctx)
}

// eof is the body of a GET: empty, and not http.NoBody. On a connection that
// was used before, http.Transport repeats a GET whose answer does not come, and
// the platform would see it twice; with a body that it cannot have again it does
// not. Nothing of it shows on the wire: the transfer encoding "identity" keeps
// net/http from asking how long it is, which it would give 200 ms and then call
// chunked. The other methods it repeats only as long as not one
// byte was written, which harms nobody.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// carriesBody says whether a payload means anything to the method; if not, it is
// ignored (RFC 7252 §5.5).
func carriesBody(method coap.Code) bool { return method == coap.PUT || method == coap.POST }

// requestHeader is the options that HTTP has header fields for (RFC 7252
// §10.1). What cannot be said in HTTP is refused when the option is critical.
func requestHeader(req *request) (http.Header, *coap.Message) {
	h := http.Header{"User-Agent": {"Coapstone"}, "Accept-Encoding": {"identity"}}
	if f, ok := req.ContentFormat(); ok && carriesBody(req.Code) {
		h.Set("Content-Type", mapping.ContentTypeFromFormat(f))
	}
	if f, ok := req.Accept(); ok {
		mediaType, known := f.MediaType()
		if !known {
			return nil, refuse(coap.NotAcceptable, fmt.Sprintf("the Content-Format %d is not known: no HTTP server can be asked for it", uint16(f)))
		}
		h.Set("Accept", mediaType)
	}
	if req.Has(coap.IfNoneMatch) {
		h.Set("If-None-Match", "*")
	} else if req.Code == coap.GET {
		for _, etag := range req.All(coap.ETag) {
			if tag, ok := mapping.ETagToHTTP(etag); ok {
				h.Add("If-None-Match", tag)
			}
		}
	}
	if etags := req.All(coap.IfMatch); len(etags) > 0 && !ifMatch(h, etags) {
		return nil, refuse(coap.PreconditionFailed, "If-Match is no entity-tag that this gateway gave")
	}
	return h, nil
}

// ifMatch sets the header If-Match; the empty option asks for any representation
// (RFC 7252 §5.10.8.1). It says false when no value can ever match.
func ifMatch(h http.Header, etags [][]byte) bool {
	for _, etag := range etags {
		if len(etag) == 0 {
			h.Set("If-Match", "*")
			return true
		}
		if tag, ok := mapping.ETagToHTTP(etag); ok {
			h.Add("If-Match", tag)
		}
	}
	return h.Get("If-Match") != ""
}

// hopLimit refuses a request that has come too far (RFC 8768 §3). HTTP has
// nothing to count on in.
func hopLimit(req *request) *coap.Message {
	if hops, ok := req.GetUint(coap.HopLimit); ok && hops == 1 {
		return refuse(coap.HopLimitReached, "Hop-Limit")
	}
	return nil
}
