// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"context"
	"fmt"
	"slices"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// Handler is the server's side of RFC 7959 for a handler that wants whole
// requests and gives whole responses. Request bodies are put together
// atomically (§2.5): the handler is called once, when the last block is there.
// Of a response that is longer than a block the rest is kept, so that further
// blocks cost no call.
type Handler struct {
	next    endpoint.Handler
	o       Options
	szx     uint8
	uploads *store // requests whose payload grows
	answers *store // responses whose payload is fetched
}

var _ endpoint.Handler = (*Handler)(nil)

// NewHandler makes a Handler in front of next. Whoever makes it closes it.
func NewHandler(next endpoint.Handler, o Options) *Handler {
	o = o.withDefaults()
	return &Handler{next: next, o: o, szx: szxOf(o.BlockSize), uploads: newStore(o), answers: newStore(o)}
}

// Close forgets everything that is kept.
func (h *Handler) Close() {
	h.uploads.close()
	h.answers.close()
}

// Forget drops what is kept for a peer: its session has ended.
func (h *Handler) Forget(k endpoint.PeerKey) {
	h.uploads.forget(k)
	h.answers.forget(k)
}

// Usage is what a Handler keeps.
type Usage struct {
	// Uploads and UploadBytes are request bodies that are not whole yet.
	Uploads, UploadBytes int
	// Answers and AnswerBytes are response bodies kept for further blocks.
	Answers, AnswerBytes int
}

// Usage says how much is kept at the moment.
func (h *Handler) Usage() (u Usage) {
	u.Uploads, u.UploadBytes = h.uploads.size()
	u.Answers, u.AnswerBytes = h.answers.size()
	return u
}

// blocks is the Block options of a request.
type blocks struct {
	one, two       coap.Block
	hasOne, hasTwo bool
}

// readBlocks reads the Block options. The endpoint has seen to their length and
// that there is but one of each.
func readBlocks(m *coap.Message) (b blocks, ok bool) {
	read := func(n coap.OptionNumber, to *coap.Block) bool {
		v, has := m.Get(n)
		block, ok := coap.ParseBlock(v)
		*to = block
		return !has || ok && block.SZX <= maxSZX
	}
	ok = read(coap.Block1, &b.one) && read(coap.Block2, &b.two)
	b.hasOne, b.hasTwo = m.Has(coap.Block1), m.Has(coap.Block2)
	return b, ok
}

// offset is where in the body the block begins.
func offset(b coap.Block) int { return int(b.Num) << (b.SZX + 4) }

// ServeCoAP takes one request: a whole one, a block of one, or one for a further
// block of a response.
func (h *Handler) ServeCoAP(ctx context.Context, x *endpoint.Exchange) {
	req := x.Request
	b, ok := readBlocks(req)
	switch {
	case !ok:
		x.Respond(refuse(coap.BadRequest, "block size 7 is reserved (RFC 7959 §2.2)"))
	case b.hasTwo && b.two.Num > 0 && offset(b.two) >= h.o.MaxBody:
		x.Respond(refuse(coap.BadRequest, "there is no such block"))
	case b.hasOne && b.hasTwo && b.two.Num > 0:
		x.Respond(refuse(coap.BadRequest, "Block1 goes before further blocks with Block2 (RFC 7959 §2.7)"))
	case b.hasOne:
		whole, resp := h.assemble(x.Peer.Key(), req, b.one)
		if whole == nil {
			x.Respond(resp)
			return
		}
		h.serve(ctx, x, whole, b)
	case len(req.Payload) > h.o.MaxBody:
		x.Respond(h.tooLarge(len(req.Payload)))
	case b.hasTwo && b.two.Num > 0:
		if resp, kept := h.kept(x.Peer.Key(), req, b.two); kept {
			x.Respond(resp)
			return
		}
		if !repeatable(req.Code) {
			x.Respond(refuse(coap.RequestEntityIncomplete, "the response is not kept any more: send the whole request again"))
			return
		}
		h.serve(ctx, x, req, b)
	default:
		h.serve(ctx, x, req, b)
	}
}

// repeatable says whether a request may be served once more for another block of
// its response.
func repeatable(method coap.Code) bool { return method == coap.GET || method == coap.FETCH }

// serve has a whole request served and gives the first block of the response, or
// the one that is asked for.
func (h *Handler) serve(ctx context.Context, x *endpoint.Exchange, whole *coap.Message, b blocks) {
	asked, from := x.Request, x.Peer.Key()
	h.next.ServeCoAP(ctx, x.Derive(stripped(whole), func(resp *coap.Message) {
		x.Respond(h.first(from, asked, resp, b))
	}))
}

// stripped is the request without the options that mean nothing once it is whole.
func stripped(m *coap.Message) *coap.Message {
	ofTransfer := func(o coap.Option) bool {
		switch o.Number {
		case coap.Block1, coap.Block2, coap.Size1, coap.Size2, coap.RequestTag:
			return true
		default:
			return false
		}
	}
	if !slices.ContainsFunc(m.Options, ofTransfer) {
		return m
	}
	c := *m
	c.Options = slices.DeleteFunc(slices.Clone(m.Options), ofTransfer)
	return &c
}

func (h *Handler) tooLarge(length int) *coap.Message {
	resp := refuse(coap.RequestEntityTooLarge, fmt.Sprintf("the body is %d bytes long, %d are the most", length, h.o.MaxBody))
	resp.AddUint(coap.Size1, uint32(h.o.MaxBody)) //nolint:gosec // an option's value
	return resp
}

// refuse is a response with a diagnostic payload (RFC 7252 §5.5.2).
func refuse(code coap.Code, diagnostic string) *coap.Message {
	return &coap.Message{Code: code, Payload: []byte(diagnostic)}
}
