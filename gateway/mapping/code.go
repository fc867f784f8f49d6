// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"net/http"

	"github.com/coapstone/coapstone/coap"
)

// CodeFromStatus is the response code for an HTTP status that came in answer to
// the method (RFC 7252 §10.1). What CoAP has no word for becomes the general
// code of its class; what is no result for the method (a redirect, which is
// never followed, a part of a body, an interim status) becomes 5.02.
//
// A 304 is 2.03 for GET: it only comes when entity-tags were sent along.
func CodeFromStatus(method coap.Code, status int) coap.Code {
	switch {
	case method == coap.DELETE && (status == http.StatusNotFound || status == http.StatusGone):
		return coap.Deleted // RFC 7252 §10.1.3: also when there was nothing to delete
	case status == http.StatusNotModified && method == coap.GET:
		return coap.Valid
	case status == http.StatusPartialContent:
		return coap.BadGateway // no range was asked for
	case status >= 200 && status < 300:
		return success(method, status)
	}
	if code, ok := codes[status]; ok {
		return code
	}
	switch {
	case status >= 400 && status < 500:
		return coap.BadRequest
	case status >= 500 && status < 600:
		return coap.InternalServerError
	default:
		return coap.BadGateway
	}
}

// success is the code of class 2 for a method (RFC 7252 §5.8, §10.1).
func success(method coap.Code, status int) coap.Code {
	switch {
	case method == coap.GET:
		return coap.Content
	case method == coap.DELETE:
		return coap.Deleted
	case status == http.StatusCreated:
		return coap.Created
	default:
		return coap.Changed
	}
}

// codes are the statuses that have a code of their own, or one other than their
// class's. 408, 421 and 505 speak of the gateway's own call, 407 and 511 of what
// stands between.
var codes = map[int]coap.Code{
	http.StatusUnauthorized:                  coap.Unauthorized,
	http.StatusForbidden:                     coap.Forbidden,
	http.StatusNotFound:                      coap.NotFound,
	http.StatusMethodNotAllowed:              coap.MethodNotAllowed,
	http.StatusNotAcceptable:                 coap.NotAcceptable,
	http.StatusProxyAuthRequired:             coap.BadGateway,
	http.StatusRequestTimeout:                coap.GatewayTimeout,
	http.StatusConflict:                      coap.Conflict,
	http.StatusGone:                          coap.NotFound,
	http.StatusPreconditionFailed:            coap.PreconditionFailed,
	http.StatusRequestEntityTooLarge:         coap.RequestEntityTooLarge,
	http.StatusUnsupportedMediaType:          coap.UnsupportedContentFormat,
	http.StatusMisdirectedRequest:            coap.BadGateway,
	http.StatusUnprocessableEntity:           coap.UnprocessableEntity,
	http.StatusTooManyRequests:               coap.TooManyRequests,
	http.StatusUnavailableForLegalReasons:    coap.Forbidden,
	http.StatusNotImplemented:                coap.NotImplemented,
	http.StatusBadGateway:                    coap.BadGateway,
	http.StatusServiceUnavailable:            coap.ServiceUnavailable,
	http.StatusGatewayTimeout:                coap.GatewayTimeout,
	http.StatusHTTPVersionNotSupported:       coap.BadGateway,
	http.StatusNetworkAuthenticationRequired: coap.BadGateway, // of a network between (RFC 6585 §6)
}

// statuses is RFC 8075 Table 2, as far as it needs no condition.
var statuses = map[coap.Code]int{
	coap.Created:                  http.StatusCreated,
	coap.Content:                  http.StatusOK,
	coap.BadRequest:               http.StatusBadRequest,
	coap.Unauthorized:             http.StatusForbidden,           // note 5: CoAP has no WWW-Authenticate
	coap.BadOption:                http.StatusInternalServerError, // note 6: the gateway made the options
	coap.Forbidden:                http.StatusForbidden,
	coap.NotFound:                 http.StatusNotFound,
	coap.MethodNotAllowed:         http.StatusBadRequest, // note 7: there is no Allow to give
	coap.NotAcceptable:            http.StatusNotAcceptable,
	coap.RequestEntityIncomplete:  http.StatusBadGateway, // note 10
	coap.Conflict:                 http.StatusConflict,   // RFC 8132 §5
	coap.PreconditionFailed:       http.StatusPreconditionFailed,
	coap.RequestEntityTooLarge:    http.StatusRequestEntityTooLarge,
	coap.UnsupportedContentFormat: http.StatusUnsupportedMediaType,
	coap.UnprocessableEntity:      http.StatusUnprocessableEntity, // RFC 8132 §5
	coap.TooManyRequests:          http.StatusTooManyRequests,     // RFC 8516 §5
	coap.InternalServerError:      http.StatusInternalServerError,
	coap.NotImplemented:           http.StatusNotImplemented,
	coap.BadGateway:               http.StatusBadGateway,
	coap.ServiceUnavailable:       http.StatusServiceUnavailable,
	coap.GatewayTimeout:           http.StatusGatewayTimeout,
	coap.ProxyingNotSupported:     http.StatusBadGateway, // note 9
	coap.HopLimitReached:          http.StatusBadGateway, // RFC 8768 §5: a loop behind the gateway
}

// StatusFromCode is the HTTP status for a response code (RFC 8075 Table 2). The
// gateway sends no conditional request of its own, so a 2.03 is 304 for GET and
// 502 for any other method. A code of class 4 or 5 without an entry is taken as
// x.00 (RFC 7252 §5.9); any other code is 502: no HTTP status tells it. So are
// 2.31 and 4.08, which belong to block-wise transfer alone (note 10).
func StatusFromCode(code, method coap.Code, hasPayload bool) int {
	switch code {
	case coap.Deleted, coap.Changed:
		if hasPayload {
			return http.StatusOK
		}
		return http.StatusNoContent
	case coap.Valid:
		if method == coap.GET {
			return http.StatusNotModified
		}
		return http.StatusBadGateway
	}
	if status, ok := statuses[code]; ok {
		return status
	}
	switch code.Class() {
	case 4:
		return http.StatusBadRequest
	case 5:
		return http.StatusInternalServerError
	default:
		return http.StatusBadGateway
	}
}
