// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const guide = "../../docs/target-file.md"

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func TestEveryFileInTheGuideIsATargetFile(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	s, found := compiled(t), map[string]bool{}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		f, err := Parse(guide, []byte(block[1]))
		if err != nil {
			t.Errorf("%v\n%s", err, block[1])
			continue
		}
		if err := validate(s, []byte(block[1])); err != nil {
			t.Errorf("%v\n%s", err, block[1])
		}
		if _, err := f.Redacted(); err != nil {
			t.Error(err)
		}
		found[string(f.Role)] = true
	}
	if len(found) != 3 {
		t.Errorf("the guide has files for %v, want all three roles", found)
	}
}

func TestEveryTableInTheGuideIsWhatTheProgramKnows(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{
		"capabilities": capabilityTable(), "resources": resourceTable(), "variables": variableTable(), "keys": keyTable(t),
	} {
		section := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !section.MatchString(want) {
			t.Errorf("%s has no place for the %s: <!-- %s --> and <!-- end -->", guide, name, name)
		}
		want = section.ReplaceAllLiteralString(want, "<!-- "+name+" -->\n"+table+"<!-- end -->")
	}
	if *update {
		if err := os.WriteFile(guide, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Errorf("%s is stale: go test ./harness/target -update (-want +got)\n%s", guide, d)
	}
}

func table(head []string, rows [][]string) string {
	var b strings.Builder
	for _, row := range append([][]string{head, slices.Repeat([]string{"---"}, len(head))}, rows...) {
		b.WriteString("| " + strings.ReplaceAll(strings.Join(row, " | "), "\n", " ") + " |\n")
	}
	return b.String()
}

func capabilityTable() string {
	var rows [][]string
	for _, c := range Capabilities() {
		binds := strings.Join(roles(c.Roles), ", ")
		rows = append(rows, []string{"`" + c.Name + "`", c.Doc, or(binds, "all"), c.From})
	}
	return table([]string{"capability", "declared, it says", "roles", "when the file does not state it"}, rows)
}

func resourceTable() string {
	var rows [][]string
	for _, u := range Resources() {
		rows = append(rows, []string{"`" + u.Name + "`", u.Doc, strings.Join(u.Methods, ", ")})
	}
	return table([]string{"resource", "what it does", "methods"}, rows)
}

func variableTable() string {
	docs := map[string]string{
		"url":       "where the request goes: `coaps://192.0.2.20/coap2http`",
		"api":       "the URL of the Composite API with its query, without the AuthToken",
		"proxy-uri": "the same with the AuthToken: what goes into the option Proxy-Uri",
		"method":    "GET, PUT, POST or DELETE",
		"payload":   "the payload of the request, as text",
		"user":      "the user name on the platform",
		"password":  "the user's password",
		"token":     "the AuthToken",
		"identity":  "the PSK identity; empty where there are certificates",
		"key":       "the pre-shared key: text, or behind `hex:` where it is none; empty where there are certificates",
	}
	var rows [][]string
	for _, name := range Variables() {
		rows = append(rows, []string{"`{" + name + "}`", docs[name]})
	}
	return table([]string{"variable", "stands for"}, rows)
}

func TestEveryVariableIsInTheGuide(t *testing.T) {
	if i := strings.Index(variableTable(), "|  |"); i >= 0 {
		t.Error("a variable has no words:\n" + variableTable())
	}
}

// keyTable is every key with its documentation, in the order of the types.
func keyTable(t *testing.T) string {
	t.Helper()
	var rows [][]string
	addKeys(reflect.TypeFor[File](), "", fieldDocs(t), &rows)
	return table([]string{"key", ""}, rows)
}

func addKeys(t reflect.Type, prefix string, docs map[string]string, rows *[][]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" {
			continue
		}
		doc := strings.TrimPrefix(docs[t.Name()+"."+f.Name], key+" ")
		*rows = append(*rows, []string{fmt.Sprintf("`%s%s`", prefix, key), doc})
		below, path := f.Type, prefix+key+"."
		if below.Kind() == reflect.Map {
			below, path = below.Elem(), path+"NAME."
		}
		for below.Kind() == reflect.Pointer {
			below = below.Elem()
		}
		if below.Kind() != reflect.Struct || below == reflect.TypeFor[Source]() || below == reflect.TypeFor[Hook]() && key != "trigger" {
			continue
		}
		addKeys(below, path, docs, rows)
	}
}

var (
	errorBlock = regexp.MustCompile("(?ms)^```text\n(.*?)^```$")
	itsPlace   = regexp.MustCompile(`^\S+\.yaml:\d+:\d+: `)
	itsLine    = regexp.MustCompile(`stands in line \d+`)
)

func TestEveryMistakeInTheGuideIsToldInTheseWords(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	words := func(s string) string {
		return itsLine.ReplaceAllString(itsPlace.ReplaceAllString(s, ""), "stands in line N")
	}
	told := map[string]bool{}
	for _, r := range refusals() {
		if _, err := Parse("x.yaml", []byte(r.in)); err != nil {
			told[words(err.Error())] = true
		}
	}
	shown := 0
	for _, block := range errorBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			shown++
			if line = strings.TrimSpace(line); !told[words(line)] {
				t.Errorf("nobody is told %q", line)
			}
		}
	}
	if shown == 0 {
		t.Errorf("%s shows no mistake", guide)
	}
}
