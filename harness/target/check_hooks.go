// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// variable is how one stands in the text of a hook.
var variable = regexp.MustCompile(`\{([a-z][a-z0-9-]*)\}`)

// checkHooks says what is wrong with the hooks.
func (f *File) checkHooks() error {
	for _, n := range f.Hooks.All() {
		if err := n.Hook.check(path{"hooks", n.Name}); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hook) check(here path) error {
	var given []string
	if h.Command != nil {
		given = append(given, HookCommand)
	}
	if h.HTTP != nil {
		given = append(given, HookHTTP)
	}
	if h.Person != "" {
		given = append(given, HookPerson)
	}
	switch {
	case len(given) == 0:
		return at(here, "says nothing to do: want one of command, http and person")
	case len(given) > 1:
		return at(here, "%s are given: want one of them", strings.Join(given, " and "))
	case h.Command != nil:
		if len(h.Command) == 0 || strings.TrimSpace(h.Command[0]) == "" {
			return at(here.in(HookCommand), "names no program: want [PROGRAM, ARGUMENT, …]")
		}
		return variables(here.in(HookCommand), h.Command)
	case h.HTTP != nil:
		return h.HTTP.check(here.in(HookHTTP))
	}
	return variables(here, []string{h.Person}, HookPerson)
}

func (c *HTTPCall) check(here path) error {
	if c.Method != "" {
		known := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
		if err := oneOf(here.in("method"), c.Method, known...); err != nil {
			return err
		}
	}
	// A redacted file has masks in its URLs.
	u, err := url.Parse(strings.ReplaceAll(variable.ReplaceAllString(c.URL, "x"), secret.Mask, "x"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return at(here.in("url"), "%q: want an http or https URL, for example http://192.0.2.30/relay/1", masked(c.URL))
	}
	if err := variables(here, []string{c.URL}, "url"); err != nil {
		return err
	}
	for _, name := range sorted(c.Header) {
		if name == "" || strings.ContainsAny(name, " :\t\r\n") {
			return at(here.in("header", name), "%q is no name of a header field", name)
		}
		if err := variables(here.in("header"), []string{c.Header[name]}, name); err != nil {
			return err
		}
	}
	return variables(here, []string{c.Body}, "body")
}

// variables says which of the variables in texts does not exist. The texts stand
// under key, or in a list.
func variables(here path, texts []string, key ...any) error {
	for i, text := range texts {
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			if slices.Contains(Variables(), m[1]) {
				continue
			}
			p := here.in(key...)
			if len(key) == 0 {
				p = here.in(i)
			}
			want := "want {" + strings.Join(Variables(), "}, {") + "}"
			if near := nearest(m[1], Variables()); near != "" {
				want = "did you mean {" + near + "}?"
			}
			return at(p, "%s: no such variable: %s", m[0], want)
		}
	}
	return nil
}
