// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// ChangeMe is what a template has where the operator must write. It is refused.
const ChangeMe = "CHANGE ME"

// Expectation is a known failure: a requirement that the target is known not to
// meet, with all that the next reader needs to judge whether that is still so.
type Expectation struct {
	// Requirement is its id: "RMP-3.1-06".
	Requirement string `yaml:"requirement" json:"requirement"`
	// Scenario is the one that fails: its name, an outline's row as reports write
	// it, "name (a = 1, b = 2)", or file:line. Empty means any that proves the
	// requirement.
	Scenario string `yaml:"scenario,omitempty" json:"scenario,omitempty"`
	// Sentence is what the RFC or the document asks for, in our own words.
	Sentence string `yaml:"sentence" json:"sentence"`
	// Packet is what crosses the wire instead.
	Packet string `yaml:"packet" json:"packet"`
	// Why says why the failure is accepted for now.
	Why string `yaml:"why" json:"why"`
	// Link leads to where it is followed up: an http or https URL.
	Link string `yaml:"link" json:"link"`
	// At is where the entry stands, file:line:column; empty when it comes from Go.
	At string `yaml:"-" json:"at,omitempty"`
}

// Covers says whether a verdict is a failure that an operator can expect: fail,
// inconclusive, or the warning of a SHOULD. Errors are the harness's own.
func (e *Expectation) Covers(v Verdict) bool {
	return v == Fail || v == Inconclusive || v == Warning
}

// String is the requirement, with the scenario if one is named.
func (e *Expectation) String() string {
	if e.Scenario == "" {
		return e.Requirement
	}
	return e.Requirement + ", " + e.Scenario
}

// fields is the text of the entry by its keys, in the order of a template.
func (e *Expectation) fields() []struct{ key, text, want string } {
	return []struct{ key, text, want string }{
		{"requirement", e.Requirement, "name the requirement that is not met, for example RMP-3.1-06"},
		{"sentence", e.Sentence, "say in your own words what the RFC or the document asks for"},
		{"packet", e.Packet, "say what crosses the wire instead"},
		{"why", e.Why, "say why the failure is accepted for now"},
		{"link", e.Link, "give the http or https URL where it is followed up"},
	}
}

// ParseExpectations reads an expectations file: YAML with one list,
// expectations. An unknown key, a missing one and text left at [ChangeMe] are
// errors that name file:line:column; name is that of the file.
func ParseExpectations(name string, b []byte) ([]Expectation, error) {
	tree, err := yamlplace.Parse(name, b)
	if err != nil {
		return nil, err
	}
	if docs := tree.Documents(); len(docs) > 1 {
		return nil, fmt.Errorf("%s: %d YAML documents: want one", yamlplace.Of(docs[1]).In(name), len(docs))
	}
	var file struct {
		Expectations []*Expectation `yaml:"expectations"`
	}
	if err := yamlplace.Decode(b, &file); err != nil {
		return nil, yamlplace.Error(name, err)
	}
	var all []Expectation
	for i, e := range file.Expectations {
		// where is the place of a key, or of the entry if it lacks the key.
		where := func(key string) string { return tree.At("expectations", i, key) }
		if e == nil {
			return nil, fmt.Errorf("%s: an empty entry: take it out, or name a requirement", where(""))
		}
		for _, f := range e.fields() {
			switch {
			case strings.TrimSpace(f.text) == "":
				return nil, fmt.Errorf("%s: no %s: %s", where(f.key), f.key, f.want)
			case strings.Contains(f.text, ChangeMe):
				return nil, fmt.Errorf("%s: %s is still %q: %s", where(f.key), f.key, ChangeMe, f.want)
			}
		}
		if u, err := url.Parse(e.Link); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%s: link %q: want an http or https URL", where("link"), e.Link)
		}
		e.At = where("")
		for _, other := range all {
			if other.Requirement == e.Requirement && other.Scenario == e.Scenario {
				return nil, fmt.Errorf("%s: %s stands at %s already: one entry is enough", e.At, e, other.At)
			}
		}
		all = append(all, *e)
	}
	return all, nil
}
