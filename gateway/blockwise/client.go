// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"context"
	crand "crypto/rand"
	"sync"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// Exchanger makes one exchange. An *endpoint.Endpoint is one.
type Exchanger interface {
	Do(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error)
}

// Client is the client's side of RFC 7959: it sends a long body block by block,
// and fetches a long response block by block. The zero value but for Exchanger
// works.
type Client struct {
	Exchanger Exchanger
	// MaxBody is the longest body of a response that is taken, DefaultMaxBody
	// when it is zero.
	MaxBody int
	// BlockSize is the size of blocks that is proposed, and the longest payload
	// that is sent without Block1: a power of two from 16 to 1024, the default.
	BlockSize int

	mu        sync.Mutex
	uploading map[key]chan struct{} // closed when the upload has ended
}

// restarts is how often a transfer is begun anew: a download because the
// representation has changed, an upload because blocks have been forgotten.
const restarts = 2

// Do sends a request with the whole body as its payload and returns the response
// with the whole body as its payload, without Block options. ctx bounds all of
// it. Message ids are set for each exchange anew and the token for the transfer; req
// itself is left alone.
//
// Errors: those of Exchanger, ErrChanged, ErrTooLarge, and a *BrokenError.
func (c *Client) Do(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error) {
	szx := uint8(maxSZX)
	if c.BlockSize > 0 {
		szx = szxOf(c.BlockSize)
	}
	req = req.Clone()
	for again := 0; ; again++ {
		req.Token = nil
		resp, err := c.send(ctx, p, req, szx)
		if err != nil {
			return nil, err
		}
		resp, err = c.fetch(ctx, p, req, resp)
		if err == nil || again >= restarts || !restartable(err) || req.Code != coap.GET {
			return resp, err
		}
	}
}

// restartable says whether fetching the representation once more from its
// beginning may help.
func restartable(err error) bool { return err == ErrChanged } //nolint:errorlint // our own, never wrapped

// send sends the request, with Block1 if its body is too long for one message or
// the peer wants it so, and returns the final response.
func (c *Client) send(ctx context.Context, p endpoint.Peer, req *coap.Message, szx uint8) (*coap.Message, error) {
	if len(req.Payload) <= 1<<(szx+4) {
		resp, err := c.exchange(ctx, p, req, req)
		if err != nil {
			return nil, err
		}
		hint, ok := smaller(resp, szx)
		if !ok || len(req.Payload) <= 1<<(hint+4) {
			return resp, nil
		}
		szx = hint // 4.13 that names a block size asks for Block1 (RFC 7959 §2.9.3)
	}
	done, err := c.alone(ctx, uploadKey(p.Key(), req))
	if err != nil {
		return nil, err
	}
	defer done()
	// Devices that know RFC 9175 tell the blocks of this body from those of one
	// that was given up before. It stays for Block2 (§3.4).
	if !req.Has(coap.RequestTag) {
		tag := make([]byte, 4)
		_, _ = crand.Read(tag) // never fails
		req.Add(coap.RequestTag, tag)
	}
	return c.upload(ctx, p, req, szx)
}

// smaller is the block size that a 4.13 asks for (RFC 7959 §2.9.3).
func smaller(resp *coap.Message, szx uint8) (uint8, bool) {
	v, has := resp.Get(coap.Block1)
	b, ok := coap.ParseBlock(v)
	return b.SZX, resp.Code == coap.RequestEntityTooLarge && has && ok && b.SZX < szx
}

// alone waits until no other upload with the same options goes to the peer: it
// could not tell their blocks apart (RFC 7959 §2.5). done ends the turn.
func (c *Client) alone(ctx context.Context, k key) (done func(), err error) {
	for {
		c.mu.Lock()
		other, busy := c.uploading[k]
		if !busy {
			if c.uploading == nil {
				c.uploading = map[key]chan struct{}{}
			}
			ended := make(chan struct{})
			c.uploading[k] = ended
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.uploading, k)
				c.mu.Unlock()
				close(ended)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// upload sends the body block by block (RFC 7959 §2.5).
func (c *Client) upload(ctx context.Context, p endpoint.Peer, req *coap.Message, szx uint8) (*coap.Message, error) {
	forgotten := 0
	for at := 0; ; {
		b := coap.Block{Num: uint32(at >> (szx + 4)), SZX: szx} //nolint:gosec // at is less than the body's length
		end := min(at+b.Size(), len(req.Payload))
		b.More = end < len(req.Payload)
		resp, err := c.exchange(ctx, p, req, blockOf(req, b, req.Payload[at:end]))
		if err != nil {
			return nil, err
		}
		if hint, ok := smaller(resp, szx); ok {
			at, szx = 0, hint
			continue
		}
		if resp.Code == coap.RequestEntityIncomplete && at > 0 && forgotten < restarts {
			at, forgotten = 0, forgotten+1 // it has carried out nothing yet
			continue
		}
		if resp.Code.Class() != 2 || !b.More && resp.Code != coap.Continue {
			return resp, nil
		}
		if szx, err = next(resp, b); err != nil {
			return nil, err
		}
		at = end
	}
}

// blockOf is the request with one block of its body.
func blockOf(req *coap.Message, b coap.Block, payload []byte) *coap.Message {
	m := *req
	m.Options = append([]coap.Option(nil), req.Options...)
	m.Payload = payload
	m.AddUint(coap.Block1, b.Uint())
	if b.Num == 0 {
		m.Remove(coap.Size1)
		m.AddUint(coap.Size1, uint32(len(req.Payload))) //nolint:gosec // a body's length
	} else {
		m.Remove(coap.IfNoneMatch) // RFC 7959 §2.10
	}
	return &m
}

// next reads the response to a block that was taken: the block size for the
// next one. A final response to a block that is not the last is one of a peer
// that acts on each block by itself (RFC 7959 §2.3).
func next(resp *coap.Message, sent coap.Block) (szx uint8, err error) {
	v, has := resp.Get(coap.Block1)
	got, ok := coap.ParseBlock(v)
	switch {
	case !sent.More:
		return 0, broken(resp, "it asks for another block after the last (RFC 7959 §2.9.1)")
	case !has || !ok:
		return 0, broken(resp, "it has no Block1 although more of the body is to come (RFC 7959 §2.3)")
	case got.SZX > sent.SZX:
		return 0, broken(resp, "its Block1 %s has a larger size than the request's %s (RFC 7959 §2.3)", got, sent)
	case got.Num != sent.Num:
		return 0, broken(resp, "its Block1 %s acknowledges another block than %s (RFC 7959 §2.3)", got, sent)
	}
	return got.SZX, nil
}

// exchange sends a message of the transfer of req. All of one transfer have one
// token: devices that tell transfers apart by it, against RFC 7959, would put
// together something else than the body (go-coap takes the last block for all of
// it). No response is taken for that to another message (RFC 9175 §4.2): it names
// the number of its block.
func (c *Client) exchange(ctx context.Context, p endpoint.Peer, req, message *coap.Message) (*coap.Message, error) {
	m := *message
	m.Token = req.Token
	resp, err := c.Exchanger.Do(ctx, p, &m)
	req.Token = m.Token
	return resp, err
}
