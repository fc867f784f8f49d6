// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// What ids, sections, capabilities and editions look like. The JSON Schema of
// the catalogue says the same, and a test holds the two together.
var (
	idForm         = regexp.MustCompile(`^[A-Z][A-Z0-9]*-[0-9A-Z]+(\.[0-9]+)*-[0-9]{2,3}$`)
	sectionForm    = regexp.MustCompile(`^[0-9A-Z]+(\.[0-9]+)*$`)
	capabilityForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	sinceForm      = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)
	someText       = regexp.MustCompile(`\S`)
)

// LoadCatalogue reads every *.yaml in dir. Each file has a source and its
// requirements; ids are unique over all of them. An error names file, line and
// column.
func LoadCatalogue(fsys fs.FS, dir string) (*Catalogue, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	c := &Catalogue{byID: map[string]*Requirement{}}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if err := c.add(name, b); err != nil {
			return nil, err
		}
	}
	if len(c.order) == 0 {
		return nil, fmt.Errorf("%s: no requirements found: want at least one *.yaml file", dir)
	}
	for _, w := range c.withdrawn {
		if _, ok := c.byID[w.ID]; ok {
			return nil, fmt.Errorf("%s: %s is withdrawn, and defined as well: give the new one a new id", dir, w.ID)
		}
	}
	return c, nil
}

// catalogueFile is one file of the catalogue.
type catalogueFile struct {
	Source       string         `yaml:"source"`
	Requirements []*Requirement `yaml:"requirements"`
	Withdrawn    []*Withdrawn   `yaml:"withdrawn"`
}

// add reads one file. It refuses what the JSON Schema refuses, and beside that
// what a schema cannot say: an id that is there already, and one that names
// another section than its requirement.
func (c *Catalogue) add(name string, b []byte) error {
	tree, err := yamlplace.Parse(name, b)
	if err != nil {
		return err
	}
	if docs := tree.Documents(); len(docs) > 1 {
		return fmt.Errorf("%s: a second YAML document: want one in a file", yamlplace.Of(docs[1]).In(name))
	}
	if err := textAlone(tree); err != nil {
		return err
	}
	var file catalogueFile
	if err := yamlplace.Decode(b, &file); err != nil {
		return yamlplace.Error(name, err)
	}
	if file.Source == "" {
		return fmt.Errorf("%s: no source: name the document that the requirements come from", tree.At())
	}
	if len(file.Requirements) == 0 {
		return fmt.Errorf("%s: no requirements: want at least one", tree.At())
	}
	for i, r := range file.Requirements {
		refuse := func(key, format string, args ...any) error {
			return fmt.Errorf("%s: %s: %w", tree.At("requirements", i, key), either(r.ID, "requirement "+fmt.Sprint(i+1)), fmt.Errorf(format, args...))
		}
		if key, err := r.check(); err != nil {
			return refuse(key, "%w", err)
		}
		if _, twice := c.byID[r.ID]; twice {
			return refuse("id", "is defined twice: give one of them another id")
		}
		r.Source = file.Source
		r.fill()
		c.byID[r.ID] = r
		c.order = append(c.order, r)
	}
	for i, w := range file.Withdrawn {
		switch {
		case !idForm.MatchString(w.ID):
			return fmt.Errorf("%s: withdrawn: id %q: want one such as RMP-3.1-05", tree.At("withdrawn", i, "id"), w.ID)
		case w.Why == "":
			return fmt.Errorf("%s: withdrawn: %s: no why: say why it is gone", tree.At("withdrawn", i, "why"), w.ID)
		}
		c.withdrawn = append(c.withdrawn, *w)
	}
	return nil
}

// check is what is wrong with a requirement out of a file, and with which key.
func (r *Requirement) check() (key string, err error) {
	if !idForm.MatchString(r.ID) {
		return "id", fmt.Errorf("id %q: want source, section and a number of two digits, such as RMP-3.1-05", r.ID)
	}
	if !sectionForm.MatchString(r.Section) {
		return "section", fmt.Errorf(`section %q: want one such as "3.1"`, r.Section)
	}
	if section := r.ID[strings.Index(r.ID, "-")+1 : strings.LastIndex(r.ID, "-")]; section != r.Section {
		return "section", fmt.Errorf("section %q: its id is of section %s", r.Section, section)
	}
	if r.Text == "" {
		return "text", errors.New("no text: say in one sentence what must hold")
	}
	if r.Level != "" && !slices.Contains([]Level{Must, Should, Profile}, r.Level) {
		return "level", fmt.Errorf("level %q: want MUST, SHOULD or profile", r.Level)
	}
	for i, role := range r.Binds {
		if !slices.Contains([]Role{Gateway, DeviceClient, DeviceServer}, role) {
			return "binds", fmt.Errorf("role %q: want gateway, device-client or device-server", role)
		}
		if slices.Contains(r.Binds[:i], role) {
			return "binds", fmt.Errorf("role %q: is named twice", role)
		}
	}
	if r.Capability != "" && !capabilityForm.MatchString(r.Capability) {
		return "capability", fmt.Errorf("capability %q: want small letters, digits and hyphens", r.Capability)
	}
	if r.Since != "" && !sinceForm.MatchString(r.Since) {
		return "since", fmt.Errorf("since: edition %q: want a whole number from 1", r.Since)
	}
	if r.Untested != "" && !slices.Contains(Reasons(), r.Untested) {
		return "untested", fmt.Errorf("untested %q: want one of %q", r.Untested, Reasons())
	}
	if r.Untested != "" && r.Note == "" {
		return "untested", errors.New("untested, and no note: say there why that is so")
	}
	return "", nil
}

// fill fills in what is usual.
func (r *Requirement) fill() {
	r.Level = either(r.Level, Must)
	r.Since = either(r.Since, "1")
	if len(r.Binds) == 0 {
		r.Binds = []Role{Gateway}
	}
}

func either[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// textAlone refuses what is not mappings, lists and texts, and those that are
// empty. A section 3.10 without quotes would be read as a number, and a null as
// if nothing stood there.
func textAlone(f *yamlplace.File) error {
	v := &textVisitor{name: f.Name}
	for _, doc := range f.Documents() {
		ast.Walk(v, doc)
	}
	return v.err
}

// textVisitor keeps the first error.
type textVisitor struct {
	name string
	err  error
}

// Visit looks at one node.
func (v *textVisitor) Visit(n ast.Node) ast.Visitor {
	if v.err != nil {
		return nil
	}
	refuse := func(format string, args ...any) ast.Visitor {
		v.err = fmt.Errorf("%s: %w", yamlplace.Of(n).In(v.name), fmt.Errorf(format, args...))
		return nil
	}
	switch n := n.(type) {
	case *ast.MappingValueNode, *ast.CommentNode, *ast.CommentGroupNode:
	case *ast.LiteralNode:
		if !someText.MatchString(n.Value.Value) {
			return refuse("nothing stands here: leave the key out, or write text")
		}
		return nil // its text is looked at
	case *ast.StringNode:
		if !someText.MatchString(n.Value) {
			return refuse("nothing stands here: leave the key out, or write text")
		}
	case *ast.MappingNode:
		if len(n.Values) == 0 {
			return refuse("an empty mapping: leave it out")
		}
	case *ast.SequenceNode:
		if len(n.Values) == 0 {
			return refuse("an empty list: leave it out")
		}
	case *ast.NullNode:
		return refuse("nothing stands here: leave the key out, or write text")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return refuse("%s is no text to YAML: put it between quotes", n.GetToken().Value)
	default:
		return refuse("cannot be read as a catalogue: want mappings, lists and text alone, without tags and anchors")
	}
	return v
}
