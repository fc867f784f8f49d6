// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// Defaults of Options and Client.
const (
	// DefaultMaxBody is the longest body, 1 MiB.
	DefaultMaxBody = 1 << 20
	// DefaultPerPeer is how many bodies are kept for one peer.
	DefaultPerPeer = 64
	// DefaultTotal is how many bodies are kept for all peers.
	DefaultTotal = 10_000
	// DefaultPeerBytes is how many bytes are kept for one peer, 8 MiB.
	DefaultPeerBytes = 8 << 20
	// DefaultTotalBytes is how many bytes are kept for all peers, 64 MiB.
	DefaultTotalBytes = 64 << 20
	// DefaultLifetime is EXCHANGE_LIFETIME, after which RFC 7959 §2.4 and §2.5
	// have everyone expect that unfinished transfers are forgotten.
	DefaultLifetime = 247 * time.Second
)

// maxSZX is 1024 bytes, the largest block that there is (RFC 7959 §2.2).
const maxSZX = 6

// Options is the limits of a Handler. The zero value of each field means its
// default. Request bodies that are not whole yet, and response bodies that are
// not fetched yet, are counted apart.
type Options struct {
	// MaxBody is the longest body of a request; a longer one is refused with
	// 4.13 and Size1.
	MaxBody int
	// BlockSize is the size of blocks that is preferred: a power of two from 16
	// to 1024, the default. Others are rounded down to one.
	BlockSize int
	// PerPeer and PeerBytes are what is kept for one peer, Total and TotalBytes
	// what is kept for all, in bodies and in bytes. Beyond them, those that were
	// left alone the longest are forgotten: the peer's own or, for the totals,
	// anybody's. A sender whose body was forgotten gets 4.08.
	PerPeer, Total        int
	PeerBytes, TotalBytes int
	// Lifetime is how long a body is kept that nobody touches.
	Lifetime time.Duration
}

func (o Options) withDefaults() Options {
	defaultTo(&o.MaxBody, DefaultMaxBody)
	defaultTo(&o.BlockSize, 1024)
	defaultTo(&o.PerPeer, DefaultPerPeer)
	defaultTo(&o.Total, DefaultTotal)
	defaultTo(&o.PeerBytes, DefaultPeerBytes)
	defaultTo(&o.TotalBytes, DefaultTotalBytes)
	if o.Lifetime <= 0 {
		o.Lifetime = DefaultLifetime
	}
	return o
}

func defaultTo(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

// szxOf is the SZX of the largest block that is not larger than size.
func szxOf(size int) uint8 {
	szx := uint8(0)
	for szx < maxSZX && 32<<szx <= size {
		szx++
	}
	return szx
}

// Recognized says which options an endpoint recognises whose handler is a
// Handler, and whose Do is called by a Client: those of endpoint.Recognized, and
// Block1 and Block2.
func Recognized(n coap.OptionNumber) bool {
	return n == coap.Block1 || n == coap.Block2 || endpoint.Recognized(n)
}
