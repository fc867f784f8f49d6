// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestMediaTypeBecomesContentFormat(t *testing.T) {
	const none = coap.Format(65535)
	for contentType, want := range map[string]coap.Format{
		"text/plain":                               coap.TextPlain,
		"text/plain; charset=utf-8":                coap.TextPlain,
		"Text/Plain;CHARSET=\"UTF-8\"":             coap.TextPlain,
		"text/plain; charset=us-ascii":             coap.TextPlain,
		"text/plain; charset=iso-8859-1":           none,
		"text/plain; format=flowed":                none,
		"application/json":                         coap.AppJSON,
		"application/json;charset=UTF-8":           coap.AppJSON,
		"application/json;charset=utf-16":          none,
		"application/link-format":                  coap.AppLinkFormat,
		"application/xml":                          coap.AppXML,
		"application/octet-stream":                 coap.AppOctetStream,
		"application/cbor":                         coap.AppCBOR,
		`application/cose; cose-type="cose-sign1"`: 18,
		"application/cose; cose-type=cose-sign1":   18,
		"application/vnd.api+json":                 none,
		"application/coap-payload;cf=60":           none,
		"text/html":                                none,
		"0":                                        none,
		"50":                                       none,
		"":                                         none,
		"/":                                        none,
		"application/json; charset=utf-8; charset=x":   none,
		"application/json\r\nX: y":                     none,
		"application/problem+json; charset=iso-8859-1": none,
	} {
		got, ok := mapping.FormatFromContentType(contentType)
		if !ok {
			got = none
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", contentType, got, want)
		}
	}
}

func TestContentFormatBecomesMediaTypeAndComesBack(t *testing.T) {
	for _, f := range coap.Formats() {
		contentType := mapping.ContentTypeFromFormat(f)
		if got, ok := mapping.FormatFromContentType(contentType); !ok || got != f {
			t.Errorf("%s: %q comes back as %s", f, contentType, got)
		}
	}
	if got, want := mapping.ContentTypeFromFormat(64999), "application/coap-payload;cf=64999"; got != want {
		t.Errorf("an unknown format: got %q, want %q (RFC 8075 §6.2)", got, want)
	}
}

func TestTextBecomesUTF8(t *testing.T) {
	for _, tt := range []struct{ contentType, body, wantType, want string }{
		{"text/plain; charset=iso-8859-1", "caf\xe9", "text/plain; charset=utf-8", "café"},
		{"text/plain; charset=windows-1252", "5\x80", "text/plain; charset=utf-8", "5€"},
		{"text/plain; charset=ISO-8859-15", "5\xa4", "text/plain; charset=utf-8", "5€"},
		{"text/plain; charset=utf-16be", "\x00h\x00i", "text/plain; charset=utf-8", "hi"},
		{"text/plain; charset=shift_jis", "\x83e\x83X\x83g", "text/plain; charset=utf-8", "テスト"},
		{"text/plain; charset=utf-8", "café", "text/plain; charset=utf-8", "café"},
		{"text/plain", "café", "text/plain; charset=utf-8", "café"},
		{"text/plain; charset=us-ascii", "hi", "text/plain; charset=utf-8", "hi"},
		{"application/json; charset=iso-8859-1", "\"\xe9\"", "application/json; charset=utf-8", "\"é\""},
		{"application/json", "\"\xe9\"", "application/json", "\"\xe9\""},
		{"application/xml; charset=iso-8859-1", "\xe9", "application/xml; charset=iso-8859-1", "\xe9"},
		{"image/png", "\x89PNG", "image/png", "\x89PNG"},
		{"nonsense", "\xff", "nonsense", "\xff"},
	} {
		gotType, got, err := mapping.Transcode(tt.contentType, []byte(tt.body))
		if err != nil || gotType != tt.wantType || string(got) != tt.want {
			t.Errorf("%q in %q: got %q, %q, %v; want %q, %q", tt.body, tt.contentType, got, gotType, err, tt.want, tt.wantType)
		}
	}
}

func TestTextThatCannotBeReadComesBackAsItWas(t *testing.T) {
	for _, contentType := range []string{
		"text/plain", "text/plain; charset=utf-8", "text/plain; charset=klingon", "text/csv; charset=utf-8",
	} {
		gotType, got, err := mapping.Transcode(contentType, []byte("caf\xe9"))
		if !errors.Is(err, mapping.ErrCharset) || gotType != contentType || string(got) != "caf\xe9" {
			t.Errorf("%q: got %q, %q, %v", contentType, got, gotType, err)
		}
	}
}

// RFC 8075 §6.3, Table 1, line by line and between the lines.
func TestMediaTypesAreGeneralized(t *testing.T) {
	for contentType, want := range map[string]coap.Format{
		"application/soap+xml":               coap.AppXML,
		"application/+xml":                   coap.AppXML,
		"Application/SOAP+XML; charset=x":    coap.AppXML,
		"application/vnd.api+json":           coap.AppJSON,
		"application/x+cbor":                 coap.AppCBOR,
		"text/xml":                           coap.AppXML,
		"text/xml; charset=iso-8859-1":       coap.AppXML,
		"text/csv":                           coap.TextPlain,
		"text/csv; charset=utf-8":            coap.TextPlain,
		"text/csv; charset=iso-8859-1":       coap.AppOctetStream,
		"text/a+xml":                         coap.TextPlain,
		"image/svg+xml":                      coap.AppOctetStream,
		"application/xml-dtd":                coap.AppOctetStream,
		"application/a+json+gzip":            coap.AppOctetStream,
		"application/pdf":                    coap.AppOctetStream,
		"nonsense":                           coap.AppOctetStream,
		"":                                   coap.AppOctetStream,
		"application/json; charset=a; b; c=": coap.AppOctetStream,
	} {
		if got := mapping.Generalize(contentType); got != want {
			t.Errorf("%q: got %s, want %s", contentType, got, want)
		}
	}
}

func TestBodyIsRepresentedInTheBestContentFormat(t *testing.T) {
	for _, tt := range []struct {
		contentType, body string
		want              coap.Format
		wantBody          string
	}{
		{"application/json", "{}", coap.AppJSON, "{}"},
		{"application/vnd.api+json", "{}", coap.AppJSON, "{}"},
		{"application/soap+xml", "<a/>", coap.AppXML, "<a/>"},
		{"text/xml", "<a/>", coap.AppXML, "<a/>"},
		{"application/x+cbor", "\xa0", coap.AppCBOR, "\xa0"},
		{"text/plain; charset=iso-8859-1", "caf\xe9", coap.TextPlain, "café"},
		{"text/plain", "caf\xe9", coap.AppOctetStream, "caf\xe9"},
		{"text/plain; charset=utf-8", "caf\xe9", coap.AppOctetStream, "caf\xe9"},
		{"text/plain; charset=klingon", "qapla", coap.AppOctetStream, "qapla"},
		{"text/html", "<p>caf\xe9", coap.AppOctetStream, "<p>caf\xe9"},
		{"text/html; charset=iso-8859-1", "caf\xe9", coap.TextPlain, "café"},
		{"text/csv", "a;b", coap.TextPlain, "a;b"},
		{"application/pdf", "%PDF", coap.AppOctetStream, "%PDF"},
		{"nonsense", "x", coap.AppOctetStream, "x"},
	} {
		got, body := mapping.Representation(tt.contentType, []byte(tt.body))
		if got != tt.want || string(body) != tt.wantBody {
			t.Errorf("%q in %q: got %q in %s, want %q in %s", tt.body, tt.contentType, body, got, tt.wantBody, tt.want)
		}
	}
}

func FuzzRepresentation(f *testing.F) {
	f.Add("text/plain; charset=iso-8859-1", []byte("caf\xe9"))
	f.Add("text/html", []byte("\xff"))
	f.Add("application/json; charset=utf-16", []byte("\xfe\xff"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		format, out := mapping.Representation(contentType, body)
		if format == coap.TextPlain && !utf8.Valid(out) {
			t.Errorf("%q in %q is labelled 0 and is not UTF-8: %q", body, contentType, out)
		}
	})
}
