// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// lagTick is how often the harness looks at its own clock.
	lagTick = 20 * time.Millisecond
	// lagNoise is the lateness that is not worth remembering.
	lagNoise = 5 * time.Millisecond
	// lagWindow is the time within which lags are added up: ACK_TIMEOUT
	// (RFC 7252 §4.8). Many short ones make a harness as late as a long one does.
	lagWindow = 2 * time.Second
	// lateBudgets is how many halves of Options.LagBudget lags may add up to
	// within lagWindow: 1250 ms by default. Half as much is what the scenarios of a
	// run cost each other on two processors.
	lateBudgets = 5
)

// lagWatch measures how late goroutines run that are due: for so long the
// harness was not scheduled, or its machine stood still.
type lagWatch struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	due  time.Time // when the next tick is due
	late []lateTick
}

type lateTick struct {
	due time.Time
	lag time.Duration
}

func (t lateTick) end() time.Time { return t.due.Add(t.lag) }

func watchLag(ctx context.Context) *lagWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &lagWatch{cancel: cancel, done: make(chan struct{}), due: time.Now().Add(lagTick)}
	go w.run(ctx)
	return w
}

func (w *lagWatch) run(ctx context.Context) {
	defer close(w.done)
	timer := time.NewTimer(lagTick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		runtime.Gosched() // a timer overtakes whoever is ready to run: wait behind them, as what comes from a socket does
		w.mu.Lock()
		now := time.Now()
		if lag := now.Sub(w.due); lag > lagNoise {
			w.late = append(w.late, lateTick{w.due, lag})
		}
		w.due = now.Add(lagTick)
		w.mu.Unlock()
		timer.Reset(lagTick)
	}
}

// between is the longest lag that began or ended between two times, and the
// most that lags add up to within lagWindow.
func (w *lagWatch) between(from, to time.Time) (longest, sum time.Duration) {
	w.mu.Lock()
	first, _ := slices.BinarySearchFunc(w.late, from, func(t lateTick, from time.Time) int { return t.end().Compare(from) })
	late := slices.Clone(w.late[first:])
	if lag := to.Sub(w.due); lag > lagNoise { // the tick that is due and has not come yet
		late = append(late, lateTick{w.due, lag})
	}
	w.mu.Unlock()
	within, begin := time.Duration(0), 0
	for i, t := range late {
		if !t.due.Before(to) {
			break
		}
		if !t.end().After(from) {
			begin = i + 1
			continue
		}
		within += t.lag
		for ; begin < i && late[begin].due.Before(t.end().Add(-lagWindow)); begin++ {
			within -= late[begin].lag
		}
		longest, sum = max(longest, t.lag), max(sum, within)
	}
	return longest, sum
}

func (w *lagWatch) stop() {
	w.cancel()
	<-w.done
}
