// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/link"
	"github.com/coapstone/coapstone/harness/need"
)

// lossy is a link to the listener that loses this share each way.
func lossy(t *testing.T, to netip.AddrPort, share float64) *link.Link {
	t.Helper()
	k, err := link.Open(t.Context(), link.Options{Target: to, Seed: 7, Up: link.Conditions{Loss: share}, Down: link.Conditions{Loss: share}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func TestHandshakesOverALossyLink(t *testing.T) { // research: R13
	t.Parallel() // it waits for repetitions
	handshakes := need.Size(2, 8, 100)
	lossy10 := lossCase{loss: 0.1, within: 30 * time.Second, failures: handshakes / 100}
	lossy30 := lossCase{loss: 0.3, within: time.Minute, failures: handshakes / 10}
	for _, c := range need.Size([]lossCase{lossy10}, []lossCase{lossy10}, []lossCase{lossy10, lossy30}) {
		l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
		w.drain(t)
		k := lossy(t, l.Addr(), c.loss)
		var failed atomic.Int64
		var all sync.WaitGroup
		for range handshakes {
			all.Go(func() {
				start := time.Now()
				if _, err := newTap(t, k.Addr(), nil).handshake(within(t, c.within), t, "hello", key); err != nil {
					t.Logf("at a loss of %v: %v", c.loss, err)
					failed.Add(1)
				}
				t.Logf("at a loss of %v: %v", c.loss, time.Since(start))
			})
		}
		all.Wait()
		if n := int(failed.Load()); n > c.failures {
			t.Errorf("at a loss of %v: %d handshakes failed, want no more than %d", c.loss, n, c.failures)
		}
	}
}

// lossCase is a share that is lost each way, and what must hold.
type lossCase struct {
	loss     float64
	within   time.Duration
	failures int
}

func TestClientWithAConnectionIDGoesOnBehindANewNATBinding(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	k := lossy(t, l.Addr(), 0)
	_, c := identifiedAt(within(t, patience), t, k.Addr())
	ping(t, c, 1)
	for i := range byte(3) {
		if err := k.Rebind(t.Context()); err != nil {
			t.Fatal(err)
		}
		pingAgain(t, c, 2+i)
	}
	if got, want := l.Load(), (dtls.Load{Sessions: 1, Routes: 1, IDs: 1}); got != want {
		t.Errorf("the listener keeps %+v, want %+v", got, want)
	}
}
