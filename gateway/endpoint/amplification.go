// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coapstone/coapstone/coap"
)

// unproven says that nobody knows whether the request comes from the address
// that it bears, so that its answer may hit somebody who never asked (RFC 7252
// §11.3). A DTLS session has proven its address. Over plain UDP a response of
// class 2 is taken to be proof enough: to give one that is worth having, the
// handler has let somebody check the request's credentials. What it gives
// without, it has to keep short itself.
func (x *Exchange) unproven(code coap.Code) bool {
	return !x.Peer.Key().Secure() && code.Class() != 2
}

// budget is how many bytes the response to an unproven request may have: all
// that is sent for the request, an empty Acknowledgement before and every
// retransmission included, is at most MaxAmplification times the request.
func (x *Exchange) budget(separate bool) int {
	e := x.shard.e
	n := e.options.MaxAmplification * x.received
	if separate {
		return (n - emptyLength) / (1 + e.params.MaxRetransmit)
	}
	return n
}

// forged says that what has a message id in common with r, over plain UDP, is no
// duplicate of it: it is shorter, and would bring forth a kept answer that is too
// long for it. It may be anybody's who has guessed the message id. To a true one the answer is
// given again whatever its length, since it asks for it as the first did.
func (e *Endpoint) forged(r *record, answer, length int) bool {
	return !r.peer.key.Secure() && length < r.length && answer > e.options.MaxAmplification*length
}

// emptyLength is the length of an Empty message.
const emptyLength = 4

// shorten makes a response fit the budget: a diagnostic payload loses its last
// words, any other goes as a whole, with the options that speak of it. If that
// is not enough the elective options go as well; code, token and critical options
// stay, fit or not.
func shorten(m *coap.Message, length, budget int) {
	over := length - budget
	if over <= 0 || len(m.Payload) == 0 {
		return
	}
	if !slices.ContainsFunc(m.Options, ofPayload) {
		if text := cut(string(m.Payload), len(m.Payload)-over); text != "" {
			m.Payload = []byte(text)
			return
		}
	}
	m.Payload = nil
	m.Options = slices.DeleteFunc(slices.Clone(m.Options), ofPayload)
	if b, err := m.MarshalBinary(); err == nil && len(b) > budget {
		m.Options = slices.DeleteFunc(m.Options, func(o coap.Option) bool { return !o.Number.Critical() })
	}
}

// ofPayload says whether an option makes sense beside a payload alone.
func ofPayload(o coap.Option) bool {
	switch o.Number {
	case coap.ContentFormat, coap.Block2, coap.Size2, coap.ETag:
		return true
	default:
		return false
	}
}

const ellipsis = "…"

// shortest is the shortest text that still says something.
const shortest = 8

// cut is the first words of s in at most n bytes, or nothing.
func cut(s string, n int) string {
	n -= len(ellipsis)
	if n < shortest || !utf8.ValidString(s) {
		return ""
	}
	end := strings.LastIndexByte(s[:n+1], ' ')
	if end < shortest {
		return ""
	}
	return strings.TrimRight(s[:end], " ,;:") + ellipsis
}
