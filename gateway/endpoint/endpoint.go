// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/coapstone/coapstone/coap"
)

// Endpoint is a CoAP endpoint, client and server in one (RFC 7252 §1.2). All
// its methods may be called at the same time.
type Endpoint struct {
	options Options
	params  Params
	log     *slog.Logger
	clock   *clock
	workers *workers

	hash   maphash.Seed
	shards [shards]shard
	// nextAlarm is the instant up to which the clock sleeps.
	nextAlarm atomic.Int64

	remembered atomic.Int64 // records, in all shards
	running    gauge        // handlers
	active     gauge        // handlers and transmissions
	counts     counts

	ctx       context.Context
	cancel    context.CancelFunc
	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

var _ Receiver = (*Endpoint)(nil)

// New makes an endpoint. Whoever makes it closes it.
func New(o Options) *Endpoint {
	o = o.withDefaults()
	e := &Endpoint{
		options: o,
		params:  o.Params,
		log:     o.Logger,
		clock:   newClock(),
		hash:    maphash.MakeSeed(),
	}
	e.active.empty, e.running.empty = make(chan struct{}), make(chan struct{})
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.workers = newWorkers(e.serve)
	seeds := rand.NewChaCha8(seed(o.Seed))
	for i := range e.shards {
		var own [32]byte
		_, _ = seeds.Read(own[:]) // never fails
		s := &e.shards[i]
		s.e, s.peers, s.rng = e, map[PeerKey]*peerState{}, rand.New(rand.NewChaCha8(own)) //nolint:gosec // ChaCha8 with a random key is a strong generator
	}
	go e.clock.run(e.due)
	return e
}

// seed spreads a seed to what ChaCha8 takes; zero is a random one.
func seed(u uint64) (b [32]byte) {
	if u == 0 {
		_, _ = crand.Read(b[:]) // never fails
		return b
	}
	binary.BigEndian.PutUint64(b[:], u)
	return b
}

// due runs all timers that are due and says when the next is.
func (e *Endpoint) due() instant {
	e.nextAlarm.Store(int64(never)) // whoever sets a timer from here on wakes us
	next := never
	for i := range e.shards {
		next = min(next, e.shards[i].runDue())
	}
	e.nextAlarm.Store(int64(next))
	return next
}

func (e *Endpoint) shardIndex(k PeerKey) int {
	return int(maphash.Comparable(e.hash, k) % shards)
}

func (e *Endpoint) shard(k PeerKey) *shard { return &e.shards[e.shardIndex(k)] }

// inRequest and inResponse say which options of a request, or response, are
// recognised.
func (e *Endpoint) inRequest(n coap.OptionNumber) bool {
	return inRequest(n) && e.options.Recognized(n)
}

func (e *Endpoint) inResponse(n coap.OptionNumber) bool {
	return inResponse(n) && e.options.Recognized(n)
}

// messages is decoded messages, whose slices are used again.
var messages = sync.Pool{New: func() any { return new(coap.Message) }}

// Receive takes one datagram. What RFC 7252 wants ignored is ignored, what it
// wants rejected is rejected, and nothing is ever answered to an
// Acknowledgement or a Reset (§4.2, §4.3).
func (e *Endpoint) Receive(p Peer, b []byte) {
	if e.closed.Load() {
		return
	}
	e.counts.datagramsIn.Add(1)
	e.counts.bytesIn.Add(uint64(len(b)))
	m := messages.Get().(*coap.Message) // nothing else is in there
	defer func() {
		clear(m.Options)
		*m = coap.Message{Options: m.Options[:0]}
		messages.Put(m)
	}()
	var fault *coap.FormatError
	err := m.Unmarshal(b)
	switch {
	case errors.As(err, &fault):
		e.counts.malformed.Add(1)
		e.log.Debug("a datagram is no CoAP message", "error", err, "peer", p.Key().Addr)
		if !fault.Ignore {
			e.reject(p, m)
		}
	case m.Type == coap.Acknowledgement:
		e.acknowledged(p, m)
	case m.Type == coap.Reset:
		e.wasReset(p, m)
	case m.Code.IsRequest():
		e.request(p, m, len(b))
	case m.Code.IsResponse():
		e.response(p, m)
	default: // Empty, or of a reserved class
		e.reject(p, m)
	}
}

// Forget drops the peer: its requests' contexts end, and what waits for it
// fails with ErrForgotten.
func (e *Endpoint) Forget(k PeerKey) {
	s := e.shard(k)
	s.mu.Lock()
	var gone []*Exchange
	if y := s.peers[k]; y != nil {
		gone = s.drop(y, ErrForgotten)
	}
	s.mu.Unlock()
	for _, x := range gone {
		x.cancel()
	}
}

// reject rejects a message: with a Reset if it is Confirmable, else silently.
func (e *Endpoint) reject(p Peer, m *coap.Message) { e.send(p, rejection(m)) }

// rejection is the Reset for a Confirmable message, nil for others (RFC 7252
// §4.2, §4.3).
func rejection(m *coap.Message) []byte {
	if m.Type != coap.Confirmable {
		return nil
	}
	return emptyMessage(coap.Reset, m.MessageID)
}

// send sends a datagram, if there is one.
func (e *Endpoint) send(p Peer, b []byte) {
	if b == nil {
		return
	}
	if err := e.write(p, b); err != nil {
		e.log.Debug("a CoAP message could not be sent", "error", err, "peer", p.Key().Addr)
	}
}

// Close ends the endpoint: from now on requests of peers are refused with 5.03
// and Do fails with ErrClosed; what runs may finish until ctx ends, then it is
// cut off. The error says that handlers were cut off. Close may be called again
// and then says the same.
func (e *Endpoint) Close(ctx context.Context) error {
	e.closeOnce.Do(func() { e.closeErr = e.close(ctx) })
	return e.closeErr
}

func (e *Endpoint) close(ctx context.Context) error {
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		s.closing = true
		s.mu.Unlock()
	}
	e.active.drain()
	var err error
	select {
	case <-e.active.empty:
	case <-ctx.Done():
		if n := e.running.n.Load(); n > 0 {
			err = fmt.Errorf("closing the CoAP endpoint: %d requests were still being served: %w", n, ctx.Err())
		}
	}
	e.closed.Store(true)
	e.cancel()
	for i := range e.shards {
		s := &e.shards[i]
		s.mu.Lock()
		for _, y := range s.peers {
			s.drop(y, ErrClosed) // contexts have ended above
		}
		s.mu.Unlock()
	}
	close(e.workers.stop)
	close(e.clock.stop)
	<-e.clock.done
	return err
}
