// SPDX-License-Identifier: Apache-2.0

package features_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/harness/deviant"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

var update = flag.Bool("update", false, "write the list of ids and docs/requirements.md again")

// idsFile lists every id that there ever was, with a digest of its meaning.
const idsFile = "ids.golden"

// meaning is the line of a requirement in idsFile.
func meaning(r *verdict.Requirement) string {
	binds := make([]string, 0, len(r.Binds))
	for _, role := range r.Binds {
		binds = append(binds, string(role))
	}
	needs := r.Capability
	if needs == "" {
		needs = "-"
	}
	text := sha256.Sum256([]byte(strings.TrimSpace(r.Text)))
	return strings.Join([]string{r.ID, string(r.Level), strings.Join(binds, ","), needs, r.Since, hex.EncodeToString(text[:6])}, " ")
}

// meanings is what idsFile must say.
func meanings(c *verdict.Catalogue) []string {
	var lines []string
	for _, r := range c.All() {
		lines = append(lines, meaning(r))
	}
	for _, w := range c.Withdrawn() {
		lines = append(lines, w.ID+" withdrawn")
	}
	slices.Sort(lines)
	return lines
}

// gone are the ids of a list that another one does not have.
func gone(list, from []string) []string {
	ids := map[string]bool{}
	for _, line := range from {
		id, _, _ := strings.Cut(line, " ")
		ids[id] = true
	}
	var missing []string
	for _, line := range list {
		if id, _, _ := strings.Cut(line, " "); !ids[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

// An id keeps its meaning for ever: reports, expectations and statements of
// vendors name it. A mended sentence is accepted with -update, so that the change
// is seen where it is reviewed; an id that is gone is accepted when it is listed
// as withdrawn, and not otherwise.
func TestIDsAreStable(t *testing.T) {
	file := filepath.Join(features.Requirements, idsFile)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
	got := meanings(catalogue(t))
	if missing := gone(want, got); len(missing) > 0 {
		t.Fatalf("%s lists %v, and the catalogue has them no more: bring them back, or list them there as withdrawn, with why.\n"+
			"Only an id that was never on the main branch may be taken out of the list by hand.", file, missing)
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids are new, or mean something else than before (-before +now):\n%s\n"+
			"Does each still mean the same? Then go test ./features -update, and commit %s. Otherwise withdraw it and give a new id.", diff, file)
	}
}

func TestGoneNamesTheIDsThatAnotherListDoesNotHave(t *testing.T) {
	got := gone([]string{"A-1-01 MUST", "A-1-02 MUST", "A-1-03 withdrawn"}, []string{"A-1-01 SHOULD", "A-1-02 withdrawn", "A-1-04 MUST"})
	if diff := cmp.Diff([]string{"A-1-03"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryPartOfAMeaningCounts(t *testing.T) {
	whole := verdict.Requirement{ID: "A-1-01", Section: "1", Text: "One.", Level: verdict.Must, Binds: []verdict.Role{verdict.Gateway}, Since: "1"}
	for name, change := range map[string]func(*verdict.Requirement){
		"level":      func(r *verdict.Requirement) { r.Level = verdict.Should },
		"binds":      func(r *verdict.Requirement) { r.Binds = []verdict.Role{verdict.DeviceClient} },
		"capability": func(r *verdict.Requirement) { r.Capability = "ipv6" },
		"since":      func(r *verdict.Requirement) { r.Since = "2" },
		"text":       func(r *verdict.Requirement) { r.Text = "Two." },
	} {
		other := whole
		change(&other)
		if meaning(&other) == meaning(&whole) {
			t.Errorf("another %s is not seen", name)
		}
	}
	noted := whole
	noted.Note = "Why."
	if meaning(&noted) != meaning(&whole) {
		t.Error("a note counts as the meaning")
	}
}

// coverage is that of the built-in suite.
func coverage(t *testing.T) *reports.Coverage {
	t.Helper()
	c, err := coapstone.Coverage(coapstone.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deviant.All() {
		if !c.AddDeviant(d.Breaks, reports.CoveredDeviant{Name: d.Name, Also: d.Also}) {
			t.Errorf("the deviant that %s is to break %s, which is not in the catalogue", d.Name, d.Breaks)
		}
	}
	c.Count()
	return c
}

func TestEveryRequirementHasAScenarioOrAReasonAndOneInTenAtMostHasAReason(t *testing.T) {
	c := coverage(t)
	untested := 0
	for _, r := range c.Requirements {
		switch {
		case len(r.Scenarios) == 0 && r.Untested == "":
			t.Errorf("%s: no scenario proves it: write one, or say in the catalogue why there is none (untested: one of %q): %s", r.ID, verdict.Reasons(), r.Text)
		case len(r.Scenarios) > 0 && r.Untested != "":
			t.Errorf("%s: is said to be untested, %q, and %s proves it: take one of them away", r.ID, r.Untested, r.Scenarios[0].Location())
		case r.Untested != "":
			untested++
		}
	}
	if all := len(c.Requirements); untested*10 > all {
		t.Errorf("%d of %d requirements have no scenario: want one in ten at most", untested, all)
	}
}

func TestTheCoveragePageIsCurrent(t *testing.T) {
	file := filepath.Join("..", "docs", "requirements.md")
	var b bytes.Buffer
	if err := reports.WriteCoverageMarkdown(&b, coverage(t), "../features"); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("%s is not current: make generate writes it again (-is +must):\n%s", file, diff)
	}
}

// documentRow is a row of docs/document.md.
var documentRow = regexp.MustCompile(`(?m)^\| ([0-9](?:\.[0-9])*) \| (.+) \| (.+) \|$`)

func TestEveryRequirementOfTheDocumentHasItsSentence(t *testing.T) {
	const file = "../docs/document.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue(t)
	id := regexp.MustCompile(`RMP-[0-9.]+-[0-9]+`)
	placed, sections := map[string]bool{}, map[string]bool{}
	for _, row := range documentRow.FindAllStringSubmatch(string(b), -1) {
		section, says, why := row[1], row[2], row[3]
		sections[section] = true
		ids := id.FindAllString(why, -1)
		for _, id := range ids {
			placed[id] = true
			if _, ok := c.Get(id); !ok {
				t.Errorf("%s: %q names %s, which is not in the catalogue", file, says, id)
			}
		}
		word, _, _ := strings.Cut(why, ":")
		if len(ids) == 0 && !slices.Contains([]string{"context", "elsewhere", "operator", "platform"}, word) {
			t.Errorf("%s: %q has no requirement and no reason, but %q: want context, elsewhere, operator or platform", file, says, why)
		}
	}
	for _, r := range c.All() {
		if strings.HasPrefix(r.ID, "RMP-") && !placed[r.ID] {
			t.Errorf("%s: put it beside the sentence that it is from, in %s: %s", r.ID, file, r.Text)
		}
		if strings.HasPrefix(r.ID, "RMP-") && !sections[r.Section] {
			t.Errorf("%s: there is no section %s in %s", r.ID, r.Section, file)
		}
	}
	for section := range strings.FieldsSeq("1 2 2.1 2.1.1 2.1.2 2.2 2.2.1 2.2.2 3 3.1 3.2 4 4.1 4.2 5") {
		if !sections[section] {
			t.Errorf("%s: nothing of section %s is weighed", file, section)
		}
	}
}
