// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"runtime"
	"sync/atomic"
)

// workers runs handlers. How many run at once is bounded by who starts them; a
// few goroutines stay for the next requests.
type workers struct {
	serve func(*Exchange)
	jobs  chan *Exchange
	stop  chan struct{}
	idle  atomic.Int64
}

func newWorkers(serve func(*Exchange)) *workers {
	return &workers{serve: serve, jobs: make(chan *Exchange), stop: make(chan struct{})}
}

// start hands x to an idle goroutine or to a new one.
func (w *workers) start(x *Exchange) {
	select {
	case w.jobs <- x:
	default:
		go w.work(x)
	}
}

func (w *workers) work(x *Exchange) {
	for {
		w.serve(x)
		if w.idle.Add(1) > int64(4*runtime.GOMAXPROCS(0)) {
			w.idle.Add(-1)
			return
		}
		select {
		case x = <-w.jobs:
			w.idle.Add(-1)
		case <-w.stop:
			return
		}
	}
}

// gauge counts what goes on, and tells once when nothing does any more.
type gauge struct {
	n        atomic.Int64
	draining atomic.Bool
	empty    chan struct{}
	told     atomic.Bool
}

// add counts d more.
func (g *gauge) add(d int64) {
	if g.n.Add(d) == 0 && g.draining.Load() {
		g.tell()
	}
}

// tryAdd counts one more unless that is above the limit.
func (g *gauge) tryAdd(limit int64) bool {
	if g.n.Add(1) > limit {
		g.n.Add(-1)
		return false
	}
	return true
}

// drain makes empty be closed when the count is, or becomes, zero.
func (g *gauge) drain() {
	g.draining.Store(true)
	if g.n.Load() == 0 {
		g.tell()
	}
}

func (g *gauge) tell() {
	if g.told.CompareAndSwap(false, true) {
		close(g.empty)
	}
}
