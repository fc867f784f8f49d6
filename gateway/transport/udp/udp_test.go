// SPDX-License-Identifier: Apache-2.0

package udp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// patience is how long a test waits for what must come; hush is how long it
// listens for what must not.
const (
	patience = 5 * time.Second
	hush     = 150 * time.Millisecond
)

// service counts the requests that its handler saw, and answers as the path says.
type service struct {
	mu   sync.Mutex
	seen []string
	slow chan struct{} // what /slow waits for
}

func (s *service) ServeCoAP(ctx context.Context, x *endpoint.Exchange) {
	s.mu.Lock()
	s.seen = append(s.seen, x.Request.Code.String()+" "+x.Request.Path())
	s.mu.Unlock()
	if x.Request.Code > coap.DELETE {
		x.Respond(&coap.Message{Code: coap.MethodNotAllowed})
		return
	}
	if x.Request.Path() == "/slow" {
		select {
		case <-s.slow:
		case <-ctx.Done():
		}
	}
	x.Respond(&coap.Message{Code: coap.Content, Payload: []byte("here")})
}

func (s *service) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// serve starts an endpoint with a listener at the address.
func serve(t *testing.T, addr string, o endpoint.Options) (*endpoint.Endpoint, netip.AddrPort) {
	t.Helper()
	e := endpoint.New(o)
	l, err := udp.Listen(t.Context(), netip.MustParseAddrPort(addr), e, udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Close(ctx)
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return e, l.Addr()
}

// device is a raw UDP socket that is connected to the endpoint.
type device struct {
	t *testing.T
	*net.UDPConn
}

func newDevice(t *testing.T, remote netip.AddrPort) device {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return device{t, c}
}

func (d device) send(b []byte) {
	d.t.Helper()
	if _, err := d.Write(b); err != nil {
		d.t.Fatal(err)
	}
}

func (d device) say(m coap.Message) {
	d.t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		d.t.Fatal(err)
	}
	d.send(b)
}

// next is the next message that comes in time, nil if none does.
func (d device) next(wait time.Duration) *coap.Message {
	d.t.Helper()
	_ = d.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, udp.MaxDatagram)
	n, err := d.Read(b)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil
	case err != nil:
		d.t.Fatal(err)
	}
	m, err := coap.Decode(b[:n])
	if err != nil {
		d.t.Fatalf("% x: %v", b[:n], err)
	}
	return m
}

func (d device) must(what string) *coap.Message {
	d.t.Helper()
	m := d.next(patience)
	if m == nil {
		d.t.Fatalf("no %s came in %v", what, patience)
	}
	return m
}

func get(t coap.Type, id uint16, path string) coap.Message {
	m := coap.Message{Type: t, Code: coap.GET, MessageID: id, Token: []byte("token")}
	m.AddPath(path)
	return m
}

func TestRawClientOnTheWire(t *testing.T) {
	s := &service{slow: make(chan struct{})}
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{Handler: s})
	unknown := get(coap.Confirmable, 5, "/a")
	unknown.Add(65001, nil)
	for _, c := range []struct {
		name  string
		bytes []byte
		m     coap.Message
		want  string
		calls []string
	}{
		{name: "ping", m: coap.Message{MessageID: 1}, want: "RST 0.00 Empty [0x0001]"},
		{name: "format error", bytes: []byte{0x40, 1, 0, 2, 0xd0}, want: "RST 0.00 Empty [0x0002]"},
		{name: "piggybacked", m: get(coap.Confirmable, 3, "/a"), want: "ACK 2.05 Content [0x0003] token 746f6b656e  | here", calls: []string{"GET /a"}},
		{name: "the same from another port", m: get(coap.Confirmable, 3, "/a"), want: "ACK 2.05 Content [0x0003] token 746f6b656e  | here", calls: []string{"GET /a"}},
		{name: "unknown critical option", m: unknown, want: "ACK 4.02 Bad Option [0x0005] token 746f6b656e  | Option 65001 is not recognized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDevice(t, addr)
			for range 3 {
				if c.bytes != nil {
					d.send(c.bytes)
				} else {
					d.say(c.m)
				}
				if got := d.must("answer").String(); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
			if diff := cmp.Diff(c.calls, s.requests()); diff != "" {
				t.Errorf("calls of the handler (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeparateResponseOnTheWire(t *testing.T) {
	for _, stop := range []coap.Type{coap.Acknowledgement, coap.Reset} {
		t.Run(stop.String(), func(t *testing.T) {
			s := &service{slow: make(chan struct{})}
			_, addr := serve(t, "[::1]:0", endpoint.Options{Handler: s, Params: endpoint.Params{
				EmptyAckAfter: 20 * time.Millisecond, AckTimeout: 40 * time.Millisecond, MaxRetransmit: 8,
			}})
			d := newDevice(t, addr)
			d.say(get(coap.Confirmable, 7, "/slow"))
			if m := d.must("empty ACK"); m.String() != "ACK 0.00 Empty [0x0007]" {
				t.Errorf("got %v", m)
			}
			close(s.slow)
			first := d.must("separate response")
			if first.Type != coap.Confirmable || first.Code != coap.Content || string(first.Token) != "token" {
				t.Errorf("got %v", first)
			}
			if again := d.must("retransmission"); !cmp.Equal(again, first) {
				t.Errorf("%v was retransmitted as %v", first, again)
			}
			d.say(coap.Message{Type: stop, MessageID: first.MessageID})
			for range 3 { // what was on its way
				if d.next(hush) == nil {
					break
				}
			}
			if m := d.next(3 * hush); m != nil {
				t.Errorf("after %s came %v", stop, m)
			}
			if got := s.requests(); len(got) != 1 {
				t.Errorf("the handler was called %d times", len(got))
			}
		})
	}
}

func TestNonConfirmableOnTheWire(t *testing.T) {
	s := &service{}
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{Handler: s})
	d := newDevice(t, addr)
	for range 3 {
		d.say(get(coap.NonConfirmable, 7, "/a"))
	}
	if m := d.must("response"); m.Type != coap.NonConfirmable || m.Code != coap.Content || string(m.Token) != "token" {
		t.Errorf("got %v", m)
	}
	if m := d.next(hush); m != nil {
		t.Errorf("a duplicate NON was answered with %v", m)
	}
	if got := s.requests(); len(got) != 1 {
		t.Errorf("the handler was called %d times", len(got))
	}
}

func TestAnswersLeaveFromTheAddressThatWasSpokenTo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux answers on all of 127.0.0.0/8 without further ado")
	}
	locals := make(chan netip.AddrPort, 1)
	h := endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
		locals <- x.Peer.Local()
		x.Respond(&coap.Message{Code: coap.Content})
	})
	for wildcard, target := range map[string]string{"0.0.0.0:0": "127.77.0.5", "[::]:0": "::1"} {
		_, addr := serve(t, wildcard, endpoint.Options{Handler: h})
		to := netip.AddrPortFrom(netip.MustParseAddr(target), addr.Port())
		d := newDevice(t, to) // connected: takes answers from there alone
		d.say(get(coap.Confirmable, 1, "/a"))
		d.must("response")
		if local := <-locals; local != to {
			t.Errorf("the peer's local address is %v, want %v", local, to)
		}
	}
}

func TestDialedConnExchangesAndForgets(t *testing.T) {
	s := &service{slow: make(chan struct{})}
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{Handler: s})
	client := endpoint.New(endpoint.Options{})
	defer func() { _ = client.Close(t.Context()) }()
	c, err := udp.Dial(t.Context(), addr, client, udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context(), c); err != nil {
		t.Errorf("Ping: %v", err)
	}
	for _, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		req := get(typ, 0, "/a")
		if resp, err := client.Do(t.Context(), c, &req); err != nil || resp.Code != coap.Content {
			t.Errorf("Do: %v, %v", resp, err)
		}
	}
	s.requests()
	failed := make(chan error, 1)
	go func() {
		req := get(coap.Confirmable, 0, "/slow")
		_, err := client.Do(t.Context(), c, &req)
		failed <- err
	}()
	for len(s.requests()) == 0 {
		runtime.Gosched()
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-failed; !errors.Is(err, endpoint.ErrForgotten) {
		t.Errorf("after Close, Do: %v", err)
	}
}

func TestDialedConnOutlivesAPortThatIsNotThereYet(t *testing.T) {
	free, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	addr := free.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = free.Close()
	client := endpoint.New(endpoint.Options{Params: endpoint.Params{AckTimeout: 30 * time.Millisecond, MaxRetransmit: 8}})
	defer func() { _ = client.Close(t.Context()) }()
	c, err := udp.Dial(t.Context(), addr, client, udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done := make(chan error, 1)
	go func() { done <- client.Ping(t.Context(), c) }() // ICMP says: port unreachable
	select {
	case err := <-done:
		t.Fatalf("Ping ended with %v before anybody was there", err)
	case <-time.After(hush):
	}
	serve(t, addr.String(), endpoint.Options{})
	if err := <-done; err != nil {
		t.Errorf("Ping: %v", err)
	}
}

func TestBusyPortIsNamed(t *testing.T) {
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{})
	_, err := udp.Listen(t.Context(), addr, endpoint.New(endpoint.Options{}), udp.Options{})
	if err == nil || !strings.Contains(err.Error(), addr.String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	e := endpoint.New(endpoint.Options{})
	defer func() { _ = e.Close(t.Context()) }()
	l, err := udp.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), e, udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Serve(ctx); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestOneSlowSourceDoesNotHoldUpAnother(t *testing.T) {
	s := &service{slow: make(chan struct{})}
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{Handler: s})
	defer close(s.slow)
	busy := newDevice(t, addr)
	for id := range uint16(1000) {
		busy.say(get(coap.Confirmable, id, "/slow"))
	}
	d := newDevice(t, addr)
	for start := time.Now(); ; { // again and again: the burst may have filled the kernel's buffer
		d.say(get(coap.Confirmable, 1, "/a"))
		if d.next(hush) != nil {
			break
		}
		if time.Since(start) > patience {
			t.Fatalf("no response came in %v", patience)
		}
	}
}

func TestForgedResponseStartsNoLoopBetweenTwoEndpoints(t *testing.T) {
	// Each endpoint believes that what the other sends is a response of it.
	var peers [2]*loopPeer
	for i := range peers {
		peers[i] = &loopPeer{e: endpoint.New(endpoint.Options{Handler: &service{}}), key: endpoint.PeerKey{Session: uint64(i + 1)}}
	}
	peers[0].other, peers[1].other = peers[1], peers[0]
	for _, m := range []coap.Message{
		{Code: coap.Content, MessageID: 1, Token: []byte("x")},
		{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 2, Token: []byte("x")},
		{Type: coap.Acknowledgement, Code: coap.Content, MessageID: 3, Token: []byte("x")},
		{Type: coap.Reset, MessageID: 4},
		{MessageID: 5},
	} {
		b, _ := m.MarshalBinary()
		_ = peers[0].Send(b)
	}
	for i, want := range []int{5, 2} { // the forged ones; a Reset for each Confirmable one
		if n := peers[i].n; n != want {
			t.Errorf("towards endpoint %d went %d messages, want %d", i, n, want)
		}
		_ = peers[i].e.Close(t.Context())
	}
}

// loopPeer hands what is sent to it to its endpoint, as the words of the other.
type loopPeer struct {
	e     *endpoint.Endpoint
	key   endpoint.PeerKey
	other *loopPeer
	n     int
}

func (p *loopPeer) Key() endpoint.PeerKey { return p.key }
func (p *loopPeer) Local() netip.AddrPort { return netip.AddrPort{} }
func (p *loopPeer) Send(b []byte) error {
	p.n++
	if p.n < 100 {
		p.e.Receive(p.other, b)
	}
	return nil
}

// late is a context whose deadline has passed and that does not know it yet.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

func TestDialHeedsNoDeadline(t *testing.T) {
	client := endpoint.New(endpoint.Options{})
	t.Cleanup(func() { _ = client.Close(context.WithoutCancel(t.Context())) })
	c, err := udp.Dial(late{t.Context()}, netip.MustParseAddrPort("127.0.0.1:9"), client, udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
