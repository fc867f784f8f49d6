// SPDX-License-Identifier: Apache-2.0

package stubborn

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// How a Confirmable message is repeated (RFC 7252 §4.8).
const (
	ackTimeout      = 2 * time.Second
	maxRetransmit   = 4
	maxTransmitWait = 93 * time.Second
)

// maxDatagram is more than fits into a datagram of CoAP (RFC 7252 §4.6).
const maxDatagram = 2048

// call opens a session, makes the one exchange in it, and closes it.
func (d *Device) call(ctx context.Context) (*coap.Message, error) {
	d.say("calling %s", d.to.addr)
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer unhook()
	defer conn.Close()
	x, err := newExchange(ctx, conn, d.request)
	if err != nil {
		return nil, err
	}
	return x.run()
}

// exchange is one request and what became of it.
type exchange struct {
	ctx  context.Context // it ends when the device is reset
	conn net.Conn
	req  *coap.Message
	raw  []byte

	wait   time.Duration // until the next copy
	next   time.Time
	copies int
	acked  bool
	end    time.Time // when the device gives up
}

func newExchange(ctx context.Context, conn net.Conn, req *coap.Message) (*exchange, error) {
	var random [12]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	m := req.Clone()
	m.MessageID, m.Token = binary.BigEndian.Uint16(random[:2]), random[4:8:8]
	raw, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	// Between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (§4.2).
	wait := ackTimeout + ackTimeout/2*time.Duration(binary.BigEndian.Uint16(random[8:10]))/0xffff
	return &exchange{ctx: ctx, conn: conn, req: m, raw: raw, wait: wait, end: time.Now().Add(maxTransmitWait)}, nil
}

// run sends the request, and repeats it until it is acknowledged; it returns the
// response.
func (x *exchange) run() (*coap.Message, error) {
	if err := x.send(); err != nil {
		return nil, err
	}
	buffer := make([]byte, maxDatagram)
	for {
		if err := x.ctx.Err(); err != nil {
			return nil, err
		}
		deadline := x.end
		if !x.acked && x.next.Before(x.end) {
			deadline = x.next
		}
		if err := x.conn.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
		if err := x.ctx.Err(); err != nil {
			return nil, err // it ended before the deadline was set
		}
		n, err := x.conn.Read(buffer)
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			if err := x.late(); err != nil {
				return nil, err
			}
		case errors.Is(err, errRefused):
			// Nobody listens just now: it repeats as if the message was lost.
		case err != nil:
			return nil, err
		default:
			if resp, err := x.received(buffer[:n]); resp != nil || err != nil {
				return resp, err
			}
		}
	}
}

// send sends the request once more.
func (x *exchange) send() error {
	x.copies++
	x.next = time.Now().Add(x.wait)
	x.wait *= 2
	if _, err := x.conn.Write(x.raw); err != nil && !errors.Is(err, errRefused) {
		return err
	}
	return nil
}

// late is that nothing came in time.
func (x *exchange) late() error {
	switch {
	case x.ctx.Err() != nil:
		return x.ctx.Err()
	case x.acked || !time.Now().Before(x.end):
		return fmt.Errorf("no response within %s", maxTransmitWait)
	case x.copies > maxRetransmit:
		return fmt.Errorf("no acknowledgement of %d copies", x.copies)
	default:
		return x.send()
	}
}

// received looks at a message: nil and nil is that the device waits on.
func (x *exchange) received(b []byte) (*coap.Message, error) {
	m, err := coap.Decode(b)
	if err != nil {
		return nil, nil //nolint:nilerr // RFC 7252 §3: what cannot be read is ignored
	}
	mine := m.MessageID == x.req.MessageID
	switch {
	case m.Type == coap.Reset && mine:
		return nil, errors.New("the request was rejected with a Reset")
	case m.Type == coap.Acknowledgement && mine && m.Empty():
		x.acked = true
	case m.Type == coap.Acknowledgement && mine && x.answers(m):
		return m, nil
	case (m.Type == coap.Confirmable || m.Type == coap.NonConfirmable) && x.answers(m):
		if m.Type == coap.Confirmable {
			return m, x.reply(coap.Acknowledgement, m.MessageID)
		}
		return m, nil
	case m.Type == coap.Confirmable:
		return nil, x.reply(coap.Reset, m.MessageID)
	default:
		// Another message's acknowledgement, or something unasked (§4.2, §4.3).
	}
	return nil, nil
}

// answers says whether m is a response to the request (RFC 7252 §5.3.2).
func (x *exchange) answers(m *coap.Message) bool {
	return m.Code.IsResponse() && bytes.Equal(m.Token, x.req.Token)
}

func (x *exchange) reply(t coap.Type, id uint16) error {
	b, err := (&coap.Message{Type: t, MessageID: id}).MarshalBinary()
	if err != nil {
		return err
	}
	_, err = x.conn.Write(b)
	return err
}
