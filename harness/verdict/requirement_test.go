// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

func catalogue(files map[string]string) (*verdict.Catalogue, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["requirements/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return verdict.LoadCatalogue(fsys, "requirements")
}

func TestACatalogueFillsInWhatIsUsual(t *testing.T) {
	c, err := catalogue(map[string]string{
		"a.yaml": "source: RFC 7252\nrequirements:\n" +
			"  - {id: RFC7252-4.2-01, section: '4.2', text: A CON is acknowledged.}\n" +
			"  - {id: RFC7252-4.3-01, section: '4.3', text: Another., level: SHOULD, binds: [gateway, device-server], capability: nonconfirmable, since: '2', note: Why., untested: superseded}\nwithdrawn: [{id: RFC7252-4.2-02, why: It was the same as the first.}]\n",
		"b.yaml":     "source: the document\nrequirements:\n  - {id: RMP-3.1-01, section: '3.1', text: A third., level: profile}\n",
		"readme.txt": "not a catalogue",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []*verdict.Requirement{
		{ID: "RFC7252-4.2-01", Section: "4.2", Text: "A CON is acknowledged.", Level: verdict.Must, Binds: []verdict.Role{verdict.Gateway}, Since: "1", Source: "RFC 7252"},
		{ID: "RFC7252-4.3-01", Section: "4.3", Text: "Another.", Level: verdict.Should, Binds: []verdict.Role{verdict.Gateway, verdict.DeviceServer}, Capability: "nonconfirmable", Since: "2", Note: "Why.", Untested: verdict.Superseded, Source: "RFC 7252"},
		{ID: "RMP-3.1-01", Section: "3.1", Text: "A third.", Level: verdict.Profile, Binds: []verdict.Role{verdict.Gateway}, Since: "1", Source: "the document"},
	}
	if diff := cmp.Diff(want, c.All()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r, ok := c.Get("RFC7252-4.2-01"); !ok || r.Reference() != "RFC 7252 §4.2" {
		t.Errorf("%+v, %t", r, ok)
	}
	if diff := cmp.Diff([]verdict.Withdrawn{{ID: "RFC7252-4.2-02", Why: "It was the same as the first."}}, c.Withdrawn()); diff != "" {
		t.Errorf("withdrawn (-want +got):\n%s", diff)
	}
	if r, ok := c.Get("RFC7252-9.9-99"); ok {
		t.Errorf("found %+v", r)
	}
}

func TestACatalogueNamesThePlaceAndTheFault(t *testing.T) {
	const good = "{id: A-1-01, section: '1', text: One.}"
	// with is a catalogue with one requirement, good but for what more says.
	with := func(more string) map[string]string {
		return map[string]string{"a.yaml": "source: S\nrequirements:\n  - id: A-1-01\n    section: '1'\n    text: One.\n" + more}
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing there", nil, []string{"requirements", "want at least one *.yaml file"}},
		{"an empty file", map[string]string{"a.yaml": ""}, []string{"a.yaml", "no source"}},
		{"nothing in it", map[string]string{"a.yaml": "source: S\n"}, []string{"a.yaml:1:1", "no requirements"}},
		{"no source", map[string]string{"a.yaml": "requirements: [" + good + "]"}, []string{"a.yaml:1:1", "no source"}},
		{"no id", map[string]string{"a.yaml": "source: S\nrequirements: [{section: '1', text: One.}]"}, []string{"a.yaml:2:16", "requirement 1", "id"}},
		{"an id without a number", map[string]string{"a.yaml": "source: S\nrequirements: [{id: A-1, section: '1', text: One.}]"}, []string{"a.yaml:2:21", `"A-1"`, "RMP-3.1-05"}},
		{"no text", map[string]string{"a.yaml": "source: S\nrequirements: [" + good + ", {id: A-1-02, section: '1'}]"}, []string{"a.yaml:2", "A-1-02", "no text"}},
		{"a text of spaces", map[string]string{"a.yaml": "source: S\nrequirements:\n  - {id: A-1-01, section: '1', text: ' '}"}, []string{"a.yaml:3:38", "nothing stands here"}},
		{"an empty entry", map[string]string{"a.yaml": "source: S\nrequirements: [null]"}, []string{"a.yaml:2:16", "nothing stands here"}},
		{"twice in two files", map[string]string{"a.yaml": "source: S\nrequirements: [" + good + "]", "b.yaml": "source: S\nrequirements: [" + good + "]"}, []string{"b.yaml:2:21", "A-1-01", "twice"}},
		{"another section than the id's", map[string]string{"a.yaml": "source: S\nrequirements: [{id: A-1-01, section: '2', text: One.}]"}, []string{"A-1-01", `section "2"`, "of section 1"}},
		{"a section without quotes", map[string]string{"a.yaml": "source: S\nrequirements: [{id: A-3.10-01, section: 3.10, text: One.}]"}, []string{"a.yaml:2:41", "3.10", "between quotes"}},
		{"a text that is true", map[string]string{"a.yaml": "source: S\nrequirements: [{id: A-1-01, section: '1', text: true}]"}, []string{"a.yaml:2:49", "between quotes"}},
		{"no such level", with("    level: must\n"), []string{"a.yaml:6:12", "A-1-01", `level "must"`, "MUST, SHOULD or profile"}},
		{"an empty level", with("    level: ''\n"), []string{"a.yaml:6:12", "nothing stands here"}},
		{"no such role", with("    binds: [device]\n"), []string{"a.yaml:6:12", "A-1-01", `role "device"`, "device-client"}},
		{"a role twice", with("    binds: [gateway, gateway]\n"), []string{"A-1-01", "twice"}},
		{"no roles", with("    binds: []\n"), []string{"a.yaml:6:12", "an empty list"}},
		{"no capability", with("    capability: IPv6 or so\n"), []string{"a.yaml:6:17", "A-1-01", "capability"}},
		{"no edition", with("    since: '02'\n"), []string{"a.yaml:6:12", "A-1-01", "since", "whole number from 1"}},
		{"an unknown reason", with("    untested: too hard\n    note: N.\n"), []string{"a.yaml:6:15", "A-1-01", "too hard", "not observable from outside"}},
		{"a reason and no note", with("    untested: superseded\n"), []string{"a.yaml:6:15", "A-1-01", "no note"}},
		{"withdrawn without a why", with("withdrawn:\n  - id: A-1-02\n"), []string{"a.yaml:7:5", "A-1-02", "no why"}},
		{"withdrawn under no id", with("withdrawn:\n  - {id: A, why: Gone.}\n"), []string{"a.yaml:7:10", `"A"`}},
		{"withdrawn and there", with("withdrawn: [{id: A-1-01, why: Gone.}]\n"), []string{"A-1-01", "withdrawn", "a new id"}},
		{"a misspelt field", map[string]string{"a.yaml": "source: S\nrequirements:\n  - id: A-1-01\n    sektion: '1'\n"}, []string{"a.yaml:4:5", "sektion"}},
		{"a field twice", with("    text: Two.\n"), []string{"a.yaml:6:5", "text"}},
		{"a tag for a list", map[string]string{"a.yaml": "source: S\nrequirements: !!binary aGVsbG8=\n"}, []string{"a.yaml:2:15", "without tags"}},
		{"an alias", map[string]string{"a.yaml": "source: &s S\nrequirements: [" + good + "]"}, []string{"a.yaml:1:9", "anchors"}},
		{"two documents", with("---\nsource: T\n"), []string{"a.yaml:7:1", "second YAML document"}},
		{"no YAML", map[string]string{"a.yaml": "source: [\n"}, []string{"a.yaml:1:"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := catalogue(tc.files)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant it to name %q", err, want)
				}
			}
		})
	}
}
