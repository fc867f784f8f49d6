// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// checkShape looks for keys that no type has, and for values of another kind,
// before the decoder does: it can say which key was meant, and where the decoder
// would make 3.1 of the version 3.10 it wants quotes.
func checkShape(name string, b []byte) error {
	tree, err := yamlplace.Parse(name, b)
	if err != nil {
		return nil //nolint:nilerr // the decoder says it better
	}
	for i, doc := range tree.Documents() {
		if i > 0 {
			return fmt.Errorf("%s: a second document: want one target to a file", yamlplace.Of(doc).In(name))
		}
		if m := shapeOf(doc, reflect.TypeFor[File](), nil); m != nil {
			return fmt.Errorf("%s: %s", m.place.In(name), m.what)
		}
	}
	return nil
}

// misshapen is what is wrong with a node, and where that stands.
type misshapen struct {
	place yamlplace.Place
	what  string
}

func wrong(n ast.Node, p path, format string, args ...any) *misshapen {
	what := fmt.Sprintf(format, args...)
	if len(p) > 0 {
		what = p.String() + ": " + what
	}
	return &misshapen{yamlplace.Of(n), what}
}

// shapeOf is the first thing at or below n that its type cannot hold; nil where
// there is none.
func shapeOf(n ast.Node, t reflect.Type, p path) *misshapen {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		return shapeOf(n.Value, t, p)
	case *ast.AliasNode:
		return nil // the decoder knows what it stands for
	case *ast.TagNode:
		return wrong(n, p, "cannot be read with the tag %s: take it out", n.Start.Value)
	case *ast.NullNode:
		return wrong(n, p, "empty: say something here, or take the line out")
	}
	pairs, isMapping := pairsOf(n)
	switch t {
	case reflect.TypeFor[Source](), reflect.TypeFor[Resource]():
		if !isMapping {
			return nil // their own words are better
		}
		if t == reflect.TypeFor[Source]() && len(pairs) == 0 {
			return wrong(n, p, "not given: say where it is: {env: NAME} or {file: PATH}")
		}
	case reflect.TypeFor[Duration]():
		if _, ok := n.(*ast.StringNode); !ok {
			return wrong(n, p, "%q: want a time span with its unit, for example 30s or 1m30s", n.GetToken().Value)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if !isMapping {
			return wrong(n, p, "want keys with values here")
		}
		return shapeOfPairs(pairs, t, p)
	case reflect.Slice:
		return shapeOfList(n, t, p)
	default:
		return shapeOfScalar(n, t, p, isMapping)
	}
}

// pairsOf is the keys and values of a mapping.
func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func shapeOfList(n ast.Node, t reflect.Type, p path) *misshapen {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return wrong(n, p, "want a list here: put it between [ and ]")
	}
	for i, v := range list.Values {
		if m := shapeOf(v, t.Elem(), p.in(i)); m != nil {
			return m
		}
	}
	return nil
}

func shapeOfPairs(pairs []*ast.MappingValueNode, t reflect.Type, p path) *misshapen {
	for _, pair := range pairs {
		if pair.Key.IsMergeKey() || pair.Key.GetToken() == nil {
			continue
		}
		key := pair.Key.GetToken().Value
		var below reflect.Type
		if t.Kind() == reflect.Map {
			below = t.Elem()
		} else if fields := fieldsOf(t); fields[key] != nil {
			below = fields[key]
		} else {
			return wrong(pair, nil, "%s: unknown key: %s", p.in(key), wanted(key, sorted(fields)))
		}
		if m := shapeOf(pair.Value, below, p.in(key)); m != nil {
			return m
		}
		if text, ok := pair.Value.(*ast.StringNode); ok && text.Value == "" && t.Kind() == reflect.Struct && below.Kind() == reflect.String {
			return wrong(pair.Value, p.in(key), "empty: say something here, or take the line out")
		}
	}
	return nil
}

func shapeOfScalar(n ast.Node, t reflect.Type, p path, isMapping bool) *misshapen {
	_, isText := n.(*ast.StringNode)
	_, isBlock := n.(*ast.LiteralNode)
	_, isWhole := n.(*ast.IntegerNode)
	_, isBool := n.(*ast.BoolNode)
	switch kind := t.Kind(); {
	case kind == reflect.String && isMapping:
		// {a: [host:port]} is {a: [{host: port}]}.
		return wrong(n, p, "want text here, got a mapping: put it between quotes")
	case kind == reflect.String && n.Type() == ast.SequenceType:
		return wrong(n, p, "want one text here, not a list")
	case kind == reflect.String && !isText && !isBlock:
		return wrong(n, p, "want text here: put it between quotes")
	case kind == reflect.Bool && !isBool:
		return wrong(n, p, "want true or false, without quotes")
	case kind != reflect.String && kind != reflect.Bool && !isWhole:
		return wrong(n, p, "want a whole number, without quotes")
	}
	return nil
}

// fieldsOf is the keys that a struct has in YAML, with their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}
