// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"runtime"
	"time"
)

const (
	// latenessTick is how often a step that measures a time looks at the clock.
	latenessTick = 10 * time.Millisecond
	// latenessNoise is the lateness of one tick that is not worth counting.
	latenessNoise = 2 * time.Millisecond
)

// lateness is how late the harness was while a step measured the time of a target.
type lateness []lateTick

// lateTick is one look at the clock that came late.
type lateTick struct {
	due time.Duration // since the watch began
	lag time.Duration
}

// between is how late the harness was between two times, in all.
func (l lateness) between(from, to time.Duration) time.Duration {
	var sum time.Duration
	for _, t := range l {
		sum += max(0, min(t.due+t.lag, to)-max(t.due, from))
	}
	return sum
}

// watchLateness measures how late the harness is while a step measures the time
// of a target: a target is not to blame for what the harness did not get to. The
// function that it returns ends the watch.
func watchLateness() func() lateness {
	end, late := make(chan struct{}), make(chan lateness, 1)
	begun := time.Now()
	go func() {
		var all lateness
		due := begun.Add(latenessTick)
		timer := time.NewTimer(latenessTick)
		defer timer.Stop()
		for {
			ended := false
			select {
			case <-end:
				ended = true
			case <-timer.C:
				runtime.Gosched() // wait behind whoever is ready to run, as what comes from a socket does
			}
			now := time.Now()
			if lag := now.Sub(due); lag > latenessNoise {
				all = append(all, lateTick{due.Sub(begun), lag})
			}
			if ended {
				late <- all
				return
			}
			due = now.Add(latenessTick)
			timer.Reset(latenessTick)
		}
	}()
	return func() lateness {
		close(end)
		return <-late
	}
}
