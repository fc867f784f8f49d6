// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNoMoreScenariosSpeakToTheTargetAtOnceThanItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2, 0)
		first, err := turns.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := turns.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		third := make(chan error)
		go func() {
			_, err := turns.take(t.Context())
			third <- err
		}()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third turn began beside two")
		default:
		}
		first()
		first() // which counts once
		if err := <-third; err != nil {
			t.Error(err)
		}
		if len(turns.free) != 0 {
			t.Errorf("%d turns are free, want none", len(turns.free))
		}
	})
}

func TestTheTargetHasItsPauseBetweenTwoScenarios(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 5*time.Second)
		begun := time.Now()
		done, err := turns.take(t.Context())
		if err != nil || time.Since(begun) != 0 {
			t.Fatalf("the first turn: %v after %s, want it at once", err, time.Since(begun))
		}
		time.Sleep(time.Second)
		done()
		if _, err := turns.take(t.Context()); err != nil || time.Since(begun) != 6*time.Second {
			t.Errorf("the second turn: %v after %s, want it after 6s", err, time.Since(begun))
		}
	})
}

func TestAWaitForATurnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, time.Minute)
		done, err := turns.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"bench.exchanges is 1", "bench.pause is 1m0s"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := turns.take(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			cancel()
			done()
		}
		if len(turns.free) != 1 {
			t.Error("the turn that was given up is lost")
		}
	})
}
