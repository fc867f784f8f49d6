// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/coapstone/coapstone/harness/verdict"
)

const (
	schemaFile   = "catalogue.schema.json"
	requirements = "../../features/requirements"
)

// catalogueSchema is the JSON Schema of the catalogue's files.
func catalogueSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(filepath.Join(requirements, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(schemaFile, text); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate is what the schema says of a file.
func validate(s *jsonschema.Schema, text []byte) (err error) {
	defer func() {
		if p := recover(); p != nil { // the YAML package, on some inputs
			err = fmt.Errorf("%v", p)
		}
	}()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	asJSON, err := json.Marshal(value) // yaml.YAMLToJSON writes escapes that JSON does not have
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// load is what the loader says of a file.
func load(text []byte) error {
	_, err := verdict.LoadCatalogue(fstest.MapFS{"r/a.yaml": {Data: text}}, "r")
	return err
}

func TestEveryFileOfTheCatalogueSatisfiesItsSchemaAndNamesIt(t *testing.T) {
	s := catalogueSchema(t)
	names, err := filepath.Glob(filepath.Join(requirements, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if line := "# yaml-language-server: $schema=" + schemaFile + "\n"; !strings.HasPrefix(string(text), line) {
			t.Errorf("%s: want its first line to be %q, so that an editor checks what is typed", name, line)
		}
	}
}

func TestSchemaAndLoaderAcceptTheSameFiles(t *testing.T) {
	s := catalogueSchema(t)
	const head = "source: S\nrequirements:\n  - id: A-1-01\n    section: '1'\n    text: One.\n"
	for _, tc := range []struct {
		name, text string
		accepted   bool
		// beyond says that a schema cannot say it: the loader alone refuses.
		beyond bool
	}{
		{"the least", head, true, false},
		{"everything", head + "    level: SHOULD\n    binds: [gateway, device-client, device-server]\n    capability: psk-hex\n    since: '12'\n    note: N.\n    untested: not observable from outside\nwithdrawn:\n  - {id: A-1-02, why: Gone.}\n", true, false},
		{"each level", head + "    level: profile\n", true, false},
		{"superseded", head + "    untested: superseded\n    note: N.\n", true, false},
		{"out of role", head + "    untested: out of role\n    note: N.\n", true, false},
		{"a section of an annex", "source: S\nrequirements: [{id: RFC7252-A.1-01, section: A.1, text: One.}]\n", true, false},
		{"a text over lines", head + "    note: >-\n      One\n      two.\n", true, false},
		{"a text in quotes", head + "    note: '\"30.000\" is thirty thousand.'\n", true, false},

		{"nothing", "", false, false},
		{"a list", "- a\n", false, false},
		{"a text", "a\n", false, false},
		{"no source", strings.TrimPrefix(head, "source: S\n"), false, false},
		{"an empty source", "source: ''\n" + strings.TrimPrefix(head, "source: S\n"), false, false},
		{"no requirements", "source: S\n", false, false},
		{"an empty list of requirements", "source: S\nrequirements: []\n", false, false},
		{"requirements that are null", "source: S\nrequirements:\n", false, false},
		{"a requirement that is null", head + "  - null\n", false, false},
		{"a requirement that is text", head + "  - A-1-02\n", false, false},
		{"an unknown key in the file", head + "colour: red\n", false, false},
		{"an unknown key in a requirement", head + "    colour: red\n", false, false},
		{"no id", "source: S\nrequirements: [{section: '1', text: One.}]\n", false, false},
		{"no section", "source: S\nrequirements: [{id: A-1-01, text: One.}]\n", false, false},
		{"no text", "source: S\nrequirements: [{id: A-1-01, section: '1'}]\n", false, false},
		{"a blank text", "source: S\nrequirements: [{id: A-1-01, section: '1', text: ' '}]\n", false, false},
		{"an id in small letters", "source: S\nrequirements: [{id: a-1-01, section: '1', text: One.}]\n", false, false},
		{"an id without a section", "source: S\nrequirements: [{id: A-01, section: '1', text: One.}]\n", false, false},
		{"an id of one digit", "source: S\nrequirements: [{id: A-1-1, section: '1', text: One.}]\n", false, false},
		{"an id with a line end", "source: S\nrequirements: [{id: \"A-1-01\\n\", section: '1', text: One.}]\n", false, false},
		{"a section that is a number", "source: S\nrequirements: [{id: A-1-01, section: 1, text: One.}]\n", false, false},
		{"a section with a sign", "source: S\nrequirements: [{id: A-1-01, section: §1, text: One.}]\n", false, false},
		{"a text that is true", "source: S\nrequirements: [{id: A-1-01, section: '1', text: true}]\n", false, false},
		{"a text that is a list", "source: S\nrequirements: [{id: A-1-01, section: '1', text: [One.]}]\n", false, false},
		{"an unknown level", head + "    level: must\n", false, false},
		{"an empty level", head + "    level: ''\n", false, false},
		{"a level that is null", head + "    level:\n", false, false},
		{"an unknown role", head + "    binds: [device]\n", false, false},
		{"a role without a list", head + "    binds: gateway\n", false, false},
		{"no roles", head + "    binds: []\n", false, false},
		{"a role twice", head + "    binds: [gateway, gateway]\n", false, false},
		{"a capability with capitals", head + "    capability: IPv6\n", false, false},
		{"a capability that is a number", head + "    capability: 6\n", false, false},
		{"an edition that is a number", head + "    since: 2\n", false, false},
		{"edition nought", head + "    since: '0'\n", false, false},
		{"an edition with a nought in front", head + "    since: '01'\n", false, false},
		{"a very late edition", head + "    since: '9999999999'\n", false, false},
		{"an empty note", head + "    note: ''\n", false, false},
		{"an unknown reason", head + "    untested: too hard\n    note: N.\n", false, false},
		{"a reason without a note", head + "    untested: superseded\n", false, false},
		{"nothing withdrawn", head + "withdrawn: []\n", false, false},
		{"withdrawn without a why", head + "withdrawn: [{id: A-1-02}]\n", false, false},
		{"withdrawn with more", head + "withdrawn: [{id: A-1-02, why: Gone., when: Today.}]\n", false, false},
		{"withdrawn without an id", head + "withdrawn: [{why: Gone.}]\n", false, false},

		{"another section than the id's", "source: S\nrequirements: [{id: A-1-01, section: '2', text: One.}]\n", false, true},
		{"an id twice", head + "  - {id: A-1-01, section: '1', text: Two.}\n", false, true},
		{"an id that is withdrawn", head + "withdrawn: [{id: A-1-01, why: Gone.}]\n", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := load([]byte(tc.text)); (err == nil) != tc.accepted {
				t.Errorf("the loader says %v", err)
			}
			if err := validate(s, []byte(tc.text)); (err == nil) != (tc.accepted || tc.beyond) {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

func FuzzWhatTheLoaderAcceptsTheSchemaAcceptsToo(f *testing.F) {
	s := catalogueSchema(f)
	f.Add("source: S\nrequirements:\n  - id: A-1-01\n    section: '1'\n    text: One.\n    level: SHOULD\n    binds: [gateway]\n    note: |\n      N.\n    untested: superseded\n")
	f.Add("source: S\nrequirements: [{id: A-1-01, section: \"1\", text: One., since: '2', capability: a-b}]\nwithdrawn: [{id: A-1-02, why: W}]\n")
	f.Add("source: S\nrequirements: [{id: A-1-01, section: '1', text: \"One\\0\\e.\"}]\n")
	f.Add("source: S\nrequirements: [{id: A-1-01, section: '1', text:\x00 ne.}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if load([]byte(text)) != nil {
			return
		}
		if err := validate(s, []byte(text)); err != nil {
			t.Errorf("the loader accepts %q, the schema says %v", text, err)
		}
	})
}
