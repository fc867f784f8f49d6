// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"strconv"
	"unicode/utf8"

	"github.com/coapstone/coapstone/coap"
)

// DefaultMaxAge is how long a response is fresh that does not say, in seconds
// (RFC 7252 §5.10.5).
const DefaultMaxAge = 60

// ContentTypeOf is the media type of a response's payload. Without a
// Content-Format it is unknown (RFC 7252 §5.5.1), but in an error it is a
// diagnostic message (RFC 7252 §5.5.2, RFC 8075 §6.6).
func ContentTypeOf(response *coap.Message) string {
	if format, ok := response.ContentFormat(); ok {
		return ContentTypeFromFormat(format)
	}
	if response.Code.Class() != 2 && utf8.Valid(response.Payload) {
		return "text/plain;charset=utf-8"
	}
	return "application/octet-stream"
}

// CacheControl is the header Cache-Control for a 2.05 or 2.03: fresh for Max-Age
// (RFC 7252 §10.2.2). What came over coaps is for one user alone (§11.2).
func CacheControl(response *coap.Message, secure bool) string {
	age, ok := response.GetUint(coap.MaxAge)
	if !ok {
		age = DefaultMaxAge
	}
	directives := "max-age=" + strconv.FormatUint(uint64(age), 10)
	if secure {
		directives = "private, " + directives
	}
	return directives
}

// RetryAfterOf is the header Retry-After for a 5.03 or 4.29 (RFC 8075 §7 note 8,
// RFC 8516 §4); "" when there is none.
func RetryAfterOf(response *coap.Message) string {
	age, ok := response.GetUint(coap.MaxAge)
	if !ok || response.Code != coap.ServiceUnavailable && response.Code != coap.TooManyRequests {
		return ""
	}
	return strconv.FormatUint(uint64(age), 10)
}
