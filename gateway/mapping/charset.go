// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/ianaindex"

	"github.com/coapstone/coapstone/coap"
)

// ErrCharset is a text in a charset that is not known, or that is not in the
// charset that it says.
var ErrCharset = errors.New("the text cannot be read in its charset")

// Transcode turns a text into UTF-8, the only charset that Content-Format 0
// knows, and says so in the content type (RFC 7252 Table 9, RFC 8075 §6.5).
// Texts are text/*, except those that carry their charset inside (XML, HTML),
// and JSON that says it is in another charset. Anything else comes back as it
// was. So does everything with an error: such a text must not be labelled UTF-8.
func Transcode(contentType string, body []byte) (string, []byte, error) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType, body, nil //nolint:nilerr // what is no media type is no text
	}
	charset, said := parameters["charset"]
	if !carriesText(mediaType, said) {
		return contentType, body, nil
	}
	out := body
	if said && !isUTF8(charset) {
		enc, err := ianaindex.MIME.Encoding(charset)
		if err != nil || enc == nil {
			return contentType, body, fmt.Errorf("%w: %q is not known", ErrCharset, charset)
		}
		if out, err = enc.NewDecoder().Bytes(body); err != nil {
			return contentType, body, fmt.Errorf("%w %q: %w", ErrCharset, charset, err)
		}
	} else if !utf8.Valid(body) {
		return contentType, body, fmt.Errorf("%w: it is not UTF-8", ErrCharset)
	}
	parameters["charset"] = "utf-8"
	return mime.FormatMediaType(mediaType, parameters), out, nil
}

func carriesText(mediaType string, charsetSaid bool) bool {
	switch {
	case mediaType == "text/xml":
		return false
	case mediaType == "text/html":
		return charsetSaid
	case strings.HasPrefix(mediaType, "text/"):
		return true
	default:
		return charsetSaid && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
	}
}

// isUTF8 also takes US-ASCII, which is UTF-8 byte for byte.
func isUTF8(charset string) bool {
	switch strings.ToLower(charset) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return true
	default:
		return false
	}
}

// Representation is an HTTP body as CoAP carries it: with the Content-Format of
// its media type, or of the best more general one, and a text in UTF-8. What is
// not UTF-8 is never labelled with Content-Format 0.
func Representation(contentType string, body []byte) (coap.Format, []byte) {
	contentType, body, err := Transcode(contentType, body)
	if err != nil {
		return coap.AppOctetStream, body
	}
	f, ok := FormatFromContentType(contentType)
	if !ok {
		f = Generalize(contentType)
	}
	if f == coap.TextPlain && !utf8.Valid(body) {
		f = coap.AppOctetStream
	}
	return f, body
}
