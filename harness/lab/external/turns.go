// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
)

// turns are how many scenarios may speak to the target at once, and the pause
// that it has between two.
type turns struct {
	pause time.Duration
	free  chan time.Time // when each free turn may begin
}

func newTurns(atOnce int, pause time.Duration) *turns {
	t := &turns{pause: pause, free: make(chan time.Time, max(atOnce, 1))}
	for range cap(t.free) {
		t.free <- time.Time{}
	}
	return t
}

// take waits for a turn and the pause before it. done gives it back.
func (t *turns) take(ctx context.Context) (done func(), err error) {
	var from time.Time
	select {
	case from = <-t.free:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting until the target may be spoken to (bench.exchanges is %d): %w", cap(t.free), ctx.Err())
	}
	wait := time.NewTimer(time.Until(from))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		t.free <- from
		return nil, fmt.Errorf("in the pause that the target needs (bench.pause is %s): %w", t.pause, ctx.Err())
	}
	return sync.OnceFunc(func() { t.free <- time.Now().Add(t.pause) }), nil
}

// turn is a stage whose end lets the next scenario begin.
type turn struct {
	lab.Stage

	done func()
}

// Close closes the stage and gives the turn back.
func (t *turn) Close(ctx context.Context) error {
	defer t.done()
	return t.Stage.Close(ctx)
}
