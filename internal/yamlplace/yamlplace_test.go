// SPDX-License-Identifier: Apache-2.0

package yamlplace_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

const text = `# comment
users:
  a.b: {password: x, "key": y}
  'quoted: so': z
list:
  - one
  - {two: 2}
  -
    three: 3
anchored: &here
  inner: value
empty:
`

func TestAtIsWhereAValueStandsOrTheNearestThingAroundIt(t *testing.T) {
	f, err := yamlplace.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		path []any
		want string
	}{
		{"the file", nil, "f.yaml:2:1"},
		{"a mapping begins at its first key", []any{"users"}, "f.yaml:3:3"},
		{"a mapping in flow style at its brace", []any{"users", "a.b"}, "f.yaml:3:8"},
		{"a key with a dot", []any{"users", "a.b", "password"}, "f.yaml:3:19"},
		{"a quoted key", []any{"users", "a.b", "key"}, "f.yaml:3:29"},
		{"a quoted key with a colon", []any{"users", "quoted: so"}, "f.yaml:4:17"},
		{"a first key that is not there", []any{"nobody", "x"}, "f.yaml"},
		{"a key that is not there", []any{"users", "a.b", "token", "x"}, "f.yaml:3:8"},
		{"a list begins at its first dash", []any{"list"}, "f.yaml:6:3"},
		{"an entry", []any{"list", 0}, "f.yaml:6:5"},
		{"a value in an entry", []any{"list", 1, "two"}, "f.yaml:7:11"},
		{"an entry on the line below its dash", []any{"list", 2, "three"}, "f.yaml:9:12"},
		{"an index too high", []any{"list", 3, "two"}, "f.yaml:6:3"},
		{"an index below nought", []any{"list", -1}, "f.yaml:6:3"},
		{"a key of a list", []any{"list", "two"}, "f.yaml:6:3"},
		{"an index of a mapping", []any{"users", 0}, "f.yaml:3:3"},
		{"behind an anchor", []any{"anchored", "inner"}, "f.yaml:11:10"},
		{"in nothing", []any{"empty", "x"}, "f.yaml:12:8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := f.At(tc.path...); got != tc.want {
				t.Errorf("%v is at %s, want %s", tc.path, got, tc.want)
			}
		})
	}
}

func TestPathTakesKeysAndIndicesApart(t *testing.T) {
	for path, want := range map[string][]any{
		"":                             nil,
		"$":                            nil,
		"a":                            {"a"},
		"$.a.b":                        {"a", "b"},
		"apis[0].answers[12].status":   {"apis", 0, "answers", 12, "status"},
		"$.gateway.coap[1]":            {"gateway", "coap", 1},
		"a[0][1].b":                    {"a", 0, 1, "b"},
		"[2]":                          {2},
		"users.no-dot_in.pass word[0]": {"users", "no-dot_in", "pass word", 0},
	} {
		if diff := cmp.Diff(want, yamlplace.Path(path)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", path, diff)
		}
	}
}

func TestAnEmptyFileHasNoPlaces(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		f, err := yamlplace.Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.At("x", 1); got != "f.yaml" {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := new(yamlplace.File).At("x"); got != "" {
		t.Errorf("the zero value is at %q", got)
	}
}

func TestErrorsHaveAPlaceAndNoSource(t *testing.T) {
	var to struct {
		Password int `yaml:"password"`
	}
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"syntax", second(yamlplace.Parse("f.yaml", []byte("a: [\n"))), "f.yaml:1:"},
		{"type", yamlplace.Error("f.yaml", yamlplace.Decode([]byte("password: sesame\n"), &to)), "f.yaml:1:11: "},
		{"unknown key", yamlplace.Error("f.yaml", yamlplace.Decode([]byte("\npasswort: sesame\n"), &to)), "f.yaml:2:1: "},
		{"not of the package", yamlplace.Error("f.yaml", errors.New("x")), "f.yaml:1:1: x"},
		{"a panic", yamlplace.Guard(func() error { panic("x") }), "cannot be read as YAML"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.err == nil {
				t.Fatal("no error")
			}
			got := tc.err.Error()
			if !strings.HasPrefix(got, tc.want) || strings.Contains(got, "sesame") || strings.Contains(got, "\n") {
				t.Errorf("%q, want one line that begins with %q and has nothing of the source", got, tc.want)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzPlace(f *testing.F) {
	f.Add(text, "list", 1)
	f.Add("a: *b\n", "a", 0)
	f.Add("<<: {a: 1}\n? [x]\n: y\n", "a", 0)
	f.Fuzz(func(t *testing.T, text, key string, i int) {
		file, err := yamlplace.Parse("f.yaml", []byte(text))
		if err != nil {
			return
		}
		if got := file.At(key, i, key); !strings.HasPrefix(got, "f.yaml") {
			t.Errorf("%q", got)
		}
	})
}

func TestWhatYAMLDoesNotAllowIsRefusedWithItsPlace(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"NUL", "a: 1\nb:\x00 ne.\n", "f.yaml:2:3: the character U+0000 cannot stand in a YAML file: leave it out, or write it as an escape between double quotes"},
		{"delete, behind other letters", "ä: ö\x7f\n", "f.yaml:1:5: the character U+007F cannot stand in a YAML file: leave it out, or write it as an escape between double quotes"},
		{"Latin-1", "a: caf\xe9\n", "f.yaml:1:7: the byte 0xe9 is no UTF-8: save the file as UTF-8"},
		{"tab, return, next line, no-break space, emoji", "a: \"x\ty\u0085\u00a0\U0001f600\"\r\n", ""},
		{"the same as an escape", "a: \"\\0\"\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var into map[string]string
			_, parsed := yamlplace.Parse("f.yaml", []byte(tc.text))
			for how, err := range map[string]error{"decoding": yamlplace.Decode([]byte(tc.text), &into), "parsing": parsed} {
				got := ""
				if err != nil {
					got = yamlplace.Error("f.yaml", err).Error()
				}
				if how == "parsing" && err != nil {
					got = err.Error()
				}
				if got != tc.want {
					t.Errorf("%s: got %q, want %q", how, got, tc.want)
				}
			}
		})
	}
}
