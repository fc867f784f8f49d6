// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestATimeThatTheHarnessSpentIsNotTheTargets(t *testing.T) {
	const ms = time.Millisecond
	const least, most = 1000 * ms, 1500 * ms
	for name, tt := range map[string]struct {
		took time.Duration
		late lateness
		want verdict.Verdict
	}{
		"in time":                                {1400 * ms, nil, verdict.Pass},
		"in time although the harness is late":   {1500 * ms, lateness{{0, 1500 * ms}}, verdict.Pass},
		"too early":                              {999 * ms, lateness{{0, 1000 * ms}}, verdict.Fail},
		"too late":                               {1501 * ms, nil, verdict.Fail},
		"late when the time is up":               {1600 * ms, lateness{{1200 * ms, 100 * ms}}, verdict.Error},
		"late from before the time is up":        {1600 * ms, lateness{{950 * ms, 150 * ms}}, verdict.Error},
		"late when the call begins":              {1600 * ms, lateness{{10 * ms, 100 * ms}}, verdict.Error},
		"late in two parts":                      {1600 * ms, lateness{{10 * ms, 50 * ms}, {1200 * ms, 50 * ms}}, verdict.Error},
		"late while the gateway waits":           {1600 * ms, lateness{{600 * ms, 300 * ms}}, verdict.Fail},
		"later than the lateness of the harness": {1600 * ms, lateness{{1200 * ms, 99 * ms}}, verdict.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			w := &World{outcome: &callOutcome{result: lab.Result{Elapsed: tt.took}, late: tt.late}}
			if got := verdict.Of(w.took(least, most)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestLatenessIsWhatTheMachineDidNotGetTo(t *testing.T) {
	watched := watchLateness()
	var busy sync.WaitGroup
	until := time.Now().Add(300 * time.Millisecond)
	for range 8 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for time.Now().Before(until) { // it spins on purpose
			}
		})
	}
	busy.Wait()
	if late := watched().between(0, time.Hour); late < latenessTick {
		t.Errorf("late by %s while every processor was busy, want more", late)
	}
}
