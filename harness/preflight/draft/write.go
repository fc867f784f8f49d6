// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// SchemaName is the file that `coapstone target schema` is written to, beside the
// target file: editors look there.
const SchemaName = "target.schema.json"

// tree is a mapping in its order.
type tree struct {
	keys   []string
	values map[string]any // *tree, string, int, bool, []string
}

// put sets a value at a path.
func (t *tree) put(value any, path ...string) {
	if t.values == nil {
		t.values = map[string]any{}
	}
	old, known := t.values[path[0]]
	if !known {
		t.keys = append(t.keys, path[0])
	}
	if len(path) == 1 {
		t.values[path[0]] = value
		return
	}
	below, ok := old.(*tree)
	if !ok {
		below = &tree{}
		t.values[path[0]] = below
	}
	below.put(value, path[1:]...)
}

// sections are the top of the file, in its order.
func sections() []string {
	return []string{
		"vendor", "name", "version", "hardware", "firmware", "role", "declares", "limits", "gateway", "device", "bench", "hooks",
		"platform", "users", "apis", "connectors",
	}
}

// comments go before what they are about.
func comments() map[string]string {
	return map[string]string{
		"role":                 "gateway, device-server (it is called) or device-client (it calls).",
		"declares":             "The conformance statement: what differs from the defaults.",
		"limits":               "What its stack cannot exceed, in bytes.",
		"gateway":              "Where it is reached.",
		"device":               "Where it is called, or what it has burnt in.",
		"device.key":           "Where the key is, never the key itself.",
		"device.resources":     "Paths, by what they are good for; what is not there does not apply.",
		"bench":                "This machine, as the target sees it.",
		"bench.pki":            "The folder of the test PKI; the target trusts its root.pem.",
		"hooks":                "How it is made to do things: a command, an HTTP call, or a person.",
		"platform":             "The mock platform: coapstone mockrmp.",
		"users":                "The users that the features speak of, bound to those that exist.",
		"users.hello.password": "Where the password is, never the password itself.",
		"users.hello.key":      "Where the key is, never the key itself.",
	}
}

// write is the file.
func (d *Draft) write(name string) []byte {
	t := &tree{}
	for _, q := range questions() {
		if value := d.answers[q.Key]; value != "" && (d.asks(q) || q.when == nil) {
			d.put(t, q.Key, value)
		}
	}
	for _, key := range d.order {
		if value := d.answers[key]; value != "" {
			d.put(t, key, value)
		}
	}
	slices.SortStableFunc(t.keys, func(a, b string) int { return rank(a) - rank(b) })
	var b strings.Builder
	fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n#\n# A target file of Coapstone. Prove it with: coapstone target check %s\n# (coapstone target schema > %s helps your editor; docs/target-file.md says all that can stand here.)\n\n",
		SchemaName, filepath.Base(name), SchemaName)
	t.write(&b, nil)
	return []byte(b.String())
}

func rank(section string) int {
	if i := slices.Index(sections(), section); i >= 0 {
		return i
	}
	return len(sections())
}

// put writes an answer into the tree, by its kind.
func (d *Draft) put(t *tree, key, value string) {
	path := strings.Split(key, ".")
	switch kindOf(key) {
	case list:
		t.put(words(value), path...)
	case number:
		if n, err := parseNumber(value); err == nil {
			t.put(n, path...)
		}
	case source:
		if kind, name, err := parseSource(value); err == nil {
			t.put(name, append(path, kind)...)
		}
	case statement:
		for _, name := range words(value) {
			t.put(key == "declares", "declares", name)
		}
	case hookLine:
		h, err := parseHook(value)
		switch {
		case err != nil:
		case h.person != "":
			t.put(h.person, append(path, "person")...)
		case h.url != "":
			t.put(h.url, append(path, "http", "url")...)
		default:
			t.put(h.command, append(path, "command")...)
		}
	case text:
		t.put(value, path...)
	}
}

// write writes the mapping below a path.
func (t *tree) write(b *strings.Builder, path []string) {
	indent := strings.Repeat("  ", len(path))
	for _, key := range t.keys {
		at := append(slices.Clone(path), key)
		if c := comments()[strings.Join(at, ".")]; c != "" {
			if len(path) == 0 {
				b.WriteString("\n")
			}
			b.WriteString(indent + "# " + c + "\n")
		}
		switch v := t.values[key].(type) {
		case *tree:
			b.WriteString(indent + scalar(key) + ":\n")
			v.write(b, at)
		case []string:
			b.WriteString(indent + scalar(key) + ": [" + flow(v) + "]\n")
		case string:
			b.WriteString(indent + scalar(key) + ": " + scalar(v) + "\n")
		default:
			fmt.Fprintf(b, "%s%s: %v\n", indent, scalar(key), v)
		}
	}
}

func flow(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}

// plain is a text that YAML reads as it stands, where it is no word of YAML's own.
var plain = regexp.MustCompile(`^[\p{L}/.][\p{L}\p{N} ._/()-]*$`)

// scalar is a text as YAML writes it: with quotes where it needs them.
func scalar(s string) string {
	if b, err := yaml.Marshal(s); err == nil && plain.MatchString(s) && string(b) == s+"\n" {
		return s
	}
	return strconv.Quote(s)
}
