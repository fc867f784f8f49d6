// SPDX-License-Identifier: Apache-2.0

package steps_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/cucumber/godog"

	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/steps"
)

func TestVocabularyIsSound(t *testing.T) {
	if err := steps.Vocabulary().Err(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryWordIsDocumented(t *testing.T) {
	for _, s := range steps.Vocabulary().Steps() {
		if !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%q: its Doc is no sentence: %q", s.Expression, s.Doc)
		}
	}
}

func TestEveryExampleMatchesItsWordAlone(t *testing.T) {
	r := steps.Vocabulary()
	for _, s := range r.Steps() {
		line, below, _ := strings.Cut(s.Example, "\n")
		keyword, text, _ := strings.Cut(line, " ")
		if !strings.Contains("Given When Then And But", keyword) {
			t.Errorf("%q: its example begins with %q, which is no keyword", s.Expression, keyword)
		}
		matches := r.Match(text)
		if len(matches) != 1 || matches[0].Step.Expression != s.Expression || matches[0].Err != nil {
			t.Errorf("%q: its example %q matches %d words: %+v", s.Expression, text, len(matches), matches)
		}
		if err := s.Takes.Check(strings.Contains(below, "|"), strings.Contains(below, `"""`)); err != nil {
			t.Errorf("%q: its example %v", s.Expression, err)
		}
	}
}

func TestEveryStepOfTheBuiltInFeaturesIsDefinedOnce(t *testing.T) {
	var paths []string
	err := fs.WalkDir(features.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".feature") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d features, %v", len(paths), err)
	}
	suite := godog.TestSuite{Options: &godog.Options{FS: features.FS, Paths: paths}}
	parsed, err := suite.RetrieveFeatures()
	if err != nil {
		t.Fatal(err)
	}
	r := steps.Vocabulary()
	for _, f := range parsed {
		for _, p := range f.Pickles {
			for _, s := range p.Steps {
				matches := r.Match(s.Text)
				switch {
				case len(matches) != 1:
					t.Errorf("%s: %s: %q matches %d words; nearest: %q", f.Uri, p.Name, s.Text, len(matches), r.Nearest(s.Text, 2))
				case matches[0].Err != nil:
					t.Errorf("%s: %s: %q: %v", f.Uri, p.Name, s.Text, matches[0].Err)
				default:
					a := s.Argument
					table, doc := a != nil && a.DataTable != nil, a != nil && a.DocString != nil
					if err := matches[0].Step.Takes.Check(table, doc); err != nil {
						t.Errorf("%s: %s: %q %v", f.Uri, p.Name, s.Text, err)
					}
				}
			}
		}
	}
}
