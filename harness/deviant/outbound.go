// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// outboundDeviants are wrong in what the document's §2 asks for: connectors that
// call devices.
func outboundDeviants() []Deviant {
	return slices.Concat(providerDeviants(), connectorDeviants(), parameterDeviants(), timeoutDeviants())
}

// entry is a provider or a connector in JSON, as it comes to the HTTP API.
type entry = map[string]any

// stored changes the JSON of providers and connectors before the gateway looks
// at it: what a deviant does not refuse when it is configured. A nil function
// leaves all as it is.
func stored(provider, connector func(entry)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change := connector
			if strings.Contains(r.URL.Path, "/providers/") {
				change = provider
			}
			isEntry := strings.Contains(r.URL.Path, "/providers/") || strings.Contains(r.URL.Path, "/connectors/")
			if r.Method != http.MethodPut || !isEntry || change == nil {
				next.ServeHTTP(w, r)
				return
			}
			b, _ := io.ReadAll(r.Body) // what is missing, the gateway itself finds
			var e entry
			if json.Unmarshal(b, &e) == nil {
				change(e)
				b, _ = json.Marshal(e) // it was JSON
			}
			r = r.Clone(r.Context())
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			next.ServeHTTP(w, r)
		})
	}
}

// configuring is a gateway that is told of other providers and connectors than
// those that are configured.
func configuring(provider, connector func(entry)) func() embedded.Options {
	return seams(func() gateway.Seams { return gateway.Seams{API: stored(provider, connector)} })
}

// environments changes the environments of a provider in JSON.
func environments(change func(entry)) func(entry) {
	return func(p entry) {
		all, _ := p["environments"].(entry)
		for _, e := range all {
			if e, ok := e.(entry); ok {
				change(e)
			}
		}
	}
}

// parameters changes the advanced parameters of a connector in JSON.
func parameters(change func(entry)) func(entry) {
	return func(c entry) {
		if p, ok := c["parameters"].(entry); ok {
			change(p)
		}
	}
}

// text is a value of JSON that is a string, or "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// everywhere changes each environment of a provider, before a call.
func everywhere(change func(*outbound.Environment)) func(*outbound.Provider, *outbound.Connector, *outbound.Call) {
	return func(p *outbound.Provider, _ *outbound.Connector, _ *outbound.Call) {
		for mode, e := range p.Environments {
			if a := e.Authentication; a != nil {
				mine := *a
				e.Authentication = &mine
			}
			change(&e)
			p.Environments[mode] = e
		}
	}
}

// variablesIn is the names of the variables in a text.
func variablesIn(s string) []string {
	var names []string
	for _, part := range strings.Split(s, "${")[1:] {
		name, _, _ := strings.Cut(part, "}")
		names = append(names, name)
	}
	return names
}

// anyOf is the value of any key: the one of the first, so that it is always the
// same.
func anyOf[V any](m map[outbound.Mode]V) (mode outbound.Mode, v V) {
	for _, mode := range slices.Sorted(maps.Keys(m)) {
		return mode, m[mode]
	}
	return "", v
}
