// SPDX-License-Identifier: Apache-2.0

package coapstone_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

const covering = `Feature: F
  Background:
    Given a

  @T-1-01
  Scenario: One
    Given a

  @slow @T-1-02
  # a comment
  Scenario Outline: Two of <n>
    Given <n>

    Examples:
      | n |
      | 1 |
      | 2 |

    @full
    Examples: of the profile full
      | n |
      | 3 |

  Scenario Outline: Rows that prove different things
    Given <n>

    @T-1-01
    Examples:
      | n |
      | 1 |

    @T-1-03 @full
    Examples:
      | n |
      | 2 |
      | 3 |

  Scenario: That proves nothing
    Given a

  Rule: R
    @T-1-03
    Scenario: Three
      Given a
`

// tCatalogue has three requirements and one more that nothing proves.
func tCatalogue(t *testing.T) *verdict.Catalogue {
	t.Helper()
	c, err := verdict.LoadCatalogue(fstest.MapFS{"r/t.yaml": {Data: []byte("source: T\nrequirements:\n" +
		"  - {id: T-1-01, section: '1', text: One.}\n  - {id: T-1-02, section: '1', text: Two.}\n" +
		"  - {id: T-1-03, section: '1', text: Three.}\n  - {id: T-1-04, section: '1', text: Four.}\n")}}, "r")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCoverageNamesTheScenariosOfEachRequirement(t *testing.T) {
	c, err := coapstone.Coverage(coapstone.Options{
		Features: fstest.MapFS{"a.feature": {Data: []byte(covering)}}, Catalogue: tCatalogue(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]*reports.CoveredScenario{}
	for _, r := range c.Requirements {
		got[r.ID] = r.Scenarios
	}
	want := map[string][]*reports.CoveredScenario{
		"T-1-01": {{Name: "One", File: "a.feature", Line: 6}, {Name: "Rows that prove different things", File: "a.feature", Line: 24, Rows: 1}},
		"T-1-02": {{Name: "Two of <n>", File: "a.feature", Line: 11, Rows: 3}},
		"T-1-03": {{Name: "Rows that prove different things", File: "a.feature", Line: 24, Rows: 2, Full: true}, {Name: "Three", File: "a.feature", Line: 43}},
		"T-1-04": {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCoverageHasTheDigestThatARunHas(t *testing.T) {
	c, err := coapstone.Coverage(coapstone.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := coapstone.Run(t.Context(), coapstone.Options{Profile: coapstone.Smoke, DryRun: true})
	if r == nil {
		t.Fatal(err)
	}
	if c.Suite != r.Suite {
		t.Errorf("the coverage is of %+v, the run of %+v", c.Suite, r.Suite)
	}
}

func TestCoverageRefusesFeaturesThatDoNotParseOrNameAnUnknownRequirement(t *testing.T) {
	for name, text := range map[string]string{
		"syntax":              "Feature: F\n  Scenario: S\n    nonsense\n",
		"unknown requirement": "Feature: F\n  @T-9-99\n  Scenario: S\n    Given a\n",
	} {
		_, err := coapstone.Coverage(coapstone.Options{Features: fstest.MapFS{"a.feature": {Data: []byte(text)}}, Catalogue: tCatalogue(t)})
		var bad *coapstone.FeaturesError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsSupersededOrOutOfRoleIsNotCalledUntested(t *testing.T) {
	c, err := verdict.LoadCatalogue(fstest.MapFS{"r/t.yaml": {Data: []byte("source: T\nrequirements:\n" +
		"  - {id: T-1-01, section: '1', text: One.}\n" +
		"  - {id: T-1-02, section: '1', text: Two., untested: not observable from outside, note: Nobody sees it.}\n" +
		"  - {id: T-1-03, section: '1', text: Three., untested: superseded, note: See T-1-01.}\n" +
		"  - {id: T-1-04, section: '1', text: Four., untested: out of role, note: It is for users.}\n")}}, "r")
	if err != nil {
		t.Fatal(err)
	}
	r, err := coapstone.Run(t.Context(), coapstone.Options{
		Features:  fstest.MapFS{"a.feature": {Data: []byte("Feature: F\n  @T-1-01\n  Scenario: S\n    Given the user \"hello\" with the password \"world\"\n")}},
		Catalogue: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, q := range r.Requirements {
		got[q.ID] = q.Verdict.String() + " " + q.Reason
	}
	want := map[string]string{"T-1-01": "pass ", "T-1-03": "not-applicable superseded: See T-1-01.", "T-1-04": "not-applicable out of role: It is for users."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"T-1-02"}, r.Untested); diff != "" {
		t.Errorf("untested (-want +got):\n%s", diff)
	}
}
