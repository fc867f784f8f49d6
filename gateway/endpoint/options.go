// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"log/slog"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// Params is the transmission parameters (RFC 7252 §4.8). The zero value of each
// field means its default.
type Params struct {
	// AckTimeout is ACK_TIMEOUT, 2 s by default.
	AckTimeout time.Duration
	// AckRandomFactor is ACK_RANDOM_FACTOR, 1.5 by default; below 1 means 1.
	AckRandomFactor float64
	// MaxRetransmit is MAX_RETRANSMIT, 4 by default; a negative number means
	// no retransmission at all.
	MaxRetransmit int
	// NStart is NSTART, 1 by default: how many of our requests may be
	// outstanding with one peer. Further ones wait (RFC 7252 §4.7).
	NStart int
	// ExchangeLifetime is EXCHANGE_LIFETIME, 247 s by default: how long a
	// Confirmable message is remembered, and a message id of ours is not used
	// again with the same peer.
	ExchangeLifetime time.Duration
	// NonLifetime is NON_LIFETIME, 145 s by default: how long a
	// Non-confirmable message is remembered.
	NonLifetime time.Duration
	// EmptyAckAfter is how long a handler may take before the request is
	// acknowledged with an Empty message, so that the client does not send it
	// again: 1 s by default, half of ACK_TIMEOUT (RFC 7252 §5.2.2).
	EmptyAckAfter time.Duration
}

// withDefaults fills in the defaults of RFC 7252 §4.8 and §4.8.2.
func (p Params) withDefaults() Params {
	defaultTo(&p.AckTimeout, 2*time.Second)
	defaultTo(&p.AckRandomFactor, 1.5)
	p.AckRandomFactor = max(p.AckRandomFactor, 1)
	defaultTo(&p.MaxRetransmit, 4)
	p.MaxRetransmit = max(p.MaxRetransmit, 0)
	defaultTo(&p.NStart, 1)
	defaultTo(&p.ExchangeLifetime, 247*time.Second)
	defaultTo(&p.NonLifetime, 145*time.Second)
	defaultTo(&p.EmptyAckAfter, time.Second)
	return p
}

// maxTransmitSpan is MAX_TRANSMIT_SPAN (RFC 7252 §4.8.2): 45 s by default.
func (p Params) maxTransmitSpan() time.Duration {
	return time.Duration(float64(p.AckTimeout) * float64(int64(1)<<p.MaxRetransmit-1) * p.AckRandomFactor)
}

// Options is what an endpoint needs to know. The zero value is a client that
// rejects every request.
type Options struct {
	// Handler answers requests. Without one a Confirmable request is answered
	// with a Reset, and a Non-confirmable one is ignored.
	Handler Handler
	// Params is the transmission parameters.
	Params Params
	// Logger is told what goes wrong; nil means no log.
	Logger *slog.Logger
	// Seed makes message ids, tokens and timeouts repeatable, for tests. Zero
	// takes a random seed: anything else makes tokens guessable.
	Seed uint64
	// Recognized says which options the handler, and the callers of Do, can
	// process; an option that is not in coap's registry is never recognised.
	// Nil means the function Recognized.
	Recognized func(coap.OptionNumber) bool
	// MaxExchanges bounds how many messages are remembered for all peers
	// together, 262,144 by default. When they are full, answered requests are
	// forgotten before their time, if they were GET, PUT or DELETE or were
	// answered with a client error, which RFC 7252 §4.5 allows; when there are
	// none, requests are refused with 5.03.
	MaxExchanges int
	// MaxRunning bounds how many handlers run at once, 1,024 by default. A
	// request beyond it is refused with 5.03.
	MaxRunning int
	// MaxRunningPerPeer is the same for the requests of one peer, a quarter of
	// MaxRunning by default, so that no peer can take all.
	MaxRunningPerPeer int
	// MaxPayload is the longest payload of a request in bytes, 15 KiB by
	// default; a longer one is refused with 4.13 and Size1.
	MaxPayload int
	// MaxAmplification bounds what is sent for a request over plain UDP that is
	// refused or fails, as a multiple of the request's length, 3 by default: the
	// request's source may be forged (RFC 7252 §11.3). Retransmissions count.
	MaxAmplification int
}

// The limits of Options that docs/limits.md lists.
const (
	defaultMaxExchanges     = 1 << 18
	defaultMaxRunning       = 1024
	defaultMaxPayload       = 15 << 10
	defaultMaxAmplification = 3
)

// withDefaults fills in what is documented above.
func (o Options) withDefaults() Options {
	o.Params = o.Params.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Recognized == nil {
		o.Recognized = Recognized
	}
	defaultTo(&o.MaxExchanges, defaultMaxExchanges)
	defaultTo(&o.MaxRunning, defaultMaxRunning)
	defaultTo(&o.MaxRunningPerPeer, max(o.MaxRunning/4, 1))
	defaultTo(&o.MaxPayload, defaultMaxPayload)
	defaultTo(&o.MaxAmplification, defaultMaxAmplification)
	return o
}

// defaultTo sets *v to def when it is zero.
func defaultTo[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
