// SPDX-License-Identifier: Apache-2.0

package link

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// queue does things when they are due, one after the other: those due at the
// same time in the order in which they were added.
type queue struct {
	mu    sync.Mutex
	tasks tasks
	added int
	wake  chan struct{}
}

type task struct {
	due    time.Time
	number int
	do     func(ended bool)
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// at has do done at that time; if the queue ends before, do is told so.
func (q *queue) at(due time.Time, do func(ended bool)) {
	q.mu.Lock()
	q.added++
	heap.Push(&q.tasks, task{due, q.added, do})
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run does what is due until ctx ends.
func (q *queue) run(ctx context.Context) {
	defer q.drain()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := time.Hour
		if t, ok := q.next(&wait); ok {
			t.do(false)
			if ctx.Err() != nil {
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-q.wake:
		case <-ctx.Done():
			return
		}
	}
}

// next takes the first task if it is due, and says how long it is until then if not.
func (q *queue) next(wait *time.Duration) (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return task{}, false
	}
	if left := time.Until(q.tasks[0].due); left > 0 {
		*wait = left
		return task{}, false
	}
	return heap.Pop(&q.tasks).(task), true
}

// drain tells what is left that the queue has ended.
func (q *queue) drain() {
	q.mu.Lock()
	left := q.tasks
	q.tasks = nil
	q.mu.Unlock()
	for left.Len() > 0 {
		heap.Pop(&left).(task).do(true)
	}
}

// tasks is a heap.
type tasks []task

func (t tasks) Len() int      { return len(t) }
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t tasks) Less(i, j int) bool {
	if c := t[i].due.Compare(t[j].due); c != 0 {
		return c < 0
	}
	return t[i].number < t[j].number
}
func (t *tasks) Push(x any) { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	last := (*t)[len(*t)-1]
	(*t)[len(*t)-1] = task{}
	*t = (*t)[:len(*t)-1]
	return last
}
