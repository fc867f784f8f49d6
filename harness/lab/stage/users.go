// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"sync"

	"github.com/coapstone/coapstone/harness/lab"
)

// Account is a user as it stands on the platform and the gateway.
type Account struct {
	Name, Password string
	Form           lab.PSKForm
}

// User is the account as a device and the platform know it.
func (a Account) User() lab.User { return newUser(a) }

// Accounts are the users of one lab. User names are literal, because the
// document's own example token must be testable, so stages share them: equal
// accounts by counting, different accounts of one name one after the other.
type Accounts struct {
	// Put makes an account known to platform and gateway, Delete removes it.
	Put, Delete func(context.Context, Account) error

	once sync.Once
	lock chan struct{} // holds one token; a lock that a context can give up
	held map[string]*holding
}

type holding struct {
	account Account
	count   int
	freed   chan struct{} // closed when count reaches 0
}

func (a *Accounts) acquire(ctx context.Context) error {
	a.once.Do(func() {
		a.lock = make(chan struct{}, 1)
		a.held = map[string]*holding{}
	})
	select {
	case a.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold makes the account exist until Release. Where another account of that
// name is held it waits until that one is free.
func (a *Accounts) Hold(ctx context.Context, want Account) error {
	for {
		if err := a.acquire(ctx); err != nil {
			return err
		}
		h := a.held[want.Name]
		if h != nil && h.account != want {
			<-a.lock
			select {
			case <-h.freed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		defer func() { <-a.lock }()
		if h == nil {
			if err := a.Put(ctx, want); err != nil {
				return err
			}
			h = &holding{account: want, freed: make(chan struct{})}
			a.held[want.Name] = h
		}
		h.count++
		return nil
	}
}

// Release undoes one Hold; the last one removes the account.
func (a *Accounts) Release(ctx context.Context, name string) error {
	if err := a.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-a.lock }()
	h := a.held[name]
	if h == nil {
		return nil
	}
	if h.count--; h.count > 0 {
		return nil
	}
	delete(a.held, name)
	close(h.freed)
	return a.Delete(ctx, h.account)
}

// Restore puts every held account again: a gateway that was restarted has
// forgotten them.
func (a *Accounts) Restore(ctx context.Context) error {
	if err := a.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-a.lock }()
	for _, h := range a.held {
		if err := a.Put(ctx, h.account); err != nil {
			return err
		}
	}
	return nil
}
