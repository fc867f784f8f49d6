// SPDX-License-Identifier: Apache-2.0

package dtls

import "encoding/binary"

// randomLength is the length of a ClientHello's random, by which a repetition is
// known.
const randomLength = 32

// hello is a ClientHello in the clear and in one piece. One in fragments is not
// answered, as a server that keeps no state before it has seen the cookie cannot
// put them together.
type hello struct {
	sequence uint64 // of the record
	message  uint16 // the handshake message's number: 0, and 1 with the cookie
	random   [randomLength]byte
	cookie   []byte
	// client is the parameters that must be the same with and without the cookie
	// (RFC 6347 §4.2.1): up to the session id, and the suites and compressions.
	client [2][]byte

	record []byte
	cut    int // where the cookie begins in the record
}

// parseHello reads the record r.
func parseHello(r []byte) (h hello, ok bool) {
	if r[0] != typeHandshake || r[1] != version12>>8 || epoch(r) != 0 || len(r) < recordHeader+handshakeHeader {
		return h, false
	}
	message := r[recordHeader:]
	length := len(message) - handshakeHeader
	if message[0] != handshakeClientHello || uint24(message[1:]) != length || // not alone
		uint24(message[6:]) != 0 || uint24(message[9:]) != length { // a fragment
		return h, false
	}
	h = hello{sequence: sequence(r), message: binary.BigEndian.Uint16(message[4:]), record: r}
	body := reader{rest: message[handshakeHeader:]}
	body.take(2) // the version
	copy(h.random[:], body.take(randomLength))
	session := body.vector(1)
	h.client[0] = message[handshakeHeader : len(message)-len(body.rest)]
	h.cookie = body.vector(1)
	h.cut = len(r) - len(body.rest) - len(h.cookie)
	behind := body.rest
	suites, compressions := body.vector(2), body.vector(1)
	h.client[1] = behind[:len(behind)-len(body.rest)]
	if len(body.rest) > 0 {
		body.vector(2) // the extensions
	}
	return h, !body.broken && len(body.rest) == 0 && len(session) <= 32 &&
		len(suites) > 0 && len(suites)%2 == 0 && len(compressions) > 0
}

// first is the hello as it was before the client had a cookie.
func (h hello) first() []byte {
	r := append([]byte(nil), h.record[:h.cut-1]...)
	r = append(r, 0) // the cookie's length
	r = append(r, h.record[h.cut+len(h.cookie):]...)
	setSequence(r, h.sequence-1)
	binary.BigEndian.PutUint16(r[recordHeader-2:], uint16(len(r)-recordHeader)) //nolint:gosec // no longer than it was
	message := r[recordHeader:]
	putUint24(message[1:], len(message)-handshakeHeader)
	binary.BigEndian.PutUint16(message[4:], 0)
	putUint24(message[9:], len(message)-handshakeHeader)
	return r
}

// verifyRequest is the HelloVerifyRequest that answers the hello, as a datagram.
// It says version 1.0 as RFC 6347 §4.2.1 wishes, and has the numbers of the
// hello, so that no two answers to different ones have the same.
func (h hello) verifyRequest(cookie []byte) []byte {
	length := 3 + len(cookie)
	r := make([]byte, recordHeader+handshakeHeader, recordHeader+handshakeHeader+length)
	r[0] = typeHandshake
	binary.BigEndian.PutUint16(r[1:], version12)
	setSequence(r, h.sequence)
	binary.BigEndian.PutUint16(r[recordHeader-2:], uint16(handshakeHeader+length)) //nolint:gosec // small
	message := r[recordHeader:]
	message[0] = handshakeHelloVerifyRequest
	putUint24(message[1:], length)
	binary.BigEndian.PutUint16(message[4:], h.message)
	putUint24(message[9:], length)
	r = binary.BigEndian.AppendUint16(r, version10)
	r = append(r, byte(len(cookie))) //nolint:gosec // 20
	return append(r, cookie...)
}

// isVerifyRequest says whether a datagram begins with a HelloVerifyRequest.
func isVerifyRequest(b []byte) bool {
	return len(b) > recordHeader && b[0] == typeHandshake && epoch(b) == 0 && b[recordHeader] == handshakeHelloVerifyRequest
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func putUint24(b []byte, n int) {
	b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) //nolint:gosec // its octets
}

// reader takes a message apart; what it takes past the end is empty.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.broken, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// vector takes a vector whose length stands in so many bytes before it.
func (r *reader) vector(size int) []byte {
	n := 0
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return r.take(n)
}
