// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// patience is how long a test waits for what must come; hush is how long it
// listens for what must not.
const (
	patience = 5 * time.Second
	hush     = 300 * time.Millisecond
)

var key = []byte("0123456789abcdef0123456789abcdef")

// users knows one user.
func users(identity string) ([]byte, bool) {
	if identity == "hello" {
		return key, true
	}
	return nil, false
}

// watcher is a receiver that reports who is forgotten.
type watcher struct {
	*endpoint.Endpoint
	forgotten chan endpoint.PeerKey
}

func (w *watcher) Forget(k endpoint.PeerKey) {
	w.Endpoint.Forget(k)
	w.forgotten <- k
}

// awaitForgotten waits until one more peer is forgotten.
func (w *watcher) awaitForgotten(t *testing.T) endpoint.PeerKey {
	t.Helper()
	select {
	case k := <-w.forgotten:
		return k
	case <-time.After(patience):
		t.Fatal("no session was forgotten")
		return endpoint.PeerKey{}
	}
}

// noneForgotten says that all other sessions are there still.
func (w *watcher) noneForgotten(t *testing.T) {
	t.Helper()
	select {
	case k := <-w.forgotten:
		t.Errorf("the session with %v was forgotten as well", k.Addr)
	default:
	}
}

// drain lets sessions be forgotten without anybody looking.
func (w *watcher) drain(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	go func() {
		for {
			select {
			case <-w.forgotten:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// serve starts an endpoint that answers 2.05 with the peer's key, behind a DTLS
// listener.
func serve(t *testing.T, addr string, c dtls.ServerConfig) (*dtls.Listener, *watcher) {
	t.Helper()
	h := endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
		if !x.Peer.Key().Secure() {
			t.Error("a peer over DTLS is not secure")
		}
		x.Respond(&coap.Message{Code: coap.Content, Payload: []byte("over DTLS")})
	})
	w := &watcher{endpoint.New(endpoint.Options{Handler: h}), make(chan endpoint.PeerKey, 100)}
	l, err := dtls.Listen(t.Context(), netip.MustParseAddrPort(addr), w, c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		_ = w.Close(context.Background())
	})
	return l, w
}

// client is an endpoint that sends requests.
func client(t *testing.T) *endpoint.Endpoint {
	t.Helper()
	e := endpoint.New(endpoint.Options{})
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return e
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// exchange makes one request over the session.
func exchange(t *testing.T, e *endpoint.Endpoint, p endpoint.Peer) {
	t.Helper()
	resp, err := e.Do(within(t, patience), p, &coap.Message{Code: coap.GET})
	if err != nil || string(resp.Payload) != "over DTLS" {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestPSKAndCertificateOnOneListener(t *testing.T) {
	a := newAuthority(t)
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			var log bytes.Buffer
			cert := a.issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} })
			l, w := serve(t, addr, dtls.ServerConfig{Certificate: cert, PSK: users})
			to := l.Addr()
			if to.Addr().IsUnspecified() {
				host := map[bool]string{true: "127.0.0.1", false: "::1"}[to.Addr().Is4()]
				to = netip.AddrPortFrom(netip.MustParseAddr(host), to.Port())
			}
			e := client(t)
			for _, c := range []struct {
				suite  string
				config dtls.ClientConfig
			}{
				{"TLS_PSK_WITH_AES_128_CCM_8", dtls.ClientConfig{PSK: &dtls.PSK{Identity: "hello", Key: key}, KeyLog: &log}},
				{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", dtls.ClientConfig{Roots: a.roots, ServerName: "Gateway.Example"}},
				{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", dtls.ClientConfig{Roots: a.roots, ServerName: to.Addr().String()}},
			} {
				conn, err := dtls.Dial(within(t, patience), to, e, c.config)
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.CipherSuite(); got != c.suite {
					t.Errorf("negotiated %s, want %s", got, c.suite)
				}
				if k := conn.Key(); k.Addr != to || !k.Secure() || k.Local != conn.Local() {
					t.Errorf("the peer's key is %+v", k)
				}
				exchange(t, e, conn)
				if err := conn.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if k := w.awaitForgotten(t); k.Addr != conn.Local() || !k.Secure() {
					t.Errorf("%+v was forgotten, want the session of %v", k, conn.Local())
				}
			}
			if !strings.HasPrefix(log.String(), "CLIENT_RANDOM ") {
				t.Errorf("the key log holds %q", log.String())
			}
		})
	}
}

func TestServerCertificateIsVerified(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name   string
		change func(*x509.Certificate)
		roots  *x509.CertPool
		host   string
		want   string
	}{
		{"another root", nil, other.roots, "gateway.example", "unknown authority"},
		{"another name", nil, a.roots, "other.example", "not for other.example"},
		{"another address", nil, a.roots, "127.0.0.2", "not for 127.0.0.2"},
		{"a name below", nil, a.roots, "x.gateway.example", "not for x.gateway.example"},
		{"wildcard (RFC 7925 §4.4.1)", func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} }, a.roots, "gateway.example", "it is for *.example"},
		{"wildcard asked for", func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} }, a.roots, "*.example", "wildcards do not count"},
		{"common name alone", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }, a.roots, "gateway.example", "no name at all"},
		{"address as a dNSName", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }, a.roots, "127.0.0.1", "not for 127.0.0.1"},
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, a.roots, "gateway.example", "expired"},
		{"not yet valid", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, a.roots, "gateway.example", "not yet valid"},
		{"a key that may not sign (RFC 7252 §9.1.3.3)", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, a.roots, "gateway.example", "digitalSignature"},
		{"a client's certificate", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, a.roots, "gateway.example", "key usage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{Certificate: a.issue(c.change)})
			_, err := dtls.Dial(within(t, patience), l.Addr(), client(t), dtls.ClientConfig{Roots: c.roots, ServerName: c.host})
			if !errors.Is(err, dtls.ErrCertificate) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrCertificate with %q", err, c.want)
			}
		})
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	a := newAuthority(t)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	e := client(t)
	for want, c := range map[string]dtls.ServerConfig{
		"needs a certificate, or users": {},
		"takes ECDSA alone":             {Certificate: &tls.Certificate{PrivateKey: ed}},
	} {
		if _, err := dtls.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), e, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen: %v, want %q", err, want)
		}
	}
	for want, c := range map[string]dtls.ClientConfig{
		"needs a pre-shared key, or roots": {},
		"not both":                         {PSK: &dtls.PSK{Identity: "x", Key: key}, Roots: a.roots},
		"both an identity and a key":       {PSK: &dtls.PSK{Identity: "x"}},
		"needs the server's name":          {Roots: a.roots},
	} {
		if _, err := dtls.Dial(t.Context(), netip.MustParseAddrPort("127.0.0.1:1"), e, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Dial: %v, want %q", err, want)
		}
	}
}

func TestHandshakeIsBoundedByItsContext(t *testing.T) {
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	start := time.Now()
	_, err = dtls.Dial(within(t, hush), silent.LocalAddr().(*net.UDPAddr).AddrPort(), client(t),
		dtls.ClientConfig{PSK: &dtls.PSK{Identity: "hello", Key: key}})
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > hush+time.Second {
		t.Errorf("got %v after %v", err, took)
	}
}

// strangersHello is a ClientHello without a cookie.
var strangersHello = "16fefd0000000000000000003a" + "0100002e000000000000002e" + "fefd" + strings.Repeat("5a", 32) +
	"0000" + "0004c0a800ff" + "0100" + "0000"

// tap is a connected socket that notes the lengths and types of the records
// that come, and through which a test can send what it likes.
type tap struct {
	*net.UDPConn
	mu   sync.Mutex
	got  []string
	last []byte // what was sent last

	cookie []byte // what greet was given
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.last = bytes.Clone(b)
	p.mu.Unlock()
	return p.UDPConn.Write(b)
}

func newTap(t *testing.T, to netip.AddrPort, from *net.UDPAddr) *tap {
	t.Helper()
	c, err := net.DialUDP("udp", from, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &tap{UDPConn: c}
}

func (p *tap) Read(b []byte) (int, error) {
	n, err := p.UDPConn.Read(b)
	if n > 13 {
		p.mu.Lock()
		p.got = append(p.got, hex.EncodeToString(b[:1])+" "+hex.EncodeToString(b[11:14]))
		p.mu.Unlock()
	}
	return n, err
}

// handshake runs pion's client over the tap.
func (p *tap) handshake(ctx context.Context, t *testing.T, identity string, key []byte, suites ...pion.CipherSuiteID) (*pion.Conn, error) {
	t.Helper()
	if suites == nil {
		suites = []pion.CipherSuiteID{pion.TLS_PSK_WITH_AES_128_CCM_8}
	}
	c, err := pion.ClientWithOptions(dtlsnet.PacketConnFromConn(p), p.RemoteAddr(),
		pion.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		pion.WithPSKIdentityHint([]byte(identity)), pion.WithCipherSuites(suites...))
	if err != nil {
		t.Fatal(err)
	}
	return c, c.HandshakeContext(ctx)
}

// ping sends a CoAP ping over the session and wants its Reset.
func ping(t *testing.T, c *pion.Conn, id byte) {
	t.Helper()
	if _, err := c.Write([]byte{0x40, 0, 0, id}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	n, err := c.Read(b)
	if want := []byte{0x70, 0, 0, id}; err != nil || !bytes.Equal(b[:n], want) {
		t.Errorf("a ping was answered with % x, %v; want % x", b[:n], err, want)
	}
}

func TestUnknownIdentityLooksLikeAWrongKey(t *testing.T) {
	t.Parallel() // it waits for what does not come
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	var seen [][]string
	for _, identity := range []string{"hello", "nobody", strings.Repeat("x", 129)} {
		p := newTap(t, l.Addr(), nil)
		if _, err := p.handshake(within(t, 2500*time.Millisecond), t, identity, []byte("the wrong key, sixteen or more")); err == nil {
			t.Errorf("the identity %q got a session", identity)
		}
		p.mu.Lock()
		seen = append(seen, slices.Clone(p.got))
		p.mu.Unlock()
	}
	for _, other := range seen[1:] {
		if diff := cmp.Diff(seen[0], other); diff != "" {
			t.Errorf("records of the server (-known identity, wrong key +unknown identity):\n%s", diff)
		}
	}
}

func TestOtherCipherSuitesAreRefused(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users, Certificate: newAuthority(t).issue(nil)})
	for _, suite := range []pion.CipherSuiteID{
		pion.TLS_PSK_WITH_AES_128_CCM, pion.TLS_PSK_WITH_AES_256_CCM_8, pion.TLS_PSK_WITH_AES_128_GCM_SHA256,
		pion.TLS_PSK_WITH_AES_128_CBC_SHA256, pion.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
	} {
		if _, err := newTap(t, l.Addr(), nil).handshake(within(t, 2*time.Second), t, "hello", key, suite); err == nil {
			t.Errorf("a session with %v", suite)
		}
	}
}

func TestForgedRecordsDoNotEndASession(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	p := newTap(t, l.Addr(), nil)
	c, err := p.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	ping(t, c, 1)
	for i, forged := range []string{
		"15fefd000000000000006300020228",                        // fatal alert in the clear
		"15fefd000000000000006200020100",                        // close_notify in the clear
		"17fefd000000000000006100074101004d4db161",              // application data in the clear
		"17fefd00010000000000610028" + strings.Repeat("00", 40), // with a wrong tag
		"15fefd0001000000000062001a" + strings.Repeat("00", 26), // an alert with a wrong tag
		"14fefd0000000000000060000101",                          // ChangeCipherSpec
		"16fefd",                                                // a truncated header
		"16fefd0000000000000000000c010000000000000001000000",    // what kills pion before v3.1.9
		"16fefd0000000000000064000c010000000000000001000000",    // the same, later
		"4100004d4d", "", "00", strings.Repeat("ff", 2000), // no DTLS at all
		"17fefd000000000000006100074101004d4db161" + "15fefd000000000000006300020228",
	} {
		b, err := hex.DecodeString(forged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(b); err != nil {
			t.Fatal(err)
		}
		ping(t, c, byte(i+2))
	}
}

func TestPlainDatagramsMakeNoStateAndGetNoAnswer(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	p := newTap(t, l.Addr(), nil)
	for _, s := range []string{"40000001", "4001000161", "16fefd0000000000000000000c010000000000000001000000", "17fefd000000000000006100074101004d4db161"} {
		b, _ := hex.DecodeString(s)
		_, _ = p.Write(b)
	}
	_ = p.SetReadDeadline(time.Now().Add(hush))
	if n, err := p.Read(make([]byte, 2000)); err == nil {
		t.Errorf("%d bytes came back", n)
	}
}

func TestClientThatLostItsSessionBeginsANewOneFromTheSamePort(t *testing.T) {
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	first := newTap(t, l.Addr(), nil)
	c, err := first.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	ping(t, c, 1)
	from := first.LocalAddr().(*net.UDPAddr)
	_ = first.Close() // the power is cut: no goodbye
	_ = c.Close()

	// A stranger's hello, which never proves itself, does not disturb the session
	// of a third.
	bystander := newTap(t, l.Addr(), nil)
	b, err := bystander.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	hello, _ := hex.DecodeString(strangersHello)
	_, _ = bystander.Write(hello)
	ping(t, b, 2)

	second := newTap(t, l.Addr(), from)
	start := time.Now()
	c, err = second.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatalf("the second handshake: %v", err)
	}
	t.Logf("back after %v", time.Since(start))
	ping(t, c, 3)
	if k := w.awaitForgotten(t); k.Addr != from.AddrPort() {
		t.Errorf("the session with %v was forgotten, want that with %v", k.Addr, from)
	}
	ping(t, b, 4)
	w.noneForgotten(t)
}

// greet does what a client does up to its hello with the cookie, and returns
// what comes back at once.
func (p *tap) greet(t *testing.T, random byte) []byte {
	t.Helper()
	hello := func(sequence uint64, cookie []byte) []byte {
		r := dtls.ClientHello(sequence, uint16(sequence), cookie, []byte{0xc0, 0xa8, 0x00, 0xff}, nil)
		copy(r[27:], bytes.Repeat([]byte{random}, 32))
		return r
	}
	b := make([]byte, 2000)
	_ = p.SetReadDeadline(time.Now().Add(patience))
	_, _ = p.Write(hello(0, nil))
	n, err := p.UDPConn.Read(b)
	if err != nil || n != 48 || b[13] != 3 {
		t.Fatalf("a hello was answered with % x, %v; want a HelloVerifyRequest", b[:n], err)
	}
	p.cookie = bytes.Clone(b[28:n])
	_, _ = p.Write(hello(1, p.cookie))
	if n, err = p.UDPConn.Read(b); err != nil {
		t.Fatalf("a hello with its cookie was not answered: %v", err)
	}
	return b[:n]
}

func TestStrangersHelloCostsNothing(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	p := newTap(t, l.Addr(), nil)
	b := make([]byte, 2000)
	for i := range 20 {
		hello := dtls.ClientHello(uint64(i), 0, nil, []byte{0xc0, 0xa8}, nil)
		_, _ = p.Write(hello)
		_ = p.SetReadDeadline(time.Now().Add(patience))
		n, err := p.UDPConn.Read(b)
		if err != nil || n > len(hello) || b[10] != byte(i) {
			t.Fatalf("hello %d was answered with % x, %v", i, b[:n], err)
		}
	}
	if got := l.Load(); got != (dtls.Load{}) {
		t.Errorf("the listener keeps %+v of somebody who never showed a cookie", got)
	}
}

func TestHandshakesAreBoundedAndTheOldestGoesFirst(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users, MaxHandshakes: 5, MaxHandshakesPerAddress: 2})
	from := func(ip byte) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, ip)} }
	for i := range byte(10) {
		p := newTap(t, l.Addr(), from(2+i%2)) // two addresses
		if got := p.greet(t, i); got[0] != 22 || got[13] != 2 {
			t.Fatalf("the hello with its cookie of client %d was answered with % x, want a ServerHello", i, got)
		}
	}
	if got, want := l.Load(), (dtls.Load{Handshakes: 4, Sessions: 4, Routes: 4, Addresses: 2}); got != want {
		t.Errorf("the listener keeps %+v, want %+v", got, want)
	}
	newTap(t, l.Addr(), from(4)).greet(t, 10) // now there are as many as there may be
	for range 3 {                             // the oldest of others make room
		if _, err := newTap(t, l.Addr(), nil).handshake(within(t, patience), t, "hello", key); err != nil {
			t.Errorf("beside strangers who go no further: %v", err)
		}
	}
	eventually(t, func() bool { got := l.Load(); return got.Handshakes < 5 && got.Sessions == got.Handshakes+3 },
		func() any { return l.Load() })
}

func TestServerHelloHasTheNumberOfTheHello(t *testing.T) { // RFC 6347 §4.2.1
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	p := newTap(t, l.Addr(), nil)
	_, _ = p.Write(dtls.ClientHello(5, 0, nil, psk8, nil))
	verify := p.answer(patience)
	if len(verify) != 48 || verify[10] != 5 {
		t.Fatalf("answered with % x, want a HelloVerifyRequest in record 5", verify)
	}
	_, _ = p.Write(dtls.ClientHello(7, 1, verify[28:], psk8, nil))
	if b := p.answer(patience); len(b) < 14 || b[13] != 2 || b[10] != 7 {
		t.Errorf("answered with % x, want a ServerHello in record 7", b)
	}
}

func TestHandshakeThatGoesNoFurtherIsForgotten(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users, HandshakeTimeout: hush})
	newTap(t, l.Addr(), nil).greet(t, 1)
	eventually(t, func() bool { return l.Load() == dtls.Load{} }, func() any { return l.Load() })
}

func TestClientThatBeginsAnewInMidHandshakeIsServed(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	p := newTap(t, l.Addr(), nil)
	p.greet(t, 1)
	from := p.LocalAddr().(*net.UDPAddr)
	_ = p.Close() // the power is cut in mid-handshake
	c, err := newTap(t, l.Addr(), from).handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	ping(t, c, 1)
	if got, want := l.Load(), (dtls.Load{Sessions: 1, Routes: 1}); got != want {
		t.Errorf("the listener keeps %+v, want %+v", got, want)
	}
}

// eventually waits until it is so: of what a listener keeps there is no event.
func eventually(t *testing.T, so func() bool, what func() any) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("after %v it is still %+v", patience, what())
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users, MaxSessions: 2})
	var conns []*pion.Conn
	for i := range 3 {
		c, err := newTap(t, l.Addr(), nil).handshake(within(t, patience), t, "hello", key)
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		conns = append(conns, c)
		ping(t, c, byte(i))
	}
	w.awaitForgotten(t)
	ping(t, conns[1], 9) // the first was the one that was silent longest
	ping(t, conns[2], 9)
	w.noneForgotten(t)
}

func TestClosingTheListenerEndsItsSessions(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	e := client(t)
	c, err := dtls.Dial(within(t, patience), l.Addr(), e, dtls.ClientConfig{PSK: &dtls.PSK{Identity: "hello", Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, e, c)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the client did not learn that the session has ended")
	}
	if _, err := e.Do(within(t, patience), c, &coap.Message{Code: coap.GET}); err == nil {
		t.Error("a request over a session that has ended")
	}
}
