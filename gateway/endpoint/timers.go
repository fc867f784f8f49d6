// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"container/heap"
	"time"
)

// instant is a point in time: how long after the endpoint was made.
type instant = time.Duration

// timer is one deadline of something that a shard keeps. It is part of that
// thing, so that it costs no allocation of its own.
type timer struct {
	at    instant
	place int // in the heap, from 1; 0 when it is not set
	owner expirer
}

// expirer is what a timer belongs to.
type expirer interface {
	// expire is called under the shard's lock when the deadline has come.
	expire(s *shard, now instant)
}

// timers is a heap of deadlines, the next one first.
type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at < h[j].at }

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

// Push is heap.Interface's.
func (h *timers) Push(x any) {
	t := x.(*timer) // only timers are pushed
	*h = append(*h, t)
	t.place = len(*h)
}

// Pop is heap.Interface's.
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.place = 0
	return t
}

// set puts t at the instant, wherever it stood before.
func (h *timers) set(t *timer, at instant) {
	t.at = at
	if t.place == 0 {
		heap.Push(h, t)
		return
	}
	heap.Fix(h, t.place-1)
}

// stop takes t out; it may not be in.
func (h *timers) stop(t *timer) {
	if t.place != 0 {
		heap.Remove(h, t.place-1)
	}
}

// clock runs the timers of all shards on one goroutine.
type clock struct {
	start time.Time
	// nudge wakes the clock when a shard has got an earlier deadline.
	nudge chan struct{}
	stop  chan struct{}
	done  chan struct{}
}

func newClock() *clock {
	return &clock{
		start: time.Now(),
		nudge: make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
}

// now is the time as the timers count it.
func (c *clock) now() instant { return time.Since(c.start) }

// wake makes the clock look at the deadlines again.
func (c *clock) wake() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

// never is a deadline that does not come.
const never = instant(1<<63 - 1)

// run calls due, which does what is due and says when the next is, until the
// clock is stopped.
func (c *clock) run(due func() (next instant)) {
	defer close(c.done)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		if next := due(); next == never {
			alarm.Stop()
		} else {
			alarm.Reset(next - c.now())
		}
		select {
		case <-alarm.C:
		case <-c.nudge:
		case <-c.stop:
			return
		}
	}
}
