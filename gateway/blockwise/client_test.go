// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// device answers exchanges and keeps the requests.
type device struct {
	answer func(ctx context.Context, req *coap.Message) (*coap.Message, error)

	mu  sync.Mutex
	got []*coap.Message
}

// Do implements Exchanger.
func (d *device) Do(ctx context.Context, _ endpoint.Peer, req *coap.Message) (*coap.Message, error) {
	d.mu.Lock()
	d.got = append(d.got, req.Clone())
	d.mu.Unlock()
	return d.answer(ctx, req.Clone())
}

// serving is a device with a Handler.
func serving(t testing.TB, h *Handler) *device {
	t.Helper()
	return &device{answer: func(_ context.Context, req *coap.Message) (*coap.Message, error) {
		return ask(t, h, peerNumber(1), req).Clone(), nil //nolint:contextcheck // the test has its own
	}}
}

// scripted is a device that answers in this order.
func scripted(answers ...*coap.Message) *device {
	d := &device{}
	d.answer = func(context.Context, *coap.Message) (*coap.Message, error) {
		if len(d.got) > len(answers) {
			return nil, errors.New("the script has ended")
		}
		return answers[len(d.got)-1].Clone(), nil
	}
	return d
}

// seen is the requests as "GET 2:1/0/64 27:0/1/16 (16)": the Block options and
// the payload's length.
func (d *device) seen() (s []string) {
	for _, m := range d.got {
		text := m.Code.String()
		for _, o := range m.Options {
			if o.Number == coap.Block1 || o.Number == coap.Block2 {
				b, _ := coap.ParseBlock(o.Value)
				text += fmt.Sprintf(" %s:%s", o.Number, b)
			}
		}
		s = append(s, fmt.Sprintf("%s (%d)", text, len(m.Payload)))
	}
	return s
}

func do(t *testing.T, c *Client, req *coap.Message) (*coap.Message, error) {
	t.Helper()
	return c.Do(t.Context(), peerNumber(1), req)
}

func request(method coap.Code, body []byte) *coap.Message {
	m := &coap.Message{Code: method, Payload: body}
	m.AddPath("/a")
	return m
}

// with is a response with a Block option and a payload of n bytes.
func with(code coap.Code, n coap.OptionNumber, b coap.Block, length int, options ...coap.Option) *coap.Message {
	m := &coap.Message{Code: code, Payload: random(length)}
	m.AddUint(n, b.Uint())
	for _, o := range options {
		m.Add(o.Number, o.Value)
	}
	return m
}

func TestBodiesArriveWholeBothWays(t *testing.T) {
	lengths := []int{0, 1, 16, 1024, 1025, 4096, 70_000}
	for _, server := range []int{16, 256, 1024} {
		for _, client := range []int{16, 512, 1024} {
			for _, up := range lengths {
				down := lengths[(slices.Index(lengths, up)+3)%len(lengths)]
				u := bodies(random(down))
				d := serving(t, newHandler(t, u, Options{BlockSize: server}))
				c := &Client{Exchanger: d, BlockSize: client}
				req := request(coap.POST, random(up))
				resp, err := do(t, c, req)
				what := fmt.Sprintf("%d bytes up, %d down, by %d and %d", up, down, client, server)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if u.calls() != 1 || resp.Has(coap.Block1) || resp.Has(coap.Block2) || resp.Code != coap.Content {
					t.Fatalf("%s: %d calls, %s", what, u.calls(), resp)
				}
				sameBody(t, what+": up", u.got[0].Payload, random(up))
				sameBody(t, what+": down", resp.Payload, random(down))
				if len(req.Payload) != up || req.Has(coap.RequestTag) {
					t.Errorf("%s: the caller's request was changed", what)
				}
				for _, m := range d.got {
					if len(m.Payload) > client {
						t.Errorf("%s: a message has %d bytes", what, len(m.Payload))
					}
				}
			}
		}
	}
}

func TestClientHeedsTheDevicesBlockSizes(t *testing.T) {
	continues := func(num uint32, szx uint8) *coap.Message {
		return with(coap.Continue, coap.Block1, coap.Block{Num: num, More: true, SZX: szx}, 0)
	}
	tooLarge := func(szx uint8) *coap.Message {
		return with(coap.RequestEntityTooLarge, coap.Block1, coap.Block{SZX: szx}, 0)
	}
	changed := &coap.Message{Code: coap.Changed}
	plainTooLarge := &coap.Message{Code: coap.RequestEntityTooLarge}
	lost := &coap.Message{Code: coap.RequestEntityIncomplete}
	badOption := &coap.Message{Code: coap.BadOption}
	eachAlone := with(coap.Changed, coap.Block1, coap.Block{SZX: 6}, 0)
	tagged := coap.Option{Number: coap.ETag, Value: []byte("1")}
	for _, tt := range []struct {
		name   string
		method coap.Code
		length int
		script []*coap.Message
		want   []string
		code   coap.Code
	}{
		{
			"a smaller size from the second block on (RFC 7959 Figure 8)", coap.PUT, 2048,
			[]*coap.Message{continues(0, 5), continues(2, 5), with(coap.Changed, coap.Block1, coap.Block{Num: 3, SZX: 5}, 0)},
			[]string{"PUT Block1:0/1/1024 (1024)", "PUT Block1:2/1/512 (512)", "PUT Block1:3/0/512 (512)"},
			coap.Changed,
		},
		{
			"4.13 with a smaller size", coap.PUT, 1100,
			[]*coap.Message{tooLarge(5), continues(0, 5), continues(1, 5), changed},
			[]string{"PUT Block1:0/1/1024 (1024)", "PUT Block1:0/1/512 (512)", "PUT Block1:1/1/512 (512)", "PUT Block1:2/0/512 (76)"},
			coap.Changed,
		},
		{
			"4.13 asks for Block1", coap.PUT, 30,
			[]*coap.Message{tooLarge(0), continues(0, 0), changed},
			[]string{"PUT (30)", "PUT Block1:0/1/16 (16)", "PUT Block1:1/0/16 (14)"},
			coap.Changed,
		},
		{"4.13 for good", coap.PUT, 1100, []*coap.Message{plainTooLarge}, []string{"PUT Block1:0/1/1024 (1024)"}, coap.RequestEntityTooLarge},
		{"4.13 with the same size", coap.PUT, 1100, []*coap.Message{tooLarge(6)}, []string{"PUT Block1:0/1/1024 (1024)"}, coap.RequestEntityTooLarge},
		{"4.13 for less than a block", coap.PUT, 10, []*coap.Message{tooLarge(0)}, []string{"PUT (10)"}, coap.RequestEntityTooLarge},
		{
			"4.08, begun anew", coap.PUT, 1100,
			[]*coap.Message{continues(0, 6), lost, continues(0, 6), changed},
			[]string{"PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)", "PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)"},
			coap.Changed,
		},
		{
			"4.08 again and again", coap.PUT, 1100,
			[]*coap.Message{continues(0, 6), lost, continues(0, 6), lost, continues(0, 6), lost},
			[]string{"PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)", "PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)", "PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)"},
			coap.RequestEntityIncomplete,
		},
		{"4.08 to the first block", coap.PUT, 1100, []*coap.Message{lost}, []string{"PUT Block1:0/1/1024 (1024)"}, coap.RequestEntityIncomplete},
		{"no block-wise transfer", coap.PUT, 1100, []*coap.Message{badOption}, []string{"PUT Block1:0/1/1024 (1024)"}, coap.BadOption},
		{"each block by itself", coap.PUT, 1100, []*coap.Message{eachAlone, changed}, []string{"PUT Block1:0/1/1024 (1024)", "PUT Block1:1/0/1024 (76)"}, coap.Changed},
		{
			"an answer in smaller blocks from the second on", coap.GET, 0,
			[]*coap.Message{with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 6}, 1024), with(coap.Content, coap.Block2, coap.Block{Num: 16, More: true, SZX: 2}, 64), with(coap.Content, coap.Block2, coap.Block{Num: 17, SZX: 2}, 1)},
			[]string{"GET (0)", "GET Block2:1/0/1024 (0)", "GET Block2:17/0/64 (0)"},
			coap.Content,
		},
		{
			"a changed representation, fetched anew", coap.GET, 0,
			[]*coap.Message{
				with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 0}, 16), with(coap.Content, coap.Block2, coap.Block{Num: 1, SZX: 0}, 1, tagged),
				with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 0}, 16, tagged), with(coap.Content, coap.Block2, coap.Block{Num: 1, SZX: 0}, 1, tagged),
			},
			[]string{"GET (0)", "GET Block2:1/0/16 (0)", "GET (0)", "GET Block2:1/0/16 (0)"},
			coap.Content,
		},
		{
			"a body both ways", coap.POST, 20,
			[]*coap.Message{tooLarge(0), continues(0, 0), with(coap.Changed, coap.Block2, coap.Block{More: true}, 16, coap.Option{Number: coap.Block1, Value: []byte{0x10}}), with(coap.Changed, coap.Block2, coap.Block{Num: 1}, 5)},
			[]string{"POST (20)", "POST Block1:0/1/16 (16)", "POST Block1:1/0/16 (4)", "POST Block2:1/0/16 (0)"},
			coap.Changed,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := scripted(tt.script...)
			resp, err := do(t, &Client{Exchanger: d}, request(tt.method, random(tt.length)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, d.seen()); diff != "" {
				t.Errorf("sent (+), want (-):\n%s", diff)
			}
			if resp.Code != tt.code || resp.Has(coap.Block2) || resp.Has(coap.Block1) && resp.Code.Class() == 2 {
				t.Errorf("got %s, want %s without Block options", resp, tt.code)
			}
		})
	}
}

func TestBrokenTransfersEnd(t *testing.T) {
	first := with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 6}, 1024)
	second := func(b coap.Block, length int, options ...coap.Option) []*coap.Message {
		return []*coap.Message{first, with(coap.Content, coap.Block2, b, length, options...)}
	}
	tag := func(v string) coap.Option { return coap.Option{Number: coap.ETag, Value: []byte(v)} }
	var changing []*coap.Message
	for i := range 2 * (restarts + 1) {
		changing = append(changing, with(coap.Content, coap.Block2, coap.Block{Num: uint32(i % 2), More: i%2 == 0, SZX: 6}, 1024, tag(fmt.Sprint(i))))
	}
	for _, tt := range []struct {
		name   string
		length int
		script []*coap.Message
		want   error
		text   string
	}{
		{"a block too far", 0, second(coap.Block{Num: 2, SZX: 6}, 1), ErrBroken, "byte 2048"},
		{"the same block for ever", 0, []*coap.Message{first, first}, ErrBroken, "byte 0"},
		{"a short block", 0, []*coap.Message{with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 6}, 1000)}, ErrBroken, "holds 1000"},
		{"a short block later", 0, second(coap.Block{Num: 1, More: true, SZX: 6}, 3), ErrBroken, "holds 3"},
		{"begins in the middle", 0, []*coap.Message{with(coap.Content, coap.Block2, coap.Block{Num: 3, SZX: 6}, 3)}, ErrBroken, "byte 3072"},
		{"size 7", 0, []*coap.Message{with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 7}, 2048)}, ErrBroken, "reserved"},
		{"no Block2 in the second", 0, []*coap.Message{first, {Code: coap.Content, Payload: random(2000)}}, ErrBroken, "no Block2"},
		{"an error in the middle", 0, []*coap.Message{first, {Code: coap.NotFound}}, ErrBroken, "4.04"},
		{"always another ETag", 0, changing, ErrChanged, "changed"},
		{"another Content-Format", 1, second(coap.Block{Num: 1, SZX: 6}, 1, coap.Option{Number: coap.ContentFormat, Value: []byte{50}}), ErrChanged, "Content-Format"},
		{"another ETag of what a POST did", 1, second(coap.Block{Num: 1, SZX: 6}, 1, tag("1")), ErrChanged, "changed"},
		{"a longer one than is taken", 0, []*coap.Message{with(coap.Content, coap.Block2, coap.Block{More: true, SZX: 6}, 1024, coap.Option{Number: coap.Size2, Value: []byte{1, 0, 0, 0}})}, ErrTooLarge, "16777216"},
		{"2.31 after the last", 2000, []*coap.Message{with(coap.Continue, coap.Block1, coap.Block{More: true, SZX: 6}, 0), with(coap.Continue, coap.Block1, coap.Block{Num: 1, More: true, SZX: 6}, 0)}, ErrBroken, "after the last"},
		{"2.31 without Block1", 2000, []*coap.Message{{Code: coap.Continue}}, ErrBroken, "no Block1"},
		{"2.04 too early", 2000, []*coap.Message{{Code: coap.Changed}}, ErrBroken, "no Block1"},
		{"another block acknowledged", 2000, []*coap.Message{with(coap.Continue, coap.Block1, coap.Block{Num: 1, More: true, SZX: 6}, 0)}, ErrBroken, "acknowledges another"},
		{"a larger size wanted", 40, []*coap.Message{with(coap.RequestEntityTooLarge, coap.Block1, coap.Block{SZX: 0}, 0), with(coap.Continue, coap.Block1, coap.Block{More: true, SZX: 1}, 0)}, ErrBroken, "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method := coap.GET
			if tt.length > 0 {
				method = coap.POST
			}
			d := scripted(tt.script...)
			resp, err := do(t, &Client{Exchanger: d}, request(method, random(tt.length)))
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("got %v, %v; want %v with %q", resp, err, tt.want, tt.text)
			}
			if len(d.got) != len(tt.script) {
				t.Errorf("%d requests, want %d: %q", len(d.got), len(tt.script), d.seen())
			}
		})
	}
}

func TestEndlessAnswerEndsAtTheLimit(t *testing.T) {
	d := &device{}
	d.answer = func(_ context.Context, req *coap.Message) (*coap.Message, error) {
		v, _ := req.Get(coap.Block2)
		b, _ := coap.ParseBlock(v)
		return with(coap.Content, coap.Block2, coap.Block{Num: b.Num, More: true, SZX: 6}, 1024), nil
	}
	_, err := do(t, &Client{Exchanger: d, MaxBody: 10 << 10}, request(coap.GET, nil))
	if !errors.Is(err, ErrTooLarge) || len(d.got) != 11 {
		t.Errorf("got %v after %d requests, want ErrTooLarge after 11", err, len(d.got))
	}
}

func TestTheWholeTransferIsBoundByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := serving(t, newHandler(t, bodies(random(100_000)), Options{}))
		quick := d.answer
		d.answer = func(ctx context.Context, req *coap.Message) (*coap.Message, error) {
			select {
			case <-time.After(time.Second): // one block in a second
				return quick(ctx, req)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		_, err := (&Client{Exchanger: d}).Do(ctx, peerNumber(1), request(coap.GET, nil))
		if !errors.Is(err, context.DeadlineExceeded) || len(d.got) != 6 {
			t.Errorf("got %v after %d requests, want the deadline after 6", err, len(d.got))
		}
	})
}

// Devices that do not know Request-Tag could mix the blocks of two bodies.
func TestUploadsOfOneKindGoOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		h := newHandler(t, u, Options{})
		d := &device{answer: func(_ context.Context, req *coap.Message) (*coap.Message, error) {
			time.Sleep(time.Second)
			req.Remove(coap.RequestTag)                       // not known
			return ask(t, h, peerNumber(1), req).Clone(), nil //nolint:contextcheck // the test has its own
		}}
		c := &Client{Exchanger: d}
		var all sync.WaitGroup
		want := map[string]bool{}
		for i := range 5 {
			body := random(5000 + i)
			want[string(body)] = true
			all.Go(func() {
				if resp, err := do(t, c, request(coap.POST, body)); err != nil || resp.Code != coap.Changed {
					t.Errorf("upload %d: %v, %v", i, resp, err)
				}
			})
		}
		time.Sleep(time.Millisecond)
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := c.Do(hurried, peerNumber(1), request(coap.POST, random(9000))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who has no time to wait got %v", err)
		}
		cancel()
		all.Wait()
		for _, got := range u.got {
			if !want[string(got.Payload)] {
				t.Errorf("upstream got %d bytes that nobody sent", len(got.Payload))
			}
		}
		if u.calls() != 5 || len(c.uploading) != 0 {
			t.Errorf("%d calls, %d turns are left; want 5 and none", u.calls(), len(c.uploading))
		}
		tags := map[string]bool{}
		for _, m := range d.got {
			tag, _ := m.Get(coap.RequestTag)
			tags[string(tag)] = true
		}
		if len(tags) != 5 {
			t.Errorf("%d Request-Tags for 5 uploads", len(tags))
		}
	})
}

func TestIfNoneMatchGoesWithTheFirstBlockAlone(t *testing.T) {
	d := serving(t, newHandler(t, &upstream{}, Options{}))
	req := request(coap.PUT, random(3000))
	req.Add(coap.IfNoneMatch, nil)
	if _, err := do(t, &Client{Exchanger: d}, req); err != nil {
		t.Fatal(err)
	}
	for i, m := range d.got {
		if m.Has(coap.IfNoneMatch) != (i == 0) || m.Has(coap.Size1) != (i == 0) {
			t.Errorf("block %d is %s", i, m)
		}
	}
}

// TestFurtherBlocksAreAskedForWithoutWhatBelongsToTheFirst: If-None-Match would
// fail now (RFC 7959 §2.10), and Observe would register again (§2.6).
func TestFurtherBlocksAreAskedForWithoutWhatBelongsToTheFirst(t *testing.T) {
	d := serving(t, newHandler(t, bodies(random(3000)), Options{}))
	req := request(coap.POST, random(2000))
	req.Add(coap.Observe, nil)
	req.Add(coap.IfNoneMatch, nil)
	req.AddUint(coap.Accept, 42)
	resp, err := do(t, &Client{Exchanger: d}, req)
	if err != nil {
		t.Fatal(err)
	}
	sameBody(t, "response", resp.Payload, random(3000))
	further := 0
	for _, m := range d.got {
		if !m.Has(coap.Block2) {
			continue
		}
		further++
		for _, n := range []coap.OptionNumber{coap.Observe, coap.IfNoneMatch, coap.Block1, coap.Size1} {
			if m.Has(n) {
				t.Errorf("%s was sent with %s", m, n)
			}
		}
		if !m.Has(coap.Accept) || len(m.Payload) != 0 {
			t.Errorf("%s was sent, want the request's other options and no payload", m)
		}
	}
	if further != 2 {
		t.Errorf("%d further blocks were asked for, want 2", further)
	}
}

// Devices that tell transfers apart by the token must not lose all but the last
// block of a body.
func TestATransferHasOneTokenAndTheNextAnother(t *testing.T) {
	h := newHandler(t, bodies(random(3000)), Options{})
	var tokens []string
	d := serving(t, h)
	c := &Client{Exchanger: exchanger(func(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error) {
		if req.Token == nil { // as an endpoint does
			req.Token = []byte{1, byte(len(tokens))}
		}
		tokens = append(tokens, string(req.Token))
		return d.Do(ctx, p, req)
	})}
	for range 2 {
		if _, err := do(t, c, request(coap.POST, random(3000))); err != nil {
			t.Fatal(err)
		}
	}
	half := len(tokens) / 2
	if half != 5 || len(slices.Compact(tokens[:half])) != 1 || len(slices.Compact(tokens[half:])) != 1 || tokens[0] == tokens[half] {
		t.Errorf("the tokens are %q, want the same in each half", tokens)
	}
}

// exchanger is a function as an Exchanger.
type exchanger func(context.Context, endpoint.Peer, *coap.Message) (*coap.Message, error)

// Do implements Exchanger.
func (f exchanger) Do(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error) {
	return f(ctx, p, req)
}

func TestATransferThatIsBegunAnewHasAnotherToken(t *testing.T) {
	changes := 0
	d := &device{}
	d.answer = func(_ context.Context, req *coap.Message) (*coap.Message, error) {
		v, later := req.Get(coap.Block2)
		b, _ := coap.ParseBlock(v)
		if !later {
			changes++
		}
		etag := coap.Option{Number: coap.ETag, Value: []byte{byte(min(changes, 2))}}
		if later && changes == 1 {
			etag.Value = []byte{9}
		}
		return with(coap.Content, coap.Block2, coap.Block{Num: b.Num, More: !later, SZX: 6}, 1024, etag), nil
	}
	var tokens []string
	c := &Client{Exchanger: exchanger(func(ctx context.Context, p endpoint.Peer, req *coap.Message) (*coap.Message, error) {
		if req.Token == nil {
			req.Token = []byte{byte(len(tokens))}
		}
		tokens = append(tokens, string(req.Token))
		return d.Do(ctx, p, req)
	})}
	resp, err := do(t, c, request(coap.GET, nil))
	if err != nil || len(resp.Payload) != 2048 {
		t.Fatalf("got %v, %v", resp, err)
	}
	if diff := cmp.Diff([]string{"\x00", "\x00", "\x02", "\x02"}, tokens); diff != "" {
		t.Errorf("tokens (+), want (-):\n%s", diff)
	}
}

func TestFetchKeepsItsPayloadForFurtherBlocks(t *testing.T) {
	d := serving(t, newHandler(t, bodies(random(3000)), Options{}))
	if _, err := do(t, &Client{Exchanger: d}, request(coap.FETCH, random(10))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"FETCH (10)", "FETCH Block2:1/0/1024 (10)", "FETCH Block2:2/0/1024 (10)"}, d.seen()); diff != "" {
		t.Errorf("sent (+), want (-):\n%s", diff)
	}
}
