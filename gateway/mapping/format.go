// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"mime"
	"strings"

	"github.com/coapstone/coapstone/coap"
)

// FormatFromContentType is the Content-Format that a media type has in the
// registry (RFC 8075 §6.4, without the loose mapping). text/plain has one only
// in UTF-8, or without a charset: the caller then sees to it that the body is
// UTF-8, with Transcode. A charset of UTF-8 on any other type says nothing new
// and is left out of account; another charset has no Content-Format.
func FormatFromContentType(contentType string) (coap.Format, bool) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(mediaType, "/") {
		return 0, false
	}
	if charset, ok := parameters["charset"]; ok {
		if !isUTF8(charset) {
			return 0, false
		}
		delete(parameters, "charset")
	}
	if mediaType == "application/coap-payload" {
		return 0, false // RFC 8075 §6.2: not passed through
	}
	if mediaType == "text/plain" && len(parameters) == 0 {
		return coap.TextPlain, true
	}
	f, err := coap.ParseFormat(mime.FormatMediaType(mediaType, parameters))
	return f, err == nil
}

// generalizations is RFC 8075 §6.3, Table 1: the first line that fits counts. A
// star stands for anything.
var generalizations = []struct {
	pattern string
	to      coap.Format
}{
	{"application/*+xml", coap.AppXML},
	{"application/*+json", coap.AppJSON},
	{"application/*+cbor", coap.AppCBOR},
	{"text/xml", coap.AppXML},
	{"text/*", coap.TextPlain},
	{"*", coap.AppOctetStream},
}

// Generalize is the loose media type mapping of RFC 8075 §6.3: the
// Content-Format of the best more general media type. There always is one, in
// the end application/octet-stream. A text that is not UTF-8 is octets.
func Generalize(contentType string) coap.Format {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return coap.AppOctetStream
	}
	for _, g := range generalizations {
		prefix, suffix, wild := strings.Cut(g.pattern, "*")
		if mediaType != g.pattern && !(wild && len(mediaType) >= len(prefix)+len(suffix) && strings.HasPrefix(mediaType, prefix) && strings.HasSuffix(mediaType, suffix)) {
			continue
		}
		if charset, said := parameters["charset"]; g.to == coap.TextPlain && said && !isUTF8(charset) {
			return coap.AppOctetStream
		}
		return g.to
	}
	return coap.AppOctetStream
}

// ContentTypeFromFormat is the media type of a Content-Format. One that is not
// known is application/coap-payload with its number (RFC 8075 §6.2).
func ContentTypeFromFormat(f coap.Format) string {
	if mediaType, ok := f.MediaType(); ok {
		return mediaType
	}
	return fmt.Sprintf("application/coap-payload;cf=%d", uint16(f))
}
