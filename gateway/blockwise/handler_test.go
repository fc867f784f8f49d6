// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
)

func TestBodyIsPutTogetherAndServedOnce(t *testing.T) {
	for _, szx := range []uint8{0, 2, 6} {
		for _, length := range []int{1, 15, 16, 17, 1023, 1024, 1025, 5000, 65536} {
			body, u := random(length), &upstream{}
			h := newHandler(t, u, Options{})
			size := 16 << szx
			for at := 0; at < length; at += size {
				end := min(at+size, length)
				b := coap.Block{Num: uint32(at / size), More: end < length, SZX: szx}
				resp := ask(t, h, peerNumber(1), post(b, body[at:end]))
				want := coap.Changed
				if b.More {
					want = coap.Continue
				}
				if resp.Code != want || block(t, resp, coap.Block1) != b || len(resp.Payload) > 0 {
					t.Fatalf("block %s: got %s, want %s with the same block", b, resp, want)
				}
				if b.More && u.calls() > 0 {
					t.Fatal("the request was served before its last block")
				}
			}
			if u.calls() != 1 {
				t.Fatalf("%d calls, want one", u.calls())
			}
			sameBody(t, fmt.Sprintf("%d bytes by %d", length, size), u.got[0].Payload, body)
			if u.got[0].Has(coap.Block1) || u.got[0].Path() != "/a" || !bytes.Equal(u.got[0].Token, []byte{byte((length - 1) / size)}) {
				t.Errorf("the whole request is %s", u.got[0])
			}
			if got := h.Usage(); got != (Usage{}) {
				t.Errorf("%+v is kept, want nothing", got)
			}
		}
	}
}

// step is one block of a sequence, and the code that it gets.
type step struct {
	peer    int
	req     *coap.Message
	want    coap.Code
	comment string
}

func TestSequencesOfBlocks(t *testing.T) {
	body := random(48)
	option := func(n coap.OptionNumber, v string) coap.Option { return coap.Option{Number: n, Value: []byte(v)} }
	b := func(num int, options ...coap.Option) *coap.Message { // of three blocks of 16 bytes
		return post(coap.Block{Num: uint32(num), More: num < 2}, body[16*num:16*num+16], options...)
	}
	other := func(num int) *coap.Message {
		return post(coap.Block{Num: uint32(num), More: num < 2}, make([]byte, 16))
	}
	const (
		more = coap.Continue
		done = coap.Changed
		lost = coap.RequestEntityIncomplete
	)
	tagA, tagB := option(coap.RequestTag, "A"), option(coap.RequestTag, "B")
	json, text := option(coap.ContentFormat, "\x32"), option(coap.ContentFormat, "")
	for _, tt := range []struct {
		name  string
		steps []step
		calls int
	}{
		{"Q09: three tokens", []step{{1, b(0), more, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"Q10: another Request-Tag", []step{{1, b(0, tagA), more, ""}, {1, b(1, tagB), lost, ""}, {1, b(2, tagB), lost, ""}, {1, b(1, tagA), more, "unharmed"}, {1, b(2, tagA), done, ""}}, 1},
		{"Q10: another Content-Format", []step{{1, b(0, json), more, ""}, {1, b(1, text), lost, ""}, {1, b(2, text), lost, ""}, {1, b(1, json), more, ""}, {1, b(2, json), done, ""}}, 1},
		{"Q11: every block twice", []step{{1, b(0), more, ""}, {1, b(0), more, ""}, {1, b(1), more, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}, {1, b(2), lost, "never served twice"}}, 1},
		{"Q11: out of order", []step{{1, b(0), more, ""}, {1, b(2), lost, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"one is missing", []step{{1, b(0), more, ""}, {1, b(2), lost, ""}}, 0},
		{"the first is missing", []step{{1, b(1), lost, ""}, {1, b(2), lost, ""}}, 0},
		{"begun anew", []step{{1, other(0), more, ""}, {1, other(1), more, ""}, {1, b(0), more, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"two blocks of one number", []step{{1, b(0), more, ""}, {1, b(1), more, ""}, {1, other(1), lost, ""}, {1, b(2), lost, ""}}, 0},
		{"another last one before", []step{{1, b(0), more, ""}, {1, b(1), more, ""}, {1, post(coap.Block{Num: 1}, []byte("x")), lost, ""}, {1, b(2), lost, ""}}, 0},
		{"the same one, now the last", []step{{1, b(0), more, ""}, {1, b(1), more, ""}, {1, post(coap.Block{Num: 1}, body[16:32]), lost, ""}, {1, b(2), lost, ""}}, 0},
		{"from another peer", []step{{1, b(0), more, ""}, {2, b(1), lost, ""}, {1, b(1), more, ""}, {2, b(2), lost, ""}, {1, b(2), done, ""}}, 1},
		{"two bodies at a time", []step{{1, b(0, tagA), more, ""}, {1, b(0, tagB), more, ""}, {1, b(1, tagA), more, ""}, {1, b(1, tagB), more, ""}, {1, b(2, tagB), done, ""}, {1, b(2, tagA), done, ""}}, 2},
		{"If-None-Match in the first alone", []step{{1, b(0, option(coap.IfNoneMatch, "")), more, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"Size1 in the first alone", []step{{1, b(0, option(coap.Size1, "\x30")), more, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"a short one in between", []step{{1, b(0), more, ""}, {1, post(coap.Block{Num: 1, More: true}, []byte("short")), coap.BadRequest, ""}, {1, b(1), more, ""}, {1, b(2), done, ""}}, 1},
		{"smaller blocks from the second on", []step{{1, post(coap.Block{More: true, SZX: 1}, body[:32]), more, ""}, {1, post(coap.Block{Num: 2}, body[32:]), done, ""}}, 1},
		{"an empty last one", []step{{1, b(0), more, ""}, {1, b(1), more, ""}, {1, post(coap.Block{Num: 2, More: true}, body[32:]), more, ""}, {1, post(coap.Block{Num: 3}, nil), done, ""}}, 1},
		{"Block2 of a later block beside Block1", []step{{1, b(0, option(coap.Block2, "\x10")), coap.BadRequest, ""}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &upstream{}
			h := newHandler(t, u, Options{})
			for i, s := range tt.steps {
				if resp := ask(t, h, peerNumber(s.peer), s.req); resp.Code != s.want {
					t.Fatalf("step %d, %s: got %s, want %s %s", i+1, s.req, resp, s.want, s.comment)
				}
			}
			if u.calls() != tt.calls {
				t.Errorf("%d calls, want %d", u.calls(), tt.calls)
			}
			for _, got := range u.got {
				sameBody(t, "upstream", got.Payload, body)
			}
			if strings.HasPrefix(tt.name, "If-None-Match") && !u.got[0].Has(coap.IfNoneMatch) {
				t.Error("If-None-Match of the first block is gone")
			}
		})
	}
}

// What fixtures/hostile asks for M63 to M69; M67 is the endpoint's, with 4.02.
func TestHostileBlocks(t *testing.T) {
	want := map[string][]coap.Code{
		"M63": {coap.RequestEntityIncomplete},
		"M64": {coap.Continue},
		"M65": {coap.BadRequest},
		"M66": {coap.BadRequest},
		"M68": {coap.BadRequest},
		"M69": {coap.RequestEntityTooLarge},
	}
	ds, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range ds {
		codes, ok := want[d.ID]
		if !ok {
			continue
		}
		seen++
		m, err := coap.Decode(d.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		u := bodies([]byte("small"))
		resp := ask(t, newHandler(t, u, Options{}), peerNumber(1), m)
		if !slices.Contains(codes, resp.Code) || u.calls() > 0 {
			t.Errorf("%s %s: got %s and %d calls, want %s and none", d.ID, d.Name, resp, u.calls(), codes)
		}
		if size, _ := resp.GetUint(coap.Size1); d.ID == "M69" && size != DefaultMaxBody {
			t.Errorf("%s: Size1 is %d, want %d", d.ID, size, DefaultMaxBody)
		}
	}
	if seen != len(want) {
		t.Errorf("%d datagrams found, want %d", seen, len(want))
	}
}

func TestSmallerBlocksAreAskedFor(t *testing.T) {
	body, u := random(100), bodies(random(100))
	h := newHandler(t, u, Options{BlockSize: 32})
	resp := ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 2}, body[:64]))
	if got, want := block(t, resp, coap.Block1), (coap.Block{More: true, SZX: 1}); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	ask(t, h, peerNumber(1), post(coap.Block{Num: 2, More: true, SZX: 1}, body[64:96]))
	resp = ask(t, h, peerNumber(1), post(coap.Block{Num: 3, SZX: 1}, body[96:]))
	if got, want := block(t, resp, coap.Block2), (coap.Block{More: true, SZX: 1}); got != want {
		t.Errorf("the response's block is %s, want %s", got, want)
	}
	sameBody(t, "upstream", u.got[0].Payload, body)
}

func TestTooLongABodyIsRefusedAtTheCap(t *testing.T) { // Q12
	u := &upstream{}
	h := newHandler(t, u, Options{MaxBody: 64 << 10})
	refused := -1
	for num := range uint32(200) {
		resp := ask(t, h, peerNumber(1), post(coap.Block{Num: num, More: true, SZX: 6}, random(1024)))
		if resp.Code == coap.Continue && refused < 0 {
			continue
		}
		if refused < 0 {
			refused = int(num)
			if size, _ := resp.GetUint(coap.Size1); resp.Code != coap.RequestEntityTooLarge || size != 64<<10 {
				t.Errorf("got %s, want 4.13 with Size1 65536", resp)
			}
		}
		if _, bytes := h.uploads.size(); bytes > 256<<10 {
			t.Fatalf("%d bytes are kept", bytes)
		}
	}
	if refused != 64 || u.calls() > 0 {
		t.Errorf("refused at block %d, %d calls; want 64 and none", refused, u.calls())
	}
	if h.Usage() != (Usage{}) {
		t.Errorf("%+v is kept, want nothing", h.Usage())
	}
	// A body in one message counts as well.
	whole := post(coap.Block{}, random(64<<10+1))
	whole.Remove(coap.Block1)
	if resp := ask(t, h, peerNumber(1), whole); resp.Code != coap.RequestEntityTooLarge || !resp.Has(coap.Size1) {
		t.Errorf("got %s, want 4.13 with Size1", resp)
	}
}

func TestUnfinishedUploadsAreBoundedAndForgotten(t *testing.T) { // Q13
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		h := newHandler(t, u, Options{})
		first := post(coap.Block{More: true, SZX: 6}, random(1024))
		for i := range 30_000 {
			if resp := ask(t, h, peerNumber(i), first); resp.Code != coap.Continue {
				t.Fatalf("source %d got %s", i, resp)
			}
		}
		if got := h.Usage(); got.Uploads != DefaultTotal || got.UploadBytes > DefaultTotalBytes {
			t.Errorf("%+v is kept, want %d uploads and at most %d bytes", got, DefaultTotal, DefaultTotalBytes)
		}
		// Who comes now is served, and so is who comes back in time.
		last := post(coap.Block{Num: 1, SZX: 6}, []byte("end"))
		if resp := ask(t, h, peerNumber(29_000), last); resp.Code != coap.Changed {
			t.Errorf("one of the last sources got %s", resp)
		}
		if resp := ask(t, h, peerNumber(1), last); resp.Code != coap.RequestEntityIncomplete {
			t.Errorf("one of the first sources got %s, want 4.08", resp)
		}
		time.Sleep(DefaultLifetime + time.Second)
		synctest.Wait()
		if got := h.Usage(); got != (Usage{}) || len(h.uploads.peers) != 0 {
			t.Errorf("%+v is kept, %d peers; want nothing after the lifetime", got, len(h.uploads.peers))
		}
	})
}

func TestActiveUploadSurvivesAFloodOfOthers(t *testing.T) {
	u := &upstream{}
	h := newHandler(t, u, Options{Total: 100})
	body := random(50 * 16)
	for num := range 50 {
		b := coap.Block{Num: uint32(num), More: num < 49}
		resp := ask(t, h, peerNumber(0), post(b, body[16*num:16*num+16]))
		if resp.Code.Class() != 2 {
			t.Fatalf("block %d got %s", num, resp)
		}
		for i := range 90 {
			ask(t, h, peerNumber(1+num*90+i), post(coap.Block{More: true}, body[:16]))
		}
	}
	if u.calls() != 1 {
		t.Fatalf("%d calls, want one", u.calls())
	}
	sameBody(t, "upstream", u.got[0].Payload, body)
}

func TestOnePeerTakesItsShareAlone(t *testing.T) {
	h := newHandler(t, &upstream{}, Options{PerPeer: 3, PeerBytes: 1 << 20})
	begin := func(peer, tag int) {
		ask(t, h, peerNumber(peer), post(coap.Block{More: true}, random(16), coap.Option{Number: coap.RequestTag, Value: []byte{byte(tag)}}))
	}
	begin(2, 0)
	for tag := range 10 {
		begin(1, tag)
	}
	if got := h.Usage(); got.Uploads != 4 {
		t.Errorf("%d uploads are kept, want three of the one and one of the other", got.Uploads)
	}
	if resp := ask(t, h, peerNumber(2), post(coap.Block{Num: 1}, nil, coap.Option{Number: coap.RequestTag, Value: []byte{0}})); resp.Code != coap.Changed {
		t.Errorf("the other peer got %s", resp)
	}
	small := newHandler(t, &upstream{}, Options{PeerBytes: 4096})
	for tag := range 10 {
		ask(t, small, peerNumber(1), post(coap.Block{More: true, SZX: 6}, random(1024), coap.Option{Number: coap.RequestTag, Value: []byte{byte(tag)}}))
	}
	if got := small.Usage(); got.UploadBytes > 4096 || got.Uploads == 0 {
		t.Errorf("%+v is kept, want at most 4096 bytes", got)
	}
	small.Forget(peerNumber(1).key)
	if got := small.Usage(); got != (Usage{}) {
		t.Errorf("%+v is kept of a peer that has gone", got)
	}
}

// download fetches the whole body as a client does that asks for the size; the
// first request has no Block2 when late.
func download(t *testing.T, h *Handler, szx uint8, late bool) (body []byte, last *coap.Message) {
	t.Helper()
	req := get(coap.Block{SZX: szx})
	if late {
		req.Remove(coap.Block2)
	}
	resp := ask(t, h, peerNumber(1), req)
	for {
		if !resp.Has(coap.Block2) {
			return resp.Payload, resp
		}
		b := block(t, resp, coap.Block2)
		if b.SZX > szx && !late || offset(b) != len(body) || b.More && len(resp.Payload) != b.Size() || len(resp.Payload) > b.Size() {
			t.Fatalf("at %d, asked for size %d: got %s", len(body), 16<<szx, resp)
		}
		body = append(body, resp.Payload...)
		if !b.More {
			return body, resp
		}
		late = false
		resp = ask(t, h, peerNumber(1), get(coap.Block{Num: uint32(len(body) >> (szx + 4)), More: true, SZX: szx})) // M has no meaning
	}
}

func TestLongAnswerIsServedFromOneCall(t *testing.T) {
	for _, length := range []int{0, 1, 16, 1024, 1025, 16 << 10, 100_000} {
		for _, szx := range []uint8{0, 3, 6} {
			for _, late := range []bool{false, true} {
				u := bodies(random(length), coap.Option{Number: coap.MaxAge, Value: []byte{9}})
				h := newHandler(t, u, Options{})
				got, last := download(t, h, szx, late)
				what := fmt.Sprintf("%d bytes by %d, late %t", length, 16<<szx, late)
				sameBody(t, what, got, random(length))
				if u.calls() != 1 {
					t.Errorf("%s: %d calls, want one", what, u.calls())
				}
				if length > 1024 && !last.Has(coap.ETag) {
					t.Errorf("%s: the last block %s has no ETag", what, last)
				}
			}
		}
	}
}

func TestFurtherBlocks(t *testing.T) {
	u := bodies(random(5000), coap.Option{Number: coap.ETag, Value: []byte("v1")})
	h := newHandler(t, u, Options{})
	for _, tt := range []struct {
		name  string
		num   uint32
		szx   uint8
		want  coap.Code
		calls int
	}{
		{"the third, first of all", 2, 6, coap.Content, 1},
		{"the last", 4, 6, coap.Content, 1},
		{"a smaller one", 20, 3, coap.Content, 1},
		{"behind the end", 5, 6, coap.BadRequest, 1},
		{"far behind the end", 1<<20 - 1, 6, coap.BadRequest, 1},
		{"of the reserved size", 0, 7, coap.BadRequest, 1},
		{"the first again", 0, 6, coap.Content, 2},
	} {
		resp := ask(t, h, peerNumber(1), get(coap.Block{Num: tt.num, SZX: tt.szx}))
		if resp.Code != tt.want || u.calls() != tt.calls {
			t.Errorf("%s: got %s after %d calls, want %s after %d", tt.name, resp, u.calls(), tt.want, tt.calls)
			continue
		}
		if resp.Code == coap.Content {
			at := int(tt.num) << (tt.szx + 4)
			sameBody(t, tt.name, resp.Payload, random(5000)[at:min(at+16<<tt.szx, 5000)])
			if v, _ := resp.Get(coap.ETag); string(v) != "v1" {
				t.Errorf("%s: the ETag is %q, want the one of the answer", tt.name, v)
			}
		}
	}
	u.answer = func(*coap.Message) *coap.Message { return refuse(coap.NotFound, "gone") }
	if resp := ask(t, h, peerNumber(2), get(coap.Block{Num: 1})); resp.Code != coap.NotFound {
		t.Errorf("another peer got %s, want what the answer is now", resp)
	}
}

func TestBlockOfAPostsResponseNeverRepeatsThePost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := bodies(random(3000))
		h := newHandler(t, u, Options{})
		body := random(40)
		ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 1}, body[:32]))
		resp := ask(t, h, peerNumber(1), post(coap.Block{Num: 1, SZX: 1}, body[32:], coap.Option{Number: coap.Block2, Value: []byte{1}}))
		if one, two := block(t, resp, coap.Block1), block(t, resp, coap.Block2); one != (coap.Block{Num: 1, SZX: 1}) || two != (coap.Block{More: true, SZX: 1}) {
			t.Fatalf("got Block1 %s and Block2 %s in the final response", one, two)
		}
		next := get(coap.Block{Num: 1, SZX: 1})
		next.Code = coap.POST
		resp = ask(t, h, peerNumber(1), next)
		sameBody(t, "the second block", resp.Payload, random(3000)[32:64])
		time.Sleep(DefaultLifetime + time.Second)
		if resp = ask(t, h, peerNumber(1), next); resp.Code != coap.RequestEntityIncomplete || u.calls() != 1 {
			t.Errorf("later got %s after %d calls, want 4.08 after one", resp, u.calls())
		}
	})
}

func TestKeptAnswerAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, bodies(random(3000), coap.Option{Number: coap.MaxAge, Value: []byte{60}}), Options{})
		ask(t, h, peerNumber(1), get(coap.Block{SZX: 6}))
		for _, want := range []uint32{60, 20, 0, 0} {
			resp := ask(t, h, peerNumber(1), get(coap.Block{Num: 1, SZX: 6}))
			if got, ok := resp.GetUint(coap.MaxAge); !ok || got != want {
				t.Errorf("Max-Age is %d, want %d", got, want)
			}
			time.Sleep(40 * time.Second)
		}
	})
}

func TestWholeMessagesPassUntouched(t *testing.T) {
	u := bodies([]byte("short"))
	h := newHandler(t, u, Options{})
	req := &coap.Message{Code: coap.PUT, Payload: random(2000)}
	req.AddString(coap.RequestTag, "x") // RFC 9175 §3.4
	resp := ask(t, h, peerNumber(1), req)
	if resp.String() != (&coap.Message{Code: coap.Content, Payload: []byte("short")}).String() {
		t.Errorf("got %s", resp)
	}
	if !bytes.Equal(u.got[0].Payload, req.Payload) || h.Usage() != (Usage{}) {
		t.Errorf("upstream got %d bytes, %+v is kept", len(u.got[0].Payload), h.Usage())
	}
}

func TestRepresentationThatTheClientHasIsNotSentAgain(t *testing.T) {
	u := bodies(random(3000), coap.Option{Number: coap.MaxAge, Value: []byte{9}})
	h := newHandler(t, u, Options{})
	req := request(coap.GET, nil)
	first := ask(t, h, peerNumber(1), req)
	etag, _ := first.Get(coap.ETag)
	if len(etag) != 8 || etag[0] != 0 {
		t.Fatalf("the ETag is %x, want eight bytes that no HTTP entity-tag is", etag)
	}
	req.Add(coap.ETag, []byte("another"))
	req.Add(coap.ETag, etag)
	if resp := ask(t, h, peerNumber(1), req); resp.Code != coap.Valid || len(resp.Payload) > 0 || !resp.Has(coap.MaxAge) || resp.Has(coap.Block2) {
		t.Errorf("got %s, want 2.03 with Max-Age", resp)
	}
	u.answer = bodies(random(3001)).answer
	if resp := ask(t, h, peerNumber(1), req); resp.Code != coap.Content {
		t.Errorf("after a change got %s, want 2.05", resp)
	}
	u.answer = bodies(random(3000)).answer
	req.Code = coap.POST
	if resp := ask(t, h, peerNumber(1), req); resp.Code != coap.Content {
		t.Errorf("a POST got %s, want what it did", resp)
	}
}

// The rest of an answer is fetched by others than who began, in what they send.
func TestFurtherRequestsMayLeaveOptionsOut(t *testing.T) {
	for _, n := range []coap.OptionNumber{coap.Observe, coap.ContentFormat, coap.IfNoneMatch, coap.Size2} {
		u := bodies(random(3000))
		h := newHandler(t, u, Options{})
		req := request(coap.POST, nil)
		req.Add(n, nil)
		ask(t, h, peerNumber(1), req)
		next := get(coap.Block{Num: 1, SZX: 6})
		next.Code = coap.POST
		resp := ask(t, h, peerNumber(1), next)
		sameBody(t, n.String(), resp.Payload, random(3000)[1024:2048])
		next.Code = coap.PUT
		if resp := ask(t, h, peerNumber(1), next); resp.Code != coap.RequestEntityIncomplete {
			t.Errorf("another method got %s, want 4.08", resp)
		}
	}
}

func TestTheSizeIsToldAtTheBeginningAndWhenItIsAskedFor(t *testing.T) {
	h := newHandler(t, bodies(random(3000)), Options{})
	for _, tt := range []struct {
		req  *coap.Message
		want bool
	}{
		{get(coap.Block{SZX: 6}), true},
		{get(coap.Block{Num: 1, SZX: 6}), false},
		{get(coap.Block{Num: 1, SZX: 6}, coap.Option{Number: coap.Size2}), true},
	} {
		if size, has := ask(t, h, peerNumber(1), tt.req).GetUint(coap.Size2); has != tt.want || has && size != 3000 {
			t.Errorf("%s: Size2 is %d, %t", tt.req, size, has)
		}
	}
}

func TestABodyThatGrowsTakesTheRoomOfOthers(t *testing.T) {
	for name, o := range map[string]Options{"of the peer": {PeerBytes: 16 << 10}, "of all": {TotalBytes: 16 << 10}} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, &upstream{}, o)
			tagged := coap.Option{Number: coap.RequestTag, Value: []byte("x")}
			ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 6}, random(1024), tagged))
			for num := range uint32(14) {
				if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: num, More: true, SZX: 6}, random(1024))); resp.Code != coap.Continue {
					t.Fatalf("block %d got %s", num, resp)
				}
			}
			if got := h.Usage(); got.Uploads != 1 || got.UploadBytes < 14<<10 {
				t.Errorf("%+v is kept, want the one that grows, at its length", got)
			}
		})
	}
}

func TestAnUploadThatGoesOnIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, &upstream{}, Options{})
		for num := range uint32(5) {
			if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: num, More: true}, random(16))); resp.Code != coap.Continue {
				t.Fatalf("block %d got %s", num, resp)
			}
			time.Sleep(DefaultLifetime - time.Second)
		}
		time.Sleep(2 * time.Second)
		if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: 5}, nil)); resp.Code != coap.RequestEntityIncomplete {
			t.Errorf("after the lifetime got %s, want 4.08", resp)
		}
	})
}

func TestOfAPeersUploadsTheOneLeftAloneGoesFirst(t *testing.T) {
	h := newHandler(t, &upstream{}, Options{PerPeer: 2})
	say := func(tag string, num uint32, more bool) coap.Code {
		return ask(t, h, peerNumber(1), post(coap.Block{Num: num, More: more}, random(16), coap.Option{Number: coap.RequestTag, Value: []byte(tag)})).Code
	}
	say("a", 0, true)
	say("b", 0, true)
	say("a", 1, true)
	say("c", 0, true)
	for tag, want := range map[string]coap.Code{"a": coap.Changed, "b": coap.RequestEntityIncomplete, "c": coap.RequestEntityIncomplete} {
		if got := say(tag, 2, false); got != want {
			t.Errorf("%s got %s, want %s", tag, got, want)
		}
	}
}

func TestWhatIsFinishedTakesNoRoom(t *testing.T) {
	h := newHandler(t, &upstream{}, Options{PeerBytes: 8 << 10})
	waits := coap.Option{Number: coap.RequestTag, Value: []byte("waits")}
	ask(t, h, peerNumber(1), post(coap.Block{More: true}, random(16), waits))
	for range 20 {
		ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 6}, random(1024)))
		ask(t, h, peerNumber(1), post(coap.Block{Num: 1, SZX: 6}, nil))
	}
	if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: 1}, nil, waits)); resp.Code != coap.Changed {
		t.Errorf("the one that waited got %s", resp)
	}
}

// TestLateTimerKeepsNothingAlive: a body whose lifetime is over is gone, also when
// the timer that forgets it has not run yet.
func TestLateTimerKeepsNothingAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, bodies(random(3000)), Options{})
		ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 6}, random(1024)))
		ask(t, h, peerNumber(1), get(coap.Block{SZX: 6}))
		for _, s := range []*store{h.uploads, h.answers} {
			s.mu.Lock()
			s.timer.Stop()
			s.mu.Unlock()
		}
		time.Sleep(DefaultLifetime)
		if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: 1, SZX: 6}, []byte("end"))); resp.Code != coap.RequestEntityIncomplete {
			t.Errorf("the next block of the upload got %s, want 4.08", resp)
		}
		if _, kept := h.kept(peerNumber(1).key, get(coap.Block{Num: 1, SZX: 6}), coap.Block{Num: 1, SZX: 6}); kept {
			t.Error("the response is kept beyond its lifetime")
		}
		if got := h.Usage(); got != (Usage{}) {
			t.Errorf("%+v is kept, want nothing", got)
		}
	})
}

// TestAClosedHandlerKeepsNothing: requests may still be on their way when a
// gateway closes.
func TestAClosedHandlerKeepsNothing(t *testing.T) {
	h := NewHandler(bodies(random(3000)), Options{})
	h.Close()
	if resp := ask(t, h, peerNumber(1), get(coap.Block{SZX: 6})); resp.Code != coap.Content || len(resp.Payload) != 1024 {
		t.Errorf("got %s, want the first block", resp)
	}
	ask(t, h, peerNumber(1), post(coap.Block{More: true, SZX: 6}, random(1024)))
	if resp := ask(t, h, peerNumber(1), post(coap.Block{Num: 1, SZX: 6}, []byte("end"))); resp.Code != coap.RequestEntityIncomplete {
		t.Errorf("the next block of the upload got %s, want 4.08", resp)
	}
	if got := h.Usage(); got != (Usage{}) || h.uploads.timer != nil || h.answers.timer != nil {
		t.Errorf("%+v is kept, want nothing, and no timer", got)
	}
}
