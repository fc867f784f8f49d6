// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

const goodEntry = `
  - requirement: RMP-3.1-06
    scenario: inbound/authtoken.feature:19
    sentence: The token is not handed on.
    packet: "GET /live?AuthToken=…"
    why: Mended in the next release.
    link: https://example.com/issues/7
`

func TestExpectationsAreRead(t *testing.T) {
	got, err := verdict.ParseExpectations("known.yaml", []byte("# known failures\nexpectations:"+goodEntry+
		"  - {requirement: A-1-01, sentence: S, packet: P, why: W, link: 'http://a/'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []verdict.Expectation{
		{
			Requirement: "RMP-3.1-06", Scenario: "inbound/authtoken.feature:19", Sentence: "The token is not handed on.",
			Packet: "GET /live?AuthToken=…", Why: "Mended in the next release.", Link: "https://example.com/issues/7", At: "known.yaml:3:5",
		},
		{Requirement: "A-1-01", Sentence: "S", Packet: "P", Why: "W", Link: "http://a/", At: "known.yaml:9:5"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, none := range []string{"", "# none\n", "expectations:\n", "expectations: []\n"} {
		if got, err := verdict.ParseExpectations("f", []byte(none)); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", none, got, err)
		}
	}
}

func TestExpectationsThatCannotBeReadNameTheirPlace(t *testing.T) {
	replaced := func(old, with string) string {
		return "expectations:" + strings.Replace(goodEntry, old, with, 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"a misspelt key", replaced("packet:", "paket:"), `f:5:5: unknown field "paket"`},
		{"a misspelt list", "expectation: []\n", `f:1:1: unknown field "expectation"`},
		{"a key twice", replaced("why:", "link:"), `f:7:5: mapping key "link" already defined`},
		{"no why", replaced("why: Mended in the next release.", ""), "f:2:5: no why: say why"},
		{"an empty why", replaced("Mended in the next release.", `" "`), "f:6:10: no why: say why"},
		{"a template left as it is", replaced("Mended in the next release.", "CHANGE ME"), `f:6:10: why is still "CHANGE ME": say why`},
		{"no requirement", "expectations:\n  - why: W\n", "f:2:5: no requirement"},
		{"no URL", replaced("https://example.com/issues/7", "issue 7"), `f:7:11: link "issue 7": want an http or https URL`},
		{"twice", "expectations:" + goodEntry + goodEntry[1:], "f:8:5: RMP-3.1-06, inbound/authtoken.feature:19 stands at f:2:5 already"},
		{"an empty entry", "expectations:\n  -\n", "f:2:5: an empty entry"},
		{"text for a list", "expectations: none\n", "f:1:15: "},
		{"a list for text", replaced("Mended in the next release.", "[a]"), "f:6:10: "},
		{"two documents", "expectations: []\n---\nexpectations: []\n", "f:3:1: 2 YAML documents"},
		{"no YAML", "expectations: [\n", "f:1:15: "},
		{"what panics", "expectations: !!binary aGVsbG8=\n", "f:1:1: cannot be read as YAML"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := verdict.ParseExpectations("f", []byte(tc.text))
			if err == nil {
				t.Fatalf("accepted: %+v", got)
			}
			if !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line that begins with %q", err, tc.want)
			}
		})
	}
}

func TestOnlyTheTargetsFailuresAreCovered(t *testing.T) {
	var e verdict.Expectation
	covered := map[verdict.Verdict]bool{verdict.Fail: true, verdict.Inconclusive: true, verdict.Warning: true}
	for _, v := range verdict.All() {
		if got := e.Covers(v); got != covered[v] {
			t.Errorf("%s: %t", v, got)
		}
	}
}

func FuzzExpectations(f *testing.F) {
	f.Add("expectations:" + goodEntry)
	f.Add("expectations: !!binary aGVsbG8=")
	f.Add("expectations: [*a, &a {<<: *a}]")
	f.Add("? [\n- a: b: c")
	placed := regexp.MustCompile(`^f:[1-9][0-9]*:[0-9]+: `)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := verdict.ParseExpectations("f", []byte(text))
		if err != nil && !placed.MatchString(err.Error()) {
			t.Errorf("an error without its place: %v", err)
		}
		for _, e := range all {
			if e.Requirement == "" || e.Why == "" || e.Link == "" || e.At == "" {
				t.Errorf("taken: %+v", e)
			}
		}
	})
}

func TestEditionsAreWholeNumbers(t *testing.T) {
	for s, want := range map[string]int{"1": 1, "12": 12, "": 0, "0": 0, "-1": 0, "01": 0, "+1": 0, "1.0": 0, "one": 0} {
		if got, err := verdict.ParseEdition(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
	c, err := catalogue(map[string]string{"a.yaml": "source: S\nrequirements:\n" +
		"  - {id: A-1-01, section: '1', text: One.}\n  - {id: A-1-02, section: '1', text: Two., since: '10'}\n  - {id: A-1-03, section: '1', text: Three., since: '9'}\n"})
	if err != nil || c.Newest() != 10 {
		t.Errorf("newest edition %v, %v; want 10", c, err)
	}
	if _, err := catalogue(map[string]string{"a.yaml": "source: S\nrequirements:\n  - {id: A-1-01, section: '1', text: One., since: soon}\n"}); err == nil || !strings.Contains(err.Error(), `edition "soon"`) {
		t.Errorf("%v", err)
	}
}
