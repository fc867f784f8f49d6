// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/netip"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// object is a JSON object.
type object = map[string]any

// schemaID is the name of the schema: whoever has it knows the version.
var schemaID = fmt.Sprintf("urn:coapstone:report:%d", Schema)

// makeSchema makes the schema of report.json from the types and their
// documentation.
func makeSchema(t testing.TB) object {
	t.Helper()
	m := schemaMaker{docs: documentation(t), defs: object{}}
	m.value(reflect.TypeFor[Report]())
	root := m.defs["Report"].(object)
	delete(m.defs, "Report")
	root["properties"].(object)["schema"].(object)["const"] = Schema
	root["$schema"], root["$id"] = "https://json-schema.org/draft/2020-12/schema", schemaID
	root["title"] = "A run of coapstone: report.json"
	root["description"] = "One run. A reader that knows this version can read every report that says it: a field may be added, none is renamed or changes its meaning."
	root["$defs"] = m.defs
	return root
}

type schemaMaker struct {
	docs map[string]string // by "Type" and "Type.Field"
	defs object
}

// plain are the types that are not written as they are made.
var plain = map[reflect.Type]func() object{
	reflect.TypeFor[time.Time]():       func() object { return object{"type": "string", "format": "date-time"} },
	reflect.TypeFor[time.Duration]():   func() object { return object{"type": "integer", "description": "in nanoseconds"} },
	reflect.TypeFor[netip.AddrPort]():  func() object { return object{"type": "string", "description": "an IP address with a port"} },
	reflect.TypeFor[[]byte]():          func() object { return object{"type": "string", "contentEncoding": "base64"} },
	reflect.TypeFor[verdict.Verdict](): func() object { return object{"enum": verdictNames()} },
	reflect.TypeFor[Tally]():           tallySchema,
	reflect.TypeFor[http.Header]():     headerSchema,
	reflect.TypeFor[verdict.Role]():    func() object { return one(verdict.Gateway, verdict.DeviceClient, verdict.DeviceServer) },
	reflect.TypeFor[verdict.Level]():   func() object { return one(verdict.Must, verdict.Should, verdict.Profile) },
	reflect.TypeFor[verdict.Reason]():  func() object { return one(verdict.Reasons()...) },
	reflect.TypeFor[State]():           func() object { return one(Confirmed, Stale, Unseen) },
	reflect.TypeFor[Status]():          func() object { return one(Passed, Failed, NotRun) },
	reflect.TypeFor[trace.Layer]():     func() object { return one(trace.Datagram, trace.CoAP, trace.HTTP, trace.Note) },
}

func one[T ~string](values ...T) object {
	var all []any
	for _, v := range values {
		all = append(all, string(v))
	}
	return object{"enum": all}
}

func verdictNames() []any {
	var all []any
	for _, v := range verdict.All() {
		all = append(all, v.String())
	}
	return all
}

func tallySchema() object {
	return object{"type": "object", "propertyNames": object{"enum": verdictNames()}, "additionalProperties": object{"type": "integer", "minimum": 0}}
}

func headerSchema() object {
	return object{"type": "object", "additionalProperties": object{"type": "array", "items": object{"type": "string"}}}
}

// value is the schema of a type.
func (m *schemaMaker) value(t reflect.Type) object {
	if written, ok := plain[t]; ok {
		return written()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.value(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": m.value(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Struct:
		name := typeName(t)
		if _, ok := m.defs[name]; !ok {
			m.defs[name] = nil // a type that holds itself
			m.defs[name] = m.structure(t)
		}
		return object{"$ref": "#/$defs/" + name}
	}
	panic(fmt.Sprintf("a field of the type %s: say in plain how it is written", t))
}

// typeName is the name of a type, with its package unless that is this one.
func typeName(t reflect.Type) string {
	if pkg := path.Base(t.PkgPath()); pkg != "reports" {
		return pkg + "." + t.Name()
	}
	return t.Name()
}

// structure is the schema of a struct.
func (m *schemaMaker) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	m.fields(t, properties, &required)
	s := object{"type": "object", "properties": properties, "required": required}
	if doc := m.docs[typeName(t)]; doc != "" {
		s["description"] = doc
	}
	return s
}

func (m *schemaMaker) fields(t reflect.Type, properties object, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, how, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			m.fields(embedded, properties, required)
			continue
		}
		p := m.value(f.Type)
		if how != "omitempty" && how != "omitzero" {
			*required = append(*required, name)
			if p["type"] == "array" {
				p["type"] = []any{"array", "null"}
			}
		}
		if doc := m.docs[typeName(t)+"."+f.Name]; doc != "" {
			if d, ok := p["description"]; ok {
				doc += " It is " + d.(string) + "."
			}
			p["description"] = doc
		}
		properties[name] = p
	}
}

// documentation is what the sources say of the types and their fields.
func documentation(t testing.TB) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for dir, prefix := range map[string]string{".": "", "../harness/verdict": "verdict.", "../harness/trace": "trace."} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
					typeDocs(docs, prefix, g)
				}
			}
		}
	}
	return docs
}

func typeDocs(docs map[string]string, prefix string, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		ts := spec.(*ast.TypeSpec)
		st, ok := ts.Type.(*ast.StructType)
		if !ok {
			continue
		}
		docs[prefix+ts.Name.Name] = sentence(g.Doc.Text())
		for _, f := range st.Fields.List {
			for _, n := range f.Names {
				docs[prefix+ts.Name.Name+"."+n.Name] = sentence(f.Doc.Text() + f.Comment.Text())
			}
		}
	}
}

func sentence(doc string) string { return strings.Join(strings.Fields(doc), " ") }

// encoded is a schema as its file has it.
func encoded(t testing.TB, schema object) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
