// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// first is what is sent of a response that was just made: all of it, or one
// block. Then the rest is kept.
func (h *Handler) first(from endpoint.PeerKey, req, resp *coap.Message, b blocks) *coap.Message {
	if resp == nil {
		return nil // the endpoint says what that means
	}
	asked := coap.Block{SZX: h.szx}
	if b.hasTwo {
		asked = b.two
	}
	c := *resp
	c.Options = append([]coap.Option(nil), resp.Options...)
	switch {
	case len(c.Payload) > asked.Size() || len(c.Payload) > 1<<(h.szx+4):
		if !c.Has(coap.ETag) {
			c.Add(coap.ETag, tag(&c))
			if stored(req, &c) {
				return valid(&c)
			}
		}
		whole := c
		h.answers.mu.Lock()
		h.answers.put(downloadKey(from, req), &whole)
		h.answers.mu.Unlock()
		c = *h.slice(&whole, asked, req)
	case asked.Num > 0 && c.Code.Class() == 2:
		c = *noSuchBlock()
	case b.hasTwo && asked.Num == 0 && c.Code.Class() == 2:
		c.AddUint(coap.Block2, coap.Block{SZX: min(asked.SZX, h.szx)}.Uint())
	}
	if b.hasOne {
		c.AddUint(coap.Block1, coap.Block{Num: b.one.Num, SZX: min(b.one.SZX, h.szx)}.Uint())
	}
	return &c
}

// kept is a further block of a response that is kept; false if it is not.
func (h *Handler) kept(from endpoint.PeerKey, req *coap.Message, b coap.Block) (*coap.Message, bool) {
	k := downloadKey(from, req)
	s := h.answers
	s.mu.Lock()
	i := s.get(k)
	s.mu.Unlock() // a kept response does not change
	if i == nil {
		return nil, false
	}
	resp := h.slice(i.message, b, req)
	if maxAge, ok := resp.GetUint(coap.MaxAge); ok && maxAge > 0 { // what is true of it now (RFC 7252 §5.10.5)
		age := uint32(min(time.Since(i.made)/time.Second, time.Duration(maxAge))) //nolint:gosec // not more than maxAge
		resp.Remove(coap.MaxAge)
		resp.AddUint(coap.MaxAge, maxAge-age)
	}
	return resp, true
}

// slice is one block of a response: of the size that is asked for, or a smaller
// one (RFC 7959 §2.4).
func (h *Handler) slice(whole *coap.Message, asked coap.Block, req *coap.Message) *coap.Message {
	at := offset(asked)
	if at >= len(whole.Payload) {
		return noSuchBlock()
	}
	b := coap.Block{SZX: min(asked.SZX, h.szx)}
	b.Num = uint32(at >> (b.SZX + 4)) //nolint:gosec // less than the body's length
	end := min(at+b.Size(), len(whole.Payload))
	b.More = end < len(whole.Payload)
	c := *whole
	c.Options = append([]coap.Option(nil), whole.Options...)
	c.Payload = whole.Payload[at:end]
	c.AddUint(coap.Block2, b.Uint())
	if b.Num == 0 || req.Has(coap.Size2) {
		c.AddUint(coap.Size2, uint32(len(whole.Payload))) //nolint:gosec // a body's length
	}
	return &c
}

func noSuchBlock() *coap.Message {
	return refuse(coap.BadRequest, "there is no such block: the response ends before it")
}

// stored says whether the client has this representation already, by a tag that
// it got from tag. The handler behind cannot know (RFC 7252 §5.10.6.2).
func stored(req, resp *coap.Message) bool {
	etag, _ := resp.Get(coap.ETag)
	return req.Code == coap.GET && resp.Code == coap.Content &&
		slices.ContainsFunc(req.All(coap.ETag), func(v []byte) bool { return bytes.Equal(v, etag) })
}

// valid tells the client to use what it has (RFC 7252 §5.9.1.3).
func valid(resp *coap.Message) *coap.Message {
	m := &coap.Message{Code: coap.Valid}
	for _, o := range resp.Options {
		if o.Number == coap.ETag || o.Number == coap.MaxAge {
			m.Add(o.Number, o.Value)
		}
	}
	return m
}

// tag is an ETag for a response that has none, so that a client can tell blocks
// of two responses apart (RFC 7959 §2.4). It begins with a byte that no HTTP
// entity-tag has, and is thus never taken for one.
func tag(m *coap.Message) []byte {
	sum := sha256.Sum256(m.Payload)
	sum[0] = 0
	return sum[:8]
}
