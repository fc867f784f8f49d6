// SPDX-License-Identifier: Apache-2.0

package deviant_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/harness/deviant"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

const (
	// abreast is how many labs run at once. They wait more than they compute: on a
	// push for a handful of scenarios each, in a soak for a few hundred.
	abreast, abreastInSoak = 12, 2
	workersInSoak          = 12
	// attempts bounds how often a deviant is met on a machine that is too busy
	// to judge.
	attempts = 3
	// lagBudget is wide on a push: many labs at once make each other late, and
	// that a deviant was seen seldom depends on it.
	lagBudget = 3 * time.Second
)

// outcome is what came of a run of the suite against a deviant. It keeps no
// report: there are many, with all that crossed the wire.
type outcome struct {
	problems []string
	row      string
}

// bench is what the runs share.
type bench struct {
	vocabulary *steps.Registry
	catalogue  *verdict.Catalogue
	// files are the built-in features: name and text.
	files map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{vocabulary: steps.Vocabulary(), catalogue: catalogue(t), files: map[string]string{}}
	if err := fs.WalkDir(features.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".feature") {
			return err
		}
		text, err := fs.ReadFile(features.FS, path)
		b.files[path] = string(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDeviants holds the suite against every deviant: the requirement that it
// breaks must be red, nothing that it does not list may be, and the failure must
// say what was seen. On a push a deviant meets the scenarios of its requirement and
// the smoke profile, in a soak the whole suite. Many labs at once make each other
// late: what went wrong in company is held against a lab that is alone.
func TestDeviants(t *testing.T) {
	all, b := deviant.All(), newBench(t)
	outcomes := make([]chan outcome, len(all))
	var wanted []int
	for i, d := range all {
		if d.Full && !need.Soak() {
			continue
		}
		outcomes[i] = make(chan outcome, 1)
		t.Run(d.Breaks+"/"+d.Name, func(t *testing.T) {
			wanted = append(wanted, i)
			t.Parallel() // pauses until all that -run picked are wanted
			for _, problem := range (<-outcomes[i]).problems {
				t.Error(problem)
			}
		})
	}
	var table sync.Mutex
	rows := map[int]string{}
	slots := make(chan struct{}, need.Size(abreast, abreast, abreastInSoak))
	var running, together sync.WaitGroup
	var alone sync.Mutex // held by the one that is met when the others have been
	together.Add(len(wanted))
	for _, i := range wanted {
		running.Go(func() {
			slots <- struct{}{}
			o, late := b.meet(t.Context(), all[i])
			<-slots
			together.Done()
			if late || len(o.problems) > 0 {
				together.Wait()
				alone.Lock()
				first := o
				o, _ = b.meet(t.Context(), all[i])
				alone.Unlock()
				t.Logf("%s was met a second time, alone: late %t, before %q, now %q", all[i].ID(), late, first.problems, o.problems)
			}
			table.Lock()
			rows[i] = o.row
			table.Unlock()
			outcomes[i] <- o
		})
	}
	t.Cleanup(func() {
		running.Wait()
		t.Log("\n" + tabulate(all, rows))
	})
}

// meet runs the suite against d. When the harness says of itself that it was too
// late to judge, which is what a verdict of error stands for, it is asked again;
// late says that it was too late each time.
func (b *bench) meet(ctx context.Context, d deviant.Deviant) (o outcome, late bool) {
	began := time.Now()
	r, err := b.run(ctx, d)
	for n := 1; n < attempts && err == nil && slices.ContainsFunc(r.Scenarios, broke); n++ {
		began = time.Now()
		r, err = b.run(ctx, d)
	}
	took := time.Since(began)
	if err != nil {
		return outcome{[]string{err.Error()}, row(d, nil, took)}, false
	}
	return outcome{check(d, r), row(d, r, took)}, slices.ContainsFunc(r.Scenarios, broke)
}

func broke(s *reports.Scenario) bool { return s.Verdict == verdict.Error }

func (b *bench) run(ctx context.Context, d deviant.Deviant) (*reports.Report, error) {
	o := coapstone.Options{
		Lab: d.Opener(), Role: d.Is(), Target: d.Name, Profile: coapstone.Standard,
		Features: features.FS, Vocabulary: b.vocabulary, Catalogue: b.catalogue,
	}
	if d.Full {
		o.Profile = coapstone.Full
	}
	if need.Soak() {
		o.Workers = workersInSoak
	} else {
		o.LagBudget = lagBudget
		o.Tags = fmt.Sprintf("@%s or @smoke", d.Breaks)
		o.Paths = b.tagged(d.Breaks)
	}
	r, err := coapstone.Run(ctx, o)
	var nothing *coapstone.NothingError
	if errors.As(err, &nothing) {
		err = fmt.Errorf("no scenario that runs is tagged @%s: %w", d.Breaks, err)
	}
	return r, err
}

// tagged is the features in which the tag of a requirement stands, or that of
// the smoke profile: reading the others would take longer than running these.
func (b *bench) tagged(id string) []string {
	var names []string
	for name, text := range b.files {
		if strings.Contains(text, "@"+id) || strings.Contains(text, "@smoke") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check is what was not as the deviant says that it is.
func check(d deviant.Deviant, r *reports.Report) (problems []string) {
	broken := requirement(r, d.Breaks)
	if broken == nil {
		return []string{d.Breaks + ": no scenario of it was run"}
	}
	want := verdict.Fail
	if broken.Level == verdict.Should {
		want = verdict.Warning
	}
	if broken.Verdict != want {
		problems = append(problems, fmt.Sprintf("%s (%s) is %s, want %s: the suite does not see a %s that %s\n%s",
			d.Breaks, broken.Text, broken.Verdict, want, d.Is(), d.Name, failures(r, d.Breaks)))
	}
	problems = append(problems, checkFindings(d, r)...)
	for _, q := range r.Requirements {
		if q.ID != d.Breaks && !slices.Contains(d.Also, q.ID) && red(q.Verdict) && !follows(r, d, q.ID) {
			problems = append(problems, fmt.Sprintf("%s (%s) is %s, and is not listed: a %s that %s is to break %s\n%s",
				q.ID, q.Text, q.Verdict, d.Is(), d.Name, d.Breaks, failures(r, q.ID)))
		}
	}
	return problems
}

// checkFindings wants what was expected and what came instead in every failure, and
// the deviant's word in one.
func checkFindings(d deviant.Deviant, r *reports.Report) (problems []string) {
	if d.Says == "" {
		problems = append(problems, "the deviant lists no word that its failure says")
	}
	var said []string
	for _, s := range scenarios(r, d.Breaks) {
		if s.Observed != verdict.Fail {
			continue
		}
		if f := s.Finding; f == nil || f.Expected == "" || f.Got == "" {
			problems = append(problems, fmt.Sprintf("%s: the failure does not say what was expected and what came instead: %v", s.Location(), f))
			continue
		}
		said = append(said, s.Finding.Got)
	}
	if len(said) > 0 && !slices.ContainsFunc(said, func(got string) bool { return strings.Contains(got, d.Says) }) {
		problems = append(problems, fmt.Sprintf("no failure says %q of what was seen:\n%s", d.Says, strings.Join(said, "\n")))
	}
	return problems
}

// follows says whether all of a requirement's scenarios that are red are
// inconclusive because they lean on what the deviant breaks, or on what leans on it.
func follows(r *reports.Report, d deviant.Deviant, id string, through ...string) bool {
	through = append(through, id)
	for _, s := range scenarios(r, id) {
		leans := slices.ContainsFunc(s.Given, func(given string) bool {
			if given == d.Breaks || slices.Contains(d.Also, given) {
				return true
			}
			q := requirement(r, given)
			return q != nil && red(q.Verdict) && !slices.Contains(through, given) && follows(r, d, given, through...)
		})
		if red(s.Verdict) && (s.Verdict != verdict.Inconclusive || !leans) {
			return false
		}
	}
	return true
}

func red(v verdict.Verdict) bool {
	return v != verdict.Pass && v != verdict.NotApplicable && v != verdict.Skipped
}

func requirement(r *reports.Report, id string) *reports.Requirement {
	for _, q := range r.Requirements {
		if q.ID == id && len(q.Scenarios) > 0 {
			return q
		}
	}
	return nil
}

func scenarios(r *reports.Report, id string) []*reports.Scenario {
	var found []*reports.Scenario
	for _, s := range r.Scenarios {
		if s.Requirement == id {
			found = append(found, s)
		}
	}
	return found
}

// failures is what the requirement's scenarios say that are red.
func failures(r *reports.Report, id string) string {
	var b strings.Builder
	for _, s := range scenarios(r, id) {
		if red(s.Verdict) {
			fmt.Fprintf(&b, "\t%s: %s: %s\n", s.Verdict, s.Location(), s.Finding)
		}
	}
	return b.String()
}

// row is a deviant's line in the table.
func row(d deviant.Deviant, r *reports.Report, took time.Duration) string {
	v, saw := "not run", ""
	if r != nil {
		if q := requirement(r, d.Breaks); q != nil {
			v = q.Verdict.String()
		}
		for _, s := range scenarios(r, d.Breaks) {
			if s.Observed == verdict.Fail && s.Finding != nil {
				saw, _, _ = strings.Cut(s.Finding.Got, "\n")
				break
			}
		}
	}
	return fmt.Sprintf("%s\t%s\t%s\t%.1f s\t%s", d.Name, d.Breaks, v, took.Seconds(), saw)
}

func tabulate(all []deviant.Deviant, rows map[int]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVIANT\tREQUIREMENT\tVERDICT\tTOOK\tSEEN")
	for i := range all {
		if line, ok := rows[i]; ok {
			fmt.Fprintln(w, line)
		}
	}
	_ = w.Flush()
	return b.String()
}

// TestTheTableIsWellFormed looks at the entries alone.
func TestTheTableIsWellFormed(t *testing.T) {
	c := catalogue(t)
	names := map[string]bool{}
	for _, d := range deviant.All() {
		if names[d.ID()] {
			t.Errorf("%s: there are two of this name", d.ID())
		}
		names[d.ID()] = true
		for _, id := range append([]string{d.Breaks}, d.Also...) {
			q, ok := c.Get(id)
			switch {
			case !ok:
				t.Errorf("%s: %s is not in the catalogue", d.ID(), id)
			case id == d.Breaks && !slices.Contains(q.Binds, d.Is()):
				t.Errorf("%s: %s does not bind a %s", d.ID(), id, d.Is())
			}
		}
		if slices.Contains(d.Also, d.Breaks) {
			t.Errorf("%s: Also names what it breaks", d.ID())
		}
	}
}

// TestEveryMustHasADeviant names the requirements for whose scenarios nobody has
// seen that they can fail. The list of those that have none may only shrink.
func TestEveryMustHasADeviant(t *testing.T) {
	c := catalogue(t)
	by, without := deviant.ByRequirement(), deviant.Without()
	for _, q := range c.All() {
		_, excused := without[q.ID]
		switch has := len(by[q.ID]) > 0; {
		case has && excused:
			t.Errorf("%s has a deviant: take it off the list of those that have none", q.ID)
		case !has && !excused && q.Level != verdict.Should:
			t.Errorf("%s has no deviant: %s", q.ID, q.Text)
		}
	}
	for id, reason := range without {
		if _, ok := c.Get(id); !ok {
			t.Errorf("%s is on the list of those without a deviant, and not in the catalogue", id)
		}
		if reason == "" {
			t.Errorf("%s has no deviant and no reason for that", id)
		}
	}
}

func catalogue(t *testing.T) *verdict.Catalogue {
	t.Helper()
	c, err := verdict.LoadCatalogue(features.FS, features.Requirements)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
