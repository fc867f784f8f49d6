// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"
	"mime"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/coap"
)

// ErrPassThrough is application/coap-payload in a request: only a proxy that is
// told to passes unknown Content-Formats through (RFC 8075 §6.2).
var ErrPassThrough = errors.New("application/coap-payload is not passed through (RFC 8075 §6.2): name the media type itself")

// AcceptFromHTTP is the option Accept for the header fields Accept of a request:
// the media type that is preferred most among those that have a Content-Format
// (RFC 7252 §10.2.2). Ranges, and types without a Content-Format, are left out of
// account (RFC 8075 §6.1); ok is false when nothing remains, or when a range with
// the same or more weight would take anything.
func AcceptFromHTTP(values []string) (f coap.Format, ok bool, err error) {
	best, anything := 0.0, 0.0
	for _, value := range values {
		for _, item := range splitQuoted(value) {
			mediaType, parameters, parseErr := mime.ParseMediaType(item)
			if parseErr != nil {
				continue
			}
			q := weight(parameters)
			switch {
			case mediaType == "application/coap-payload":
				return 0, false, ErrPassThrough
			case mediaType == "*/*":
				anything = max(anything, q)
			case q > best:
				if format, known := FormatFromContentType(mime.FormatMediaType(mediaType, parameters)); known {
					f, ok, best = format, true, q
				}
			}
		}
	}
	if anything > best {
		return 0, false, nil
	}
	return f, ok, nil
}

// weight takes the weight out of the parameters (RFC 9110 §12.4.2), and what
// stands for extensions behind it. One that is none is 0.
func weight(parameters map[string]string) float64 {
	v, given := parameters["q"]
	if !given {
		return 1
	}
	delete(parameters, "q")
	q, err := strconv.ParseFloat(v, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// splitQuoted splits a list at its commas, those within quotes aside.
func splitQuoted(s string) []string {
	var items []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			items = append(items, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(items, strings.TrimSpace(s[start:]))
}

// FormatOfBody is the option Content-Format for a body that came over HTTP, with
// a text in UTF-8. ok is false without a Content-Type. A type or a coding without
// a Content-Format is an error, which is 415 (RFC 8075 §6.1).
func FormatOfBody(contentType, contentEncoding string, body []byte) (f coap.Format, ok bool, out []byte, err error) {
	if contentEncoding != "" && !strings.EqualFold(contentEncoding, "identity") {
		return 0, false, body, errors.New("no Content-Format stands for a content coding: send the body as it is (RFC 8075 §6.1)")
	}
	if contentType == "" {
		return 0, false, body, nil
	}
	if mediaType, _, parseErr := mime.ParseMediaType(contentType); parseErr == nil && mediaType == "application/coap-payload" {
		return 0, false, body, ErrPassThrough
	}
	contentType, out, err = Transcode(contentType, body)
	if err != nil {
		return 0, false, body, err
	}
	f, ok = FormatFromContentType(contentType)
	if !ok {
		return 0, false, body, errors.New("the media type has no CoAP Content-Format (RFC 8075 §6.1)")
	}
	return f, true, out, nil
}
