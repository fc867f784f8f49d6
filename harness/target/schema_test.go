// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "target.schema.json"

func TestSchemaIsMadeOfTheTypesAndTheirDocumentation(t *testing.T) {
	want, err := json.MarshalIndent(makeSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(bytes.ReplaceAll(want, []byte(`\u0026`), []byte("&")), '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is stale: go test ./harness/target -update (-want +got)\n%s", schemaFile, d)
	}
	if !*update && !bytes.Equal(got, Schema()) {
		t.Error("Schema is another text than the file")
	}
}

// compiled is the schema, ready to validate.
func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
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
	j, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestEveryExampleSatisfiesTheSchema(t *testing.T) {
	s := compiled(t)
	names, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, name := range names {
		if e := filepath.Ext(name); e != ".yaml" && e != ".redacted" {
			continue
		}
		examples++
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if line := "# yaml-language-server: $schema=../" + schemaFile + "\n"; filepath.Ext(name) == ".yaml" && !strings.HasPrefix(string(text), line) {
			t.Errorf("%s: want its first line to be %q, so that an editor checks what is typed", name, line)
		}
	}
	if examples < 6 {
		t.Errorf("%d examples: want one of each role, and each redacted", examples)
	}
}

func TestReaderAndSchemaRefuseTheSameFiles(t *testing.T) {
	s := compiled(t)
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			if err := validate(s, []byte(tt.in)); (err == nil) != tt.beyond {
				t.Errorf("the schema says %v, and a schema can say it: %t", err, !tt.beyond)
			}
		})
	}
}

func TestReaderAndSchemaAcceptTheSameFiles(t *testing.T) {
	s := compiled(t)
	for _, tt := range []struct{ name, in string }{
		{"the least of a gateway", minimal},
		{"the least of a device that calls", client},
		{"the least of a device that is called", called},
		{"everything of a bench", "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], reached: [198.51.100.1], interface: eth0, pki: p, ports: {coap: 1, coaps: 2}, devices: 40000-40031, " +
			"certificate: {chain: c.pem, key: k.pem, host: gw.example.com}, exchanges: 1, pause: 1.5s, boot: 1m30s}\n"},
		{"a hook of each kind", minimal + "hooks: {trigger: {command: [a, '', '{url}'], timeout: 1s}, reset: {http: {method: GET, url: 'http://{user}:{password}@h/{key}', header: {A: ''}, body: x}}, console: {person: 'Read {api}.'}}\n"},
		{"a user of each form", minimal + "users: {a: {password: {env: A}}, b: {password: {file: f}, psk-key: raw}, c: {password: {env: A}, psk-key: hex}, d: {name: x, password: {env: A}, psk-key: explicit, key: {file: k}}}\n"},
		{"an enhanced template", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy: 'https://h/hc?s={+s}&hp={+hp}&p={+p}&q={+q}'}\nbench: {addresses: [192.0.2.20]}\n"},
		{"a gateway over coaps alone", "name: X\ngateway: {coap: [], coaps: ['192.0.2.10:5684']}\nbench: {addresses: [192.0.2.20]}\n"},
		{"resources of all kinds", server + "device: {coap: '192.0.2.10:5683', resources: {test: /, slow: absent, large: {path: /a/b}, stored: {path: /s, methods: []}}}\n"},
		{"a whole number in another base", minimal + "limits: {psk-key: 0x10}\n"},
		{"a value that stands for another", "name: X\ngateway: {coap: ['192.0.2.10:5683']}\nbench: {addresses: [192.0.2.20]}\nusers:\n  a: &a\n    password: &p {env: A}\n  b: {<<: *a, name: c}\n  d: {password: *p}\n"},
		{"nothing in a mapping", minimal + "users: {}\nhooks: {}\ndeclares: {}\nlimits: {}\nfirmware: {}\napis: {}\nconnectors: {}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse("x.yaml", []byte(tt.in)); err != nil {
				t.Errorf("the reader says %v", err)
			}
			if err := validate(s, []byte(tt.in)); err != nil {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

func FuzzWhatTheReaderAcceptsTheSchemaAcceptsToo(f *testing.F) {
	s := compiled(f)
	for _, in := range []string{minimal, client, caller, called, caller + "device: {calls: {url: 'coaps://192.0.2.20:5684/coap2http', api: 'http://h/?a=b', method: PUT}}\n"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "*<") {
			return // an alias stands for what the reader has looked at under another key
		}
		if _, err := Parse("x.yaml", []byte(text)); err != nil {
			return
		}
		if err := validate(s, []byte(text)); err != nil {
			t.Errorf("the reader accepts %q, the schema says %v", text, err)
		}
	})
}
