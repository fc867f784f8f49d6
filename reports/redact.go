// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// redactedNote is what a scenario says in which something was masked.
const redactedNote = "secrets are masked: ••• stands for one in a text, and as many * as it has bytes for one in a message of the trace"

// Redact takes secrets out of a report that is going to be handed on, from every
// text and every message that crossed the wire: as they stand, percent-encoded,
// escaped, in hex, in Base64 at every alignment, and the pre-shared keys that are
// derived from them. What is in the place of credentials goes whatever it is: the
// value of an AuthToken, of Authorization and of cookies.
//
// In a message the bytes are overwritten, so that it still decodes. A message that
// is encrypted stays as it is. Captures are not redacted: write them first. The
// report is another one afterwards, which shares nothing with what it was that
// Redact has changed.
//
// What is shorter than four bytes is not looked for within a text, where it would
// be found everywhere.
func Redact(r *Report, secrets []secret.Text) {
	m := &masker{finder: newFinder(secrets)}
	c := reflect.New(reflect.TypeFor[Report]()).Elem()
	m.value(c, reflect.ValueOf(r).Elem())
	reflect.ValueOf(r).Elem().Set(c)
}

// masker copies a report, and masks.
type masker struct {
	*finder
	hit bool // whether anything was masked since it was last set to false
}

// structural are the fields, by their JSON names, that are the suite's own: what
// they hold is public, and readers look things up by it.
var structural = map[string]bool{
	"id": true, "requirement": true, "requirements": true, "given": true, "file": true, "files": true, "tags": true, "keyword": true,
	"feature": true, "rule": true, "expression": true, "docType": true, "digest": true, "edition": true, "version": true, "profile": true,
	"scenarios": true, "untested": true, "method": true, "-": true,
}

// value copies from one value to another of its type.
func (m *masker) value(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Pointer:
		m.pointer(to, from)
	case reflect.Struct:
		m.structure(to, from)
	case reflect.Slice:
		m.slice(to, from)
	case reflect.Map:
		m.mapping(to, from)
	case reflect.String:
		to.Set(from)
		if from.Type() == reflect.TypeFor[string]() {
			to.SetString(m.text(from.String()))
		}
	default:
		to.Set(from)
	}
}

func (m *masker) pointer(to, from reflect.Value) {
	if from.IsNil() || from.Type() == reflect.TypeFor[*verdict.Requirement]() { // the catalogue's own
		to.Set(from)
		return
	}
	to.Set(reflect.New(from.Type().Elem()))
	m.value(to.Elem(), from.Elem())
}

func (m *masker) structure(to, from reflect.Value) {
	if from.Type() == reflect.TypeFor[Scenario]() {
		m.hit = false
	}
	to.Set(from)
	for i := range from.NumField() {
		f := from.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if structural[name] && !holdsMore(f.Type) {
			continue
		}
		m.value(to.Field(i), from.Field(i))
	}
	switch t := to.Addr().Interface().(type) {
	case *Scenario:
		if m.hit && !slices.Contains(t.Notes, redactedNote) {
			t.Notes = append(t.Notes, redactedNote)
		}
	case *trace.Event:
		m.message(t)
	}
}

// holdsMore says whether a field with the name of a structural one is not one:
// the report's list of scenarios, not a requirement's.
func holdsMore(t reflect.Type) bool {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

func (m *masker) slice(to, from reflect.Value) {
	if from.IsNil() {
		return
	}
	to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
	if b, ok := reflect.TypeAssert[[]byte](from); ok {
		to.SetBytes(m.bytes(b))
		return
	}
	for i := range from.Len() {
		m.value(to.Index(i), from.Index(i))
	}
}

func (m *masker) mapping(to, from reflect.Value) {
	if from.IsNil() {
		return
	}
	if h, ok := reflect.TypeAssert[http.Header](from); ok {
		to.Set(reflect.ValueOf(m.header(h)))
		return
	}
	to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
	for it := from.MapRange(); it.Next(); {
		key, value := reflect.New(from.Type().Key()).Elem(), reflect.New(from.Type().Elem()).Elem()
		m.value(key, it.Key())
		m.value(value, it.Value())
		to.SetMapIndex(key, value)
	}
}

// header masks credentials in the place where they belong, whether they are known
// or not.
func (m *masker) header(h http.Header) http.Header {
	masked := http.Header{}
	for name, values := range h {
		for _, v := range values {
			switch http.CanonicalHeaderKey(name) {
			case "Authorization", "Proxy-Authorization":
				scheme, _, ok := strings.Cut(v, " ")
				if v = secret.Mask; ok {
					v = scheme + " " + secret.Mask
				}
				m.hit = true
			case "Cookie", "Set-Cookie":
				v, m.hit = secret.Mask, true
			}
			masked[m.text(name)] = append(masked[m.text(name)], m.text(v))
		}
	}
	return masked
}

// tokenInText is an AuthToken that is no placeholder of a feature.
var tokenInText = regexp.MustCompile(`(?i)(AuthToken(?:=|%3D))([^&\s"'<>{•#][^&\s"'<>#]*)`)

// text masks what is secret in a text.
func (m *masker) text(s string) string {
	if m.isOne(s) {
		m.hit = true
		return secret.Mask
	}
	masked := s
	if spans := m.find([]byte(s)); spans != nil {
		var b strings.Builder
		at := 0
		for _, p := range spans {
			b.WriteString(s[at:p.from])
			b.WriteString(secret.Mask)
			at = p.to
		}
		b.WriteString(s[at:])
		masked = b.String()
	}
	masked = tokenInText.ReplaceAllString(masked, "${1}"+secret.Mask)
	m.hit = m.hit || masked != s
	return masked
}

// bytes overwrites what is secret in a message.
func (m *masker) bytes(b []byte) []byte {
	masked := bytes.Clone(b)
	for _, p := range m.find(b) {
		m.hit = true
		cover(masked[p.from:p.to])
	}
	return masked
}

func cover(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}

// message overwrites the AuthTokens in the options of a CoAP message: there alone
// it is known where one ends.
func (m *masker) message(e *trace.Event) {
	if e.Layer != trace.CoAP && (e.Layer != trace.Datagram || e.Secure) {
		return
	}
	for _, o := range coap.Dissect(e.Bytes).Message.Options {
		for _, at := range tokenInText.FindAllSubmatchIndex(o.Value, -1) {
			if i := bytes.Index(e.Bytes, o.Value); i >= 0 {
				m.hit = true
				cover(e.Bytes[i+at[4] : i+at[5]])
			}
		}
	}
}
