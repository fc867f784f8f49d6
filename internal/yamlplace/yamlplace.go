// SPDX-License-Identifier: Apache-2.0

package yamlplace

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Place is a line and a column, both counted from 1. The zero value means that
// the place is not known.
type Place struct{ Line, Column int }

// In is the place in a file of this name: "a.yaml:3:5", or the name alone when
// the place is not known.
func (p Place) In(name string) string {
	if p == (Place{}) {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
}

// File is the syntax tree of one YAML file. The zero value is an empty file.
type File struct {
	// Name is what places begin with.
	Name string
	tree *ast.File
}

// Parse reads a YAML file. Its error names the file, and the place where there
// is one.
func Parse(name string, b []byte) (f *File, err error) {
	err = Guard(func() error {
		if err := printable(b); err != nil {
			return err
		}
		tree, err := parser.ParseBytes(b, 0)
		f = &File{Name: name, tree: tree}
		return err
	})
	if err != nil {
		return nil, Error(name, err)
	}
	return f, nil
}

// Decode reads YAML strictly into what to points at: an unknown key is an error.
func Decode(b []byte, to any, options ...yaml.DecodeOption) error {
	if err := printable(b); err != nil {
		return err
	}
	return Guard(func() error { return yaml.UnmarshalWithOptions(b, to, append(options, yaml.Strict())...) })
}

// Guard makes an error of a panic: the YAML package panics on some inputs, such
// as !!binary where a list is wanted.
func Guard(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read as YAML: leave out what is unusual in it, such as tags (%v)", p)
		}
	}()
	return read()
}

// Error is an error of the YAML package on one line, with its place, and
// without the piece of the source that the package shows: there may be secrets
// in it. Where the package names no place it is the beginning of the file. It
// unwraps to err.
func Error(name string, err error) error {
	at, what := Located(err)
	if at == (Place{}) {
		at = Place{1, 1}
	}
	return &located{at.In(name) + ": " + what, err}
}

// located is an error with other words than the one that it unwraps to.
type located struct {
	words string
	err   error
}

func (e *located) Error() string { return e.words }
func (e *located) Unwrap() error { return e.err }

// Located is the place of an error of the YAML package, and its message without
// a piece of the source. The place is zero when the package names none.
func Located(err error) (at Place, what string) {
	var u *unprintable
	if errors.As(err, &u) {
		return u.at, u.what
	}
	var e yaml.Error
	if !errors.As(err, &e) {
		return Place{}, err.Error()
	}
	return tokenPlace(e.GetToken()), e.GetMessage()
}

// Path takes a path apart that is written "$.apis[0].answers[1].status", with or
// without its beginning. A key with a dot in it cannot be written so.
func Path(path string) []any {
	var steps []any
	for key := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), ".") {
		name, indices, _ := strings.Cut(key, "[")
		if name != "" {
			steps = append(steps, name)
		}
		for index := range strings.SplitSeq(indices, "[") {
			if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil {
				steps = append(steps, i)
			}
		}
	}
	return steps
}

// At is file:line:column of the value at a path of keys and, for lists, indices
// (string and int); or of the nearest thing around it that the file has. Where
// that is the file as a whole, it is the file alone; without a path it is where
// the file's content begins.
func (f *File) At(path ...any) string { return f.Place(path...).In(f.Name) }

// Place is the place that At names.
func (f *File) Place(path ...any) Place {
	docs := f.Documents()
	if len(docs) == 0 {
		return Place{}
	}
	n := docs[0]
	for i, step := range path {
		next := child(n, step)
		if next == nil && i == 0 {
			return Place{}
		}
		if next == nil {
			break
		}
		n = next
	}
	return Of(n)
}

// Documents are the bodies of the YAML documents in the file that have one.
func (f *File) Documents() []ast.Node {
	if f.tree == nil {
		return nil
	}
	var bodies []ast.Node
	for _, d := range f.tree.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	return bodies
}

// Of is where a node begins. The YAML package has a mapping in block style begin
// at its first colon; here it begins at its first key.
func Of(n ast.Node) Place {
	switch m := n.(type) {
	case nil:
		return Place{}
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return tokenPlace(m.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return tokenPlace(m.Key.GetToken())
	}
	return tokenPlace(n.GetToken())
}

func tokenPlace(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{}
	}
	return Place{t.Position.Line, t.Position.Column}
}

// child is what stands in n under a key or an index, or nil.
func child(n ast.Node, step any) ast.Node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return child(n.Value, step)
	case *ast.TagNode:
		return child(n.Value, step)
	case *ast.MappingNode:
		for _, pair := range n.Values {
			if is(pair.Key, step) {
				return pair.Value
			}
		}
	case *ast.MappingValueNode:
		if is(n.Key, step) {
			return n.Value
		}
	case *ast.SequenceNode:
		if i, ok := step.(int); ok && i >= 0 && i < len(n.Values) {
			return n.Values[i]
		}
	}
	return nil
}

func is(key ast.MapKeyNode, step any) bool {
	name, ok := step.(string)
	return ok && key.GetToken() != nil && key.GetToken().Value == name
}
