// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"
	"strings"
	"time"
)

// The kinds of a hook.
const (
	HookCommand = "command"
	HookHTTP    = "http"
	HookPerson  = "person"
)

// The timeouts of a hook that gives none.
const (
	hookTimeout   = 30 * time.Second
	personTimeout = 5 * time.Minute
)

// Kind is what the hook does: HookCommand, HookHTTP or HookPerson; "" where it is
// nil or says nothing.
func (h *Hook) Kind() string {
	switch {
	case h == nil:
		return ""
	case len(h.Command) > 0:
		return HookCommand
	case h.HTTP != nil:
		return HookHTTP
	case h.Person != "":
		return HookPerson
	}
	return ""
}

// Patience is how long the hook may take.
func (h *Hook) Patience() time.Duration {
	if h.Kind() == HookPerson {
		return h.Timeout.Or(personTimeout)
	}
	return h.Timeout.Or(hookTimeout)
}

// tellsAll says whether the hook hands on all that a request is made of. A person
// reads it all; a program that finds it in its environment may, and the file has to
// say so.
func (h *Hook) tellsAll() bool {
	if h.Kind() == HookPerson {
		return true
	}
	return h.tells("url") && h.tells("method") && h.tells("payload") && (h.tells("api") || h.tells("proxy-uri"))
}

// tells says whether a variable stands in the hook.
func (h *Hook) tells(variable string) bool {
	if h == nil {
		return false
	}
	texts := append([]string{h.Person}, h.Command...)
	if h.HTTP != nil {
		texts = append(texts, h.HTTP.URL, h.HTTP.Body)
		for _, value := range h.HTTP.Header {
			texts = append(texts, value)
		}
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "{"+variable+"}") })
}

// NamedHook is a hook with its name in the file.
type NamedHook struct {
	Name string
	Hook *Hook
}

// All are the hooks that are given, in the order of the file's documentation.
func (h *Hooks) All() []NamedHook {
	var given []NamedHook
	for _, n := range []NamedHook{
		{"trigger", h.Trigger},
		{"provision", h.Provision},
		{"reset", h.Reset},
		{"power-cycle", h.PowerCycle},
		{"factory-reset", h.FactoryReset},
		{"console", h.Console},
	} {
		if n.Hook != nil {
			given = append(given, n)
		}
	}
	return given
}

// Named is the hook with this name in the file; nil where none is given.
func (h *Hooks) Named(name string) *Hook {
	for _, n := range h.All() {
		if n.Name == name {
			return n.Hook
		}
	}
	return nil
}

// Variables are the names that {name} in a hook may have.
func Variables() []string {
	return []string{"api", "identity", "key", "method", "password", "payload", "proxy-uri", "token", "url", "user"}
}
