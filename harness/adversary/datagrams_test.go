// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

// answers is what the whole gateway answers to hostile datagrams with another
// code than their row asks for by itself: what is asked for in words there, and
// where there is a choice, what the gateway may choose. None names a path that
// there is, so that what is harmless is not found.
var answers = map[string][]coap.Code{
	"M38":      {coap.BadOption},                                // ignoring it would do as well
	"M39":      {coap.NotFound},                                 // the elective option is ignored
	"M46":      {coap.NotFound},                                 // the same
	"M54":      {coap.ProxyingNotSupported},                     // no such host
	"M55":      {coap.ProxyingNotSupported},                     // no such scheme
	"M56":      {coap.ProxyingNotSupported, coap.NotFound},      // the host is the gateway itself, which has no such path
	"M57":      {coap.BadRequest, coap.NotFound},                // ".." leads nowhere
	"M58":      {coap.BadRequest, coap.NotFound},                // one segment
	"M59":      {coap.BadRequest, coap.NotFound},                // CR LF in a query
	"M60":      {coap.BadRequest, coap.NotFound},                // NUL
	"M61":      {coap.BadRequest, coap.NotFound},                // no UTF-8
	"M62":      {coap.BadRequest},                               // Hop-Limit 0
	"M63":      {coap.RequestEntityIncomplete},                  // a last block without the others
	"M64":      {coap.Continue},                                 // a first block, without a token
	"M65":      {coap.BadRequest},                               // the reserved size
	"M66":      {coap.BadRequest, coap.RequestEntityIncomplete}, // a short block with more to come
	"M68":      {coap.BadRequest, coap.BadOption},               // block 1,048,575 of an answer
	"M69":      {coap.RequestEntityTooLarge},                    // four gigabytes to come
	"M70":      {coap.NotFound},                                 // 1,200 options
	"M73":      {coap.NotFound},                                 // in a NON
	"M74":      {coap.NotFound},                                 // Observe with four bytes is ignored
	"M75":      {coap.NotFound, coap.UnsupportedContentFormat},  // a format that nobody knows
	"M76":      {coap.NotFound, coap.NotAcceptable},             // the same
	"M77, cut": {coap.NotFound, coap.RequestEntityTooLarge},     // what a record holds of it
	"M77":      {coap.NotFound, coap.RequestEntityTooLarge},     // sixty kilobytes, which the gateway takes
}

// wanted is the codes of the response to a datagram; reset says that it gets a
// Reset. Neither means that it gets nothing.
func wanted(d fixtures.Datagram) (codes []coap.Code, reset bool) {
	if a := answers[d.ID]; a != nil {
		return a, false
	}
	switch {
	case strings.HasPrefix(d.Required, "RST"):
		return nil, true
	case strings.HasPrefix(d.Required, "4.02"):
		return []coap.Code{coap.BadOption}, false
	case strings.HasPrefix(d.Required, "4.05"):
		return []coap.Code{coap.MethodNotAllowed}, false
	default:
		return nil, false
	}
}

// longestRecord is about what pion takes in: it reads datagrams into 8,192 bytes
// (inboundBufferSize) and drops what is longer as broken. A longer one is cut.
const longestRecord = 8000

// TestHostileDatagramsInAnyOrder sends all hostile datagrams in random orders.
// After each the device that sent it gets an answer to a ping, another one gets
// the answer that it had before to a copy of its request, and a new request is
// served. No hostile datagram reaches the platform.
func TestHostileDatagramsInAnyOrder(t *testing.T) {
	t.Parallel()
	datagrams, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	b := start(t)
	for order := range need.Size(1, 2, 100) {
		for name, secure := range transports {
			seed := rand.Uint64()
			if order == 0 {
				seed = 1 // the same in every run
			}
			t.Run(fmt.Sprintf("%s, order %d, seed %d", name, order, seed), func(t *testing.T) {
				inOrder := slices.Clone(datagrams)
				rand.New(rand.NewPCG(seed, 0)).Shuffle(len(inOrder), func(i, j int) {
					inOrder[i], inOrder[j] = inOrder[j], inOrder[i]
				})
				attack(t, b, inOrder, secure)
			})
		}
	}
}

func attack(t *testing.T, b *bench, datagrams []fixtures.Datagram, secure bool) {
	attacker, witness := b.device(t, secure), newWitness(t, b, secure)
	for _, d := range datagrams {
		before := b.platform.called("")
		if secure && len(d.Bytes) > longestRecord {
			d.Bytes, d.ID = d.Bytes[:longestRecord], "M77, cut"
		}
		if err := attacker.SendBytes(d.Bytes, true); err != nil {
			t.Fatalf("%s: %v", d.ID, err)
		}
		answered(t, attacker, d)
		ping(t, attacker)
		if rest := unasked(attacker); len(rest) > 0 {
			t.Fatalf("%s %s (%s, %s): or one before it, got besides: %q", d.ID, d.Name, d.Required, d.Clause, rest)
		}
		if got := b.platform.called(""); got != before {
			t.Fatalf("%s %s: it caused %d calls of the platform", d.ID, d.Name, got-before)
		}
		witness.testify(t, d.ID)
	}
}

// answered holds what a datagram gets against what it is to get.
func answered(t *testing.T, attacker *peer.Client, d fixtures.Datagram) {
	t.Helper()
	codes, reset := wanted(d)
	if codes == nil && !reset {
		return // what came nevertheless stands there unasked
	}
	sent := coap.Dissect(d.Bytes).Message
	what := fmt.Sprintf("an answer to %s %s (%s, %s)", d.ID, d.Name, d.Required, d.Clause)
	r := await(t, attacker, what, peer.Anything)
	m := r.Message
	if reset {
		if r.Fault != nil || m.Type != coap.Reset || !m.Empty() || m.MessageID != sent.MessageID {
			t.Errorf("%s: got %s, want an empty Reset with its message id", what, r)
		}
		return
	}
	if r.Fault != nil || !slices.Contains(codes, m.Code) || !bytes.Equal(m.Token, sent.Token) {
		t.Errorf("%s: got %s: %q, want %v with its token", what, r, m.Payload, codes)
	}
	if sent.Type == coap.Confirmable && (m.Type != coap.Acknowledgement || m.MessageID != sent.MessageID) ||
		sent.Type == coap.NonConfirmable && m.Type != coap.NonConfirmable {
		t.Errorf("%s: got %s, want it piggybacked to a CON, in a NON to a NON", what, r)
	}
	if m.Code == coap.RequestEntityTooLarge && !m.Has(coap.Size1) {
		t.Errorf("%s: got %s, want Size1 in it", what, r)
	}
}

// witness is another device, whose exchanges must not be touched.
type witness struct {
	*peer.Client

	b     *bench
	path  string
	n     int
	first *coap.Message
	since time.Time // when it was made
	at    string    // its path
	kept  []byte    // what it was answered with
}

// witnessed is how long a request is repeated: less than the 247 s for which the
// gateway knows its copies (EXCHANGE_LIFETIME, RFC 7252 §4.8.2).
const witnessed = 3 * time.Minute

func newWitness(t *testing.T, b *bench, secure bool) *witness {
	t.Helper()
	w := &witness{Client: b.device(t, secure), b: b}
	w.path = fmt.Sprintf("/witness/%s/%d", t.Name(), w.Local().Port())
	w.path = strings.NewReplacer(" ", "-", ",", "").Replace(w.path)
	w.begin(t)
	return w
}

// begin makes the request that is repeated.
func (w *witness) begin(t *testing.T) {
	t.Helper()
	w.since, w.at = time.Now(), fmt.Sprintf("%s/first/%d", w.path, w.n)
	w.first = whole(w.Client, w.b.request(coap.Confirmable, coap.POST, w.at))
	w.kept = exchange(t, w.Client, w.first, coap.Changed).Received.Raw
}

// soon is how long a good request may take while nobody else asks for anything.
var soon = need.Size(5*time.Second, 5*time.Second, time.Second)

// testify repeats the first request, and makes a new one.
func (w *witness) testify(t *testing.T, after string) {
	t.Helper()
	if time.Since(w.since) > witnessed {
		w.begin(t)
	}
	send(t, w.Client, w.first)
	again := await(t, w.Client, "the kept answer", peer.WithID(w.first.MessageID))
	if !bytes.Equal(again.Raw, w.kept) {
		t.Fatalf("after %s a copy of another device's request got %s, before it was %x", after, again, w.kept)
	}
	if n := w.b.platform.called(w.at); n != 1 {
		t.Fatalf("after %s another device's request has reached the platform %d times, want once", after, n)
	}
	w.n++
	path := fmt.Sprintf("%s/%d", w.path, w.n)
	out := exchange(t, w.Client, w.b.request(coap.Confirmable, coap.GET, path), coap.Content)
	if got, want := string(out.Response.Payload), said("GET", path, nil); got != want {
		t.Fatalf("after %s: got %q, want %q", after, got, want)
	}
	if slack := w.b.lag.allowance(out.Sent[0]); out.RTT > soon+slack {
		t.Errorf("after %s a good request took %s and %d transmissions, want at most %s, and %s for a busy machine", after, out.RTT, len(out.Sent), soon, slack)
	}
}
