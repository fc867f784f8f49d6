// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// panicked is a panic in what was guarded.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// hung is something that was guarded and went on after its time.
type hung struct {
	after time.Duration
	stack string
}

func (h *hung) Error() string {
	return fmt.Sprintf("it did not end within %s, although its context had ended", h.after.Round(time.Millisecond))
}

// errGoexit is a guarded function that ended its goroutine: t.FailNow outside
// of a test, say.
var errGoexit = errors.New("it ended its goroutine instead of returning")

// guard calls fn in a goroutine of its own. It returns when fn returns, when fn
// panics, or, if fn ignores that ctx has ended, after a grace: then the
// goroutine is left behind, since nothing can end it.
func guard(ctx context.Context, grace time.Duration, fn func(context.Context) error) error {
	_, err := guarded(ctx, grace, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) })
	return err
}

// guarded is guard for a function with a result.
func guarded[T any](ctx context.Context, grace time.Duration, fn func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	start := time.Now()
	id := make(chan []byte, 1)
	done := make(chan result, 1)
	go func() {
		id <- goroutineID()
		r := result{err: errGoexit}
		defer func() {
			if v := recover(); v != nil {
				r.err = &panicked{v, callersOfPanic(debug.Stack())}
			}
			done <- r
		}()
		r.value, r.err = fn(ctx)
	}()
	goroutine := <-id
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-late.C:
		var none T
		return none, &hung{time.Since(start), stackOf(goroutine)}
	}
}

// goroutineID is the head of this goroutine's stack: "goroutine 42 ".
func goroutineID() []byte {
	b := make([]byte, 64)
	b = b[:runtime.Stack(b, false)]
	if i := bytes.IndexByte(b, '['); i > 0 {
		return b[:i]
	}
	return b
}

// stackOf is the stack of a goroutine that still runs.
func stackOf(id []byte) string {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	for block := range bytes.SplitSeq(b, []byte("\n\n")) {
		if bytes.HasPrefix(block, id) {
			return string(block)
		}
	}
	return ""
}

// callersOfPanic is a stack from the function that panicked on.
func callersOfPanic(stack []byte) string {
	if i := bytes.LastIndex(stack, []byte("panic(")); i >= 0 {
		// The line after the next names the function that panicked.
		if rest := bytes.SplitN(stack[i:], []byte("\n"), 3); len(rest) == 3 {
			stack = rest[2]
		}
	}
	return string(bytes.TrimSpace(stack))
}
