// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

// line is a conn of which the test says what becomes of a datagram.
type line struct {
	number uint64
	send   func(l *line, b []byte) error
	closed atomic.Int32
	// receiver takes what the device says, if it says anything.
	receiver endpoint.Receiver
}

func (l *line) Key() endpoint.PeerKey { return endpoint.PeerKey{Addr: remote, Session: l.number} }
func (l *line) Local() netip.AddrPort { return netip.AddrPort{} }
func (l *line) Send(b []byte) error   { return l.send(l, b) }
func (l *line) Close() error          { l.closed.Add(1); return nil }

var remote = netip.MustParseAddrPort("192.0.2.1:5684")

// lines is a pool of lines, and the lines that it dialled.
func lines(most int, idle time.Duration) (*pool, *[]*line) {
	dialled := new([]*line)
	p := &pool{max: most, idle: idle, sessions: map[sessionKey]*session{}}
	p.dial = func(context.Context, *request.Request, netip.AddrPort, func()) (conn, error) {
		l := &line{number: uint64(len(*dialled) + 1)}
		*dialled = append(*dialled, l)
		return l, nil
	}
	return p, dialled
}

func use(t *testing.T, p *pool, to string) *session {
	t.Helper()
	s, _, err := p.acquire(t.Context(), &request.Request{Secure: true}, netip.MustParseAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIdleSessionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dialled := lines(10, time.Minute)
		p.release(use(t, p, "192.0.2.1:1"))
		busy := use(t, p, "192.0.2.2:1")
		time.Sleep(2 * time.Minute)
		p.release(use(t, p, "192.0.2.3:1"))
		if idle, used := (*dialled)[0], (*dialled)[1]; idle.closed.Load() != 1 || used.closed.Load() != 0 {
			t.Errorf("idle closed %d times, busy %d times; want 1 and 0", idle.closed.Load(), used.closed.Load())
		}
		p.release(busy)
		time.Sleep(30 * time.Second)
		p.release(use(t, p, "192.0.2.2:1"))
		if len(*dialled) != 3 {
			t.Errorf("%d dialled, want 3: a session is kept for a minute after its last use", len(*dialled))
		}
	})
}

func TestRetiredSessionClosesWithItsLastUse(t *testing.T) {
	p, dialled := lines(10, time.Minute)
	first, second := use(t, p, "192.0.2.1:1"), use(t, p, "192.0.2.1:1")
	if first != second {
		t.Fatal("two sessions for one remote")
	}
	p.retire(first)
	third := use(t, p, "192.0.2.1:1")
	if third == first {
		t.Error("a retired session is used again")
	}
	p.release(first)
	if n := (*dialled)[0].closed.Load(); n != 0 {
		t.Error("closed under the other user")
	}
	p.release(second)
	if n := (*dialled)[0].closed.Load(); n != 1 {
		t.Errorf("closed %d times, want once", n)
	}
	p.close()
	if n := (*dialled)[1].closed.Load(); n != 0 {
		t.Error("closed under its user")
	}
	p.release(third)
	if n := (*dialled)[1].closed.Load(); n != 1 {
		t.Errorf("closed %d times, want once", n)
	}
}

// TestImpatientDialerDoesNotSpoilItForTheOthers: who waits for a session that
// another caller gave up dials one itself; a refusal is everybody's.
func TestImpatientDialerDoesNotSpoilItForTheOthers(t *testing.T) {
	refusal := errors.New("refused")
	for _, c := range []struct {
		first error // of the first dial; nil: it takes until its context ends
		want  error
		dials int
	}{{nil, nil, 2}, {refusal, refusal, 1}} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := lines(10, time.Minute)
			dials := 0
			p.dial = func(ctx context.Context, _ *request.Request, _ netip.AddrPort, _ func()) (conn, error) {
				if dials++; dials > 1 {
					return new(line), nil
				}
				<-ctx.Done()
				if c.first != nil {
					return nil, c.first
				}
				return nil, ctx.Err()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			go func() { _, _, _ = p.acquire(ctx, new(request.Request), remote) }()
			synctest.Wait()
			s, _, err := p.acquire(t.Context(), new(request.Request), remote)
			if !errors.Is(err, c.want) || dials != c.dials {
				t.Errorf("got %v after %d dials, want %v after %d", err, dials, c.want, c.dials)
			}
			if s != nil {
				p.release(s)
			}
		})
	}
}

// TestEndedSessionIsNotUsedAgain: the transport tells that a session has ended.
func TestEndedSessionIsNotUsedAgain(t *testing.T) {
	e := endpoint.New(endpoint.Options{})
	defer func() { _ = e.Close(context.Background()) }()
	p, dialled := lines(10, time.Minute)
	var w *watcher
	dial := p.dial
	p.dial = func(ctx context.Context, r *request.Request, to netip.AddrPort, gone func()) (conn, error) {
		w = &watcher{e, func() {}, gone}
		return dial(ctx, r, to, gone)
	}
	s := use(t, p, "192.0.2.1:1")
	p.release(s)
	w.Forget(s.conn.Key())
	p.release(use(t, p, "192.0.2.1:1"))
	if len(*dialled) != 2 {
		t.Errorf("%d dialled, want 2", len(*dialled))
	}
}

// TestSessionThatDiedUnnoticed: what may have reached the device is sent again
// only if that does no harm, and what did not leave is sent again in any case.
func TestSessionThatDiedUnnoticed(t *testing.T) {
	afterSending := func(e *endpoint.Endpoint, l *line) error {
		e.Forget(l.Key())
		return nil
	}
	beforeSending := func(*endpoint.Endpoint, *line) error {
		return fmt.Errorf("the session has ended: %w", net.ErrClosed)
	}
	for name, c := range map[string]struct {
		method string
		dies   func(*endpoint.Endpoint, *line) error
		again  bool
	}{
		"GET that was sent":        {"GET", afterSending, true},
		"PUT that was sent":        {"PUT", afterSending, true},
		"DELETE that was sent":     {"DELETE", afterSending, true},
		"POST that was sent":       {"POST", afterSending, false},
		"GET that was not sent":    {"GET", beforeSending, true},
		"PUT that was not sent":    {"PUT", beforeSending, true},
		"DELETE that was not sent": {"DELETE", beforeSending, true},
		"POST that was not sent":   {"POST", beforeSending, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := dying(t)
			f.dies = c.dies
			if err := f.call(c.method, nil); err != nil {
				t.Fatal(err)
			}
			f.dead = 1
			err := f.call(c.method, nil)
			if c.again {
				if err != nil || f.tried != 3 || f.dialled != 2 {
					t.Errorf("got %v, %d tries over %d sessions; want 3 over 2", err, f.tried, f.dialled)
				}
				return
			}
			var failure *Error
			if !errors.As(err, &failure) || failure.Status != http.StatusBadGateway || f.tried != 2 {
				t.Errorf("got %v, %d tries; want 502 and 2: a POST is not repeated", err, f.tried)
			}
		})
	}
}

// TestSessionIsMadeAnewOnce: a device that ends every session is not called for
// ever, and a session that was just made is not made again.
func TestSessionIsMadeAnewOnce(t *testing.T) {
	f := dying(t)
	f.dies = func(*endpoint.Endpoint, *line) error { return net.ErrClosed }
	if err := f.call("POST", nil); err != nil {
		t.Fatal(err)
	}
	f.dead = 99
	var failure *Error
	for want := 2; want < 4; want++ {
		if err := f.call("POST", nil); !errors.As(err, &failure) || failure.Status != http.StatusBadGateway || f.dialled != uint64(want) {
			t.Errorf("got %v over %d sessions, want 502 over %d", err, f.dialled, want)
		}
	}
}

// TestForcedTypeIsSentOverALiveSession: to an ACK or RST nothing comes back, so
// that only sending it tells that the session has ended.
func TestForcedTypeIsSentOverALiveSession(t *testing.T) {
	f := dying(t)
	f.dies = func(*endpoint.Endpoint, *line) error { return net.ErrClosed }
	if err := f.call("POST", nil); err != nil {
		t.Fatal(err)
	}
	f.dead = 1
	for range 2 {
		if err := f.call("POST", map[string]string{"message-type": "RST"}); err != nil {
			t.Error(err)
		}
	}
	if f.dialled != 2 || f.tried != 4 {
		t.Errorf("%d tries over %d sessions, want 4 over 2", f.tried, f.dialled)
	}
}

// TestPartOfABodyIsNotSentAgain: the session ends in the middle of a block-wise
// transfer; the device may have acted on what it has.
func TestPartOfABodyIsNotSentAgain(t *testing.T) {
	for method, want := range map[string]bool{"POST": false, "PUT": true} {
		f := dying(t)
		f.dies = func(*endpoint.Endpoint, *line) error { return net.ErrClosed }
		f.body = strings.Repeat("x", 3000)
		if err := f.call(method, nil); err != nil {
			t.Fatal(err)
		}
		f.dead, f.after = 1, f.tried+1
		if err := f.call(method, nil); (err == nil) != want {
			t.Errorf("%s: got %v, want success: %t", method, err, want)
		}
	}
}

// dyingFixture is a Caller, and a device whose sessions may end.
type dyingFixture struct {
	c    *Caller
	e    *endpoint.Endpoint
	body string
	// dead is the number of the last session that has ended, once after datagrams
	// were tried; dies says what then becomes of a datagram.
	dead, dialled uint64
	tried, after  int
	dies          func(*endpoint.Endpoint, *line) error
}

func dying(t *testing.T) *dyingFixture {
	t.Helper()
	f := &dyingFixture{e: endpoint.New(endpoint.Options{Recognized: blockwise.Recognized})}
	f.c = New(Options{Endpoint: f.e})
	t.Cleanup(func() {
		_ = f.c.Close()
		_ = f.e.Close(context.Background())
	})
	f.c.pool.dial = func(context.Context, *request.Request, netip.AddrPort, func()) (conn, error) {
		f.dialled++
		return &line{number: f.dialled, send: f.send}, nil
	}
	return f
}

// send answers every request with success.
func (f *dyingFixture) send(l *line, b []byte) error {
	f.tried++
	if l.number <= f.dead && f.tried > f.after {
		return f.dies(f.e, l)
	}
	m, err := coap.Decode(b)
	if err != nil || !m.Code.IsRequest() || m.Type > coap.NonConfirmable {
		return err
	}
	response := &coap.Message{Type: coap.Acknowledgement, Code: coap.Changed, MessageID: m.MessageID, Token: m.Token}
	if v, ok := m.Get(coap.Block1); ok {
		block, _ := coap.ParseBlock(v)
		if block.More {
			response.Code = coap.Continue
		}
		response.Add(coap.Block1, v)
	}
	b, err = response.MarshalBinary()
	f.c.probing.heard(remote) // as the watcher does
	f.e.Receive(l, b)
	return err
}

func (f *dyingFixture) call(method string, parameters map[string]string) error {
	provider := outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://" + remote.String()}}}
	connector := outbound.Connector{Provider: "p", Method: method, Parameters: parameters, Body: f.body}
	if f.body != "" {
		connector.Content = "text/plain"
	}
	_, err := f.c.Do(context.Background(), provider, connector, outbound.Call{})
	return err
}
