// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/steps"
)

// The longest scenario starts first, whatever the seed: forty short ones fit
// beside it. A machine that is busy with other things gets more than one try.
func TestARunTakesLittleLongerThanItsLongestScenario(t *testing.T) {
	const (
		most  = 1.25
		tries = 5
	)
	features := "Feature: f\n  @full\n  Scenario: long\n    When it takes \"1s\"\n" + strings.Repeat("  Scenario: short\n    When it takes \"50ms\"\n", 40)
	for seed := range uint64(3) {
		var ratios []float64
		for range tries {
			o := testOptions(t, new(fakeLab))
			o.Features = fstest.MapFS{"a.feature": {Data: []byte(features)}}
			o.Profile, o.Workers, o.Seed = Full, 4, seed+1
			o.Vocabulary.Add(steps.Step{Expression: `it takes {string}`, Run: func(ctx context.Context, _ *steps.World, a steps.Args) error {
				d, err := time.ParseDuration(a.String(0))
				if err != nil {
					return err
				}
				select {
				case <-time.After(d):
				case <-ctx.Done():
				}
				return ctx.Err()
			}})
			r := mustRun(t, o)
			if n := r.Counts.ByVerdict[verdict.Pass]; n != 41 {
				t.Fatalf("%v, want 41 passes", r.Counts.ByVerdict)
			}
			if ratios = append(ratios, r.Elapsed.Seconds()/r.Longest().Elapsed.Seconds()); ratios[len(ratios)-1] <= most {
				break
			}
		}
		if ratios[len(ratios)-1] > most {
			t.Errorf("seed %d: the run took %.2f times its longest scenario, want %.2f once", seed+1, ratios, most)
		}
	}
}
