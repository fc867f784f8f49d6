// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"bytes"
	"context"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// FuzzAssembly sends blocks in any order from three peers. The input is taken in
// steps of four bytes: the peer and the Request-Tag, the block's number, its M and
// SZX, and what is wrong with it. Every block of a size says the same at the same
// place, so that a whole body can be known from its length.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte{0, 0, 8, 0, 0, 1, 8, 0, 0, 2, 0, 0})          // in order
	f.Add([]byte{0, 0, 8, 0, 0, 2, 0, 0, 0, 1, 8, 0})          // the last too early
	f.Add([]byte{0, 0, 8, 0, 4, 1, 0, 0, 1, 0, 8, 0, 1, 1, 0}) // two peers, two tags
	f.Add([]byte{0, 0, 15, 0, 0, 255, 14, 0, 0, 0, 9, 1})      // size 7, far out, a short one
	f.Add([]byte{0, 0, 9, 0, 0, 2, 0, 0})                      // a smaller size from the second on
	place := random(1 << 15)
	f.Fuzz(func(t *testing.T, steps []byte) {
		u := &upstream{}
		o := Options{MaxBody: 1 << 14, PerPeer: 2, Total: 3, PeerBytes: 1 << 14, TotalBytes: 1 << 15}
		h := NewHandler(u, o)
		defer h.Close()
		for ; len(steps) >= 4; steps = steps[4:] {
			b := coap.Block{Num: uint32(steps[1]), More: steps[2]&8 != 0, SZX: steps[2] & 7}
			at := min(offset(b), len(place))
			payload := place[at:min(at+b.Size(), len(place))]
			if steps[3]&1 != 0 {
				payload = payload[:len(payload)/2]
			}
			m := post(b, payload, coap.Option{Number: coap.RequestTag, Value: []byte{steps[0] >> 2 & 3}})
			before := u.calls()
			resp := ask(t, h, peerNumber(int(steps[0]&3)%3), m)
			switch resp.Code {
			case coap.Continue, coap.BadRequest, coap.RequestEntityIncomplete, coap.RequestEntityTooLarge:
				if u.calls() != before {
					t.Fatalf("%s was answered %s although upstream was called", m, resp)
				}
			case coap.Changed:
				if b.More || u.calls() != before+1 {
					t.Fatalf("%s was answered %s after %d calls", m, resp, u.calls()-before)
				}
				body := u.got[before].Payload
				if len(body) != offset(b)+len(payload) || !bytes.HasPrefix(place, body) {
					t.Fatalf("%s: upstream got %d bytes that are not the body up to this block", m, len(body))
				}
			default:
				t.Fatalf("%s was answered %s", m, resp)
			}
			if got := h.Usage(); got.Uploads > o.Total || got.UploadBytes > o.TotalBytes+2*o.MaxBody {
				t.Fatalf("%+v is kept", got)
			}
		}
	})
}

// FuzzBlock2 asks for any block of an answer: what comes is that part of it, or
// an error.
func FuzzBlock2(f *testing.F) {
	f.Add(uint16(5000), []byte{6}, uint8(6))
	f.Add(uint16(5000), []byte{0x16}, uint8(2))
	f.Add(uint16(0), []byte{}, uint8(0))
	f.Add(uint16(4096), []byte{0x46}, uint8(6)) // begins where the answer ends
	f.Add(uint16(1), []byte{0xff, 0xff, 0xf6}, uint8(6))
	f.Fuzz(func(t *testing.T, length uint16, option []byte, szx uint8) {
		body := random(int(length))
		h := NewHandler(bodies(body), Options{BlockSize: 16 << (szx & 7)})
		defer h.Close()
		b, ok := coap.ParseBlock(option)
		if !ok {
			return // the endpoint refuses it
		}
		req := &coap.Message{Code: coap.GET}
		req.Add(coap.Block2, option)
		for range 2 { // from a call, and from what is kept
			resp := ask(t, h, peerNumber(1), req)
			if resp.Code == coap.BadRequest {
				if b.SZX <= maxSZX && offset(b) < len(body) {
					t.Fatalf("%s of %d bytes was answered %s", b, len(body), resp)
				}
				continue
			}
			got := block(t, resp, coap.Block2)
			at := offset(b)
			if resp.Code != coap.Content || offset(got) != at || at > 0 && at >= len(body) || got.SZX > b.SZX || got.SZX > h.szx ||
				!bytes.Equal(resp.Payload, body[at:min(at+got.Size(), len(body))]) || got.More != (at+got.Size() < len(body)) {
				t.Fatalf("%s of %d bytes was answered %s with %s", b, len(body), resp, got)
			}
		}
	})
}

// FuzzClient lets a device answer anything: the transfer ends, with a body that
// the blocks make up, or with an error.
func FuzzClient(f *testing.F) {
	seed := func(ms ...*coap.Message) {
		var all []byte
		for _, m := range ms {
			b, err := m.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			all = append(append(all, byte(len(b)>>8), byte(len(b))), b...)
		}
		f.Add(uint16(40), all)
	}
	seed(with(coap.RequestEntityTooLarge, coap.Block1, coap.Block{}, 0), with(coap.Continue, coap.Block1, coap.Block{More: true}, 0), with(coap.Changed, coap.Block1, coap.Block{Num: 1}, 0))
	seed(with(coap.Content, coap.Block2, coap.Block{More: true}, 16), with(coap.Content, coap.Block2, coap.Block{Num: 1}, 3))
	f.Fuzz(func(t *testing.T, length uint16, script []byte) {
		exchanges := 0
		d := &device{answer: func(context.Context, *coap.Message) (*coap.Message, error) {
			if exchanges++; exchanges > 10_000 {
				t.Fatal("the transfer does not end")
			}
			for len(script) >= 2 {
				n := min(int(script[0])<<8|int(script[1]), len(script)-2)
				one := script[2 : 2+n]
				script = script[2+n:]
				if m, err := coap.Decode(one); err == nil && m.Code.IsResponse() && len(m.CheckOptions(Recognized)) == 0 {
					return m, nil
				}
			}
			return nil, endpoint.ErrGaveUp
		}}
		method := coap.POST
		if length == 0 {
			method = coap.GET
		}
		c := &Client{Exchanger: d, MaxBody: 1 << 12}
		resp, err := c.Do(t.Context(), peerNumber(1), request(method, random(int(length))))
		if (resp == nil) == (err == nil) {
			t.Fatalf("got %v and %v", resp, err)
		}
		if err == nil && (resp.Has(coap.Block2) || len(resp.Payload) > 1<<16) {
			t.Fatalf("got %s", resp)
		}
	})
}
