// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/lab"
)

// ledger records what accounts do to platform and gateway.
type ledger struct {
	mu  sync.Mutex
	did []string
	err error
}

func (l *ledger) accounts() *Accounts {
	note := func(verb string) func(context.Context, Account) error {
		return func(_ context.Context, a Account) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.did = append(l.did, verb+" "+a.Name+":"+a.Password)
			return l.err
		}
	}
	return &Accounts{Put: note("put"), Delete: note("delete")}
}

func TestEqualAccountsAreSharedAndTheLastReleaseRemovesThem(t *testing.T) {
	var l ledger
	a := l.accounts()
	hello := Account{"hello", "world", lab.Raw}
	for range 3 {
		if err := a.Hold(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := a.Release(t.Context(), "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"put hello:world"}, l.did); d != "" {
		t.Error("while it is held (-want +got)\n" + d)
	}
	if err := a.Release(t.Context(), "hello"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"put hello:world", "delete hello:world"}, l.did); d != "" {
		t.Error("at the end (-want +got)\n" + d)
	}
}

func TestAnotherAccountOfTheSameNameWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		a := l.accounts()
		if err := a.Hold(t.Context(), Account{"hello", "world", lab.Raw}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- a.Hold(t.Context(), Account{"hello", "world", lab.Hex}) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		if err := a.Release(t.Context(), "hello"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if want := []string{"put hello:world", "delete hello:world", "put hello:world"}; !slices.Equal(l.did, want) {
			t.Errorf("got %q, want %q", l.did, want)
		}
	})
}

func TestWaitingForAnAccountEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		a := l.accounts()
		if err := a.Hold(t.Context(), Account{"hello", "world", lab.Raw}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Hold(ctx, Account{"hello", "other", lab.Raw}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's end", err)
		}
	})
}

func TestAnAccountThatCannotBeMadeIsNotHeld(t *testing.T) {
	l := ledger{err: errors.New("refused")}
	a := l.accounts()
	if err := a.Hold(t.Context(), Account{Name: "hello"}); !errors.Is(err, l.err) {
		t.Fatalf("got %v, want the refusal", err)
	}
	l.err = nil
	if err := a.Hold(t.Context(), Account{Name: "hello", Password: "other"}); err != nil {
		t.Errorf("the name is still taken: %v", err)
	}
}

func TestAccountsAreKeptApartUnderLoad(t *testing.T) {
	var mu sync.Mutex
	current := map[string]Account{}
	a := &Accounts{
		Put: func(_ context.Context, acc Account) error {
			mu.Lock()
			defer mu.Unlock()
			if _, there := current[acc.Name]; there {
				t.Errorf("%s was put over another one", acc.Name)
			}
			current[acc.Name] = acc
			return nil
		},
		Delete: func(_ context.Context, acc Account) error {
			mu.Lock()
			defer mu.Unlock()
			delete(current, acc.Name)
			return nil
		},
	}
	var wg sync.WaitGroup
	for i := range 64 {
		want := Account{"hello", string(rune('a' + i%4)), lab.Raw}
		wg.Go(func() {
			if err := a.Hold(t.Context(), want); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if got := current["hello"]; got != want {
				t.Errorf("held %v, but %v is there", want, got)
			}
			mu.Unlock()
			if err := a.Release(t.Context(), "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(current) != 0 {
		t.Errorf("left behind: %v", current)
	}
}
