// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

// block is a POST of one block of 16 bytes of the body; of the three, 2 is the
// last. It gets a token of its own.
func (b *bench) block(d *peer.Client, path string, num int, body []byte, tag string, format coap.Format) *coap.Message {
	m := whole(d, b.request(coap.Confirmable, coap.POST, path))
	m.AddUint(coap.Block1, coap.Block{Num: uint32(num), More: num < 2}.Uint())
	m.AddUint(coap.ContentFormat, uint32(format))
	if tag != "" {
		m.AddString(coap.RequestTag, tag)
	}
	m.Payload = body[16*num : 16*num+16]
	return m
}

// Q09 to Q11: blocks with other tokens, of another operation, twice and in
// another order. The platform gets the whole body, once, or nothing.
func TestBlocksInAnyOrderMakeAWholeBodyOrNone(t *testing.T) {
	t.Parallel()
	const (
		more = coap.Continue
		done = coap.Changed
		lost = coap.RequestEntityIncomplete
	)
	type step struct {
		num    int
		tag    string
		format coap.Format
		want   coap.Code
	}
	b := start(t)
	body := []byte("forty-eight bytes that are three blocks of a POST")[:48]
	for name, secure := range transports {
		for sequence, steps := range map[string][]step{
			"Q09 three tokens":             {{0, "", 0, more}, {1, "", 0, more}, {2, "", 0, done}},
			"Q10 another Request-Tag":      {{0, "A", 0, more}, {1, "B", 0, lost}, {2, "B", 0, lost}},
			"Q10 another Content-Format":   {{0, "", 50, more}, {1, "", 60, lost}, {2, "", 60, lost}},
			"Q10 another in between":       {{0, "A", 0, more}, {0, "B", 0, more}, {1, "A", 0, more}, {2, "B", 0, lost}, {2, "A", 0, done}},
			"Q11 everything twice":         {{0, "", 0, more}, {0, "", 0, more}, {1, "", 0, more}, {1, "", 0, more}, {2, "", 0, done}, {2, "", 0, lost}},
			"Q11 out of order":             {{0, "", 0, more}, {2, "", 0, lost}, {1, "", 0, more}, {2, "", 0, done}},
			"Q11 out of order and no more": {{0, "", 0, more}, {2, "", 0, lost}, {1, "", 0, more}},
			"M63 the last alone":           {{2, "", 0, lost}},
		} {
			t.Run(name+" "+sequence, func(t *testing.T) {
				d := b.device(t, secure)
				path, calls := fmt.Sprintf("/blocks/%s/%x", name, sequence), 0
				for _, s := range steps {
					out := exchange(t, d, b.block(d, path, s.num, body, s.tag, s.format), s.want)
					if s.want != done {
						continue
					}
					calls++
					if got, want := string(out.Response.Payload), said("POST", path, body); got != want {
						t.Errorf("the platform says %q, want %q", got, want)
					}
				}
				if n := b.platform.called(path); n != calls {
					t.Errorf("the platform was called %d times, want %d", n, calls)
				}
				ping(t, d)
			})
		}
	}
}

// Blocks of one body that come over two sessions are two bodies (RFC 7959 §7).
func TestBlocksOfTwoSessionsAreNotMixed(t *testing.T) {
	t.Parallel()
	b := start(t)
	body := make([]byte, 48)
	one, other := b.device(t, true), b.device(t, true)
	const path = "/blocks/two"
	exchange(t, one, b.block(one, path, 0, body, "", 0), coap.Continue)
	exchange(t, other, b.block(other, path, 1, body, "", 0), coap.RequestEntityIncomplete)
	exchange(t, other, b.block(other, path, 2, body, "", 0), coap.RequestEntityIncomplete)
	exchange(t, one, b.block(one, path, 1, body, "", 0), coap.Continue)
	exchange(t, one, b.block(one, path, 2, body, "", 0), coap.Changed)
	if n := b.platform.called(path); n != 1 {
		t.Errorf("the platform was called %d times, want once", n)
	}
}

// Q12: a body without end is refused at the cap, and takes no more room.
func TestABodyWithoutEndIsRefusedAtTheCap(t *testing.T) {
	t.Parallel()
	b := start(t)
	d := b.device(t, false)
	const path = "/blocks/endless"
	payload := make([]byte, 1024)
	for num := range uint32(20_000) {
		m := whole(d, b.request(coap.Confirmable, coap.POST, path))
		m.AddUint(coap.Block1, coap.Block{Num: num, More: true, SZX: 6}.Uint())
		m.Payload = payload
		send(t, d, m)
		r := await(t, d, "the answer to a block", peer.WithID(m.MessageID)).Message
		if r.Code == coap.Continue {
			continue
		}
		size, _ := r.GetUint(coap.Size1)
		if num != blockwise.DefaultMaxBody/1024 || r.Code != coap.RequestEntityTooLarge || size != blockwise.DefaultMaxBody {
			t.Errorf("block %d got %s with Size1 %d, want 4.13 with %d at block %d", num, r, size, blockwise.DefaultMaxBody, blockwise.DefaultMaxBody/1024)
		}
		break
	}
	if n := b.platform.called(path); n != 0 {
		t.Errorf("the platform was called %d times", n)
	}
}

// Q13: many sources send a first block and stop; who comes then is served.
func TestManyUnfinishedBodiesLeaveRoomForTheNext(t *testing.T) {
	t.Parallel()
	sources := need.Size(200, 1_000, 12_000)
	b := start(t)
	d := b.device(t, false)
	body := make([]byte, 48)
	first := b.block(d, "/blocks/stop", 0, body, "", 0)
	datagram, err := first.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1500)
	for i := range sources {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(b.remote(false)))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, writeErr := c.Write(datagram)
		n, readErr := c.Read(answer)
		_ = c.Close()
		if writeErr != nil || readErr != nil {
			t.Fatalf("source %d: %v, %v", i, writeErr, readErr)
		}
		m, err := coap.Decode(answer[:n])
		// The system may give the port of an earlier source again.
		if err != nil || m.Code != coap.Continue {
			t.Fatalf("source %d got %v, %v", i, m, err)
		}
	}
	const path = "/blocks/next"
	for num, want := range []coap.Code{coap.Continue, coap.Continue, coap.Changed} {
		exchange(t, d, b.block(d, path, num, body, "", 0), want)
	}
	if n, stopped := b.platform.called(path), b.platform.called("/blocks/stop"); n != 1 || stopped != 0 {
		t.Errorf("the platform was called %d times for the whole body and %d times for the others, want 1 and 0", n, stopped)
	}
}
