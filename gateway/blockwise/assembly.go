// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"bytes"
	"fmt"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// assemble takes one block of a request body. It returns the whole request when
// this was the last block, else the response to the block. Blocks are taken in
// order; one that was taken before is acknowledged again if it is the same.
func (h *Handler) assemble(from endpoint.PeerKey, req *coap.Message, b coap.Block) (whole, resp *coap.Message) {
	if b.More && len(req.Payload) != b.Size() {
		return nil, refuse(coap.BadRequest, fmt.Sprintf("a block of %d bytes that is not the last holds %d (RFC 7959 §2.3)", b.Size(), len(req.Payload)))
	}
	k := uploadKey(from, req)
	s := h.uploads
	s.mu.Lock()
	defer s.mu.Unlock()
	size, _ := req.GetUint(coap.Size1)
	if end := max(offset(b)+len(req.Payload), int(size)); end > h.o.MaxBody {
		s.remove(s.items[k])
		return nil, h.tooLarge(end)
	}
	if b.Num == 0 {
		// A new operation, whatever went before (RFC 7959 §2.5).
		if !b.More {
			s.remove(s.items[k])
			return req, nil
		}
		first := stripped(req.Clone())
		s.put(k, first)
		return nil, h.proceed(b)
	}
	i := s.get(k)
	if i == nil {
		return nil, refuse(coap.RequestEntityIncomplete, "block 0 of this request is not here: it did not come, it is too long ago, or the options differ")
	}
	body := i.message.Payload
	switch at := offset(b); {
	case at > len(body):
		return nil, refuse(coap.RequestEntityIncomplete, fmt.Sprintf("the next block begins at byte %d, this one at %d", len(body), at))
	case at < len(body) && !b.More, at < len(body) && !bytes.HasPrefix(body[at:], req.Payload):
		s.remove(i) // which of the two is meant is open
		return nil, refuse(coap.RequestEntityIncomplete, "another block of this number came before: begin anew")
	case at < len(body):
		return nil, h.proceed(b)
	}
	i.message.Payload = append(body, req.Payload...)
	if b.More {
		s.charge(i)
		return nil, h.proceed(b)
	}
	s.remove(i)
	whole = i.message
	whole.Type, whole.MessageID, whole.Token = req.Type, req.MessageID, req.Token
	return whole, nil
}

// proceed asks for the next block, in the size that is preferred (RFC 7959 §2.3,
// §2.9.1).
func (h *Handler) proceed(b coap.Block) *coap.Message {
	resp := &coap.Message{Code: coap.Continue}
	resp.AddUint(coap.Block1, coap.Block{Num: b.Num, More: true, SZX: min(b.SZX, h.szx)}.Uint())
	return resp
}
