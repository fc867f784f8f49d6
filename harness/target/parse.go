// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/internal/yamlplace"
)

// Open reads the target file and the files and variables that it names.
// Its errors name the file, the line and the column, and what to write there.
func Open(name string) (*File, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the target file: %w", err)
	}
	f, err := Parse(name, b)
	if err != nil {
		return nil, err
	}
	f.dir = filepath.Dir(name)
	return f, f.resolve(name, b)
}

// Parse reads a target file without looking at what it names.
func Parse(name string, b []byte) (*File, error) {
	if err := checkShape(name, b); err != nil {
		return nil, err
	}
	f := &File{}
	if err := yamlplace.Decode(b, f); err != nil {
		return nil, decodeError(name, err)
	}
	if f.Role == "" {
		f.Role = verdict.Gateway
	}
	if err := f.check(); err != nil {
		return nil, locate(name, b, err)
	}
	return f, nil
}

// decodeError is an error of the YAML decoder on one line, with its place.
func decodeError(name string, err error) error {
	place, message := yamlplace.Located(err)
	if place == (yamlplace.Place{}) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %s", place.In(name), message)
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
