// SPDX-License-Identifier: Apache-2.0

package target

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
)

// object is a JSON object.
type object = map[string]any

// makeSchema makes the schema of the types, their documentation, and what the
// tables below add.
func makeSchema(t testing.TB) object {
	t.Helper()
	m := maker{docs: fieldDocs(t), defs: object{}}
	s := m.structure(reflect.TypeFor[File]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "A target file of coapstone: what is under test, where, with which credentials, and the bench around it"
	s["description"] = "coapstone target check says the rest: what a schema cannot say, and whether it is true."
	s["$defs"] = m.defs
	return s
}

type maker struct {
	docs map[string]string
	defs object
}

// structure is the schema of a struct.
func (m *maker) structure(t reflect.Type) object {
	properties := object{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" {
			continue
		}
		p := m.value(f.Type)
		if p["type"] == "string" {
			p["minLength"] = 1
		}
		maps.Copy(p, facets()[t.Name()+"."+key])
		p["description"] = m.docs[t.Name()+"."+f.Name]
		properties[key] = p
	}
	s := object{"type": "object", "additionalProperties": false, "properties": properties}
	maps.Copy(s, facets()[t.Name()])
	return s
}

// value is the schema of what stands behind a key.
func (m *maker) value(t reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[Duration]():
		return object{"type": "string", "pattern": `^[+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[+]?0$`, "examples": []string{"30s", "1m30s"}}
	case reflect.TypeFor[Resource]():
		return object{"oneOf": []object{{"const": absent}, resourcePath(), m.named(t)}}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": 0}
	case reflect.Uint16:
		return object{"type": "integer", "minimum": 0, "maximum": 65535}
	case reflect.Slice:
		return object{"type": "array", "items": m.value(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": m.value(t.Elem())}
	case reflect.Struct:
		return m.named(t)
	default:
		panic("no schema for " + t.String())
	}
}

// named is a reference to the schema of a struct.
func (m *maker) named(t reflect.Type) object {
	if _, made := m.defs[t.Name()]; !made {
		m.defs[t.Name()] = nil // for a type within itself
		m.defs[t.Name()] = m.structure(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}

// Patterns of what stands in a target file.
const (
	hasText     = `\S`
	anyHTTP     = `^[Hh][Tt][Tt][Pp][Ss]?://`
	addressPort = `:[0-9]{1,5}$`
)

func text(pattern string, examples ...string) object {
	o := object{"pattern": pattern}
	if len(examples) > 0 {
		o["examples"] = examples
	}
	return o
}

func items(pattern string, least int, examples ...string) object {
	o := object{"items": object{"type": "string", "pattern": pattern}, "minItems": least}
	if len(examples) > 0 {
		o["examples"] = [][]string{examples}
	}
	return o
}

func enum(words ...string) object { return object{"enum": words} }

func required(keys ...string) object { return object{"required": keys} }

func resourcePath() object {
	return object{"type": "string", "pattern": `^/[^?# \t\r\n]*$`, "examples": []string{"/3/0/1"}}
}

// facets are what the types do not say, by type and by type and key.
func facets() map[string]object {
	all := map[string]object{
		"File": {"required": []string{"name", "bench"}, "allOf": roleRules()},

		"File.name":       text(hasText),
		"File.role":       enum(string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer)),
		"File.declares":   {"additionalProperties": false, "properties": capabilityProperties()},
		"File.apis":       {"additionalProperties": object{"type": "string", "pattern": anyHTTP + `[^/?#@]+(/[^?#]*)?[?#]*$`}},
		"File.connectors": {"additionalProperties": object{"type": "string", "pattern": hasText}},
		"Firmware.digest": text(`^sha256:[0-9a-f]{64}$`),
		"Gateway": {"dependentRequired": object{"proxy-user": []string{"proxy"}}, "anyOf": []object{
			{"required": []string{"coap"}, "properties": object{"coap": object{"minItems": 1}}},
			{"required": []string{"coaps"}, "properties": object{"coaps": object{"minItems": 1}}},
		}},
		"Gateway.coap":  items(addressPort, 0, "192.0.2.10:5683"),
		"Gateway.coaps": items(addressPort, 0, "192.0.2.10:5684"),
		"Gateway.api":   origins(),
		"Gateway.proxy": text(anyHTTP+`[^/?#@{]+([/?#{].*)?$`, "http://192.0.2.10:8080/hc/{+tu}"),

		"Device":              {"dependentRequired": object{"identity": []string{"key"}, "key": []string{"identity"}}},
		"Device.address":      text(hasText, "192.0.2.10"),
		"Device.coap":         text(addressPort, "192.0.2.10:5683"),
		"Device.coaps":        text(addressPort, "192.0.2.10:5684"),
		"Device.resources":    {"additionalProperties": false, "properties": resourceProperties()},
		"Resource":            required("path"),
		"Resource.path":       resourcePath(),
		"Resource.methods":    {"items": enum(methods()...)},
		"Calls.url":           text(`^[Cc][Oo][Aa][Pp][Ss]?://[^/?#@]+([/?#].*)?$`, "coaps://gateway.example.com/coap2http"),
		"Calls.api":           {"pattern": anyHTTP + `[^/?#@]+([/?#].*)?$`, "not": object{"pattern": `^[^?#]*\?([^#]*&)?AuthToken(=|&|#|$)`}},
		"Calls.method":        enum(methods()...),
		"Bench":               required("addresses"),
		"Bench.addresses":     items(hasText, 1, "192.0.2.20"),
		"Bench.devices":       text(`^\s*[0-9]+\s*-\s*[0-9]+\s*$`, "40000-40127"),
		"Certificate":         required("chain", "key", "host"),
		"Certificate.chain":   text(hasText),
		"Certificate.key":     text(hasText),
		"Certificate.host":    text(hasText),
		"Platform":            {"anyOf": []object{required("http"), required("https")}},
		"Platform.admin":      origins(),
		"Platform.http":       origins(),
		"Platform.https":      origins(),
		"User":                {"required": []string{"password"}, "if": explicitKey(), "then": required("key"), "else": object{"not": required("key")}},
		"User.name":           text(`^[^:]*$`),
		"User.psk-key":        enum("raw", "hex", "explicit"),
		"Source":              {"oneOf": []object{required("env"), required("file")}},
		"Hook":                {"oneOf": []object{required("command"), required("http"), required("person")}},
		"Hook.command":        {"minItems": 1, "prefixItems": []object{{"type": "string", "pattern": hasText}}},
		"HTTPCall":            required("url"),
		"HTTPCall.method":     enum("GET", "POST", "PUT", "PATCH", "DELETE"),
		"HTTPCall.url":        text(anyHTTP+`[^/?#]`, "http://192.0.2.30/relay/1"),
		"HTTPCall.header":     {"propertyNames": object{"pattern": `^[^ :\t\r\n]+$`}},
		"Limits.psk-key":      {"examples": []int{16, 32}},
		"Limits.psk-identity": {"examples": []int{32}},
	}
	return all
}

func origins() object {
	return text(anyHTTP+`[^/?#@]+/*[?#]*$`, "http://192.0.2.20:9000")
}

func explicitKey() object {
	return object{"required": []string{"psk-key"}, "properties": object{"psk-key": object{"const": "explicit"}}}
}

// roleRules say what each role must have, and must not.
func roleRules() []object {
	is := func(role verdict.Role) object {
		return object{"required": []string{"role"}, "properties": object{"role": object{"const": role}}}
	}
	gateway := object{"properties": object{"role": object{"const": verdict.Gateway}}} // also when it is absent
	addressed := object{"properties": object{"device": object{"anyOf": []object{required("coap"), required("coaps")}}}, "required": []string{"device"}}
	return []object{
		{"if": gateway, "then": object{"required": []string{"gateway"}, "not": required("device")}, "else": object{"not": required("gateway")}},
		{"if": is(verdict.DeviceServer), "then": addressed},
		{"if": is(verdict.DeviceClient), "else": object{"properties": object{"device": object{"properties": object{"calls": object{"maxProperties": 0}}}}}},
	}
}

func capabilityProperties() object {
	all := object{}
	for _, c := range Capabilities() {
		doc := c.Doc
		if len(c.Roles) > 0 {
			doc += " For the role " + list(roles(c.Roles)) + "."
		}
		all[c.Name] = object{"type": "boolean", "description": doc}
	}
	return all
}

func resourceProperties() object {
	all := object{}
	for _, u := range Resources() {
		all[u.Name] = object{"description": u.Doc, "oneOf": []object{{"const": absent}, resourcePath(), {"$ref": "#/$defs/Resource"}}}
	}
	return all
}

// fieldDocs is the documentation of the fields, by type and field, with the key in
// the file in place of the field's name.
func fieldDocs(t testing.TB) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, name := range []string{"target.go", "resource.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(".", name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				structDocs(t, spec.Name.Name, s, docs)
			}
			return false
		})
	}
	return docs
}

func structDocs(t testing.TB, name string, s *ast.StructType, docs map[string]string) {
	t.Helper()
	for _, f := range s.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		words := strings.Join(strings.Fields(f.Doc.Text()), " ")
		says, ok := strings.CutPrefix(words, f.Names[0].Name+" ")
		if !ok {
			t.Errorf("%s.%s: want documentation that begins with its name: it stands in the schema", name, f.Names[0].Name)
		}
		docs[name+"."+f.Names[0].Name] = key + " " + says
	}
}
