// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

// far is a device in a bubble of its own time, and a Caller for it. It answers
// nothing unless answer is set.
type far struct {
	t      *testing.T
	c      *Caller
	e      *endpoint.Endpoint
	answer func(l *line, m *coap.Message)
	fails  error // of sending

	mu   sync.Mutex
	sent []datagram
}

// datagram is what came to the device, and when.
type datagram struct {
	at     time.Time
	length int
}

// probe runs f with a Caller for a device that is far away.
func probe(t *testing.T, o Options, f func(t *testing.T, d *far)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Endpoint = endpoint.New(endpoint.Options{Recognized: blockwise.Recognized})
		d := &far{t: t, c: New(o), e: o.Endpoint}
		var number uint64
		d.c.pool.dial = func(_ context.Context, _ *request.Request, to netip.AddrPort, gone func()) (conn, error) {
			number++
			w := &watcher{d.e, func() { d.c.probing.heard(to) }, gone}
			return &line{number: number, send: func(l *line, b []byte) error { return d.take(w, l, b) }}, nil
		}
		defer func() {
			_ = d.c.Close()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = d.e.Close(ctx)
		}()
		f(t, d)
	})
}

func (d *far) take(w *watcher, l *line, b []byte) error {
	d.mu.Lock()
	fails, answer := d.fails, d.answer
	if fails == nil {
		d.sent = append(d.sent, datagram{time.Now(), len(b)})
	}
	d.mu.Unlock()
	if fails == nil && answer != nil {
		m, err := coap.Decode(b)
		if err != nil {
			d.t.Error(err)
		}
		l.receiver = w
		answer(l, m.Clone())
	}
	return fails
}

// says hands what the device says to the gateway.
func (l *line) says(m coap.Message) {
	b, err := m.MarshalBinary()
	if err != nil {
		panic(err)
	}
	l.receiver.Receive(l, b)
}

// datagrams is what came since it was last asked.
func (d *far) datagrams() []datagram {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sent
	d.sent = nil
	return s
}

// call makes a call whose message has that many bytes.
func (d *far) call(messageType string, bytes int, timeout time.Duration) error {
	const rest = 4 + 8 + 2 + 1 // header, token, Content-Format and payload marker
	provider := outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://" + remote.String()}}}
	_, err := d.c.Do(context.Background(), provider, outbound.Connector{
		Provider: "p", Method: "PUT", Content: "application/octet-stream", Body: strings.Repeat("a", bytes-rest),
		Parameters: map[string]string{"message-type": messageType, "timeout": strconv.FormatInt(timeout.Milliseconds(), 10)},
	}, outbound.Call{})
	return err
}

// refused wants a call to be refused because of PROBING_RATE, at once, and says
// how many seconds it is told to wait.
func (d *far) refused(messageType string, bytes int, timeout time.Duration) int {
	d.t.Helper()
	start := time.Now()
	err := d.call(messageType, bytes, timeout)
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != http.StatusServiceUnavailable || failure.RetryAfter == 0 {
		d.t.Fatalf("got %v, want 503 with Retry-After", err)
	}
	for _, word := range []string{"PROBING_RATE", fmt.Sprintf("in %d s", failure.RetryAfter), "probing-rate", remote.String()} {
		if !strings.Contains(failure.Detail, word) {
			d.t.Errorf("the error says nothing of %q: %s", word, failure.Detail)
		}
	}
	if took := time.Since(start); took != 0 {
		d.t.Errorf("it took %s to say so, want none", took)
	}
	return failure.RetryAfter
}

// timedOut wants a call to be sent and to end with its timeout.
func (d *far) timedOut(messageType string, bytes int, timeout time.Duration) {
	d.t.Helper()
	start := time.Now()
	err := d.call(messageType, bytes, timeout)
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != http.StatusGatewayTimeout {
		d.t.Fatalf("got %v, want 504", err)
	}
	if took := time.Since(start); took != timeout {
		d.t.Errorf("it ended after %s, want the timeout of %s", took, timeout)
	}
}

// TestSilentDeviceIsProbedSlowly makes call after call for a while, and looks at
// the average from the beginning to every datagram (RFC 7252 §4.7).
func TestSilentDeviceIsProbedSlowly(t *testing.T) {
	const span = 20 * time.Minute
	for _, c := range []struct {
		messageType string
		bytes, rate int
	}{{"NON", 60, 1}, {"NON", 600, 1}, {"NON", 60, 20}, {"ACK", 60, 1}, {"CON", 60, 1}} {
		t.Run(fmt.Sprintf("%s of %d bytes at %d", c.messageType, c.bytes, c.rate), func(t *testing.T) {
			probe(t, Options{ProbingRate: c.rate}, func(t *testing.T, d *far) {
				start := time.Now()
				for time.Since(start) < span {
					// Shorter than ACK_TIMEOUT: no retransmissions.
					_ = d.call(c.messageType, c.bytes, time.Second)
					time.Sleep(time.Second)
				}
				total := 0
				for _, g := range d.datagrams() {
					if g.length != c.bytes {
						t.Fatalf("%d bytes were sent, want %d", g.length, c.bytes)
					}
					allowed := c.rate * (247 + int(g.at.Sub(start)/time.Second) + 1)
					if total >= allowed {
						t.Fatalf("%s after the beginning %d bytes had been sent, and more were; %d are the most", g.at.Sub(start), total, allowed)
					}
					total += g.length
				}
				if least := c.rate*int(span/time.Second) - c.bytes; total < least {
					t.Errorf("%d bytes, want at least %d: the rate is there to be used", total, least)
				}
			})
		})
	}
}

func TestFirstRequestGoesWhateverItsLength(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		d.timedOut("NON", 1000, time.Second)
		if got, want := d.refused("NON", 60, 30*time.Second), 1000-247-1; got != want {
			t.Errorf("told to wait %d s, want %d", got, want)
		}
		if n := len(d.datagrams()); n != 1 {
			t.Errorf("%d datagrams were sent, want the first alone", n)
		}
	})
}

func TestRequestWaitsForItsTurn(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		start := time.Now()
		d.timedOut("NON", 300, time.Second)
		time.Sleep(29 * time.Second)
		d.refused("NON", 60, 23*time.Second) // 53 s are wanted, 30 are over
		d.timedOut("NON", 60, 24*time.Second)
		got := d.datagrams()
		if len(got) != 2 || got[1].at.Sub(start).Truncate(time.Millisecond) != 53*time.Second {
			t.Errorf("got %v, want a second datagram after 53 s", got)
		}
	})
}

func TestWhateverComesEndsTheSilence(t *testing.T) {
	for name, says := range map[string]func(l *line, m *coap.Message){
		"a response": func(l *line, m *coap.Message) {
			l.says(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 1, Token: m.Token})
		},
		"a Reset": func(l *line, m *coap.Message) { l.says(coap.Message{Type: coap.Reset, MessageID: m.MessageID}) },
		"an Acknowledgement": func(l *line, m *coap.Message) {
			l.says(coap.Message{Type: coap.Acknowledgement, MessageID: m.MessageID})
		},
		"a request of its own": func(l *line, m *coap.Message) {
			l.says(coap.Message{Type: coap.NonConfirmable, Code: coap.GET, MessageID: 1, Token: []byte{1}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			probe(t, Options{}, func(t *testing.T, d *far) {
				d.answer = says
				for range 10 {
					var failure *Error
					if err := d.call("NON", 1000, time.Second); errors.As(err, &failure) && failure.RetryAfter > 0 {
						t.Fatal(err)
					}
				}
				if n := len(d.datagrams()); n != 10 {
					t.Errorf("%d of 10 requests were sent", n)
				}
			})
		})
	}
}

// TestUnacknowledgedRequestIsBoundByItsBackOff: retransmissions do not wait and do
// not count, and after EXCHANGE_LIFETIME nothing is expected any more.
func TestUnacknowledgedRequestIsBoundByItsBackOff(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		start := time.Now()
		d.timedOut("CON", 1000, 30*time.Second)
		if n := len(d.datagrams()); n != 4 { // after 0, 2–3, 6–9 and 14–21 s
			t.Errorf("%d datagrams, want 4", n)
		}
		d.timedOut("CON", 1000, 30*time.Second)
		if n := len(d.datagrams()); n != 4 {
			t.Errorf("%d datagrams, want 4", n)
		}
		if got := d.refused("CON", 1000, 30*time.Second); got < 180 || got > 247 {
			t.Errorf("told to wait %d s, want at most EXCHANGE_LIFETIME", got)
		}
		time.Sleep(247*time.Second - time.Since(start)%time.Second)
		d.timedOut("CON", 1000, 30*time.Second)
	})
}

// TestOutstandingRequestIsWaitedFor: a device that takes its time is not silent.
func TestOutstandingRequestIsWaitedFor(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		d.answer = func(l *line, m *coap.Message) {
			time.AfterFunc(5*time.Second, func() {
				l.says(coap.Message{Type: coap.NonConfirmable, Code: coap.Content, MessageID: m.MessageID, Token: m.Token})
			})
		}
		start := time.Now()
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				if err := d.call("NON", 1000, 30*time.Second); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if took := time.Since(start); took != 25*time.Second {
			t.Errorf("five requests took %s, want 25 s: one after the other (NSTART)", took)
		}
	})
}

// TestWaitingRequestIsRefusedWhenTheOneBeforeGotNoAnswer: then its turn is too late.
func TestWaitingRequestIsRefusedWhenTheOneBeforeGotNoAnswer(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		var calls sync.WaitGroup
		calls.Go(func() { d.timedOut("NON", 1000, 2*time.Second) })
		synctest.Wait()
		start := time.Now()
		var failure *Error
		if err := d.call("NON", 1000, 30*time.Second); !errors.As(err, &failure) || failure.RetryAfter == 0 || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %s, want 503 after 2 s", err, time.Since(start))
		}
		calls.Wait()
	})
}

func TestWhatIsNotSentDoesNotCount(t *testing.T) {
	probe(t, Options{}, func(t *testing.T, d *far) {
		d.fails = errors.New("no buffer space")
		for range 10 {
			var failure *Error
			if err := d.call("NON", 1000, time.Second); !errors.As(err, &failure) || failure.Status != http.StatusBadGateway {
				t.Fatal(err)
			}
		}
		if n := len(d.c.probing.remotes); n != 0 {
			t.Errorf("%d remotes are kept in mind to which nothing was sent", n)
		}
		d.fails = nil
		d.timedOut("NON", 100, time.Second)
		d.fails = errors.New("no buffer space")
		for range 3 {
			_ = d.call("NON", 1000, time.Second)
		}
		d.fails = nil
		d.timedOut("NON", 1000, time.Second)
		d.refused("NON", 100, time.Second)
	})
}

func TestSilenceIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probing{rate: 1, remotes: map[netip.AddrPort]*silence{}}
		m := &coap.Message{Type: coap.NonConfirmable, Code: coap.GET, Payload: make([]byte, 87)} // 100 bytes with a token
		at := func(i int) netip.AddrPort {
			var a [16]byte
			binary.BigEndian.PutUint32(a[12:], uint32(i))
			return netip.AddrPortFrom(netip.AddrFrom16(a), 5683)
		}
		send := func(i int) {
			f, err := p.admit(t.Context(), at(i), m)
			if err != nil {
				t.Fatal(err)
			}
			f.count()
			f.end()
		}
		send(0)
		p.heard(at(0))
		if len(p.remotes) != 0 {
			t.Error("a device that answered is kept in mind")
		}
		send(1)
		time.Sleep(99 * time.Second)
		send(2)
		if len(p.remotes) != 2 {
			t.Errorf("%d remotes are kept in mind after 99 s, want both", len(p.remotes))
		}
		time.Sleep(62 * time.Second)
		send(3)
		if len(p.remotes) != 2 {
			t.Errorf("%d remotes are kept in mind, want those whose 100 bytes are less than 100 s ago", len(p.remotes))
		}
		for i := 10; len(p.remotes) < maxSilent; i++ {
			p.remotes[at(i)] = &silence{until: time.Now().Add(time.Hour), changed: make(chan struct{})}
		}
		for i := range 100 {
			send(i + 2*maxSilent)
		}
		if len(p.remotes) != maxSilent {
			t.Errorf("%d remotes are kept in mind, want %d", len(p.remotes), maxSilent)
		}
	})
}
