// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	here      = netip.MustParsePrefix("192.0.2.1/32")
	elsewhere = netip.MustParsePrefix("192.0.2.2/32")
)

// fail lets n handshakes fail.
func fail(t *testing.T, g *guesses, n int, from netip.Prefix, identity string) {
	t.Helper()
	for i := range n {
		settle, ok := g.admit(t.Context(), from, []byte(identity))
		if !ok {
			t.Fatalf("failure %d of %d was not admitted", i+1, n)
		}
		settle(false)
	}
}

// turn says how long an attempt waited, and whether its turn came.
func turn(t *testing.T, g *guesses, from netip.Prefix, identity string, proven bool) (time.Duration, bool) {
	t.Helper()
	start := time.Now()
	settle, ok := g.admit(t.Context(), from, []byte(identity))
	if ok {
		settle(proven)
	}
	return time.Since(start), ok
}

func TestGuessesAreBoundedPerAddressAndPerIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		from     netip.Prefix
		identity string
		waits    bool
	}{
		"the same":                           {here, "hello", true},
		"another identity from the address":  {here, "other", true},
		"the identity from another address":  {elsewhere, "hello", true},
		"another identity from another":      {elsewhere, "other", false},
		"nobody's identity from the address": {here, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuesses(10)
				fail(t, g, 10, here, "hello")
				took, ok := turn(t, g, c.from, c.identity, false)
				if c.waits && (ok || took != guessPatience) || !c.waits && (!ok || took != 0) {
					t.Errorf("after %v: admitted %v; want waiting %v", took, ok, c.waits)
				}
				if took, ok := turn(t, g, c.from, c.identity, false); c.waits && (!ok || took < 500*time.Millisecond || took > 1500*time.Millisecond) {
					t.Errorf("the turn that comes every 6 s came after %v, %v", took+guessPatience, ok)
				}
			})
		})
	}
}

func TestNoMoreThanTheAllowanceIsTriedInAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var tried atomic.Int64
		var all sync.WaitGroup
		for range 15 {
			all.Go(func() {
				for ctx.Err() == nil {
					if _, ok := g.admit(ctx, here, []byte("hello")); ok {
						tried.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := tried.Load(); n > 10+600 || n < 500 {
			t.Errorf("%d keys were tried in an hour; want no more than 10, and 10 in a minute", n)
		}
	})
}

func TestManyDevicesBehindOneAddressGetInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(10)
		start := time.Now()
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				settle, ok := g.admit(t.Context(), here, binary.BigEndian.AppendUint64(nil, uint64(i)))
				if !ok {
					t.Errorf("device %d was not admitted", i)
					return
				}
				time.Sleep(50 * time.Millisecond) // what a handshake takes
				settle(true)
			})
		}
		all.Wait()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("all were in after %v", took)
		}
	})
}

func TestGuesserLocksNobodyOutWhoHasBeenThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(10)
		if _, ok := turn(t, g, here, "device", true); !ok {
			t.Fatal("the first handshake was not admitted")
		}
		for range 20 {
			fail(t, g, 1, elsewhere, "device")
			time.Sleep(guessWindow / 10)
		}
		fail(t, g, 9, elsewhere, "device")
		fail(t, g, 10, here, "other")
		if took, ok := turn(t, g, here, "device", true); !ok || took != 0 {
			t.Errorf("the device's next handshake was admitted after %v, %v", took, ok)
		}
		time.Sleep(provenFor)
		fail(t, g, 10, here, "other")
		if took, ok := turn(t, g, here, "device", false); ok || took == 0 {
			t.Errorf("a day later its handshake was admitted after %v, %v", took, ok)
		}
	})
}

func TestWaitingEndsWithTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(1)
		fail(t, g, 1, here, "hello")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, ok := g.admit(ctx, here, []byte("hello")); ok || time.Since(start) != time.Second {
			t.Errorf("admitted %v after %v", ok, time.Since(start))
		}
	})
}

func TestGuessesAreForgottenAndNeverTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(10)
		g.most = 1000
		for i := range 5 * g.most {
			var a [4]byte
			binary.BigEndian.PutUint32(a[:], uint32(i))
			_, _ = g.admit(t.Context(), netip.PrefixFrom(netip.AddrFrom4(a), 32), binary.BigEndian.AppendUint64(nil, uint64(i)))
		}
		if n := len(g.counts); n > g.most {
			t.Errorf("%d entries, want no more than %d", n, g.most)
		}
	})
}
