// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// roamer is a client's socket that can be changed for another under pion.
type roamer struct {
	now      atomic.Pointer[net.UDPConn]
	deadline atomic.Pointer[time.Time]
}

func (r *roamer) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c := r.now.Load()
		n, err := c.Read(b)
		if err != nil && r.now.Load() != c {
			if d := r.deadline.Load(); d != nil {
				_ = r.now.Load().SetReadDeadline(*d)
			}
			continue
		}
		return n, c.RemoteAddr(), err
	}
}
func (r *roamer) WriteTo(b []byte, _ net.Addr) (int, error) { return r.now.Load().Write(b) }
func (r *roamer) Close() error                              { return r.now.Load().Close() }
func (r *roamer) LocalAddr() net.Addr                       { return r.now.Load().LocalAddr() }
func (r *roamer) SetDeadline(t time.Time) error             { return r.SetReadDeadline(t) }
func (r *roamer) SetWriteDeadline(time.Time) error          { return nil }
func (r *roamer) SetReadDeadline(t time.Time) error {
	r.deadline.Store(&t)
	return r.now.Load().SetReadDeadline(t)
}

// roam gives the client a new address.
func (r *roamer) roam(t *testing.T, to netip.AddrPort, from *net.UDPAddr) {
	t.Helper()
	c, err := net.DialUDP("udp", from, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if old := r.now.Swap(c); old != nil {
		_ = old.Close()
	}
}

// identified makes a session of a client that offers a connection id.
func identified(ctx context.Context, t *testing.T, l *dtls.Listener) (*roamer, *pion.Conn) {
	t.Helper()
	return identifiedAt(ctx, t, l.Addr())
}

func identifiedAt(ctx context.Context, t *testing.T, to netip.AddrPort) (*roamer, *pion.Conn) {
	t.Helper()
	r := new(roamer)
	r.roam(t, to, nil)
	c, err := pion.ClientWithOptions(r, net.UDPAddrFromAddrPort(to),
		pion.WithPSK(func([]byte) ([]byte, error) { return key, nil }), pion.WithPSKIdentityHint([]byte("hello")),
		pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8), pion.WithConnectionIDGenerator(pion.OnlySendCIDGenerator()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return r, c
}

// pingAgain is ping as a client does it that has just got another address: it
// repeats the message until it is answered (RFC 7252 §4.2). pion v3.1.15 hands
// out what came from there a moment before it takes note of the address, so that
// the first answer may still go to the old one.
func pingAgain(t *testing.T, c *pion.Conn, id byte) {
	t.Helper()
	const copies = 5
	b := make([]byte, 100)
	for range copies {
		if _, err := c.Write([]byte{0x40, 0, 0, id}); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience / copies))
		for {
			n, err := c.Read(b)
			if err != nil {
				break // and say it again
			}
			if bytes.Equal(b[:n], []byte{0x70, 0, 0, id}) {
				return
			}
		}
	}
	t.Errorf("none of %d copies of the ping %d was answered", copies, id)
}

func TestClientWithAConnectionIDGoesOnFromAnotherAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, w := serve(t, addr, dtls.ServerConfig{PSK: users})
		r, c := identified(within(t, patience), t, l)
		ping(t, c, 1)
		if got := l.Load().IDs; got != 1 {
			t.Fatalf("%d connection ids, want 1", got)
		}
		for i := range byte(3) {
			r.roam(t, l.Addr(), nil)
			pingAgain(t, c, 10+i)
		}
		if got, want := l.Load(), (dtls.Load{Sessions: 1, Routes: 1, IDs: 1}); got != want {
			t.Errorf("the listener keeps %+v, want %+v", got, want)
		}
		w.noneForgotten(t)
		_ = c.Close()
		w.awaitForgotten(t)
		eventually(t, func() bool { return l.Load() == dtls.Load{} }, func() any { return l.Load() })
	}
}

func TestWhoComesToAnAddressLaterDoesNotEndTheSessionThatHasMoved(t *testing.T) {
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	r, c := identified(within(t, patience), t, l)
	before := r.LocalAddr().(*net.UDPAddr)
	r.roam(t, l.Addr(), nil)
	pingAgain(t, c, 1)
	other, err := newTap(t, l.Addr(), before).handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	ping(t, other, 2)
	ping(t, c, 3)
	r.roam(t, l.Addr(), nil)
	pingAgain(t, c, 4)
	ping(t, other, 5)
	w.noneForgotten(t)
}

func TestForgedConnectionIDDoesNotMoveASession(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	r := new(roamer)
	r.roam(t, l.Addr(), nil)
	spy := &spy{roamer: r}
	c, err := pion.ClientWithOptions(spy, net.UDPAddrFromAddrPort(l.Addr()),
		pion.WithPSK(func([]byte) ([]byte, error) { return key, nil }), pion.WithPSKIdentityHint([]byte("hello")),
		pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8), pion.WithConnectionIDGenerator(pion.OnlySendCIDGenerator()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.HandshakeContext(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	ping(t, c, 1)
	record := *spy.last.Load()
	if record[0] != 25 {
		t.Fatalf("the record % x has no connection id", record)
	}
	stranger := newTap(t, l.Addr(), nil)
	forged := append([]byte(nil), record...)
	forged[10]++ // its sequence number: it is newer
	_, _ = stranger.Write(forged)
	_, _ = stranger.Write(record) // a repetition
	unknown := append([]byte(nil), record...)
	unknown[11]++
	_, _ = stranger.Write(unknown)
	ping(t, c, 2)
	_ = stranger.SetReadDeadline(time.Now().Add(hush))
	if n, err := stranger.Read(make([]byte, 2000)); err == nil {
		t.Errorf("%d octets went to a stranger", n)
	}
}

// spy keeps the last datagram that was sent.
type spy struct {
	*roamer
	last atomic.Pointer[[]byte]
}

func (s *spy) WriteTo(b []byte, a net.Addr) (int, error) {
	sent := append([]byte(nil), b...)
	s.last.Store(&sent)
	return s.roamer.WriteTo(b, a)
}
