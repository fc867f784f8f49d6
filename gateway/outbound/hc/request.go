// SPDX-License-Identifier: Apache-2.0

package hc

import (
	"net/http"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// fill puts into the message what the HTTP request says beside method and URL:
// the body with its media type, what is accepted, and conditions (RFC 7252
// §10.2, RFC 8075 §6).
func fill(m *coap.Message, r *http.Request, body []byte) *refusal {
	format, known, err := mapping.AcceptFromHTTP(r.Header.Values("Accept"))
	if err != nil {
		return refuse(http.StatusNotAcceptable, "Accept: %v", err)
	}
	if known && m.Code == coap.GET {
		m.AddUint(coap.Accept, uint32(format))
	}
	if refused := conditions(m, r); refused != nil {
		return refused
	}
	if len(body) == 0 {
		return nil
	}
	if m.Code == coap.GET || m.Code == coap.DELETE {
		return refuse(http.StatusBadRequest, "a %s carries no payload (RFC 7252 §5.8)", r.Method)
	}
	format, known, payload, err := mapping.FormatOfBody(r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), body)
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type: %v", err)
	}
	if known {
		m.AddUint(coap.ContentFormat, uint32(format))
	}
	m.Payload = payload
	return nil
}

// conditions maps If-Match and If-None-Match (RFC 7252 §10.2.2). The two with
// dates are left out of account: no representation of CoAP has a date (RFC 9110
// §13.1.3, §13.1.4).
func conditions(m *coap.Message, r *http.Request) *refusal {
	if values := r.Header.Values("If-Match"); len(values) > 0 {
		etags, wild, _ := mapping.EntityTags(values)
		switch {
		case wild:
			m.Add(coap.IfMatch, nil)
		case len(etags) == 0:
			return refuse(http.StatusPreconditionFailed, "If-Match has no entity-tag that this proxy gave")
		}
		for _, etag := range etags {
			m.Add(coap.IfMatch, etag)
		}
	}
	etags, wild, _ := mapping.EntityTags(r.Header.Values("If-None-Match"))
	switch {
	case m.Code == coap.GET:
		for _, etag := range etags {
			m.Add(coap.ETag, etag) // "*" is judged when the response is there
		}
	case wild:
		m.Add(coap.IfNoneMatch, nil)
	case len(etags) > 0:
		return refuse(http.StatusNotImplemented, "CoAP cannot say If-None-Match with entity-tags for a %s, only with * (RFC 7252 §5.10.8.2)", r.Method)
	}
	return nil
}
