// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// secretVariables are those whose values are secrets.
func secretVariables() []string { return []string{"key", "password", "token"} }

// authToken finds a token in a URI.
var authToken = regexp.MustCompile(`[?&]AuthToken=([^&#]+)`)

// blotter is a function that blots secrets out of a text, in the forms in which
// programs are likely to print them.
func blotter(secrets []secret.Text, vars map[string]string) func(string) string {
	var all []string
	for _, s := range secrets {
		all = append(all, s.Reveal())
	}
	for _, name := range secretVariables() {
		all = append(all, vars[name])
	}
	for _, value := range vars {
		if m := authToken.FindStringSubmatch(value); m != nil {
			all = append(all, m[1])
			if plain, err := url.PathUnescape(m[1]); err == nil {
				all = append(all, plain)
			}
		}
	}
	var pairs []string
	for _, form := range forms(all) {
		pairs = append(pairs, form, secret.Mask)
	}
	if pairs == nil {
		return asText
	}
	return strings.NewReplacer(pairs...).Replace
}

// forms are the secrets as they may be printed, the longest first: of two that
// begin alike the longer one is to go.
func forms(secrets []string) []string {
	var all []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		b := []byte(s)
		all = append(all, s, inURL(s), url.QueryEscape(s), url.PathEscape(s), inJSON(s),
			base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
			hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)))
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}
