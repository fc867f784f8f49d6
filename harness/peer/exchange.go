// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Outcome is how an exchange went. It is never nil, also beside an error.
type Outcome struct {
	// Request is the request as it was sent, with its message id and token.
	Request *coap.Message
	// Response is the response; nil when there was none.
	Response *coap.Message
	// Separate says that the response to a confirmable request came in a message
	// of its own (RFC 7252 §5.2.2).
	Separate bool
	// Received is the message that carried the response.
	Received *Received
	// EmptyAck is the empty acknowledgement that came before, and Reset the
	// message that rejected the request; nil is none.
	EmptyAck, Reset *Received
	// Sent is when the request was sent, and sent again.
	Sent []time.Time
	// RTT is the time from the first sending to the response.
	RTT time.Duration
}

// Exchange sends a request as a conformant client does and waits for its
// response until ctx ends: it repeats a confirmable one (RFC 7252 §4.2), takes a
// piggybacked or a separate response, and acknowledges the latter, also when a
// copy of it comes later. A message id of 0 is replaced by the next one, and a nil
// token by four random bytes; a token of no bytes is []byte{}.
//
// A Reset, five transmissions without an answer, or ctx's deadline are a
// *verdict.Finding with the verdict Fail.
func (c *Client) Exchange(ctx context.Context, req *coap.Message) (*Outcome, error) {
	req = req.Clone()
	if req.MessageID == 0 {
		req.MessageID = c.NextMessageID()
	}
	if req.Token == nil {
		req.Token = c.NewToken(4)
	}
	out := &Outcome{Request: req}
	if !req.Code.IsRequest() || req.Type > coap.NonConfirmable {
		return out, verdict.Broken(nil, "%s cannot begin an exchange: send it with Send", req)
	}
	isAck := func(r *Received) bool {
		return req.Type == coap.Confirmable && r.Message.Type == coap.Acknowledgement && r.Message.MessageID == req.MessageID
	}
	hasToken := WithToken(req.Token)
	r, err := c.converse(ctx, out, "a response to "+req.String(), func(r *Received) bool {
		if r.Fault != nil {
			return false
		}
		switch r.Message.Type {
		case coap.Acknowledgement:
			return isAck(r) && (r.Message.Empty() || r.Message.Code.IsResponse() && hasToken(r))
		case coap.Reset:
			return r.Message.Empty() && r.Message.MessageID == req.MessageID
		default:
			return r.Message.Code.IsResponse() && hasToken(r)
		}
	})
	if err != nil {
		return out, err
	}
	if r.Message.Type == coap.Reset {
		out.Reset = r
		return out, verdict.Failed("a response to "+req.String(),
			fmt.Sprintf("%s after %s", r, rounded(r.At.Sub(out.Sent[0]))))
	}
	out.Received, out.Response, out.RTT = r, r.Message, r.At.Sub(out.Sent[0])
	out.Separate = req.Type == coap.Confirmable && r.Message.Type != coap.Acknowledgement
	if r.Message.Type == coap.Confirmable {
		c.mu.Lock()
		c.acked[r.Message.MessageID] = true
		c.mu.Unlock()
		return out, c.Ack(r)
	}
	return out, nil
}

func (c *Client) wasAcked(id uint16) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked[id]
}

// Ping sends an Empty confirmable message, repeated as any other, and waits for
// the Reset (RFC 7252 §4.3). It returns the time that took.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	out := &Outcome{Request: &coap.Message{Type: coap.Confirmable, MessageID: c.NextMessageID()}}
	what := "a Reset in answer to the ping " + out.Request.String()
	r, err := c.converse(ctx, out, what, Both(Is(coap.Reset, coap.CodeEmpty), WithID(out.Request.MessageID)))
	if err != nil {
		return 0, err
	}
	return r.At.Sub(out.Sent[0]), nil
}

// converse sends out.Request, and again while nothing matches, until what
// matches is more than an empty acknowledgement.
func (c *Client) converse(ctx context.Context, out *Outcome, what string, match func(*Received) bool) (*Received, error) {
	b, err := out.Request.MarshalBinary()
	if err != nil {
		return nil, verdict.Broken(err, "a request that cannot be written: use Send for illegal ones")
	}
	timeout, copies := c.ids.timeout(c.timing), c.timing.MaxRetransmit
	for {
		out.Sent = append(out.Sent, time.Now())
		if err := c.SendBytes(b, false); err != nil {
			return nil, err
		}
		if out.Request.Type != coap.Confirmable {
			return c.Await(ctx, what, match)
		}
		r, err := awaitFor(ctx, c.inbox, timeout, what, match)
		switch {
		case err == nil && r.Message.Type == coap.Acknowledgement && r.Message.Empty():
			out.EmptyAck = r
			return c.Await(ctx, what+" behind its empty ACK", func(r *Received) bool {
				return match(r) && (r.Message.Type != coap.Acknowledgement || !r.Message.Empty()) // which may come twice
			})
		case err == nil:
			return r, nil
		case ctx.Err() != nil: // the time that counts began with the first sending, not with the last
			return nil, missing(ctx, what, out.Sent[0], c.inbox.instead(out.Sent[0], true))
		case !errors.Is(err, errQuiet):
			return nil, err
		case copies == 0:
			sent := out.Sent
			return nil, verdict.Failed(
				fmt.Sprintf("%s within %s and %d transmissions", what, rounded(time.Since(sent[0])), len(sent)),
				c.inbox.instead(sent[0], true))
		}
		copies--
		timeout *= 2
	}
}
