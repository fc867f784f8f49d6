// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// variable is how one stands in a text. Other braces are text.
var variable = regexp.MustCompile(`\{([a-z][a-z0-9-]*)\}`)

// expand puts the values of variables into a text, each as encode writes it.
func (o *occasion) expand(text string, encode func(string) string) (string, error) {
	var missing string
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		value, ok := o.vars[v[1:len(v)-1]]
		if !ok && missing == "" {
			missing = v
		}
		return encode(value)
	})
	if missing != "" {
		return "", fmt.Errorf("%s has no value here: %s", missing, o.available())
	}
	return text, nil
}

// available says which variables have values.
func (o *occasion) available() string {
	if len(o.vars) == 0 {
		return "on this occasion there are no variables; take it out of hooks." + o.name
	}
	names := slices.Sorted(maps.Keys(o.vars))
	for i, name := range names {
		names[i] = "{" + name + "}"
	}
	return "on this occasion hooks." + o.name + " can have " + strings.Join(names, ", ")
}

// The encodings of a value, by where it stands.
func asText(s string) string { return s }

// inURL leaves nothing of a value that would mean something in a URL's path or query.
func inURL(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// inJSON is a value as it stands between the quotes of a JSON string.
func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}

// environ is the variables as a program finds them in its environment:
// {proxy-uri} is COAPSTONE_PROXY_URI. What an environment cannot hold is left out.
func (o *occasion) environ() []string {
	env := []string{"COAPSTONE_HOOK=" + o.name}
	for _, name := range slices.Sorted(maps.Keys(o.vars)) {
		if value := o.vars[name]; !strings.Contains(value, "\x00") {
			env = append(env, "COAPSTONE_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+value)
		}
	}
	return env
}
