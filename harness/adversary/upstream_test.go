// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

// Q08, R05: a device that has a thousand requests hanging at the platform does
// not slow the others down, over UDP or over DTLS; it is told when it has too
// many.
func TestOneSourceDoesNotSlowTheOthers(t *testing.T) {
	t.Parallel()
	const many = 1000
	probes := need.Size(20, 100, 1000)
	for name, secure := range transports {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			hog, other := b.device(t, secure), b.device(t, secure)
			idle := latencies(t, b, other, "/idle", probes)
			requests := map[string]bool{}
			for i := range many {
				m := whole(hog, b.request(coap.NonConfirmable, coap.GET, fmt.Sprintf("/hang/%d", i)))
				requests[string(m.Token)] = true
				send(t, hog, m)
				if i%16 == 15 {
					ping(t, hog) // so that none is lost: a burst is more than a session takes
				}
			}
			b.platform.awaitHanging(t, 1)
			begun := time.Now()
			loaded := latencies(t, b, other, "/loaded", probes)
			hangs := b.platform.called("") - 2*probes
			t.Logf("%d requests hang, %d were refused; 50th, 99th percentile and worst: idle %s, loaded %s", hangs, many-hangs, idle, loaded)
			if hangs == 0 || hangs >= many {
				t.Errorf("%d of %d requests hang: one source has taken all that there is, or got nothing", hangs, many)
			}
			slack := b.lag.allowance(begun)
			if loaded.worst > soon+slack || need.Soak() && (loaded.p99 > max(2*idle.p99, 20*time.Millisecond)+slack || loaded.worst > 250*time.Millisecond+slack) {
				t.Errorf("another device waited %s, idle it was %s; allowed for a busy machine: %s", loaded, idle, slack)
			}
			b.platform.free()
			for range many {
				r := await(t, hog, "an answer to each request", func(r *peer.Received) bool {
					return r.Message.Type != coap.Reset // of a ping that was sent twice
				})
				switch c := r.Message.Code; {
				case !requests[string(r.Message.Token)]:
					t.Fatalf("got %s, which is no answer to a request, or the second one", r)
				case c != coap.Content && c != coap.ServiceUnavailable:
					t.Fatalf("got %s, want 2.05 or 5.03", r)
				}
				delete(requests, string(r.Message.Token))
			}
		})
	}
}

// spread is how long requests took.
type spread struct{ p50, p99, worst time.Duration }

func (s spread) String() string { return fmt.Sprintf("%s, %s, %s", s.p50, s.p99, s.worst) }

// latencies makes requests one after the other.
func latencies(t *testing.T, b *bench, d *peer.Client, path string, n int) spread {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		took[i] = exchange(t, d, b.request(coap.Confirmable, coap.GET, fmt.Sprintf("%s/%d", path, i)), coap.Content).RTT
	}
	slices.Sort(took)
	return spread{took[n/2], took[n*99/100], took[n-1]}
}

// R06: a device that waits for a slow platform repeats nothing.
func TestSlowPlatformCausesNoRetransmission(t *testing.T) {
	t.Parallel()
	b := start(t)
	pause := need.Size(2500*time.Millisecond, 3500*time.Millisecond, 12*time.Second)
	b.platform.other = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
		}
	}
	for name, secure := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := b.device(t, secure)
			out := exchange(t, d, b.request(coap.Confirmable, coap.POST, "/other/"+name), coap.Changed)
			if len(out.Sent) != 1 || out.EmptyAck == nil || !out.Separate {
				t.Errorf("sent %d times, empty ACK %v, separate %t: want once, one, and true", len(out.Sent), out.EmptyAck, out.Separate)
			}
			if n := b.platform.called("/other/" + name); n != 1 {
				t.Errorf("the platform was called %d times, want once", n)
			}
		})
	}
}

// nobodyListens is an address that refuses TCP connections for as long as the
// test runs: the near end of a connection, so that nobody else gets its port.
func nobodyListens(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// R07 to R09: whatever the platform does, the device gets an answer that says
// so, in time, and the platform is let go.
func TestBadPlatforms(t *testing.T) {
	t.Parallel()
	dead := nobodyListens(t)
	const limit = time.Second
	b := start(t, func(c *gateway.Config) {
		c.Platform.Timeout = limit
		c.Platform.Allow = append(c.Platform.Allow, "http://"+dead)
	})
	var written atomic.Int64
	let := make(chan string, 8) // names of what was let go
	b.platform.other = func(w http.ResponseWriter, r *http.Request) {
		defer func() { let <- r.URL.Path }()
		switch r.URL.Path {
		case "/other/reset":
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		case "/other/nothing":
			<-r.Context().Done()
		case "/other/flood":
			chunk := make([]byte, 64<<10)
			for written.Load() < 100<<20 {
				n, err := w.Write(chunk)
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		case "/other/drip":
			drip(r.Context(), w)
		case "/other/long header":
			w.Header().Set("X-Long", string(slices.Repeat([]byte("x"), 1<<20)))
			_, _ = io.WriteString(w, "hello")
		}
	}
	refused := &coap.Message{Code: coap.GET}
	refused.AddString(coap.ProxyURI, "http://"+dead+"/?"+authToken)
	for _, tt := range []struct {
		name    string
		request *coap.Message
		want    coap.Code
		from    time.Duration // it comes no earlier
		within  time.Duration
		let     bool
	}{
		{"refuses the connection", refused, coap.BadGateway, 0, time.Second, false},
		{"resets the connection", b.request(0, coap.GET, "/other/reset"), coap.BadGateway, 0, time.Second, true},
		{"never answers", b.request(0, coap.GET, "/other/nothing"), coap.GatewayTimeout, limit, limit + 500*time.Millisecond, true},
		{"sends 100 MiB", b.request(0, coap.GET, "/other/flood"), coap.BadGateway, 0, limit + 500*time.Millisecond, true},
		{"sends a byte now and then", b.request(0, coap.GET, "/other/drip"), coap.GatewayTimeout, limit, limit + 500*time.Millisecond, true},
		{"sends a megabyte of header", b.request(0, coap.GET, "/other/long%20header"), coap.BadGateway, 0, time.Second, true},
	} {
		for name, secure := range transports {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				d := b.device(t, secure)
				out := exchange(t, d, tt.request, tt.want)
				if out.RTT < tt.from || out.RTT > tt.within+soon {
					t.Errorf("the answer took %s, want %s to %s", out.RTT, tt.from, tt.within)
				}
				if tt.let {
					select {
					case <-let:
					case <-time.After(patience):
						t.Error("the platform's connection is still open")
					}
				}
			})
		}
	}
	// The sockets' buffers take more than the gateway reads.
	if n := written.Load(); n > 2*(16<<20) {
		t.Errorf("the platform could write %d bytes: the gateway must not read what it will not pass on", n)
	}
}

// drip writes a byte now and then, until nobody reads any more.
func drip(ctx context.Context, w http.ResponseWriter) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		case <-ctx.Done():
			return
		}
	}
}
