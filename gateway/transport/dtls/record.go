// SPDX-License-Identifier: Apache-2.0

package dtls

import "encoding/binary"

// The parts of a DTLS record and a handshake message that the packet layer looks
// at (RFC 6347 §4.1, §4.2.2; RFC 9146 §4).
const (
	recordHeader    = 13
	handshakeHeader = 12

	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
	typeConnectionID     = 25

	handshakeClientHello        = 1
	handshakeHelloVerifyRequest = 3

	version12 = 0xfefd
	version10 = 0xfeff
)

// idLength is how long the connection ids are that we give out: too long to be
// met by chance.
const idLength = 8

// record is the first record of b, and what stands behind it. ok is false when
// there is none. ids is the length of our connection ids.
func record(b []byte, ids int) (first, rest []byte, ok bool) {
	header := recordHeader
	if len(b) > 0 && b[0] == typeConnectionID {
		header += ids
	}
	if len(b) < header {
		return nil, nil, false
	}
	end := header + int(binary.BigEndian.Uint16(b[header-2:]))
	if len(b) < end {
		return nil, nil, false
	}
	return b[:end], b[end:], true
}

// epoch is the epoch of a record: 0 is not encrypted.
func epoch(r []byte) uint16 { return binary.BigEndian.Uint16(r[3:]) }

// sequence is the sequence number of a record, within its epoch.
func sequence(r []byte) uint64 { return binary.BigEndian.Uint64(r[3:]) & maxSequence }

// setSequence changes the sequence number of a record.
func setSequence(r []byte, n uint64) {
	binary.BigEndian.PutUint64(r[3:], uint64(epoch(r))<<48|n&maxSequence)
}

const maxSequence = 1<<48 - 1

// sift returns the datagram without what is no record, and without what has no
// place in the clear: anybody can forge that, and instead of discarding it
// (RFC 6347 §4.1.2.7) pion v3.1.15 closes the session over application data, and
// tells the other end to do so over a record of a type that it does not know. It
// changes b.
func sift(b []byte, ids int) []byte {
	return pick(b, ids, func(r []byte) bool {
		return epoch(r) != 0 && len(r) > recordHeader || epoch(r) == 0 && open(r)
	})
}

// withoutAlerts returns a sifted datagram without alerts in the clear. It changes
// b.
func withoutAlerts(b []byte) []byte {
	return pick(b, idLength, func(r []byte) bool { return r[0] != typeAlert || epoch(r) != 0 })
}

// pick returns the records of b that are good. It changes b.
func pick(b []byte, ids int, good func(r []byte) bool) []byte {
	picked := b[:0]
	for rest := b; len(rest) > 0; {
		r, next, ok := record(rest, ids)
		if !ok {
			break
		}
		if good(r) {
			picked = append(picked, r...)
		}
		rest = next
	}
	return picked
}

// open says whether a record of epoch 0 may be handed to pion.
func open(r []byte) bool {
	content := r[recordHeader:]
	switch r[0] {
	case typeHandshake:
		return len(content) >= handshakeHeader
	case typeChangeCipherSpec:
		return len(content) == 1 && content[0] == 1
	case typeAlert:
		return len(content) == 2
	default:
		return false
	}
}
