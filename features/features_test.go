// SPDX-License-Identifier: Apache-2.0

package features_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/cucumber/godog"

	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/harness/verdict"
)

// scenario is one scenario of the built-in features; an outline counts once.
type scenario struct {
	at, name string
	tags     []string
}

func builtIn(t *testing.T) []scenario {
	t.Helper()
	var paths []string
	err := fs.WalkDir(features.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".feature") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	suite := godog.TestSuite{Options: &godog.Options{FS: features.FS, Paths: paths}}
	parsed, err := suite.RetrieveFeatures()
	if err != nil {
		t.Fatal(err)
	}
	var all []scenario
	for _, f := range parsed {
		seen := map[string]bool{}
		for _, p := range f.Pickles {
			if seen[p.AstNodeIds[0]] { // another row of an outline
				continue
			}
			seen[p.AstNodeIds[0]] = true
			s := scenario{at: f.Uri, name: p.Name}
			for _, tag := range p.Tags {
				s.tags = append(s.tags, tag.Name)
			}
			all = append(all, s)
		}
	}
	return all
}

func catalogue(t *testing.T) *verdict.Catalogue {
	t.Helper()
	c, err := verdict.LoadCatalogue(features.FS, features.Requirements)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryScenarioProvesOneRequirementOfTheCatalogue(t *testing.T) {
	c := catalogue(t)
	for _, s := range builtIn(t) {
		var proves []string
		for _, tag := range s.tags {
			id := strings.TrimPrefix(tag, "@")
			if _, ok := c.Get(id); ok {
				proves = append(proves, id)
			}
			if given, ok := strings.CutPrefix(id, "given:"); ok {
				if _, known := c.Get(given); !known {
					t.Errorf("%s: %s: @given:%s is not in the catalogue", s.at, s.name, given)
				}
			}
		}
		if len(proves) != 1 {
			t.Errorf("%s: %s: proves %v, want one requirement of the catalogue", s.at, s.name, proves)
		}
	}
}

func TestBothFlowsAndDTLSHaveScenarios(t *testing.T) {
	all := builtIn(t)
	for tag, want := range map[string]int{"": 60, "@inbound": 20, "@outbound": 20, "@dtls": 15, "@smoke": 6} {
		n := 0
		for _, s := range all {
			if tag == "" || slices.Contains(s.tags, tag) {
				n++
			}
		}
		if n < want {
			t.Errorf("%d scenarios %s, want at least %d", n, tag, want)
		}
	}
}
