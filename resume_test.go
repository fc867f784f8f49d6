// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

// manyFeature has rows with every verdict that a step can give at once.
func manyFeature(n int) fstest.MapFS {
	ends := []string{"nothing happens", "it fails", "it cannot be judged", "it does not apply", "it breaks", `it is skipped because "of the moon"`}
	var b strings.Builder
	b.WriteString("Feature: many\n")
	for i := range n {
		fmt.Fprintf(&b, "  Scenario: s%02d\n    Given it takes a moment\n    Then %s\n", i, ends[i%len(ends)])
	}
	return fstest.MapFS{"many.feature": {Data: []byte(b.String())}}
}

// manyOptions are options for a run of them, one after the other.
func manyOptions(t *testing.T, n int) Options {
	t.Helper()
	o := testOptions(t, new(fakeLab))
	o.Features, o.Workers = manyFeature(n), 2
	o.Vocabulary.Add(steps.Step{Expression: "it takes a moment", Run: func(ctx context.Context, _ *steps.World, _ steps.Args) error {
		moment := time.NewTimer(2 * time.Millisecond)
		defer moment.Stop()
		select {
		case <-moment.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	return o
}

// sittingOf is the sitting of a run with these options.
func sittingOf(t *testing.T, o Options) Sitting {
	t.Helper()
	suite, edition, err := Digest(o)
	if err != nil {
		t.Fatal(err)
	}
	return Sitting{At: time.Now(), Suite: suite, Edition: edition, Target: "lamp", Role: "gateway"}
}

// withJournal begins a journal, or goes on with it.
func withJournal(t *testing.T, o *Options, name string) *Journal {
	t.Helper()
	open := CreateJournal
	if _, err := os.Stat(name); err == nil {
		open = ResumeJournal
	}
	j, err := open(name, sittingOf(t, *o))
	if err != nil {
		t.Fatal(err)
	}
	o.Judged, o.Record = j.Judged, j.Record
	return j
}

// settled says whether a later sitting leaves a scenario with this verdict alone.
func settled(v string) bool { return v == "pass" || v == "fail" || v == "not-applicable" }

func TestAnInterruptedRunGoesOnWhereItWasAndRunsNothingTwice(t *testing.T) {
	const n = 24
	want := verdicts(mustRun(t, manyOptions(t, n)))
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	judged := map[string]bool{}
	var last *reports.Report
	for sitting := 0; last == nil || last.Partial; sitting++ {
		if sitting > 3 {
			t.Fatal("it does not come to its end, although nobody interrupts it")
		}
		o := manyOptions(t, n)
		j := withJournal(t, &o, name)
		ctx, cancel := context.WithCancel(t.Context())
		o.Observer = func(e Event) {
			switch e.Kind {
			case ScenarioStarted:
				if judged[e.Scenario.Name] {
					t.Errorf("%s had its verdict, and was run again", e.Scenario.Name)
				}
			case ScenarioEnded:
				judged[e.Scenario.Name] = Settled(e.Scenario)
				if e.Done >= 4 && sitting < 3 {
					cancel()
				}
			case Planned, LabOpened, Judged:
			}
		}
		var err error
		last, err = Run(ctx, o)
		cancel()
		if code := ExitCode(err); last.Partial != (code == reports.ExitEnvironment) {
			t.Fatalf("partial %t, exit code %d (%v)", last.Partial, code, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, verdicts(last)); diff != "" {
		t.Errorf("verdicts (-uninterrupted +in sittings):\n%s", diff)
	}
	j, err := ReadJournal(name, sittingOf(t, manyOptions(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Sittings) != 4 {
		t.Errorf("%d sittings, want 4", len(j.Sittings))
	}
	for place, s := range j.Judged {
		if !settled(s.Verdict.String()) {
			t.Errorf("%s: a verdict %s stands in the journal", place, s.Verdict)
		}
	}
}

// A step that watches that nothing comes passes when its time is over: when the
// run ends first it has not watched.
func TestAnInterruptedWatchIsNoPass(t *testing.T) {
	o := testOptions(t, new(fakeLab))
	o.Vocabulary.Add(steps.Step{Expression: "nothing comes", Run: func(ctx context.Context, _ *steps.World, _ steps.Args) error {
		<-ctx.Done()
		return nil
	}})
	o.Features = fstest.MapFS{"a.feature": {Data: []byte("Feature: f\n  Scenario: watches\n    Then nothing comes\n")}}
	ctx, cancel := context.WithCancel(t.Context())
	o.Observer = func(e Event) {
		if e.Kind == ScenarioStarted {
			cancel()
		}
	}
	o.Record = func(s *reports.Scenario) error {
		t.Errorf("%s stands in the journal", s.Verdict)
		return nil
	}
	r, err := Run(ctx, o)
	if ExitCode(err) != reports.ExitEnvironment || !r.Partial || r.Scenarios[0].Verdict != verdict.Skipped {
		t.Errorf("error %v, partial %t, %s", err, r.Partial, r.Scenarios[0].Verdict)
	}
}

// journalHelper names the journal for a binary that is run again.
const journalHelper = "COAPSTONE_TEST_JOURNAL"

// A run with a journal that says what it does, for a binary that is killed.
func TestHelperJournal(t *testing.T) {
	name := os.Getenv(journalHelper)
	if name == "" {
		return
	}
	o := manyOptions(t, 60)
	withJournal(t, &o, name)
	o.Observer = func(e Event) {
		switch e.Kind {
		case ScenarioStarted:
			fmt.Fprintf(os.Stdout, "started %s\n", e.Scenario.Name)
		case ScenarioEnded:
			fmt.Fprintf(os.Stdout, "ended %s %s\n", e.Scenario.Name, e.Scenario.Verdict)
		case Planned, LabOpened, Judged:
		}
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(verdicts(r))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "verdicts %s\n", b)
}

// killed runs the helper, and kills it once so many scenarios have ended; 0 lets
// it come to its end. It hands each line to see.
func killed(t *testing.T, journal string, after int, see func(word, rest string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHelperJournal$")
	cmd.Env = append(os.Environ(), journalHelper+"="+journal)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		see(word, rest)
		if word == "ended" {
			n++
		}
		if after > 0 && n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			after = -1 // what is in the pipe was said before
		}
	}
	if err := cmd.Wait(); (err != nil) != (after < 0) {
		t.Fatalf("the helper ended with %v", err)
	}
}

func TestAKilledRunGoesOnWhereItWasAndRunsNothingTwice(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal.jsonl")
	judged := map[string]bool{}
	see := func(word, rest string) {
		name, v, _ := strings.Cut(rest, " ")
		switch {
		case word == "started" && judged[name]:
			t.Errorf("%s had its verdict, and was run again", name)
		case word == "ended" && settled(v):
			judged[name] = true
		}
	}
	for _, after := range []int{1, 9, 20} {
		killed(t, journal, after, see)
	}
	got := map[string]string{}
	killed(t, journal, 0, func(word, rest string) {
		see(word, rest)
		if word == "verdicts" {
			if err := json.Unmarshal([]byte(rest), &got); err != nil {
				t.Fatal(err)
			}
		}
	})
	if diff := cmp.Diff(verdicts(mustRun(t, manyOptions(t, 60))), got); diff != "" {
		t.Errorf("verdicts (-uninterrupted +killed three times):\n%s", diff)
	}
}

func TestAReportMadeInTwoSittingsSaysWhatOneWouldHaveSaid(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature", "verdicts.feature")
	o.StepTimeout = 200 * time.Millisecond
	whole := mustRun(t, o)
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	first := withJournal(t, &o, name)
	mustRun(t, o)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := withJournal(t, &o, name)
	defer second.Close()
	again := mustRun(t, o)
	if diff := cmp.Diff(essence(whole), essence(again)); diff != "" {
		t.Errorf("reports (-one sitting +two):\n%s", diff)
	}
}

// essence is what a report says, without its times and what the harness says of
// where it broke.
func essence(r *reports.Report) []string {
	var all []string
	for _, s := range r.Scenarios {
		line := fmt.Sprintf("%s %s %s observed %s, notes %q", s.ID, s.Title(), s.Verdict, s.Observed, s.Notes)
		if s.Verdict != verdict.Error {
			line += " " + s.Finding.String()
		}
		for _, st := range s.Steps {
			line += " " + string(st.Status)
		}
		all = append(all, line)
	}
	for _, q := range r.Requirements {
		all = append(all, fmt.Sprintf("%s %s", q.ID, q.Verdict))
	}
	return append(all, fmt.Sprint(r.ExitCode, r.Counts))
}

func TestWhatTheOperatorLeavesOutNowIsLeftOut(t *testing.T) {
	o := testOptions(t, new(fakeLab), "given.feature")
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	j := withJournal(t, &o, name)
	r := mustRun(t, o)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, s := range r.Scenarios {
		if Settled(s) && s.Requirement != "" {
			id = s.Requirement
		}
	}
	j = withJournal(t, &o, name)
	defer j.Close()
	o.Skip = map[string]string{id: "not today"}
	for _, s := range mustRun(t, o).Scenarios {
		if s.Requirement == id && s.Verdict != verdict.Skipped {
			t.Errorf("%s: %s is %s, want skipped", id, s.Name, s.Verdict)
		}
	}
}

func TestAJournalThatCannotBeKeptEndsTheRun(t *testing.T) {
	o := manyOptions(t, 24)
	o.Record = func(*reports.Scenario) error { return errors.New("no space left on device") }
	r, err := Run(t.Context(), o)
	if ExitCode(err) != reports.ExitEnvironment || r == nil || !r.Partial || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("error %v: want exit code 3, a partial report, and the cause", err)
	}
}

func TestATornLastLineIsLeftOut(t *testing.T) {
	o := testOptions(t, new(fakeLab), "outline.feature")
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	j := withJournal(t, &o, name)
	mustRun(t, o)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	full, err := ReadJournal(name, sittingOf(t, o))
	if err != nil {
		t.Fatal(err)
	}
	lastLine := slices.Index(whole[:len(whole)-1], '\n')
	for i := len(whole) - 2; whole[i] != '\n'; i-- {
		lastLine = i
	}
	for _, cut := range []int{len(whole) - 1, len(whole) - 20, lastLine + 1, lastLine} {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := ResumeJournal(name, sittingOf(t, o))
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
		if len(j.Judged) != len(full.Judged)-1 {
			t.Errorf("cut at %d: %d judged, want all but the last of %d", cut, len(j.Judged), len(full.Judged))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadJournal(name, sittingOf(t, o)); err != nil {
			t.Errorf("cut at %d: what was appended cannot be read: %v", cut, err)
		}
	}
}

func TestAJournalOfSomethingElseIsRefused(t *testing.T) {
	mine := Sitting{Suite: "sha256:aa", Target: "bb", Program: "cc", Role: "gateway", Edition: "1"}
	for _, tt := range []struct {
		name   string
		change func(*Sitting)
		says   string
	}{
		{"another suite", func(s *Sitting) { s.Suite = "sha256:ff" }, "another suite"},
		{"another target file", func(s *Sitting) { s.Target = "ff" }, "put the target file back"},
		{"another program", func(s *Sitting) { s.Program = "ff" }, "use the program that began it"},
		{"another role", func(s *Sitting) { s.Role = "device-client" }, "same role"},
		{"another edition", func(s *Sitting) { s.Edition = "2" }, "--edition"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "journal.jsonl")
			j, err := CreateJournal(name, mine)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(name)
			s := mine
			tt.change(&s)
			_, err = ResumeJournal(name, s)
			if !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
			if after, _ := os.ReadFile(name); string(after) != string(before) {
				t.Errorf("the journal was changed:\n%s", after)
			}
		})
	}
}

func TestAJournalIsForItsOwnerAndIsNotOverwritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := CreateJournal(name, Sitting{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s, want 0600", info.Mode().Perm())
	}
	if _, err := ResumeJournal(name, Sitting{}); runtime.GOOS != "windows" && !errors.Is(err, errBusy) {
		t.Errorf("error %v while another sitting has it open", err)
	}
	if _, err := CreateJournal(name, Sitting{}); !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("error %v, want one that names --resume", err)
	}
	if _, err := ResumeJournal(name+"x", Sitting{}); !errors.Is(err, ErrJournal) {
		t.Errorf("error %v for one that is not there", err)
	}
}

func TestTheReportIsOfAllSittings(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	begun := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	j, err := CreateJournal(name, Sitting{At: begun, Misfits: []string{"it denies psk, and does it"}})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(j.Lab([]lab.Fact{{Name: "lab", Value: "external"}}), j.Close())
	if err != nil {
		t.Fatal(err)
	}
	j, err = ResumeJournal(name, Sitting{At: begun.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r := &reports.Report{StartedAt: begun.Add(time.Hour), Elapsed: time.Minute}
	j.Complete(r)
	want := &reports.Report{StartedAt: begun, Elapsed: time.Hour + time.Minute, Lab: reports.Lab{Kind: "external", Facts: []reports.Fact{
		{Name: "lab", Value: "external"}, {Name: "sittings", Value: "2"}, {Name: "begun", Value: "2026-11-22T08:00:00Z"},
	}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"it denies psk, and does it"}, j.Misfits()); diff != "" {
		t.Errorf("misfits (-want +got):\n%s", diff)
	}
}

func TestABrokenLineIsNamed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal.jsonl")
	text := `{"sitting":{"version":1}}` + "\n" + `{"place":"a` + "\n" + `{"sitting":{"version":1}}` + "\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadJournal(name, Sitting{}); !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), name+":2") {
		t.Errorf("error %v, want one that names line 2", err)
	}
}

func FuzzReadJournal(f *testing.F) {
	f.Add([]byte(`{"sitting":{"version":1}}` + "\n" + `{"place":"a.feature:3 b","scenario":{"id":"s0001","steps":[{"status":"passed"}],"verdict":"pass"},"keys":"AAA="}` + "\n"))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"scenario":null,"place":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j := &Journal{Judged: map[string]*reports.Scenario{}}
		whole, err := j.read("journal.jsonl", b)
		if err != nil {
			if !errors.Is(err, ErrJournal) {
				t.Errorf("error %v", err)
			}
			return
		}
		if whole > len(b) || whole > 0 && b[whole-1] != '\n' {
			t.Errorf("%d whole bytes of %d", whole, len(b))
		}
		_ = j.fits("journal.jsonl", Sitting{})
	})
}
