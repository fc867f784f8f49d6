// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

var update = flag.Bool("update", false, "write the golden files")

// fakeLab is a lab without anything in it.
type fakeLab struct {
	kind             lab.Kind
	openErr          error
	stageErr         error
	opened, closed   atomic.Int32
	stages, unclosed atomic.Int32
	mostOpen         atomic.Int32
}

func (l *fakeLab) open(context.Context) (lab.Lab, error) {
	if l.openErr != nil {
		return nil, l.openErr
	}
	open := l.opened.Add(1) - l.closed.Load()
	for most := l.mostOpen.Load(); open > most && !l.mostOpen.CompareAndSwap(most, open); most = l.mostOpen.Load() {
	}
	return l, nil
}

func (l *fakeLab) Kind() lab.Kind {
	if l.kind == "" {
		return lab.Embedded
	}
	return l.kind
}

func (l *fakeLab) About() []lab.Fact { return []lab.Fact{{Name: "fake", Value: "yes"}} }

func (l *fakeLab) Stage(_ context.Context, id string, log *trace.Log) (lab.Stage, error) {
	if l.stageErr != nil {
		return nil, l.stageErr
	}
	l.stages.Add(1)
	l.unclosed.Add(1)
	return &fakeStage{lab: l, id: id, log: log}, nil
}

func (l *fakeLab) Close(context.Context) error {
	l.closed.Add(1)
	return nil
}

// fakeStage is a stage on which numbers can be added up.
type fakeStage struct {
	lab.Stage
	lab       *fakeLab
	id        string
	log       *trace.Log
	sum       int
	unmatched bool
}

func (s *fakeStage) Trace() *trace.Log { return s.log }

func (s *fakeStage) Close(context.Context) error {
	s.lab.unclosed.Add(-1)
	if s.unmatched {
		return verdict.Failed("no request that belongs to no stub", "GET /nowhere")
	}
	return nil
}

// words is the vocabulary of the tests. Steps that hang do so until release is
// closed.
func words(release <-chan struct{}) *steps.Registry {
	r := steps.New()
	stage := func(w *steps.World) *fakeStage { return w.Stage.(*fakeStage) }
	add := func(expression string, takes steps.Argument, run func(context.Context, *steps.World, steps.Args) error) {
		r.Add(steps.Step{Expression: expression, Takes: takes, Run: run})
	}
	simply := func(err error) func(context.Context, *steps.World, steps.Args) error {
		return func(context.Context, *steps.World, steps.Args) error { return err }
	}
	add(`nothing happens`, steps.None, simply(nil))
	add(`it fails`, steps.None, simply(verdict.Failed("2.05 Content", "4.04 Not Found")))
	add(`it breaks`, steps.None, simply(errors.New("no route to host")))
	add(`it panics`, steps.None, func(context.Context, *steps.World, steps.Args) error { panic("out of cheese") })
	add(`it ends its goroutine`, steps.None, func(context.Context, *steps.World, steps.Args) error {
		runtime.Goexit()
		return nil
	})
	add(`it hangs`, steps.None, func(context.Context, *steps.World, steps.Args) error {
		<-release
		return nil
	})
	add(`it waits for its context`, steps.None, func(ctx context.Context, _ *steps.World, _ steps.Args) error {
		<-ctx.Done()
		return ctx.Err()
	})
	add(`it awaits a message`, steps.None, func(ctx context.Context, _ *steps.World, _ steps.Args) error {
		<-ctx.Done()
		return verdict.Failed("a message", "none")
	})
	add(`it is skipped because {string}`, steps.None, func(_ context.Context, _ *steps.World, a steps.Args) error {
		return &verdict.Finding{Verdict: verdict.Skipped, Reason: a.String(0)}
	})
	add(`it does not apply`, steps.None, simply(verdict.DoesNotApply("the lab has no journal")))
	add(`it cannot be judged`, steps.None, simply(verdict.CannotJudge(errors.New("refused"), "the session could not be opened")))
	r.Add(steps.Step{Expression: `the precondition breaks`, Precondition: true, Run: simply(verdict.Failed("a session", "an alert"))})
	add(`it leaves an unmatched request`, steps.None, func(_ context.Context, w *steps.World, _ steps.Args) error {
		stage(w).unmatched = true
		return nil
	})
	add(`the number {int}`, steps.None, func(_ context.Context, w *steps.World, a steps.Args) error {
		stage(w).sum += a.Int(0)
		return nil
	})
	add(`the sum is {int}`, steps.None, func(_ context.Context, w *steps.World, a steps.Args) error {
		if got := stage(w).sum; got != a.Int(0) {
			return verdict.Failed(fmt.Sprint(a.Int(0)), fmt.Sprint(got))
		}
		return nil
	})
	add(`the text`, steps.DocString, func(_ context.Context, _ *steps.World, a steps.Args) error {
		if text, _ := a.DocString(); !strings.Contains(text, "Scenario: not one") {
			return verdict.Failed("the whole text", text)
		}
		return nil
	})
	add(`the table`, steps.Table, func(_ context.Context, _ *steps.World, a steps.Args) error {
		if diff := cmp.Diff([][]string{{"1", "2"}, {"3", "4"}}, a.Table()); diff != "" {
			return verdict.Failed("the table", diff)
		}
		return nil
	})
	add(`the code {code}`, steps.None, simply(nil))
	add(`{int} things`, steps.None, simply(nil))
	add(`{word} things`, steps.None, simply(nil))
	return r
}

// testOptions is options for a run of files in testdata, in a fake lab.
func testOptions(t *testing.T, l *fakeLab, paths ...string) Options {
	t.Helper()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	catalogue, err := verdict.LoadCatalogue(os.DirFS("testdata"), "requirements")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Features: os.DirFS("testdata"), Paths: paths, Lab: l.open, Catalogue: catalogue, Vocabulary: words(release),
		Seed: 1, LagBudget: time.Hour, Once: true, stepGrace: 50 * time.Millisecond,
	}
}

func mustRun(t *testing.T, o Options) *reports.Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdicts is name → verdict.
func verdicts(r *reports.Report) map[string]string {
	m := map[string]string{}
	for _, s := range r.Scenarios {
		m[s.Name] = s.Verdict.String()
	}
	return m
}

func scenario(t *testing.T, r *reports.Report, name string) *reports.Scenario {
	t.Helper()
	for _, s := range r.Scenarios {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the report has no scenario %q", name)
	return nil
}

func TestEveryEndOfAStepHasItsVerdict(t *testing.T) {
	l := new(fakeLab)
	o := testOptions(t, l, "verdicts.feature")
	o.StepTimeout = 200 * time.Millisecond
	r := mustRun(t, o)
	want := map[string]string{
		"pass": "pass", "fail": "fail", "panic": "error", "goexit": "error", "hang": "error", "timeout": "error", "plain error": "error",
		"skipped": "skipped", "not applicable": "not-applicable", "inconclusive": "inconclusive", "precondition": "inconclusive",
		"dirty stage": "fail", "unexpected notes": "fail",
	}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if r.ExitCode != reports.ExitFailed {
		t.Errorf("exit code %d (%s), want 4", r.ExitCode, r.ExitReason)
	}
	if l.unclosed.Load() != 0 || l.opened.Load() != 1 || l.closed.Load() != 1 {
		t.Errorf("stages left open %d, labs opened %d, closed %d: want 0, 1, 1", l.unclosed.Load(), l.opened.Load(), l.closed.Load())
	}
	findings := map[string][]string{
		"panic":            {"out of cheese"},
		"goexit":           {"ended its goroutine"},
		"hang":             {"the step's time of 200ms was over", "did not end within"},
		"timeout":          {"the step's time of 200ms was over", "deadline exceeded"},
		"plain error":      {"the step broke", "no route to host"},
		"skipped":          {"the moon is full"},
		"not applicable":   {"the lab has no journal"},
		"inconclusive":     {"the session could not be opened", "refused"},
		"fail":             {"expected 2.05 Content, got 4.04 Not Found"},
		"dirty stage":      {"GET /nowhere"},
		"unexpected notes": {"4.04 Not Found"},
	}
	for name, parts := range findings {
		for _, part := range parts {
			if got := scenario(t, r, name).Finding.String(); !strings.Contains(got, part) {
				t.Errorf("%s: finding %q does not say %q", name, got, part)
			}
		}
	}
	for _, name := range []string{"panic", "hang"} {
		if got := scenario(t, r, name).Finding.Stack; !strings.Contains(got, "run_test.go") {
			t.Errorf("%s: the stack does not lead to the step:\n%s", name, got)
		}
	}
	if notes := scenario(t, r, "unexpected notes").Notes; len(notes) != 1 || !strings.Contains(notes[0], "/nowhere") {
		t.Errorf("notes %q, want the unmatched request", notes)
	}
	var statuses []reports.Status
	for _, st := range scenario(t, r, "fail").Steps {
		statuses = append(statuses, st.Status)
	}
	if diff := cmp.Diff([]reports.Status{reports.Passed, reports.Failed, reports.NotRun}, statuses); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestOneFaultTurnsOneRequirementRed(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature")
	o.Capabilities = []string{"swimming"}
	r := mustRun(t, o)
	want := map[string]string{
		"the root": "fail", "the root, in another way": "pass", "a SHOULD": "warning", "leans on the root": "inconclusive",
		"leans on what leans on the root": "inconclusive", "leans on the root and passes": "pass",
		"of a device": "not-applicable", "of a capability": "not-applicable",
	}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	requirements := map[string]string{}
	for _, q := range r.Requirements {
		requirements[q.ID] = q.Verdict.String()
	}
	wantRequirements := map[string]string{
		"T-1-01": "fail", "T-1-02": "warning", "T-1-03": "inconclusive", "T-1-04": "inconclusive", "T-2-01": "not-applicable", "T-2-02": "not-applicable",
	}
	if diff := cmp.Diff(wantRequirements, requirements); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"T-3-01"}, r.Untested); diff != "" {
		t.Errorf("untested (-want +got):\n%s", diff)
	}
	if notes := scenario(t, r, "leans on the root").Notes; len(notes) != 1 || !strings.Contains(notes[0], "T-1-01") {
		t.Errorf("notes %q, want the requirement that failed before", notes)
	}
	if r.ExitCode != reports.ExitFailed || !strings.Contains(r.ExitReason, "T-1-01") || strings.Contains(r.ExitReason, "T-1-03") {
		t.Errorf("exit %d: %s; want 4 for T-1-01 alone", r.ExitCode, r.ExitReason)
	}
}

func TestTwoThatLeanOnEachOtherBothStayFailed(t *testing.T) {
	r := mustRun(t, testOptions(t, new(fakeLab), "cycle.feature"))
	if diff := cmp.Diff(map[string]string{"one": "fail", "the other": "fail"}, verdicts(r)); diff != "" {
		t.Error(diff)
	}
}

func TestARowOfAnOutlineRunsAlone(t *testing.T) {
	tests := []struct {
		path string
		tags string
		want []string // names with rows
	}{
		{"outline.feature", "", []string{
			"The sum of 1 and 1 [a = 1 sum = 2]", "The sum of 2 and 1 [a = 2 sum = 3]", "The sum of 40 and 1 [a = 40 sum = 41]",
			"A doc string that looks like Gherkin []", "One scenario in the rule []", "Another one in the rule []", "In the second rule []",
		}},
		{"outline.feature:23", "", []string{"The sum of 2 and 1 [a = 2 sum = 3]"}},
		{"outline.feature:12", "", []string{"The sum of 1 and 1 [a = 1 sum = 2]", "The sum of 2 and 1 [a = 2 sum = 3]", "The sum of 40 and 1 [a = 40 sum = 41]"}},
		{"outline.feature:39", "", []string{"One scenario in the rule []", "Another one in the rule []"}},
		{"outline.feature:50", "", []string{"Another one in the rule []"}},
		{".", "@more and @rows", []string{"The sum of 40 and 1 [a = 40 sum = 41]"}},
		{"outline.feature", "@rule and not @tag-one", []string{"One scenario in the rule []"}},
	}
	for _, tt := range tests {
		t.Run(tt.path+tt.tags, func(t *testing.T) {
			o := testOptions(t, new(fakeLab), tt.path)
			if tt.path == "." {
				text, err := os.ReadFile("testdata/outline.feature")
				if err != nil {
					t.Fatal(err)
				}
				o.Features = fstest.MapFS{"a/outline.feature": {Data: text}, "a/notes.txt": {Data: []byte("no feature")}}
			}
			o.Tags = tt.tags
			r := mustRun(t, o)
			var names []string
			for _, s := range r.Scenarios {
				names = append(names, fmt.Sprint(s.Name, " ", s.Row))
				if s.Verdict != verdict.Pass {
					t.Errorf("%s: %s: %s", s.Name, s.Verdict, s.Finding)
				}
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("scenarios (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsRunAloneKeepsItsLines(t *testing.T) {
	text, err := os.ReadFile("testdata/outline.feature")
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := parse(&source{name: "outline.feature", text: text})
	if problems != nil {
		t.Fatal(problems)
	}
	for _, p := range doc.scenarios {
		alone, problems := parse(&source{name: "outline.feature", text: p.isolated()})
		if problems != nil {
			t.Errorf("%s: %v", p.scenario.Name, problems)
			continue
		}
		if len(alone.scenarios) != 1 {
			t.Errorf("%s: %d scenarios are left, want 1", p.scenario.Name, len(alone.scenarios))
			continue
		}
		if diff := cmp.Diff(p.scenario, alone.scenarios[0].scenario); diff != "" {
			t.Errorf("%s is not the same alone (-want +got):\n%s", p.scenario.Name, diff)
		}
	}
}

func TestProblemsOfFeaturesAreNamedWithTheirLines(t *testing.T) {
	for _, name := range []string{"undefined", "broken", "empty", "tags"} {
		t.Run(name, func(t *testing.T) {
			l := new(fakeLab)
			o := testOptions(t, l, name+".feature")
			o.DryRun = name == "undefined"
			_, err := Run(t.Context(), o)
			var fe *FeaturesError
			if !errors.As(err, &fe) || ExitCode(err) != reports.ExitFeatures {
				t.Fatalf("error %v, exit code %d: want a *FeaturesError, 2", err, ExitCode(err))
			}
			if l.opened.Load() != 0 {
				t.Error("a lab was opened")
			}
			golden(t, name+".golden", []byte(err.Error()+"\n"))
		})
	}
}

func TestAFileWithoutScenariosIsAProblem(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "comment": "# later\n", "feature": "Feature: to be written\n"} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, new(fakeLab))
			o.Features = fstest.MapFS{"a.feature": {Data: []byte(text)}}
			if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitFeatures {
				t.Errorf("error %v, want exit code 2", err)
			}
		})
	}
}

// golden compares with a golden file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := map[string]func(*Options){
		"profile":      func(o *Options) { o.Profile = "quick" },
		"role":         func(o *Options) { o.Role = "toaster" },
		"workers":      func(o *Options) { o.Workers = -1 },
		"step timeout": func(o *Options) { o.StepTimeout = -1 },
		"tags":         func(o *Options) { o.Tags = "@a and and" },
		"no such":      func(o *Options) { o.Paths = []string{"nowhere.feature"} },
		"lines":        func(o *Options) { o.Paths = []string{"outline.feature:999"} },
		"folder":       func(o *Options) { o.Paths = []string{"requirements:3"} },
		"reason":       func(o *Options) { o.Skip = map[string]string{"T-1-01": ""} },
		"requirement":  func(o *Options) { o.Skip = map[string]string{"T-9-01": "why"} },
	}
	for part, spoil := range tests {
		t.Run(part, func(t *testing.T) {
			o := testOptions(t, new(fakeLab), "outline.feature")
			spoil(&o)
			_, err := Run(t.Context(), o)
			if ExitCode(err) != reports.ExitUsage || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, exit code %d: want %q in it, and 1", err, ExitCode(err), part)
			}
		})
	}
}

func TestNothingSelectedIsAnError(t *testing.T) {
	for name, choose := range map[string]func(*Options){
		"tags":    func(o *Options) { o.Tags = "@nosuch" },
		"profile": func(o *Options) { o.Profile = Smoke },
		"dry run": func(o *Options) { o.Tags, o.DryRun = "@nosuch", true },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, new(fakeLab), "outline.feature")
			choose(&o)
			if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitNothing {
				t.Errorf("error %v, want exit code 5", err)
			}
		})
	}
}

func TestNothingRunIsAnErrorWithAReport(t *testing.T) {
	l := new(fakeLab)
	o := testOptions(t, l, "given.feature")
	o.Tags = "@T-2-01 or @T-3-01"
	r, err := Run(t.Context(), o)
	if ExitCode(err) != reports.ExitNothing || r == nil || r.ExitCode != reports.ExitNothing {
		t.Errorf("error %v: want exit code 5, and a report that says so", err)
	}
	if l.opened.Load() != 0 {
		t.Error("a lab was opened for nothing")
	}
}

func TestADryRunOpensNoLab(t *testing.T) {
	l := new(fakeLab)
	o := testOptions(t, l, "outline.feature", "given.feature")
	o.DryRun = true
	r := mustRun(t, o)
	if l.opened.Load() != 0 || r.ExitCode != 0 || !r.DryRun {
		t.Errorf("labs opened %d, exit code %d: want none and 0", l.opened.Load(), r.ExitCode)
	}
	var b bytes.Buffer
	if err := reports.WriteText(&b, r, reports.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.golden", b.Bytes())
}

func TestASkippedRequirementKeepsItsReason(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature")
	o.Skip = map[string]string{"T-1-01": "the device is on loan"}
	s := scenario(t, mustRun(t, o), "the root")
	if s.Verdict != verdict.Skipped || s.Finding.Reason != "the device is on loan" || s.Ran() {
		t.Errorf("%s (%s), ran %t: want skipped, with the reason", s.Verdict, s.Finding, s.Ran())
	}
}

func TestALabThatCannotOpen(t *testing.T) {
	l := &fakeLab{openErr: errors.New("port 5683 is taken")}
	r, err := Run(t.Context(), testOptions(t, l, "outline.feature"))
	if ExitCode(err) != reports.ExitEnvironment || !strings.Contains(err.Error(), "port 5683 is taken") {
		t.Errorf("error %v, exit code %d: want the cause, and 3", err, ExitCode(err))
	}
	if r == nil || r.ExitCode != reports.ExitEnvironment || r.Counts.ByVerdict[verdict.Skipped] != 7 {
		t.Errorf("report %+v: want all seven skipped, exit code 3", r)
	}
}

func TestALabThatPanics(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	o.Lab = func(context.Context) (lab.Lab, error) { panic("no cheese") }
	if _, err := Run(t.Context(), o); ExitCode(err) != reports.ExitEnvironment || !strings.Contains(err.Error(), "no cheese") {
		t.Errorf("error %v, want exit code 3", err)
	}
}

func TestAStageThatCannotBeMadeIsNotTheTargetsFault(t *testing.T) {
	l := &fakeLab{stageErr: errors.New("the gateway's API is gone")}
	r := mustRun(t, testOptions(t, l, "outline.feature"))
	if r.ExitCode != reports.ExitEnvironment || r.Counts.ByVerdict[verdict.Error] != 7 {
		t.Errorf("exit code %d, %v: want 3 and seven errors", r.ExitCode, r.Counts.ByVerdict)
	}
}

func TestProfiles(t *testing.T) {
	for profile, want := range map[Profile]int{Smoke: 1, Standard: 4, Full: 5, "": 4} {
		o := testOptions(t, new(fakeLab), "profiles.feature")
		o.Profile = profile
		if r := mustRun(t, o); len(r.Scenarios) != want {
			t.Errorf("profile %q: %d scenarios, want %d", profile, len(r.Scenarios), want)
		}
	}
}

func TestOwnLabsAreOpenedAndClosed(t *testing.T) {
	shared, own := new(fakeLab), new(fakeLab)
	o := testOptions(t, shared, "profiles.feature")
	o.OwnLab = own.open
	mustRun(t, o)
	if shared.opened.Load() != 1 || own.opened.Load() != 2 || own.closed.Load() != 2 || own.stages.Load() != 2 {
		t.Errorf("shared opened %d, own opened %d, closed %d, stages %d: want 1, 2, 2, 2", shared.opened.Load(), own.opened.Load(), own.closed.Load(), own.stages.Load())
	}
}

func TestFewOwnLabsAreOpenAtOnce(t *testing.T) {
	var text strings.Builder
	text.WriteString("@own-lab\nFeature: many labs\n")
	for i := range 40 {
		fmt.Fprintf(&text, "  Scenario: %d\n    Given it waits for its context\n", i)
	}
	own := new(fakeLab)
	o := testOptions(t, own)
	o.StepTimeout = 10 * time.Millisecond
	o.Features = fstest.MapFS{"a.feature": {Data: []byte(text.String())}}
	mustRun(t, o)
	if most := own.mostOpen.Load(); most != maxOwnLabs || own.opened.Load() != 40 {
		t.Errorf("%d labs were open at once, %d in all: want %d, and 40", most, own.opened.Load(), maxOwnLabs)
	}
}

func TestAnOwnLabThatCannotOpenIsAnError(t *testing.T) {
	o := testOptions(t, new(fakeLab), "profiles.feature")
	o.OwnLab = (&fakeLab{openErr: errors.New("no room")}).open
	s := scenario(t, mustRun(t, o), "alone")
	if s.Verdict != verdict.Error || !strings.Contains(s.Finding.String(), "no room") {
		t.Errorf("%s: %s; want error, no room", s.Verdict, s.Finding)
	}
}

func TestAnExternalTargetGivesNoOwnLab(t *testing.T) {
	for _, tags := range []string{"", "@own-lab"} {
		o := testOptions(t, &fakeLab{kind: lab.External}, "profiles.feature")
		o.Tags = tags
		r, err := Run(t.Context(), o)
		if r == nil {
			t.Fatal(err)
		}
		if s := scenario(t, r, "alone"); s.Verdict != verdict.NotApplicable {
			t.Errorf("tags %q: %s, want not-applicable", tags, s.Verdict)
		}
	}
}

func TestFailFastStartsNothingMore(t *testing.T) {
	o := testOptions(t, new(fakeLab), "verdicts.feature")
	o.Tags, o.Workers, o.FailFast, o.StepTimeout = "", 1, true, 100*time.Millisecond
	r := mustRun(t, o)
	ran := 0
	for _, s := range r.Scenarios {
		if s.Ran() {
			ran++
		} else if s.Verdict != verdict.Skipped || !strings.Contains(s.Finding.Reason, "fail-fast") {
			t.Errorf("%s: %s (%s), want skipped by fail-fast", s.Name, s.Verdict, s.Finding)
		}
	}
	if ran == 0 || ran == len(r.Scenarios) || r.ExitCode == 0 {
		t.Errorf("%d of %d ran, exit code %d", ran, len(r.Scenarios), r.ExitCode)
	}
}

// order is the names of the scenarios as they started.
func order(t *testing.T, o Options) []string {
	t.Helper()
	var names []string
	o.Workers = 1
	o.Observer = func(e Event) {
		if e.Kind == ScenarioStarted {
			names = append(names, e.Scenario.Name)
		}
	}
	mustRun(t, o)
	return names
}

func TestTheSeedDecidesTheOrder(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	first := order(t, o)
	if diff := cmp.Diff(first, order(t, o)); diff != "" {
		t.Errorf("the same seed gave another order:\n%s", diff)
	}
	for seed := range uint64(20) {
		if o.Seed = seed + 2; !cmp.Equal(first, order(t, o)) {
			return
		}
	}
	t.Error("20 other seeds gave the same order")
}

func TestTheLongOnesStartFirst(t *testing.T) {
	o := testOptions(t, new(fakeLab), "profiles.feature")
	o.Profile = Full
	got := order(t, o)
	if got[0] != "long" || !strings.HasPrefix(got[1], "alone") || !strings.HasPrefix(got[2], "alone") {
		t.Errorf("order %q: want long first, then those with a lab of their own", got)
	}
}

func TestASeedIsPickedAndTold(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	o.Seed = 0
	if r := mustRun(t, o); r.Seed == 0 {
		t.Error("the report does not say the seed")
	}
}

func TestManyWorkersKeepScenariosApart(t *testing.T) {
	var text strings.Builder
	text.WriteString("Feature: many\n  Background:\n    Given the number 1\n  Scenario Outline: sum\n    When the number <n>\n    Then the sum is <sum>\n    Examples:\n      | n | sum |\n")
	const n = 300
	for i := range n {
		fmt.Fprintf(&text, "      | %d | %d |\n", i, i+1)
	}
	l := new(fakeLab)
	o := testOptions(t, l)
	o.Features, o.Workers = fstest.MapFS{"a.feature": {Data: []byte(text.String())}}, 64
	r := mustRun(t, o)
	if r.Counts.ByVerdict[verdict.Pass] != n || l.stages.Load() != n || l.unclosed.Load() != 0 {
		t.Errorf("%v, %d stages, %d left open: want %d passes", r.Counts.ByVerdict, l.stages.Load(), l.unclosed.Load(), n)
	}
}

func TestTheObserverIsToldInOrder(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	var kinds []EventKind
	started := map[string]bool{}
	done := 0
	o.Observer = func(e Event) {
		kinds = append(kinds, e.Kind)
		switch e.Kind {
		case ScenarioStarted:
			started[e.Scenario.ID] = true
		case ScenarioEnded:
			done++
			if !started[e.Scenario.ID] || e.Done != done || e.Total != 7 {
				t.Errorf("%s ended: started %t, %d of %d done", e.Scenario.ID, started[e.Scenario.ID], e.Done, e.Total)
			}
		case Planned, LabOpened, Judged:
		}
	}
	mustRun(t, o)
	if len(kinds) != 3+2*7 || kinds[0] != Planned || kinds[1] != LabOpened || kinds[len(kinds)-1] != Judged {
		t.Errorf("events %v", kinds)
	}
}

func TestAnInterruptedRunBlamesNobody(t *testing.T) {
	l := new(fakeLab)
	o := testOptions(t, l)
	o.Features = fstest.MapFS{"a.feature": {Data: []byte("Feature: f\n  Scenario: waits\n    When it awaits a message\n  Scenario: comes too late\n    When nothing happens\n")}}
	o.Workers = 1
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	var running string
	o.Observer = func(e Event) {
		if e.Kind == ScenarioStarted && e.Scenario.Name == "waits" {
			running = e.Scenario.ID
			once.Do(func() { time.AfterFunc(20*time.Millisecond, cancel) })
		}
	}
	r, err := Run(ctx, o)
	if ExitCode(err) != reports.ExitEnvironment || r == nil {
		t.Fatalf("error %v: want exit code 3, and a report", err)
	}
	if s := scenario(t, r, "waits"); running == "" || s.Verdict != verdict.Skipped || !strings.Contains(s.Finding.String(), "interrupted") {
		t.Errorf("%s: %s; want skipped, interrupted", s.Verdict, s.Finding)
	}
	if l.closed.Load() != 1 || l.unclosed.Load() != 0 {
		t.Error("the lab or a stage was left open")
	}
}

func TestAFailureOfALateHarnessIsItsOwn(t *testing.T) {
	o := testOptions(t, new(fakeLab), "verdicts.feature:7") // the scenario "fail"
	o.LagBudget = time.Nanosecond
	o.Vocabulary = words(nil)
	o.Features = fstest.MapFS{"verdicts.feature": {Data: []byte("Feature: f\n\n\n\n\n\n  Scenario: fail\n    When it fails\n")}}
	r, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	j := r.plan.jobs[0]
	s := j.result
	now := time.Now()
	s.StartedAt, s.Verdict = now.Add(-time.Second), verdict.Fail
	r.lag = &lagWatch{due: now.Add(-300 * time.Millisecond)} // the tick that was due then has not come
	r.ended(t.Context(), j)
	if s.Verdict != verdict.Error || s.Lag < 300*time.Millisecond || len(s.Notes) != 1 {
		t.Errorf("%s, lag %s, notes %q: want error for more than 300 ms", s.Verdict, s.Lag, s.Notes)
	}
}

func TestADropOfTheHarnessIsItsOwnFault(t *testing.T) {
	o := testOptions(t, new(fakeLab))
	o.Features = fstest.MapFS{"a.feature": {Data: []byte("Feature: f\n  Scenario: drops and fails\n    When a datagram is lost\n    Then it fails\n" +
		"  Scenario: drops and passes\n    When a datagram is lost\n  Scenario: fails\n    When it fails\n")}}
	o.Vocabulary.Add(steps.Step{Expression: `a datagram is lost`, Run: func(_ context.Context, w *steps.World, _ steps.Args) error {
		w.Stage.Trace().Dropped(3)
		return nil
	}})
	r := mustRun(t, o)
	want := map[string]string{"drops and fails": "error", "drops and passes": "pass", "fails": "fail"}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if s := scenario(t, r, "drops and fails"); s.Drops != 3 || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "3 datagrams") {
		t.Errorf("%d drops, notes %q: want 3, and a note that says so", s.Drops, s.Notes)
	}
}

func TestLagIsThatOfTheTimeAsked(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	w := &lagWatch{due: at(10_000), late: []lateTick{{at(100), 400 * time.Millisecond}, {at(1000), 50 * time.Millisecond}}}
	for _, tt := range []struct{ from, to, longest, sum int }{
		{0, 50, 0, 0}, {0, 150, 400, 400}, {400, 450, 400, 400}, {600, 900, 0, 0}, {600, 2000, 50, 50}, {0, 2000, 400, 450}, {0, 10_100, 400, 450}, {9000, 10_100, 100, 100},
	} {
		longest, sum := w.between(at(tt.from), at(tt.to))
		if ms := time.Millisecond; longest != time.Duration(tt.longest)*ms || sum != time.Duration(tt.sum)*ms {
			t.Errorf("between %d and %d ms: %s, in all %s, want %d and %d ms", tt.from, tt.to, longest, sum, tt.longest, tt.sum)
		}
	}
}

// Forty lags of 30 ms, one each 100 ms: no more than 20 of them fall into 2 s.
func TestLagsAddUpWithinTwoSeconds(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	w := &lagWatch{due: at(10_000)}
	for i := range 40 {
		w.late = append(w.late, lateTick{at(100 * i), 30 * time.Millisecond})
	}
	for _, tt := range []struct{ from, to, sum int }{{0, 5000, 600}, {0, 1000, 300}, {3000, 5000, 300}, {500, 2000, 450}} {
		longest, sum := w.between(at(tt.from), at(tt.to))
		if ms := time.Millisecond; longest != 30*ms || sum != time.Duration(tt.sum)*ms {
			t.Errorf("between %d and %d ms: %s, in all %s, want 30 and %d ms", tt.from, tt.to, longest, sum, tt.sum)
		}
	}
}

func TestTheDigestIsOfWhatWasRun(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	one, again := mustRun(t, o), mustRun(t, o)
	o.Paths = []string{"profiles.feature"}
	other := mustRun(t, o)
	if one.Suite.Digest != again.Suite.Digest || one.Suite.Digest == other.Suite.Digest || !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(one.Suite.Digest) {
		t.Errorf("digests %s, %s, %s: want the first two alike", one.Suite.Digest, again.Suite.Digest, other.Suite.Digest)
	}
}

func TestTheReportCanBeReadAgain(t *testing.T) {
	o := testOptions(t, new(fakeLab), "verdicts.feature", "given.feature")
	o.StepTimeout = 100 * time.Millisecond
	r := mustRun(t, o)
	var b bytes.Buffer
	if err := reports.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	read, err := reports.ReadJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := reports.WriteJSON(&again, read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), again.String()); diff != "" {
		t.Errorf("not the same (-want +got):\n%s", diff)
	}
}

// helper is the environment variable with which a test runs this binary again.
const helper = "COAPSTONE_TEST_HELPER"

// A suite with every verdict, for a binary that is run again.
func TestHelperSuite(t *testing.T) {
	if os.Getenv(helper) == "" {
		return
	}
	o := testOptions(t, new(fakeLab), "verdicts.feature", "given.feature")
	o.StepTimeout = 100 * time.Millisecond
	o.Observer = func(e Event) {
		if e.Kind == ScenarioStarted {
			t.Logf("started %s", e.Scenario.Name)
		}
	}
	Test(t, o)
}

func TestSubtestsTellTheirVerdicts(t *testing.T) {
	tests := []struct {
		run  string
		code int
		want []string // the subtests with their results
	}{
		{"TestHelperSuite/verdicts/^(pass|fail)$", 1, []string{"FAIL verdicts/fail", "PASS verdicts/pass"}},
		{"TestHelperSuite/verdicts/pass$", 0, []string{"PASS verdicts/pass"}},
		{"TestHelperSuite/verdicts/^(skipped|not_applicable|inconclusive|panic)$", 1, []string{
			"FAIL verdicts/inconclusive", "FAIL verdicts/panic", "SKIP verdicts/not_applicable", "SKIP verdicts/skipped",
		}},
		{"TestHelperSuite/given/a_SHOULD", 0, []string{"PASS given/a_SHOULD"}},
		{"TestHelperSuite/given/^leans_on_the_root$", 1, []string{"FAIL given/leans_on_the_root"}},
	}
	result := regexp.MustCompile(`--- (\w+): TestHelperSuite/(\S+)`)
	for _, tt := range tests {
		t.Run(tt.run, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", tt.run)
			cmd.Env = append(os.Environ(), helper+"=1")
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code %d (%v), want %d:\n%s", code, err, tt.code, out)
			}
			var got []string
			for _, m := range result.FindAllSubmatch(out, -1) {
				if name := string(m[2]); strings.Contains(name, "/") {
					got = append(got, string(m[1])+" "+name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("subtests (-want +got):\n%s\n%s", diff, out)
			}
			if n := bytes.Count(out, []byte("started ")); n != len(tt.want) {
				t.Errorf("%d scenarios were started, want %d", n, len(tt.want))
			}
			if strings.Contains(tt.run, "fail") && !bytes.Contains(out, []byte("expected  2.05 Content")) {
				t.Errorf("the failure does not explain itself:\n%s", out)
			}
		})
	}
}

// The suite as subtests of a Go test: all that can pass do.
func TestScenariosAsSubtests(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature", "profiles.feature")
	Test(t, o)
}
