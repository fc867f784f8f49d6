// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// respond is the response for an HTTP answer (RFC 7252 §10.1).
func (h *handler) respond(req *request, answer *http.Response, body []byte) *coap.Message {
	now := time.Now()
	code := mapping.CodeFromStatus(req.Code, answer.StatusCode)
	switch {
	case code == coap.Valid && !req.Has(coap.ETag):
		return refuse(coap.BadGateway, "the HTTP server says 304 although nothing is stored")
	case code == coap.BadGateway && answer.StatusCode != http.StatusBadGateway:
		return refuse(code, fmt.Sprintf("the HTTP server says %d, which is no result; a redirect is not followed", answer.StatusCode))
	}
	resp := &coap.Message{Code: code}
	switch {
	case code == coap.Content || code == coap.Valid:
		if etag, ok := mapping.ETagFromHTTP(answer.Header.Get("ETag")); ok {
			resp.Add(coap.ETag, etag)
			if stored(req, etag) {
				// Also when the HTTP server could not be asked, or did not heed it (§10.1.1).
				resp.Code, code = coap.Valid, coap.Valid
			}
		}
		resp.AddUint(coap.MaxAge, mapping.MaxAge(answer.Header, now))
	case code == coap.Created:
		locate(resp, req, answer)
	case code == coap.ServiceUnavailable || code == coap.TooManyRequests:
		if s, ok := mapping.RetryAfter(answer.Header, now); ok {
			resp.AddUint(coap.MaxAge, s)
		}
	case code.Class() != 2:
		// Errors are cached too (RFC 7252 §5.9.2), for a minute if they say nothing.
		resp.AddUint(coap.MaxAge, mapping.MaxAge(answer.Header, now))
	}
	if code == coap.Valid || len(body) == 0 || code == coap.Deleted && answer.StatusCode >= 400 {
		return resp // 2.03 has no payload (RFC 7252 §5.9.1.3); an error page is no result of a 2.02
	}
	if len(body) > h.MaxBody {
		return h.tooLong(resp)
	}
	return h.represent(req, resp, answer, body)
}

// stored says whether the device has the representation with this entity-tag.
func stored(req *request, etag []byte) bool {
	return slices.ContainsFunc(req.All(coap.ETag), func(has []byte) bool { return bytes.Equal(has, etag) })
}

// locate says where a resource was created, if CoAP can say it.
func locate(resp *coap.Message, req *request, answer *http.Response) {
	path, query, _ := mapping.Location(req.target, answer.Header.Get("Location"))
	for _, segment := range path {
		resp.AddString(coap.LocationPath, segment)
	}
	for _, argument := range query {
		resp.AddString(coap.LocationQuery, argument)
	}
}

// represent puts the body into the response, in the Content-Format of its media
// type.
func (h *handler) represent(req *request, resp *coap.Message, answer *http.Response, body []byte) *coap.Message {
	if coding := answer.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse(coap.BadGateway, "the HTTP answer has a content coding although none was asked for")
	}
	success := resp.Code.Class() == 2
	contentType := answer.Header.Get("Content-Type")
	if contentType != "" {
		var f coap.Format
		f, body = mapping.Representation(contentType, body)
		if len(body) > h.MaxBody {
			return h.tooLong(resp)
		}
		if want, ok := req.Accept(); ok && f != want && success {
			return notAccepted(req, resp, f)
		}
		resp.AddUint(coap.ContentFormat, uint32(f))
	}
	resp.Payload = body
	return resp
}

// notAccepted is the response when the HTTP server has left the header Accept
// out of account: 4.06 (RFC 7252 §5.10.4). What another method than GET was to
// do is done, though, and must not look as if it were not: its result is told
// without a payload.
func notAccepted(req *request, resp *coap.Message, got coap.Format) *coap.Message {
	if req.Code != coap.GET {
		return resp
	}
	return refuse(coap.NotAcceptable, "the HTTP server has only "+mapping.ContentTypeFromFormat(got))
}

// tooLong is the response when the body, as it came or in UTF-8, does not fit.
// An error keeps its code, without the page that explains it.
func (h *handler) tooLong(resp *coap.Message) *coap.Message {
	diagnostic := fmt.Sprintf("the HTTP answer is longer than %d bytes", h.MaxBody)
	if resp.Code.Class() == 2 {
		return refuse(coap.BadGateway, diagnostic)
	}
	resp.Payload = []byte(diagnostic)
	return resp
}
