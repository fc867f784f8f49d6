// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"sync"
	"testing"
	"time"
)

// lag watches how late this machine runs what is due, so that the gateway is not
// blamed for a machine that is busy with something else.
type lag struct {
	mu   sync.Mutex
	late []lateness
}

type lateness struct {
	at time.Time
	by time.Duration
}

const (
	lagTick  = 10 * time.Millisecond
	lagWorth = 10 * time.Millisecond // less is not kept
	// turns is about how often something has to be run on the way of one request:
	// each time it may be late.
	turns = 6
)

func watchLag(t *testing.T) *lag {
	l := &lag{}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTimer(lagTick)
		defer tick.Stop()
		for {
			due := time.Now().Add(lagTick)
			tick.Reset(lagTick)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if by := time.Since(due); by > lagWorth {
				l.mu.Lock()
				l.late = append(l.late, lateness{time.Now(), by})
				l.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		running.Wait()
	})
	return l
}

// allowance is what a request since then may have taken longer for it.
func (l *lag) allowance(since time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var worst time.Duration
	for i := len(l.late) - 1; i >= 0 && l.late[i].at.After(since); i-- {
		worst = max(worst, l.late[i].by)
	}
	return turns * worst
}
