// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/containers"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

const (
	// soakWorkers is how many scenarios run at once in a soak.
	soakWorkers = 64
	// soakTimeout bounds one run of a soak.
	soakTimeout = 10 * time.Minute
	// fullRatio is how much longer a run of the profile full may take than its
	// longest scenario.
	fullRatio = 1.25
	// smokeTime is how long a run of the profile smoke may take, with its lab.
	smokeTime = 3 * time.Second
)

// soak is runs of the whole feature set, one after the other, in random order.
type soak struct {
	lab     lab.Kind
	role    verdict.Role
	profile coapstone.Profile
	runs    int
	// known is the file of the known failures.
	known string
}

// The whole feature set, again and again in random order: every scenario gets
// the same verdict each time.
func TestSoakEveryRunGivesTheSameVerdicts(t *testing.T) {
	const stock = "../../fixtures/expectations/stock-device-client.yaml"
	for _, s := range need.Size(nil, []soak{
		{lab.Embedded, verdict.Gateway, coapstone.Smoke, 3, ""}, // the whole set is run once elsewhere
	}, []soak{
		{lab.Embedded, verdict.Gateway, coapstone.Standard, 20, ""},
		{lab.Containers, verdict.Gateway, coapstone.Standard, 20, ""},
		{lab.Embedded, verdict.DeviceClient, coapstone.Standard, 20, stock},
		{lab.Embedded, verdict.DeviceServer, coapstone.Standard, 20, ""},
		{lab.Embedded, verdict.Gateway, coapstone.Full, 2, ""},
		{lab.Containers, verdict.Gateway, coapstone.Full, 1, ""},
	}) {
		t.Run(fmt.Sprintf("%s/%s/%s", s.lab, s.role, s.profile), func(t *testing.T) {
			if s.lab == lab.Containers {
				need.Docker(t)
			}
			row := func(run, seed, took, ratio, long, lag, verdicts any) { // one by one: a run may hang
				_, _ = fmt.Fprintf(t.Output(), "%-4v %-12v %-10v %-6v %-24v %-8v %v\n", run, seed, took, ratio, long, lag, verdicts)
			}
			_, _ = fmt.Fprintf(t.Output(), "%s, role %s, profile %s, %d workers\n", s.lab, s.role, s.profile, soakWorkers)
			row("run", "seed", "time", "ratio", "longest scenario", "lag", "verdicts")
			seen := verdicts{}
			for i := range s.runs {
				r := s.run(t)
				long := r.Longest()
				ratio := r.Elapsed.Seconds() / long.Elapsed.Seconds()
				row(i+1, r.Seed, r.Elapsed.Round(time.Millisecond), fmt.Sprintf("%.2f", ratio),
					fmt.Sprint(long.Elapsed.Round(time.Millisecond), " ", long.Requirement), worstLag(r).Round(time.Millisecond), tally(r))
				seen.add(r)
				if r.ExitCode != reports.ExitConformant {
					t.Errorf("seed %d: exit code %d: %s\n%s", r.Seed, r.ExitCode, r.ExitReason, failures(t, r))
				}
				if s.profile == coapstone.Full && ratio > fullRatio {
					t.Errorf("seed %d: it took %.2f times its longest scenario, want %.2f at most", r.Seed, ratio, fullRatio)
				}
			}
			for _, d := range seen.different() {
				t.Error(d)
			}
		})
	}
}

// run is one run, in an order of its own.
func (s soak) run(t *testing.T) *reports.Report {
	t.Helper()
	o := coapstone.Options{Role: s.role, Profile: s.profile, Workers: soakWorkers, Lab: embedded.Open(embedded.Options{})}
	if s.lab == lab.Containers {
		o.Lab = containers.Open(containers.Options{})
	}
	if s.known != "" {
		b, err := os.ReadFile(s.known)
		if err != nil {
			t.Fatal(err)
		}
		if o.Expectations, err = verdict.ParseExpectations(s.known, b); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), soakTimeout)
	defer cancel()
	r, err := coapstone.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdicts is the seeds with which each scenario got each verdict, by its place
// and its title.
type verdicts map[string]map[verdict.Verdict][]uint64

func (v verdicts) add(r *reports.Report) {
	for _, s := range r.Scenarios {
		name := s.Location() + " " + s.Title()
		if v[name] == nil {
			v[name] = map[verdict.Verdict][]uint64{}
		}
		v[name][s.Verdict] = append(v[name][s.Verdict], r.Seed)
	}
}

// different says which scenarios had more than one verdict, with the seeds of all
// but the most frequent one.
func (v verdicts) different() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if len(v[name]) == 1 {
			continue
		}
		var parts []string
		for _, got := range verdict.All() {
			switch seeds := v[name][got]; {
			case len(seeds) > 3:
				parts = append(parts, fmt.Sprintf("%s in %d runs", got, len(seeds)))
			case len(seeds) > 0:
				parts = append(parts, fmt.Sprintf("%s with the seeds %d", got, seeds))
			}
		}
		all = append(all, name+": "+strings.Join(parts, ", "))
	}
	return all
}

func worstLag(r *reports.Report) time.Duration {
	var lag time.Duration
	for _, s := range r.Scenarios {
		lag = max(lag, s.Lag)
	}
	return lag
}

func tally(r *reports.Report) string {
	var parts []string
	for _, v := range verdict.All() {
		if n := r.Counts.ByVerdict[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// failures is the reports of what was not expected to fail.
func failures(t *testing.T, r *reports.Report) string {
	t.Helper()
	var text strings.Builder
	for _, s := range r.Scenarios {
		if s.Verdict > verdict.Warning && s.Known == nil && s.Verdict != verdict.Skipped {
			if err := reports.WriteFailure(&text, r, s, reports.TextOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return text.String()
}

// The profile smoke is done in 3 s, its lab included. A machine that is busy with
// other things gets more than one try.
func TestTheSmokeProfileIsQuick(t *testing.T) {
	const tries = 5
	var took []time.Duration
	for range tries {
		r := soak{lab.Embedded, verdict.Gateway, coapstone.Smoke, 1, ""}.run(t)
		if r.ExitCode != reports.ExitConformant {
			t.Fatalf("exit code %d: %s\n%s", r.ExitCode, r.ExitReason, failures(t, r))
		}
		took = append(took, r.Elapsed)
		if r.Elapsed <= smokeTime {
			t.Logf("profile smoke: %s", r.Elapsed.Round(time.Millisecond))
			return
		}
	}
	t.Errorf("the profile smoke took %s, want %s at most once", took, smokeTime)
}
