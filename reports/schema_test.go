// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/coapstone/coapstone/harness/verdict"
)

const schemaFile = "report.schema.json"

func TestTheSchemaIsThatOfTheTypes(t *testing.T) {
	want := encoded(t, makeSchema(t))
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(want), string(JSONSchema())); d != "" {
		t.Errorf("%s is not that of the types (-types +file); go test -update writes it:\n%s", schemaFile, d)
	}
}

// compiled is the schema, ready to validate; closed, it allows no further fields.
func compiled(t testing.TB, closed bool) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded(t, makeSchema(t))))
	if err != nil {
		t.Fatal(err)
	}
	if closed {
		closeObjects(doc)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeObjects(doc any) {
	switch d := doc.(type) {
	case map[string]any:
		if _, ok := d["properties"].(map[string]any); ok && d["type"] == "object" {
			d["additionalProperties"] = false
		}
		for _, v := range d {
			closeObjects(v)
		}
	case []any:
		for _, v := range d {
			closeObjects(v)
		}
	}
}

func validateReport(s *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestReportsSatisfyTheSchema(t *testing.T) {
	s := compiled(t, true)
	var whole, least bytes.Buffer
	full := new(Report)
	fill(reflect.ValueOf(full).Elem(), 0)
	full.Schema = Schema
	if err := WriteJSON(&whole, full); err != nil {
		t.Fatal(err)
	}
	empty := &Report{Schema: Schema, Role: verdict.Gateway, Counts: Counts{ByVerdict: Tally{}, RequirementsByVerdict: Tally{}}}
	if err := WriteJSON(&least, empty); err != nil {
		t.Fatal(err)
	}
	genuine, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"with every field": whole.Bytes(), "with none": least.Bytes(), "of a run": genuine} {
		if err := validateReport(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every field is there, so that none can be missing in the schema unseen.
	var written object
	if err := json.Unmarshal(whole.Bytes(), &written); err != nil {
		t.Fatal(err)
	}
	for name := range makeSchema(t)["properties"].(object) {
		if _, ok := written[name]; !ok {
			t.Errorf("the report with every field has no %s", name)
		}
	}
}

// fill gives every field a value, so that none is left out when it is written.
func fill(v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(start))
		return
	case verdict.Verdict:
		v.Set(reflect.ValueOf(verdict.Pass))
		return
	}
	if written, ok := plain[v.Type()]; ok {
		if enum, ok := written()["enum"].([]any); ok {
			v.SetString(enum[0].(string))
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Struct:
		if v.Type().PkgPath() == "net/netip" {
			v.Set(reflect.ValueOf(device.Addr))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth)
		fill(value, depth)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("a")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(7)
	default:
		v.SetInt(7)
	}
}

func TestTheSchemaRefusesWhatIsNoReport(t *testing.T) {
	s := compiled(t, false)
	text, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validateReport(s, text); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, before, after string }{
		{"another version", `"schema": 1`, `"schema": 2`},
		{"no version", `"schema": 1,`, ``},
		{"an unknown verdict", `"verdict": "fail"`, `"verdict": "failed"`},
		{"an unknown role", `"role": "gateway"`, `"role": "proxy"`},
		{"an unknown status", `"status": "passed"`, `"status": "pass"`},
		{"an unknown level", `"level": "MUST"`, `"level": "MAY"`},
		{"an unknown layer", `"layer": "note"`, `"layer": "remark"`},
		{"a time that is none", `"startedAt": "2026-11-22T12:00:00Z"`, `"startedAt": "noon"`},
		{"a duration in words", `"elapsed": 12345000000`, `"elapsed": "12s"`},
		{"bytes that are none", `"bytes": "Qg`, `"bytes": "!!`},
		{"no suite", `"suite": {`, `"sweet": {`},
		{"a suite without a digest", `"digest": "sha256:00"`, `"dig": "sha256:00"`},
		{"scenarios that are no list", `"scenarios": [`, `"scenarios": 1, "x": [`},
		{"a tally of nothing known", `"warning": 1`, `"warn": 1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(string(text), tc.before) {
				t.Fatalf("the report holds no %s", tc.before)
			}
			if validateReport(s, []byte(strings.Replace(string(text), tc.before, tc.after, 1))) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
	later := strings.Replace(string(text), `"schema": 1,`, `"schema": 1, "moon": "full",`, 1)
	if err := validateReport(s, []byte(later)); err != nil {
		t.Errorf("a field of a later program: %v", err)
	}
}
