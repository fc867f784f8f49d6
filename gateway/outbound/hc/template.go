// SPDX-License-Identifier: Apache-2.0

package hc

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/coapstone/coapstone/gateway/mapping"
)

// DefaultTemplate is the default mapping: the whole CoAP URI behind the path of
// the proxy (RFC 8075 §5.3).
const DefaultTemplate = "{+tu}"

// Template is a URI mapping template (RFC 8075 §5.4): how a CoAP URI stands in
// what follows the path of the proxy. Make it with ParseTemplate.
type Template struct {
	text  string
	parts []part
	match *regexp.Regexp
}

// part is a variable, or else text that stands for itself.
type part struct{ variable, text string }

// variables are those of RFC 8075 §5.4, with what each may hold in a URL. A
// variable takes no more than it must, so that the text behind it ends it where
// it stands first.
var variables = map[string]string{
	"tu": `(.+)`,
	"s":  `([A-Za-z]+)`,
	"hp": `([^/?]+?)`,
	"p":  `((?:/[^?]*?)?)`,
	"q":  `(.*)`,
	"qq": `((?:\?.*)?)`,
}

var expression = regexp.MustCompile(`\{[^{}]*\}`)

// ParseTemplate reads a template: {+tu} in its simple form, or {+s}, {+hp} and
// {+p} with {+q} or {+qq} in its enhanced one. Other variables, a variable given
// twice and a part of the URI that is missing are errors.
func ParseTemplate(s string) (*Template, error) {
	t := &Template{text: s}
	used := map[string]bool{}
	var pattern strings.Builder
	literal := func(text string) {
		if text != "" {
			t.parts = append(t.parts, part{text: text})
			pattern.WriteString(regexp.QuoteMeta(text))
		}
	}
	rest := 0
	for _, at := range expression.FindAllStringIndex(s, -1) {
		literal(s[rest:at[0]])
		rest = at[1]
		name, reserved := strings.CutPrefix(s[at[0]+1:at[1]-1], "+")
		holds, known := variables[name]
		if !known || !reserved {
			return nil, fmt.Errorf("the URI template has %s: want {+tu}, or {+s}, {+hp}, {+p} and {+q} or {+qq} (RFC 8075 §5.4)", s[at[0]:at[1]])
		}
		if used[name] {
			return nil, fmt.Errorf("the URI template has {+%s} twice (RFC 8075 §5.4.2)", name)
		}
		used[name] = true
		t.parts = append(t.parts, part{variable: name})
		pattern.WriteString(holds)
	}
	literal(s[rest:])
	switch enhanced := used["s"] && used["hp"] && used["p"]; {
	case strings.ContainsAny(expression.ReplaceAllString(s, ""), "{}# \r\n\t"):
		return nil, fmt.Errorf("the URI template %q has a character that stands in no URL", s)
	case used["q"] && used["qq"]:
		return nil, fmt.Errorf("the URI template has both {+q} and {+qq}: want one of them (RFC 8075 §5.4.2)")
	case used["tu"] && len(used) > 1:
		return nil, fmt.Errorf("the URI template has {+tu}, which is the whole URI, and parts of the URI beside it (RFC 8075 §5.4.1)")
	case !used["tu"] && !enhanced:
		return nil, fmt.Errorf("the URI template names no whole URI: want {+tu}, or {+s}, {+hp} and {+p} (RFC 8075 §5.4)")
	}
	match, err := regexp.Compile("^" + pattern.String() + "$")
	if err != nil {
		return nil, fmt.Errorf("the URI template %q: %w", s, err)
	}
	t.match = match
	return t, nil
}

// String is the template as it was written.
func (t *Template) String() string { return t.text }

// Unpack is the CoAP URI in what follows the path of the proxy, byte for byte
// but for the brackets of an IPv6 address, which stand percent-encoded there
// (RFC 8075 §5.3.2). ok is false when there is none, or one without a scheme
// (§5.3.1).
func (t *Template) Unpack(s string) (uri string, ok bool) {
	found := t.match.FindStringSubmatch(s)
	if found == nil {
		return "", false
	}
	values := map[string]string{}
	next := 1
	for _, p := range t.parts {
		if p.variable != "" {
			values[p.variable] = found[next]
			next++
		}
	}
	uri = values["tu"]
	if uri == "" {
		uri = values["s"] + "://" + values["hp"] + values["p"] + values["qq"]
		if q := values["q"]; q != "" {
			uri += "?" + q
		}
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || !isCoAP(scheme) {
		return "", false
	}
	authority, resource := splitAuthority(rest)
	return scheme + "://" + openBrackets(authority) + resource, true
}

// Pack is what follows the path of the proxy for a CoAP URI.
func (t *Template) Pack(u mapping.URI) string {
	host := u.Host
	if strings.HasPrefix(host, "[") {
		host = "%5B" + strings.Trim(host, "[]") + "%5D"
	}
	if u.HasPort {
		host += ":" + u.Port
	}
	query := ""
	if u.Query != "" {
		query = "?" + u.Query
	}
	values := map[string]string{
		"s": u.Scheme, "hp": host, "p": u.Path, "q": u.Query, "qq": query,
		"tu": u.Scheme + "://" + host + u.Path + query,
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
		b.WriteString(values[p.variable])
	}
	return b.String()
}

func isCoAP(scheme string) bool {
	return strings.EqualFold(scheme, "coap") || strings.EqualFold(scheme, "coaps")
}

func splitAuthority(s string) (authority, resource string) {
	if i := strings.IndexAny(s, "/?"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// openBrackets turns the brackets around an IPv6 address back. Whatever else
// the authority holds, UTF-8 or not, stays as it is.
func openBrackets(authority string) string {
	const open, length = "%5B", len("%5B")
	if len(authority) < length || !strings.EqualFold(authority[:length], open) {
		return authority
	}
	address := authority[length:]
	for i := 0; i+length <= len(address); i++ {
		if c := address[i : i+length]; c == "%5D" || c == "%5d" {
			return "[" + address[:i] + "]" + address[i+length:]
		}
	}
	return authority
}
