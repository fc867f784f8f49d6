// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// ParseConfig reads a configuration, and the files that it names, and checks all
// of it. An error names the file, the line and the column, and says what to
// write there. The name is that of the file; relative names in it start from its
// folder.
func ParseConfig(name string, b []byte) (*Config, error) {
	c := &Config{dir: filepath.Dir(name)}
	if err := yamlplace.Decode(b, c); err != nil {
		return nil, decodeError(name, b, err)
	}
	if _, err := c.settings(); err != nil {
		return nil, locate(name, b, err)
	}
	return c, nil
}

// decodeError is an error of the YAML package without the piece of source that
// it would show: there may be secrets in it.
func decodeError(name string, b []byte, err error) error {
	place, what := yamlplace.Located(err)
	if place == (yamlplace.Place{}) {
		if strings.HasPrefix(err.Error(), "time: ") {
			// The package gives a bad duration no place. There is one in a configuration.
			err = at("platform", "timeout").because("want a duration such as 30s: %w", err)
		}
		return locate(name, b, err)
	}
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		what = "want " + kind(mismatch.DstType) + " here, got " + kind(mismatch.SrcType)
	}
	return fmt.Errorf("%s: %s", place.In(name), what)
}

// kind is what a Go type is in YAML.
func kind(t reflect.Type) string {
	switch {
	case t == nil:
		return "nothing"
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s"
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		return "a mapping"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	default:
		return "a number"
	}
}

// fault is what is wrong with one value of a configuration.
type fault struct {
	path []string // keys from the top; the indices of a list are "[0]"
	err  error
}

func at(path ...string) *fault { return &fault{path: path} }

// because is the fault with its reason.
func (f *fault) because(format string, args ...any) error {
	f.err = fmt.Errorf(format, args...)
	return f
}

// Error is the path with the reason: "listen.coap[0]: …".
func (f *fault) Error() string {
	return strings.ReplaceAll(strings.Join(f.path, "."), ".[", "[") + ": " + f.err.Error()
}

func (f *fault) Unwrap() error { return f.err }

// locate puts file, line and column before a fault: those of the value, or of
// the nearest thing around it that the file has.
func locate(name string, b []byte, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", name, err)
	}
	where := name
	if tree, err := yamlplace.Parse(name, b); err == nil {
		where = tree.At(f.steps()...)
	}
	return fmt.Errorf("%s: %w", where, f)
}

// steps is the path as package yamlplace wants it.
func (f *fault) steps() []any {
	steps := make([]any, 0, len(f.path))
	for _, k := range f.path {
		if strings.HasPrefix(k, "[") {
			steps = append(steps, yamlplace.Path(k)...)
		} else {
			steps = append(steps, k) // which may have dots in it
		}
	}
	return steps
}
