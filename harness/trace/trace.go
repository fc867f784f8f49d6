// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Layer is where an event was seen.
type Layer string

// The layers.
const (
	// Datagram is a UDP datagram as it was on the wire. Unless Secure is set its
	// bytes are meant to be one CoAP message; otherwise they are DTLS records.
	Datagram Layer = "datagram"
	// CoAP is a CoAP message inside a DTLS session.
	CoAP Layer = "coap"
	// HTTP is a request that reached the platform, with its answer, or a call
	// of a connector, with its result.
	HTTP Layer = "http"
	// Note is a remark of the scenario: a step begins, a process is restarted.
	Note Layer = "note"
)

// End is one end of an event: a name for people, an address for captures.
type End struct {
	Name string         `json:"name"`
	Addr netip.AddrPort `json:"addr,omitzero"`
}

// Event is one thing that crossed the wire, or a note between two of them.
type Event struct {
	At    time.Time `json:"at"`
	Layer Layer     `json:"layer"`
	From  End       `json:"from,omitzero"`
	To    End       `json:"to,omitzero"`
	// Bytes is the datagram or the CoAP message.
	Bytes []byte `json:"bytes,omitempty"`
	// Secure says that a datagram belongs to a DTLS association.
	Secure bool `json:"secure,omitempty"`
	// Illegal says that the harness sent this on purpose although it is no legal
	// CoAP message.
	Illegal bool `json:"illegal,omitempty"`
	// Lost says that a link threw the datagram away: it was sent and never arrived.
	Lost bool `json:"lost,omitempty"`
	// HTTP is the exchange of an event of the layer HTTP.
	HTTP *HTTPExchange `json:"http,omitempty"`
	// Text is a note.
	Text string `json:"text,omitempty"`
}

// HTTPExchange is one HTTP request with its answer.
type HTTPExchange struct {
	Method         string      `json:"method"`
	URL            string      `json:"url"`
	RequestHeader  http.Header `json:"requestHeader,omitempty"`
	RequestBody    []byte      `json:"requestBody,omitempty"`
	Status         int         `json:"status,omitempty"`
	ResponseHeader http.Header `json:"responseHeader,omitempty"`
	ResponseBody   []byte      `json:"responseBody,omitempty"`
	// Elapsed is the time from the request's arrival to the end of the answer.
	Elapsed time.Duration `json:"elapsed,omitempty"`
	// Fault says what was done instead of an answer.
	Fault string `json:"fault,omitempty"`
}

// Log is one scenario's trace. The zero value is ready, and safe for use by
// several goroutines. A nil *Log records nothing.
type Log struct {
	// Live gets the key log as well, line by line as it comes; it must stand several
	// goroutines. Set it before the log is used.
	Live io.Writer

	mu     sync.Mutex
	events []Event
	keys   []byte
	drops  int
	notify chan struct{} // made when somebody waits, closed by the next event
}

// Add records e; without a time it gets the present one.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.Bytes = slices.Clone(e.Bytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	if l.notify != nil {
		close(l.notify)
		l.notify = nil
	}
}

// Note records a remark.
func (l *Log) Note(text string) { l.Add(Event{Layer: Note, Text: text}) }

// Dropped counts n datagrams that reached a socket of the harness and were thrown
// away there, because the harness did not read them in time.
func (l *Log) Dropped(n int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops += n
}

// Drops is how many datagrams were counted by Dropped so far.
func (l *Log) Drops() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drops
}

// Events is a copy of what was recorded, in the order of the times.
func (l *Log) Events() []Event {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	es := slices.Clone(l.events)
	slices.SortStableFunc(es, func(a, b Event) int { return a.At.Compare(b.At) })
	return es
}

// Changed is closed when the next event is recorded. Take it before looking at
// Events: what is recorded in between then closes it. That of a nil *Log stays open.
func (l *Log) Changed() <-chan struct{} {
	if l == nil {
		return make(chan struct{})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.notify == nil {
		l.notify = make(chan struct{})
	}
	return l.notify
}

// KeyLog collects TLS key log lines (the NSS format) from both ends of the
// scenario's DTLS sessions. They open its captures: never print them.
func (l *Log) KeyLog() KeyLog { return KeyLog{l} }

// Keys is the key log collected so far.
func (l *Log) Keys() []byte {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.keys)
}

// KeyLog is an io.Writer for key log lines.
type KeyLog struct{ log *Log }

// Write appends to the key log. What becomes of it live is no affair of the
// session that the keys are of.
func (k KeyLog) Write(p []byte) (int, error) {
	if k.log == nil {
		return len(p), nil
	}
	k.log.mu.Lock()
	k.log.keys = append(k.log.keys, p...)
	live := k.log.Live
	k.log.mu.Unlock()
	if live != nil {
		_, _ = live.Write(p)
	}
	return len(p), nil
}
