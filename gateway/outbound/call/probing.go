// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

const (
	// defaultProbingRate is PROBING_RATE in bytes a second (RFC 7252 §4.8).
	defaultProbingRate = 1
	// exchangeLifetime is EXCHANGE_LIFETIME (RFC 7252 §4.8.2), over which the
	// average is taken.
	exchangeLifetime = 247 * time.Second
	// maxSilent is how many remotes are kept in mind that owe an answer.
	maxSilent = 100_000
)

// probing holds requests to what does not answer to PROBING_RATE (RFC 7252 §4.7).
// It is a bucket for each remote address, of the bytes of EXCHANGE_LIFETIME: a
// request may go while there is anything left, whatever its length, and may leave
// a debt. Whatever comes from the remote fills it. It stands above the sessions,
// since a call without an answer ends its session.
//
// What is counted is each message once. Retransmissions are bound by their
// back-off (§4.2), and a Confirmable request is not expected to be answered when
// EXCHANGE_LIFETIME is over (§4.7): it counts for no more than that.
type probing struct {
	rate int // bytes a second

	mu      sync.Mutex
	remotes map[netip.AddrPort]*silence
	sweepAt time.Time
}

// silence is a remote from which nothing has come since something was sent to it.
type silence struct {
	// until is when what was sent is made good: an empty bucket is one that is
	// EXCHANGE_LIFETIME away from it.
	until time.Time
	// granted is what may be sent and was not sent yet, in time that it takes.
	granted time.Duration
	// flying is how many requests may be answered yet; waiting is how many wait.
	flying, waiting int
	// changed is closed when one that waits has to look again.
	changed chan struct{}
}

// tooSoonError is a request that would have to wait longer than its caller does.
type tooSoonError struct {
	wait time.Duration
	rate int
}

func (e *tooSoonError) Error() string {
	return fmt.Sprintf("PROBING_RATE, %d bytes a second, is used up for %s (RFC 7252 §4.7)", e.rate, e.wait)
}

// seconds is when to try again, in whole seconds.
func (e *tooSoonError) seconds() int { return int(math.Ceil(e.wait.Seconds())) }

// left is how long the bucket stays empty; below zero there is something in it.
func (s *silence) left(now time.Time) time.Duration {
	return max(s.until.Sub(now), 0) + s.granted - exchangeLifetime
}

// look makes those look again who wait.
func (s *silence) look() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// idle says that forgetting s makes no difference.
func (s *silence) idle(now time.Time) bool {
	return s.flying+s.waiting == 0 && !s.until.After(now)
}

// cost is how long m takes at the rate.
func (p *probing) cost(m *coap.Message) time.Duration {
	c := *m
	if c.Token == nil {
		c.Token = make([]byte, 8) // what the endpoint gives it
	}
	b, _ := c.MarshalBinary() // what cannot be sent costs nothing
	d := time.Duration(len(b)) * time.Second / time.Duration(p.rate)
	if m.Type == coap.Confirmable {
		d = min(d, exchangeLifetime)
	}
	return d
}

// admit waits until m may go to the remote, and no longer than ctx; at once it
// says so when that will be too late, with a *tooSoonError. As long as an answer to another
// request may come, it waits for that.
func (p *probing) admit(ctx context.Context, remote netip.AddrPort, m *coap.Message) (*flight, error) {
	cost := p.cost(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.silence(remote)
	s.waiting++
	defer func() {
		s.waiting--
		p.tidy(remote, s)
	}()
	for {
		left := s.left(time.Now())
		if left < 0 {
			s.flying++
			s.granted += cost
			return &flight{probing: p, remote: remote, silence: s, cost: cost}, nil
		}
		if deadline, ok := ctx.Deadline(); ok && s.flying == 0 && time.Until(deadline) <= left {
			return nil, &tooSoonError{left, p.rate}
		}
		if err := p.wait(ctx, s.changed, left+1); err != nil {
			return nil, err
		}
	}
}

// wait gives the lock up for that long, or until something has changed.
func (p *probing) wait(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

// heard says that something came from the remote: it is there, and owes nothing.
func (p *probing) heard(remote netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.remotes[remote]; s != nil {
		s.until = time.Time{}
		s.look()
		p.tidy(remote, s)
	}
}

// silence is what is known of the remote. It is called under the lock.
func (p *probing) silence(remote netip.AddrPort) *silence {
	s := p.remotes[remote]
	if s != nil {
		return s
	}
	now := time.Now()
	if now.After(p.sweepAt) || len(p.remotes) >= maxSilent {
		p.sweep(now)
	}
	s = &silence{changed: make(chan struct{})}
	p.remotes[remote] = s
	return s
}

// tidy forgets s when it owes nothing. It is called under the lock.
func (p *probing) tidy(remote netip.AddrPort, s *silence) {
	if p.remotes[remote] == s && s.idle(time.Now()) {
		delete(p.remotes, remote)
	}
}

// sweep forgets those that owe nothing any more and, if there are too many still,
// the one of a sample that owes least. It is called under the lock.
func (p *probing) sweep(now time.Time) {
	if now.After(p.sweepAt) {
		p.sweepAt = now.Add(exchangeLifetime / 4)
		for remote, s := range p.remotes {
			p.tidy(remote, s)
		}
	}
	if len(p.remotes) < maxSilent {
		return
	}
	const sample = 16
	var least netip.AddrPort
	var until time.Time
	n := 0
	for remote, s := range p.remotes { // in random order
		if s.flying+s.waiting > 0 {
			continue
		}
		if n == 0 || s.until.Before(until) {
			least, until = remote, s.until
		}
		if n++; n == sample {
			break
		}
	}
	delete(p.remotes, least)
}

// flight is one message that was admitted, until nothing is expected of it.
type flight struct {
	*probing
	*silence
	remote netip.AddrPort
	cost   time.Duration
	sent   bool // guarded by probing.mu
}

// count counts the message, once.
func (f *flight) count() (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sent {
		return false
	}
	f.sent = true
	f.granted -= f.cost
	if now := time.Now(); f.until.Before(now) {
		f.until = now
	}
	f.until = f.until.Add(f.cost)
	return true
}

// discount takes back what was counted: the message was not sent.
func (f *flight) discount() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = false
	f.granted += f.cost
	f.until = f.until.Add(-f.cost)
}

// end says that nothing is expected any more.
func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.sent {
		f.granted -= f.cost
	}
	f.flying--
	f.look()
	f.tidy(f.remote, f.silence)
}

// counted is a peer to which one message goes.
type counted struct {
	endpoint.Peer
	flight *flight
}

// Send implements endpoint.Peer. The message is counted before it is sent, since
// the answer may be faster than this goroutine.
func (c *counted) Send(b []byte) error {
	first := c.flight.count()
	err := c.Peer.Send(b)
	if err != nil && first {
		c.flight.discount()
	}
	return err
}

// paced is an endpoint that keeps to PROBING_RATE.
type paced struct {
	endpoint *endpoint.Endpoint
	probing  *probing
}

// Do implements blockwise.Exchanger.
func (x paced) Do(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error) {
	f, err := x.probing.admit(ctx, p.Key().Addr, req)
	if err != nil {
		return nil, err
	}
	defer f.end()
	return x.endpoint.Do(ctx, &counted{p, f}, req)
}

// post sends what is not answered, which is counted like what is not.
func (x paced) post(ctx context.Context, p endpoint.Peer, m *coap.Message) error {
	f, err := x.probing.admit(ctx, p.Key().Addr, m)
	if err != nil {
		return err
	}
	defer f.end()
	return x.endpoint.Post(&counted{p, f}, m)
}
