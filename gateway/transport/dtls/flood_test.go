// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"context"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/need"
)

// stranger sends a hello from an address that nobody has used, and with a
// cookie goes on to where the server has state.
func stranger(l *dtls.Listener, r *rand.Rand, cookie bool) {
	from := &net.UDPAddr{IP: net.IPv4(127, byte(1+r.IntN(250)), byte(r.IntN(250)), byte(1+r.IntN(250)))}
	c, err := net.DialUDP("udp", from, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write(dtls.ClientHello(0, 0, nil, psk8, nil))
	if !cookie {
		return
	}
	b := make([]byte, 100)
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	if n, err := c.Read(b); err == nil && n == 48 {
		_, _ = c.Write(dtls.ClientHello(1, 1, b[28:n], psk8, nil))
	}
}

func TestFloodOfHellos(t *testing.T) {
	for name, cookie := range map[string]bool{
		"from forged addresses":                false,
		"from addresses that bring the cookie": true,
	} {
		t.Run(name, func(t *testing.T) {
			l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
			w.drain(t)
			const rate = 1000
			ctx, cancel := context.WithTimeout(t.Context(), need.Size(time.Second, 1500*time.Millisecond, time.Minute))
			defer cancel()
			var before, most runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var sent, legit, late atomic.Int64
			var peak dtls.Load
			var all sync.WaitGroup
			work := make(chan struct{}, rate)
			for i := range 8 {
				all.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					for range work {
						stranger(l, r, cookie)
						sent.Add(1)
					}
				})
			}
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				for range rate / 100 {
					select {
					case work <- struct{}{}:
					default: // this machine is too slow for the rate
					}
				}
				if n%10 == 0 {
					all.Go(func() {
						legit.Add(1)
						c, err := newTap(t, l.Addr(), nil).handshake(within(t, patience), t, "hello", key)
						if err != nil {
							t.Logf("a handshake beside the flood: %v", err)
							late.Add(1)
							return
						}
						_ = c.Close()
					})
				}
				if load := l.Load(); load.Handshakes > peak.Handshakes {
					peak = load
				}
				<-tick.C
			}
			close(work)
			all.Wait()
			runtime.ReadMemStats(&most)
			t.Logf("%d hellos, %d handshakes beside them, %d of them failed; at most %+v; heap %d KiB, then %d KiB",
				sent.Load(), legit.Load(), late.Load(), peak, before.HeapAlloc>>10, most.HeapAlloc>>10)
			if float64(late.Load()) > 0.001*float64(legit.Load()) {
				t.Errorf("%d of %d handshakes failed", late.Load(), legit.Load())
			}
			if cookie && peak.Handshakes > 1000 || !cookie && peak.Handshakes > 20 {
				t.Errorf("%d handshakes were under way", peak.Handshakes)
			}
			if grown := int64(most.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<20 {
				t.Errorf("the heap grew by %d octets", grown)
			}
		})
	}
}
