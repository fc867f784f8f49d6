// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"sync/atomic"

	"github.com/coapstone/coapstone/coap"
)

// Stats is what an endpoint has done since it was made, and what it keeps now.
// It counts; it names nobody and holds nothing of any message.
type Stats struct {
	// DatagramsIn and BytesIn are what was received, DatagramsOut and BytesOut
	// what was sent: messages, without the headers of UDP and DTLS.
	DatagramsIn, BytesIn   uint64
	DatagramsOut, BytesOut uint64
	// Malformed is the datagrams that are no CoAP message.
	Malformed uint64
	// Requests is those received, by method, and Responses those given to them,
	// by code; duplicates are in neither.
	Requests, Responses map[coap.Code]uint64
	// Duplicates is the requests and responses that were received again.
	Duplicates uint64
	// Shortened is the responses that lost some or all of their payload because
	// the sender of the request had not proven its address.
	Shortened uint64
	// Retransmissions is what was sent again for want of an Acknowledgement, and
	// GaveUp the messages that never got one.
	Retransmissions, GaveUp uint64
	// Running is how many handlers run, and Remembered how many messages are
	// kept for their duplicates.
	Running, Remembered int64
}

// Stats is the counts as they stand.
func (e *Endpoint) Stats() Stats {
	c := &e.counts
	return Stats{
		DatagramsIn: c.datagramsIn.Load(), BytesIn: c.bytesIn.Load(),
		DatagramsOut: c.datagramsOut.Load(), BytesOut: c.bytesOut.Load(),
		Malformed: c.malformed.Load(),
		Requests:  c.requests.read(), Responses: c.responses.read(),
		Duplicates: c.duplicates.Load(), Shortened: c.shortened.Load(),
		Retransmissions: c.retransmissions.Load(), GaveUp: c.gaveUp.Load(),
		Running: e.running.n.Load(), Remembered: e.remembered.Load(),
	}
}

// counts is what Stats is made of.
type counts struct {
	datagramsIn, bytesIn    atomic.Uint64
	datagramsOut, bytesOut  atomic.Uint64
	malformed, duplicates   atomic.Uint64
	shortened               atomic.Uint64
	retransmissions, gaveUp atomic.Uint64
	requests, responses     codeCounts
}

// codeCounts counts by code.
type codeCounts [256]atomic.Uint64

func (c *codeCounts) read() map[coap.Code]uint64 {
	m := map[coap.Code]uint64{}
	for code := range c {
		if n := c[code].Load(); n > 0 {
			m[coap.Code(code)] = n
		}
	}
	return m
}

// write sends a datagram and counts it.
func (e *Endpoint) write(p Peer, b []byte) error {
	e.counts.datagramsOut.Add(1)
	e.counts.bytesOut.Add(uint64(len(b)))
	return p.Send(b)
}
