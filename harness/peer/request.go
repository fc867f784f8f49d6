// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Request is one distinct request that came to a server.
type Request struct {
	Message *coap.Message
	Raw     []byte
	// Peer is where it came from, Session the DTLS session it came in.
	Peer    netip.AddrPort
	Session Session
	// At is when it came first.
	At time.Time

	server *Server
	from   source
	done   chan struct{}
	err    error // of the script, once done is closed

	mu     sync.Mutex
	copies []time.Time
	copied chan struct{} // closed at the next copy
	reply  []byte        // what a copy is answered with
}

// again notes a copy, and answers it as the request was answered (RFC 7252 §4.5).
func (r *Request) again(at time.Time) {
	r.mu.Lock()
	r.copies = append(r.copies, at)
	close(r.copied)
	r.copied = make(chan struct{})
	reply := r.reply
	r.mu.Unlock()
	if reply != nil {
		_ = r.from.carrier.send(reply, false)
	}
}

// Copies is when the request came again: the same message id from the same peer.
func (r *Request) Copies() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.copies)
}

// AwaitCopies waits until the request has come n times more. Errors are as in
// Client.Await.
func (r *Request) AwaitCopies(ctx context.Context, n int) ([]time.Time, error) {
	begun := time.Now()
	for {
		r.mu.Lock()
		copies, copied := slices.Clone(r.copies), r.copied
		r.mu.Unlock()
		if len(copies) >= n {
			return copies, nil
		}
		select {
		case <-copied:
		case <-ctx.Done():
			what := fmt.Sprintf("%d retransmissions of %s", n, r.Message)
			return copies, missing(ctx, what, begun, fmt.Sprint(len(copies)))
		}
	}
}

// Wait waits until the script has done with the request, and is its error.
func (r *Request) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return verdict.Broken(ctx.Err(), "waiting for the device's script")
	}
}

// Respond answers at once: piggybacked in the acknowledgement of a confirmable
// request, with a NON to a non-confirmable one (RFC 7252 §5.2.1, §5.2.3). Type,
// message id and token are set; resp is not changed.
func (r *Request) Respond(resp *coap.Message) error {
	m := resp.Clone()
	m.Token = r.Message.Token
	m.Type, m.MessageID = coap.Acknowledgement, r.Message.MessageID
	if r.Message.Type == coap.NonConfirmable {
		m.Type, m.MessageID = coap.NonConfirmable, r.server.ids.messageID()
	}
	return r.send(coap.Frame{Message: *m}, r.Message.Type == coap.Confirmable)
}

// Ack sends an empty acknowledgement: the response follows by itself.
func (r *Request) Ack() error { return r.empty(coap.Acknowledgement) }

// Reset rejects the request.
func (r *Request) Reset() error { return r.empty(coap.Reset) }

func (r *Request) empty(t coap.Type) error {
	return r.send(coap.Frame{Message: coap.Message{Type: t, MessageID: r.Message.MessageID}}, true)
}

// Ignore does nothing, and reads better than that in a script.
func (r *Request) Ignore() error { return nil }

// SendFrame sends a frame as it stands to where the request came from. Copies of
// the request are not answered with it.
func (r *Request) SendFrame(f coap.Frame, opts ...SendOption) error { return r.send(f, false, opts...) }

// NextMessageID is a message id of the server's own.
func (r *Request) NextMessageID() uint16 { return r.server.ids.messageID() }

func (r *Request) send(f coap.Frame, again bool, opts ...SendOption) error {
	b := f.Bytes()
	illegal := isIllegal(b)
	s := sending{illegal: &illegal}
	for _, o := range opts {
		o(&s)
	}
	if again {
		r.mu.Lock()
		r.reply = b
		r.mu.Unlock()
	}
	r.server.inbox.sent(time.Now())
	if err := r.from.carrier.send(b, *s.illegal); err != nil {
		return verdict.Broken(err, "answering %s", r.Message)
	}
	return nil
}

// Separate sends the response in a confirmable message of its own and waits for
// its acknowledgement, repeating it as RFC 7252 §4.2 says. Type, message id and
// token are set; resp is not changed. A Reset, or no acknowledgement to any
// copy, is a *verdict.Finding with the verdict Fail. A confirmable request
// should have been acknowledged first, with Ack.
func (r *Request) Separate(ctx context.Context, resp *coap.Message) (ack *Received, err error) {
	m := resp.Clone()
	m.Type, m.MessageID, m.Token = coap.Confirmable, r.server.ids.messageID(), r.Message.Token
	answers := func(in *Received) bool {
		return in.Fault == nil && in.From == r.Peer && in.Message.MessageID == m.MessageID &&
			(in.Message.Type == coap.Acknowledgement || in.Message.Type == coap.Reset)
	}
	what := fmt.Sprintf("an empty ACK [0x%04x] of the separate response %s", m.MessageID, m.Code)
	timing := r.server.opts.Timing
	timeout := r.server.ids.timeout(timing)
	for sent := 1; ; sent++ {
		if err := r.send(coap.Frame{Message: *m}, false); err != nil {
			return nil, err
		}
		ack, err = awaitFor(ctx, r.server.inbox, timeout, what, answers)
		switch {
		case errors.Is(err, errQuiet) && sent <= timing.MaxRetransmit:
			timeout *= 2
		case errors.Is(err, errQuiet):
			return nil, verdict.Failed(fmt.Sprintf("%s within %d transmissions", what, sent), r.server.inbox.instead(r.At, false))
		case err != nil:
			return nil, err
		case ack.Message.Type == coap.Reset:
			return ack, verdict.Failed(what, ack.String())
		default:
			return ack, nil
		}
	}
}
