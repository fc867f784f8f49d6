// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"bytes"
	"context"
	"fmt"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// fetch takes the final response, and the further blocks of its body if it is
// but a first one (RFC 7959 §2.4).
func (c *Client) fetch(ctx context.Context, p endpoint.Peer, req, first *coap.Message) (*coap.Message, error) {
	if !first.Has(coap.Block2) {
		first.Remove(coap.Block1)
		return first, nil
	}
	limit := c.MaxBody
	defaultTo(&limit, DefaultMaxBody)
	resp, body := first, []byte(nil)
	for {
		b, err := readBlock(resp, len(body))
		if err != nil {
			return nil, err
		}
		size, _ := resp.GetUint(coap.Size2)
		if total := max(len(body)+len(resp.Payload), int(size)); total > limit {
			return nil, fmt.Errorf("%w: %d bytes, %d are the most", ErrTooLarge, total, limit)
		}
		body = append(body, resp.Payload...)
		if !b.More {
			break
		}
		b.Num, b.More = uint32(len(body)>>(b.SZX+4)), false //nolint:gosec // less than the limit
		if resp, err = c.exchange(ctx, p, req, further(req, b)); err != nil {
			return nil, err
		}
		if err := continues(first, resp); err != nil {
			return nil, err
		}
	}
	whole := *first
	whole.Payload = body
	whole.Remove(coap.Block1)
	whole.Remove(coap.Block2)
	return &whole, nil
}

// readBlock is the Block2 option of a response that is to begin at the offset.
func readBlock(resp *coap.Message, at int) (coap.Block, error) {
	v, has := resp.Get(coap.Block2)
	b, ok := coap.ParseBlock(v)
	switch {
	case !has:
		return b, broken(resp, "it has no Block2 although a further block was asked for (RFC 7959 §2.4)")
	case !ok || b.SZX > maxSZX:
		return b, broken(resp, "its Block2 has the reserved size 7 (RFC 7959 §2.2)")
	case offset(b) != at:
		return b, broken(resp, "its Block2 %s begins at byte %d, byte %d was asked for (RFC 7959 §2.4)", b, offset(b), at)
	case b.More && len(resp.Payload) != b.Size():
		return b, broken(resp, "a block of %d bytes that is not the last holds %d (RFC 7959 §2.3)", b.Size(), len(resp.Payload))
	}
	return b, nil
}

// further is the request for another block: the same options, and no payload
// (RFC 7959 §2.4, §2.7).
func further(req *coap.Message, b coap.Block) *coap.Message {
	m := *req
	m.Options = append([]coap.Option(nil), req.Options...)
	for _, n := range []coap.OptionNumber{coap.Block1, coap.Block2, coap.Size1, coap.Observe, coap.IfNoneMatch} {
		m.Remove(n)
	}
	if m.Code != coap.FETCH {
		m.Payload = nil
	}
	m.AddUint(coap.Block2, b.Uint())
	return &m
}

// continues says whether a response holds a block of the same body as the first
// (RFC 7959 §2.3, §2.4).
func continues(first, resp *coap.Message) error {
	switch {
	case resp.Code.Class() != first.Code.Class():
		return broken(resp, "a block of the response %s was asked for", first.Code)
	case resp.Code != first.Code, !same(first, resp, coap.ETag), !same(first, resp, coap.ContentFormat):
		return ErrChanged
	}
	return nil
}

// same says whether two messages agree in an option.
func same(a, b *coap.Message, n coap.OptionNumber) bool {
	v, hasV := a.Get(n)
	w, hasW := b.Get(n)
	return hasV == hasW && bytes.Equal(v, w)
}
