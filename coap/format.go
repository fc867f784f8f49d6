// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Format is a Content-Format number: a media type with its parameters and a
// content coding (RFC 7252 §12.3).
type Format uint16

// The Content-Formats of RFC 7252 Table 9 and those in common use beside them.
const (
	TextPlain      Format = 0
	AppLinkFormat  Format = 40
	AppXML         Format = 41
	AppOctetStream Format = 42
	AppEXI         Format = 47
	AppJSON        Format = 50
	AppCBOR        Format = 60
	AppSenMLJSON   Format = 110
	AppSenMLCBOR   Format = 112
	ImageGIF       Format = 21
	ImageJPEG      Format = 22
	ImagePNG       Format = 23
)

// formats is the registry of what the project knows; the media type stands as
// the registry writes it.
var formats = []struct {
	Format    Format
	MediaType string
}{
	{TextPlain, "text/plain; charset=utf-8"},
	{16, `application/cose; cose-type="cose-encrypt0"`},
	{17, `application/cose; cose-type="cose-mac0"`},
	{18, `application/cose; cose-type="cose-sign1"`},
	{ImageGIF, "image/gif"},
	{ImageJPEG, "image/jpeg"},
	{ImagePNG, "image/png"},
	{AppLinkFormat, "application/link-format"},
	{AppXML, "application/xml"},
	{AppOctetStream, "application/octet-stream"},
	{AppEXI, "application/exi"},
	{AppJSON, "application/json"},
	{51, "application/json-patch+json"},
	{52, "application/merge-patch+json"},
	{AppCBOR, "application/cbor"},
	{61, "application/cwt"},
	{96, `application/cose; cose-type="cose-encrypt"`},
	{97, `application/cose; cose-type="cose-mac"`},
	{98, `application/cose; cose-type="cose-sign"`},
	{101, "application/cose-key"},
	{102, "application/cose-key-set"},
	{AppSenMLJSON, "application/senml+json"},
	{111, "application/sensml+json"},
	{AppSenMLCBOR, "application/senml+cbor"},
	{113, "application/sensml+cbor"},
	{256, "application/coap-group+json"},
	{257, "application/concise-problem-details+cbor"},
	{310, "application/senml+xml"},
	{311, "application/sensml+xml"},
	{320, "application/senml-etch+json"},
	{322, "application/senml-etch+cbor"},
	{10000, "application/vnd.ocf+cbor"},
	{11542, "application/vnd.oma.lwm2m+tlv"},
	{11543, "application/vnd.oma.lwm2m+json"},
	{11544, "application/vnd.oma.lwm2m+cbor"},
	{20000, "text/css"},
	{30000, "image/svg+xml"},
}

// MediaType is the media type of the format as the registry writes it.
func (f Format) MediaType() (string, bool) {
	for _, e := range formats {
		if e.Format == f {
			return e.MediaType, true
		}
	}
	return "", false
}

// Formats is the numbers that MediaType knows.
func Formats() []Format {
	fs := make([]Format, len(formats))
	for i, e := range formats {
		fs[i] = e.Format
	}
	return fs
}

// String is the number with the media type: "50 (application/json)".
func (f Format) String() string {
	if mt, ok := f.MediaType(); ok {
		return fmt.Sprintf("%d (%s)", uint16(f), mt)
	}
	return strconv.Itoa(int(f))
}

// ParseFormat reads a format by number or by media type. It compares media
// types without regard to case, white space and quotation marks; "text/plain"
// alone is format 0.
func ParseFormat(s string) (Format, error) {
	s = strings.TrimSpace(s)
	if u, err := strconv.ParseUint(s, 10, 16); err == nil {
		return Format(u), nil
	}
	want := squeeze(s)
	if want == "text/plain" {
		return TextPlain, nil
	}
	for _, e := range formats {
		if squeeze(e.MediaType) == want {
			return e.Format, nil
		}
	}
	return 0, fmt.Errorf("content format %q: want a number, or a media type with one, such as application/json", s)
}

// squeeze is a media type without what makes no difference.
func squeeze(mediaType string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '"' {
			return -1
		}
		return unicode.ToLower(r)
	}, mediaType)
}
