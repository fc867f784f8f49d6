// SPDX-License-Identifier: Apache-2.0

//go:build unix

package coapstone

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/verdict"
)

const (
	// starvedTimeout bounds a run on a starved machine.
	starvedTimeout = 3 * time.Minute
	// starvedStep is how long the harness waits for the silent target.
	starvedStep = 2500 * time.Millisecond
	// standstill is how long a process is stopped.
	standstill = 2 * starvedStep
	// eaters is the environment variable with the number of goroutines that take
	// all the processor time they can get.
	eaters = "COAPSTONE_TEST_EATERS"
)

// Two runs at once, for a binary that is run again: the smoke profile against the
// reference gateway, and a target that stays silent, which is a failure of its own
// on any machine that has the time to see that.
func TestHelperStarved(t *testing.T) {
	if os.Getenv(helper) == "" {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), starvedTimeout)
	defer cancel()
	n, _ := strconv.Atoi(os.Getenv(eaters))
	for range n {
		go func() {
			for ctx.Err() == nil {
			}
		}()
	}
	silent := testOptions(t, new(fakeLab))
	silent.Features = fstest.MapFS{"silent.feature": {Data: []byte("Feature: silent\n  Scenario: a silent target\n    When it awaits a message\n")}}
	silent.LagBudget, silent.StepTimeout = 0, starvedStep
	silent.Observer = func(e Event) {
		if e.Kind == ScenarioStarted {
			_, _ = fmt.Fprintln(os.Stdout, "started")
		}
	}
	var runs sync.WaitGroup
	for _, o := range []Options{silent, {Profile: Smoke, Once: true}} {
		runs.Go(func() {
			report, err := Run(ctx, o)
			if err != nil {
				t.Error(err)
				return
			}
			for _, s := range report.Scenarios {
				_, _ = fmt.Fprintf(os.Stdout, "ended %s: %s, observed %s: %s; lag %s, late %s, %q\n", s.Verdict, s.Name, s.Observed, s.Finding, s.Lag, s.Late, s.Notes)
			}
		})
	}
	runs.Wait()
}

// starve has the helper run, calls started with its process once the silent
// target is being waited for, and counts the verdicts.
func starve(t *testing.T, started func(*os.Process), env ...string) (map[verdict.Verdict]int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starvedTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestHelperStarved$")
	cmd.Env = append(append(os.Environ(), helper+"=1"), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	counts := map[verdict.Verdict]int{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if line == "started" {
			started(cmd.Process)
		}
		said.WriteString(line + "\n")
		for _, v := range verdict.All() {
			if strings.HasPrefix(line, "ended "+v.String()+":") {
				counts[v]++
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	return counts, said.String()
}

// On a machine that has no time for it the harness may not have seen what came:
// that is its own fault, and never the target's.
func TestAStarvedHarnessBlamesNobody(t *testing.T) {
	stop := func(p *os.Process) {
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
		<-time.After(standstill)
		if err := p.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}
	leave := func(*os.Process) {}
	type test struct {
		name    string
		started func(*os.Process)
		env     []string
	}
	tests := []test{
		{"stopped", stop, nil},
		{"8 eaters", leave, []string{"GOMAXPROCS=1", eaters + "=8"}},
	}
	soak := append(tests, test{"32 eaters", leave, []string{"GOMAXPROCS=1", eaters + "=32"}}, test{"128 eaters", leave, []string{"GOMAXPROCS=1", eaters + "=128"}})
	for _, tt := range need.Size(tests[:1], tests, soak) {
		t.Run(tt.name, func(t *testing.T) {
			counts, said := starve(t, tt.started, tt.env...)
			if counts[verdict.Fail]+counts[verdict.Inconclusive]+counts[verdict.Warning] > 0 || counts[verdict.Error] == 0 {
				t.Errorf("%v, want errors and passes alone\n%s", counts, said)
			}
			t.Log(counts)
		})
	}
}
