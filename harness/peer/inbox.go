// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Received is one message that came in.
type Received struct {
	// Message is the message, read as far as it can be read.
	Message *coap.Message
	// Raw is its bytes.
	Raw []byte
	// Fault is why it is no legal CoAP message; nil when it is one.
	Fault error
	// At is when it was read from the socket.
	At time.Time
	// From is the address it came from.
	From netip.AddrPort
	// Stray says that it came to a client from another address than the one it
	// talks to. No wait takes it; findings name it.
	Stray bool
	// Consumed says that a wait has taken it.
	Consumed bool
	// Session is the DTLS session it came in.
	Session Session

	request bool // a server's script has it: it came instead of nothing
}

// String is the message on one line, with what is wrong with it.
func (r *Received) String() string {
	var b strings.Builder
	if r.Fault != nil {
		fmt.Fprintf(&b, "%d bytes that are no CoAP message: %v: %x", len(r.Raw), r.Fault, r.Raw)
	} else {
		b.WriteString(r.Message.String())
	}
	if r.Stray {
		fmt.Fprintf(&b, " from %s, which nobody asked", r.From)
	}
	return b.String()
}

// Is makes a match: a legal message of this type and code.
func Is(t coap.Type, c coap.Code) func(*Received) bool {
	return func(r *Received) bool { return r.Fault == nil && r.Message.Type == t && r.Message.Code == c }
}

// WithID makes a match: a legal message with this message id.
func WithID(id uint16) func(*Received) bool {
	return func(r *Received) bool { return r.Fault == nil && r.Message.MessageID == id }
}

// WithToken makes a match: a legal message with this token.
func WithToken(token []byte) func(*Received) bool {
	return func(r *Received) bool { return r.Fault == nil && string(r.Message.Token) == string(token) }
}

// Both makes a match of several: all of them.
func Both(matches ...func(*Received) bool) func(*Received) bool {
	return func(r *Received) bool {
		for _, match := range matches {
			if !match(r) {
				return false
			}
		}
		return true
	}
}

// Anything matches every message, legal or not.
func Anything(*Received) bool { return true }

// errClosed is the end of a peer that was closed by its own side.
var errClosed = errors.New("the peer is closed")

// inbox keeps what came in until someone asks for it.
type inbox struct {
	remote string // the other end's name, for findings

	mu      sync.Mutex
	all     []*Received
	ended   error         // why nothing more can come
	changed chan struct{} // closed at the next change
	since   time.Time     // what "after" in findings counts from: the last sending
}

func newInbox(remote string) *inbox {
	return &inbox{remote: remote, changed: make(chan struct{})}
}

func (i *inbox) announce() {
	close(i.changed)
	i.changed = make(chan struct{})
}

func (i *inbox) put(r *Received) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, r)
	i.announce()
}

// end says that nothing more can come; the first reason stays.
func (i *inbox) end(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended == nil {
		i.ended = err
		i.announce()
	}
}

func (i *inbox) sent(at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.since = at
}

// take is the first message that matches and was not taken, and what to wait
// for if there is none.
func (i *inbox) take(match func(*Received) bool) (*Received, <-chan struct{}, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.all {
		if !r.Consumed && !r.Stray && match(r) {
			r.Consumed = true
			return r, nil, nil
		}
	}
	return nil, i.changed, i.ended
}

// await is take, waiting for it until ctx ends.
func (i *inbox) await(ctx context.Context, what string, match func(*Received) bool) (*Received, error) {
	begun := time.Now()
	for {
		r, changed, ended := i.take(match)
		switch {
		case r != nil:
			return r, nil
		case errors.Is(ended, errClosed):
			return nil, verdict.Broken(ended, "waiting for %s", what)
		case ended != nil:
			return nil, verdict.Failed(what, i.instead(begun, true))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, missing(ctx, what, begun, i.instead(begun, true))
		}
	}
}

// errQuiet says that nothing came before it is time to send again.
var errQuiet = errors.New("nothing came yet")

// awaitFor is await that gives way after d, with errQuiet.
func awaitFor(ctx context.Context, i *inbox, d time.Duration, what string, match func(*Received) bool) (*Received, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, d, errQuiet)
	defer cancel()
	r, err := i.await(bounded, what, match)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(bounded), errQuiet) {
		return nil, errQuiet
	}
	return r, err
}

// missing is the error of a wait that ctx ended, which began at begun.
func missing(ctx context.Context, what string, begun time.Time, got string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return verdict.Broken(ctx.Err(), "waiting for %s was broken off", what)
	}
	within := time.Since(begun)
	if deadline, ok := ctx.Deadline(); ok {
		within = deadline.Sub(begun)
	}
	return verdict.Failed(what+" within "+rounded(within), got)
}

// instead is what came and was not asked for, as a phrase that follows "got",
// with the requests that went to a server's script or without them.
func (i *inbox) instead(begun time.Time, requests bool) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	since := i.since
	if since.IsZero() {
		since = begun
	}
	var parts []string
	for _, r := range i.all {
		if r.Consumed || r.request && !requests {
			continue
		}
		if d := r.At.Sub(since); d >= 0 {
			parts = append(parts, fmt.Sprintf("%s after %s", r, rounded(d)))
		} else {
			parts = append(parts, fmt.Sprintf("%s, %s before the last sending", r, rounded(-d)))
		}
	}
	if i.ended != nil {
		parts = append(parts, i.ended.Error())
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; then ")
}

// silence fails when something that matches comes within d, or came before and
// was not taken.
func (i *inbox) silence(ctx context.Context, d time.Duration, match func(*Received) bool) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	begun := time.Now()
	for {
		r, changed, ended := i.take(match)
		if r != nil {
			i.mu.Lock()
			since := i.since
			i.mu.Unlock()
			if since.IsZero() {
				since = begun
			}
			return verdict.Failed("silence for "+rounded(d), fmt.Sprintf("%s after %s", r, rounded(r.At.Sub(since))))
		}
		if errors.Is(ended, errClosed) {
			return verdict.Broken(ended, "listening for silence")
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return verdict.Broken(ctx.Err(), "listening for %s of silence was broken off", rounded(d))
		}
	}
}

// received is a copy of all that came.
func (i *inbox) received() []Received {
	i.mu.Lock()
	defer i.mu.Unlock()
	rs := make([]Received, len(i.all))
	for n, r := range i.all {
		rs[n] = *r
	}
	return rs
}
