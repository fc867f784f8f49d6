// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// maxOwnLabs is how many labs for one scenario alone are open at a time.
const maxOwnLabs = 4

// queue hands out jobs, the long ones first, to any number of workers.
type queue struct {
	mu      sync.Mutex
	freed   sync.Cond
	jobs    []*job
	ownLabs int // that are open
	limit   int
	stopped bool
}

// newQueue puts the jobs into the order that the seed decides: those that need
// the most time first (tagged @full, then those with a lab of their own), by
// chance among the others.
func newQueue(jobs []*job, seed uint64, workers int) *queue {
	q := &queue{jobs: slices.Clone(jobs), limit: min(maxOwnLabs, workers)}
	q.freed.L = &q.mu
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the order has to be repeatable, not secret
	r.Shuffle(len(q.jobs), func(i, j int) { q.jobs[i], q.jobs[j] = q.jobs[j], q.jobs[i] })
	slices.SortStableFunc(q.jobs, func(a, b *job) int { return b.weight() - a.weight() })
	return q
}

func (j *job) weight() int {
	switch {
	case j.full:
		return 2
	case j.ownLab:
		return 1
	}
	return 0
}

// next is the job to be done next; it waits while all that is left is jobs with
// a lab of their own and too many of those are open. ok is false at the end.
func (q *queue) next() (j *job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped && len(q.jobs) > 0 {
		i := slices.IndexFunc(q.jobs, func(j *job) bool { return !j.ownLab || q.ownLabs < q.limit })
		if i < 0 {
			q.freed.Wait()
			continue
		}
		j = q.jobs[i]
		q.jobs = slices.Delete(q.jobs, i, i+1) // clears what it frees: only after the job is taken
		if j.ownLab {
			q.ownLabs++
		}
		return j, true
	}
	return nil, false
}

// done says that a job from next is over.
func (q *queue) done(j *job) {
	if !j.ownLab {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ownLabs--
	q.freed.Broadcast()
}

// stop hands out nothing more.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.freed.Broadcast()
}
