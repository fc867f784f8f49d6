// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// path leads to a value in the file: keys (string) and indices (int).
type path []any

// in is the path with steps added.
func (p path) in(steps ...any) path { return slices.Concat(p, path(steps)) }

// String is the path as an error writes it: gateway.coap[0].
func (p path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}

// fault is an error at a place in the file.
type fault struct {
	path path
	err  error
	// other is a second place, which the first does not fit; its line is named.
	other path
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func at(p path, format string, args ...any) error {
	return &fault{path: p, err: fmt.Errorf(format, args...)}
}

// clash is a fault between two places of the file.
func clash(p, other path, format string, args ...any) error {
	return &fault{path: p, other: other, err: fmt.Errorf(format, args...)}
}

// locate turns a fault's path into file:line:column, of the nearest place above
// it that is there.
func locate(name string, b []byte, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", name, err)
	}
	tree, unread := yamlplace.Parse(name, b)
	if unread != nil {
		return fmt.Errorf("%s: %s: %w", name, f.path, f.err)
	}
	where := tree.At(f.path...)
	if f.other == nil {
		return fmt.Errorf("%s: %s: %w", where, f.path, f.err)
	}
	if line := tree.Place(f.other...).Line; line > 0 {
		return fmt.Errorf("%s: %s: %w (%s stands in line %d)", where, f.path, f.err, f.other, line)
	}
	return fmt.Errorf("%s: %s: %w", where, f.path, f.err)
}
