// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/harness/link"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

// expected is the chance that an exchange with a piggybacked response succeeds
// when each datagram is lost with chance p: one of five tries must come through
// both ways.
func expected(p float64) float64 {
	const tries = 5 // MAX_RETRANSMIT + 1
	return 1 - math.Pow(1-(1-p)*(1-p), tries)
}

// deviation is how many standard deviations the successes of n exchanges are
// away from the chance.
func deviation(succeeded, n int, chance float64) float64 {
	sigma := math.Sqrt(float64(n) * chance * (1 - chance))
	return math.Abs(float64(succeeded)-float64(n)*chance) / math.Max(sigma, 0.5)
}

// outcome is what became of many exchanges.
type outcome struct {
	mu                sync.Mutex
	succeeded, gaveUp int
	refused, reset    int
	wrong             []string // what was wrong with the others
}

func (o *outcome) count(path string, resp *coap.Message, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case errors.Is(err, endpoint.ErrGaveUp), errors.Is(err, context.DeadlineExceeded):
		o.gaveUp++
	case errors.Is(err, endpoint.ErrReset):
		o.reset++
	case err != nil:
		o.wrong = append(o.wrong, fmt.Sprintf("%s: %v", path, err))
	case resp.Code == coap.Content && string(resp.Payload) == path:
		o.succeeded++
	case resp.Code == coap.Content:
		o.wrong = append(o.wrong, fmt.Sprintf("%s: the answer to %s", path, resp.Payload))
	default:
		o.refused++
	}
}

// exchanges makes n exchanges, by devices that make one after the other and wait
// no longer than this for each.
func (a *air) exchanges(t *testing.T, n int, d time.Duration) *outcome {
	t.Helper()
	const each = 20
	var o outcome
	var devices sync.WaitGroup
	for flow := 1; flow <= n/each; flow++ {
		devices.Go(func() {
			gateway := a.spot(flow)
			for i := range each {
				path := fmt.Sprintf("/%d/%d", flow, i)
				ctx, cancel := context.WithTimeout(t.Context(), d)
				resp, err := a.devices.Do(ctx, gateway, get(coap.Confirmable, path))
				cancel()
				o.count(path, resp, err)
			}
		})
	}
	devices.Wait()
	return &o
}

// longWait is more than a device needs that does everything in its power: an
// exchange whose separate response is lost for good has no end of its own.
const longWait = 10 * time.Minute

// R10: with datagrams lost, as many exchanges succeed as the protocol makes
// possible, no more and no fewer; no request is served twice and no answer goes
// to another request.
func TestLossCostsWhatTheProtocolSays(t *testing.T) {
	t.Parallel()
	n := need.Size(500, 1000, 10000)
	for _, loss := range []float64{0.1, 0.2, 0.3, 0.5} {
		for seed := range uint64(need.Size(1, 1, 5)) {
			t.Run(fmt.Sprintf("%.0f %%, seed %d", loss*100, seed+1), func(t *testing.T) {
				a := &air{seed: seed + 1, conditions: link.Conditions{Loss: loss}}
				inTheAir(t, a, func(t *testing.T) {
					o := a.exchanges(t, n, longWait)
					_, most, all := a.executed.most()
					away := deviation(o.succeeded, n, expected(loss))
					t.Logf("%d of %d succeeded (%.3f %%; %.3f %% expected; %.1f sigma), %d executions, at most %d of one request",
						o.succeeded, n, 100*float64(o.succeeded)/float64(n), 100*expected(loss), away, all, most)
					if away > 3 {
						t.Errorf("%d of %d exchanges succeeded, %.1f standard deviations from %.3f %%", o.succeeded, n, away, 100*expected(loss))
					}
					if most > 1 || len(o.wrong)+o.refused+o.reset > 0 {
						t.Errorf("executions of one request: %d; wrong: %q; refused: %d; reset: %d", most, o.wrong, o.refused, o.reset)
					}
				})
			})
		}
	}
}

// R11: copies and disorder change nothing; nor does loss on top of them.
func TestDuplicationAndReorderingChangeNothing(t *testing.T) {
	t.Parallel()
	n := need.Size(200, 600, 10000)
	for name, tt := range map[string]struct {
		conditions link.Conditions
		slow       time.Duration // of the platform: the response is separate
		chance     float64
	}{
		"disorder":                  {link.Conditions{Duplicate: 0.2, HoldBack: 0.1}, 0, 1},
		"disorder, jitter":          {link.Conditions{Duplicate: 0.2, HoldBack: 0.1, Delay: 20 * time.Millisecond, Jitter: 300 * time.Millisecond}, 0, 1},
		"disorder, slow platform":   {link.Conditions{Duplicate: 0.2, HoldBack: 0.1}, 1500 * time.Millisecond, 1},
		"disorder and loss of 20 %": {link.Conditions{Duplicate: 0.2, HoldBack: 0.1, Loss: 0.2}, 0, 0},
		"loss, slow platform":       {link.Conditions{Loss: 0.2}, 1500 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := &air{seed: 7, conditions: tt.conditions, executed: &executions{after: tt.slow}}
			inTheAir(t, a, func(t *testing.T) {
				o := a.exchanges(t, n, longWait)
				_, most, all := a.executed.most()
				t.Logf("%d of %d succeeded, %d executions, at most %d of one request (seed %d)", o.succeeded, n, all, most, a.seed)
				if most > 1 {
					t.Errorf("a request was served %d times", most)
				}
				if len(o.wrong) > 0 {
					t.Errorf("wrong answers: %q", o.wrong)
				}
				if tt.chance == 1 && o.succeeded != n {
					t.Errorf("%d of %d exchanges succeeded, although nothing was lost", o.succeeded, n)
				}
				if tt.chance == 0 && o.succeeded < n*97/100 {
					t.Errorf("%d of %d exchanges succeeded, want more than 97 %%", o.succeeded, n)
				}
			})
		})
	}
}

// R11: with bits turned on the way, which UDP's checksum would mostly find,
// nothing crashes, and a message that arrives in whatever form is served once: a
// turned bit may make another request of it, so that executions are held against
// what the gateway received.
func TestCorruptionCrashesNothing(t *testing.T) {
	t.Parallel()
	n := need.Size(500, 1000, 20000)
	a := &air{seed: 11, corrupt: 0.05, conditions: link.Conditions{Duplicate: 0.2, HoldBack: 0.1}}
	inTheAir(t, a, func(t *testing.T) {
		o := a.exchanges(t, n, longWait)
		path, most, all := a.executed.most()
		t.Logf("%d of %d succeeded, %d executions, at most %d of one path, %q; wrong: %d, refused: %d, reset: %d",
			o.succeeded, n, all, most, path, len(o.wrong), o.refused, o.reset)
		if o.succeeded < n*80/100 {
			t.Errorf("%d of %d exchanges succeeded", o.succeeded, n)
		}
		// A copy with another message id is another request (RFC 7252 §4.4): a bit
		// turned there is the one way to a second execution.
		if most > 3 || all > n+n/20 {
			t.Errorf("%d executions of %d requests, at most %d of %s", all, n, most, path)
		}
	})
}

// R14: the timing of a request to a device that never answers (RFC 7252 §4.2,
// §4.8): first gap 2 to 3 s, jittered, each further one twice as long, four
// retransmissions, given up within 93 s.
func TestRetransmissionsToASilentPeer(t *testing.T) {
	t.Parallel()
	runs := need.Size(50, 100, 1000)
	a := &air{seed: 3, conditions: link.Conditions{Loss: 1}}
	inTheAir(t, a, func(t *testing.T) {
		var mu sync.Mutex
		var first []float64
		var all sync.WaitGroup
		for run := range runs {
			all.Go(func() {
				s := &timed{spot: a.spot(run + 1)}
				begun := time.Now()
				_, err := a.devices.Do(t.Context(), s, get(coap.Confirmable, "/"))
				gaveUp := time.Since(begun)
				s.sending.Lock()
				defer s.sending.Unlock()
				if !errors.Is(err, endpoint.ErrGaveUp) || gaveUp > 93*time.Second || len(s.at) != 5 {
					t.Errorf("%v after %s and %d transmissions, want to have given up within 93 s and 5", err, gaveUp, len(s.at))
					return
				}
				gap := s.at[1].Sub(s.at[0])
				if gap < 2*time.Second || gap > 3*time.Second {
					t.Errorf("the first gap is %s, want 2 to 3 s", gap)
				}
				mu.Lock()
				first = append(first, gap.Seconds())
				mu.Unlock()
				for i := 2; i < len(s.at); i++ {
					gap *= 2
					if got := s.at[i].Sub(s.at[i-1]); (got - gap).Abs() > time.Millisecond {
						t.Errorf("gap %d is %s, want %s", i, got, gap)
					}
				}
			})
		}
		all.Wait()
		var sum, squares float64
		for _, g := range first {
			sum, squares = sum+g, squares+g*g
		}
		mean := sum / float64(len(first))
		if sd := math.Sqrt(squares/float64(len(first)) - mean*mean); sd < 0.2 || math.Abs(mean-2.5) > 0.15 {
			t.Errorf("the first gaps have the mean %.3f s and the standard deviation %.3f s, want about 2.5 and 0.29", mean, sd)
		}
	})
}

// timed is a spot that keeps when something was sent to it.
type timed struct {
	*spot

	sending sync.Mutex
	at      []time.Time
}

// Send implements endpoint.Peer.
func (s *timed) Send(b []byte) error {
	s.sending.Lock()
	s.at = append(s.at, time.Now())
	s.sending.Unlock()
	return s.spot.Send(b)
}

// R16, Q02: a request is served once however late its copy comes, up to
// EXCHANGE_LIFETIME (247 s) or NON_LIFETIME (145 s), and again after it.
func TestCopiesAreKnownForTheirWholeLifetime(t *testing.T) {
	t.Parallel()
	for typ, lifetime := range map[coap.Type]time.Duration{coap.Confirmable: 247 * time.Second, coap.NonConfirmable: 145 * time.Second} {
		t.Run(typ.String(), func(t *testing.T) {
			a := &air{}
			inTheAir(t, a, func(t *testing.T) {
				// Each device repeats its request after one time, and is silent in between.
				var at []time.Duration
				for s := time.Second; s < lifetime; s += time.Second {
					at = append(at, s)
				}
				at = append(at, 25*time.Second, lifetime-time.Millisecond, lifetime+time.Millisecond)
				begun := time.Now()
				var all sync.WaitGroup
				for i, age := range at {
					all.Go(func() {
						s := a.spot(i + 1)
						path := fmt.Sprintf("/%d", i)
						m := get(typ, path)
						m.MessageID, m.Token = 7, []byte{7}
						b, err := m.MarshalBinary()
						if err != nil {
							t.Error(err)
							return
						}
						a.gateway.Receive(s.from, b)
						time.Sleep(age - time.Since(begun))
						a.gateway.Receive(s.from, b)
					})
				}
				all.Wait()
				time.Sleep(time.Second)
				a.executed.mu.Lock()
				defer a.executed.mu.Unlock()
				for i, age := range at {
					want := 1
					if age > lifetime {
						want = 2
					}
					if got := a.executed.byPath[fmt.Sprintf("/%d", i)]; got != want {
						t.Errorf("a copy after %s: %d executions, want %d", age, got, want)
					}
				}
			})
		})
	}
}

// R16 once in real time, on the whole gateway.
func TestCopiesAreKnownForTheirWholeLifetimeInRealTime(t *testing.T) {
	if !need.Soak() {
		t.Skip("it takes 250 s: set COAPSTONE_SOAK=1")
	}
	t.Parallel()
	b := start(t)
	d := b.device(t, false)
	con := whole(d, b.request(coap.Confirmable, coap.POST, "/con"))
	non := whole(d, b.request(coap.NonConfirmable, coap.POST, "/non"))
	begun := time.Now()
	for _, m := range []*coap.Message{con, non} {
		send(t, d, m)
		await(t, d, "a response", peer.WithToken(m.Token))
	}
	for _, tt := range []struct {
		at   time.Duration
		m    *coap.Message
		path string
		want int
	}{
		{25 * time.Second, con, "/con", 1},
		{144 * time.Second, non, "/non", 1},
		{147 * time.Second, non, "/non", 2},
		{246 * time.Second, con, "/con", 1},
		{249 * time.Second, con, "/con", 2},
	} {
		if err := d.Silence(t.Context(), time.Until(begun.Add(tt.at)), peer.Anything); err != nil {
			t.Fatal(err)
		}
		send(t, d, tt.m)
		if tt.m == con || tt.want == 2 {
			await(t, d, "a response", peer.WithToken(tt.m.Token))
		}
		ping(t, d)
		if got := b.platform.called(tt.path); got != tt.want {
			t.Errorf("a copy after %s: %s was called %d times, want %d", tt.at, tt.path, got, tt.want)
		}
	}
}

// R10 over sockets: the whole gateway behind a relay that loses datagrams, and
// devices that repeat faster than RFC 7252 has it, so that it does not take
// minutes.
func TestLossyLinkCostsWhatTheProtocolSays(t *testing.T) {
	t.Parallel()
	devices, each := need.Size(10, 40, 50), need.Size(5, 5, 100)
	n := devices * each
	const loss, seed = 0.3, 5
	timeout := need.Size(100*time.Millisecond, 100*time.Millisecond, 400*time.Millisecond) // long enough for a busy machine
	b := start(t)
	l, err := link.Open(t.Context(), link.Options{
		Target: b.remote(false), Seed: seed,
		Up: link.Conditions{Loss: loss, Duplicate: 0.1}, Down: link.Conditions{Loss: loss, Duplicate: 0.1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	var mu sync.Mutex
	succeeded := 0
	var all sync.WaitGroup
	for i := range devices {
		d := dial(t, l.Addr(), false, func(o *peer.Options) { o.Timing = peer.Timing{AckTimeout: timeout} })
		all.Go(func() {
			for k := range each {
				path := fmt.Sprintf("/%d/%d", i, k)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				out, err := d.Exchange(ctx, b.request(coap.Confirmable, coap.GET, path))
				cancel()
				if err != nil {
					continue // given up
				}
				if got, want := string(out.Response.Payload), said(http.MethodGet, path, nil); got != want {
					t.Errorf("%s: got %s %q, want %q", path, out.Response, got, want)
				}
				mu.Lock()
				succeeded++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	away := deviation(succeeded, n, expectedWithCopies(loss, 0.1))
	t.Logf("%d of %d succeeded (%.1f sigma; seed %d)", succeeded, n, away, seed)
	if away > 3 {
		t.Errorf("%d of %d exchanges succeeded, %.1f standard deviations from %.2f %% (seed %d)", succeeded, n, away, 100*expectedWithCopies(loss, 0.1), seed)
	}
	b.platform.mu.Lock()
	defer b.platform.mu.Unlock()
	for path, calls := range b.platform.calls {
		if calls > 1 {
			t.Errorf("%s was called %d times", path, calls)
		}
	}
}

// expectedWithCopies is the chance when datagrams that come through come twice
// now and then: a copy of a request gives its answer another chance.
func expectedWithCopies(loss, twice float64) float64 {
	back := (1 - twice) * (1 - loss) // one answer
	back += twice * (1 - loss*loss)  // two of them
	return 1 - math.Pow(1-(1-loss)*back, 5)
}
