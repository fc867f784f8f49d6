// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/peer"
)

// patience is longer than anything here takes on a busy machine.
const patience = 30 * time.Second

// bench is the whole gateway between real sockets, with a platform that does
// what the path asks for.
type bench struct {
	*gateway.Gateway

	platform *platform
	log      *journal
	lag      *lag
}

// platform is an HTTP server that counts its calls by path. It answers with the
// call in words, except below /hang, where it answers when it is released.
type platform struct {
	*httptest.Server

	other   http.HandlerFunc // for paths below /other
	release chan struct{}    // closed: what hangs is answered
	once    sync.Once

	mu      sync.Mutex
	calls   map[string]int
	hanging int
	changed chan struct{} // closed at the next call
}

func newPlatform(t *testing.T) *platform {
	p := &platform{release: make(chan struct{}), calls: map[string]int{}, changed: make(chan struct{})}
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.Start()
	t.Cleanup(func() {
		p.free()
		p.CloseClientConnections()
		p.Close()
	})
	return p
}

// free answers what hangs, now and from now on.
func (p *platform) free() { p.once.Do(func() { close(p.release) }) }

// ServeHTTP implements http.Handler.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hangs := strings.HasPrefix(r.URL.Path, "/hang")
	p.count(r.URL.Path, hangs)
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.HasPrefix(r.URL.Path, "/other"):
		p.other(w, r)
		return
	case hangs:
		select {
		case <-p.release:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, said(r.Method, r.URL.Path, body))
}

// said is what the platform answers.
func said(method, path string, body []byte) string {
	return fmt.Sprintf("%s %s %x", method, path, sha256.Sum256(body))
}

func (p *platform) count(path string, hangs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[path]++
	if hangs {
		p.hanging++
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// called is how often the path was called; "" asks for all paths together.
func (p *platform) called(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if path != "" {
		return p.calls[path]
	}
	n := 0
	for _, c := range p.calls {
		n += c
	}
	return n
}

// awaitHanging waits until n calls have come in below /hang.
func (p *platform) awaitHanging(t *testing.T, n int) {
	t.Helper()
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		got, changed := p.hanging, p.changed
		p.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%d calls came in below /hang within %s, want %d", got, patience, n)
		}
	}
}

// journal keeps what the gateway logs, for a test that fails.
type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

const (
	user      = "hello"
	password  = "world"
	authToken = "AuthToken=aGVsbG86d29ybGQ="
)

// start starts a gateway with its platform.
func start(t *testing.T, change ...func(*gateway.Config)) *bench {
	t.Helper()
	b := &bench{platform: newPlatform(t), log: &journal{}, lag: watchLag(t)}
	c := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		Platform: gateway.Platform{Allow: []string{b.platform.URL}},
		Users:    []gateway.User{{Name: user, Password: secret.Text(password)}},
	}
	for _, f := range change {
		f(c)
	}
	var err error
	b.Gateway, err = gateway.Start(t.Context(), c, gateway.Options{
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.platform.free()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("closing the gateway: %v", err)
		}
		if s := b.log.String(); strings.Contains(s, "panic") {
			t.Errorf("the gateway logged a panic:\n%s", s)
		}
	})
	return b
}

// transports are the two ways into the gateway.
var transports = map[string]bool{"UDP": false, "DTLS": true}

// remote is the gateway's address on one of them.
func (b *bench) remote(secure bool) netip.AddrPort {
	if secure {
		return b.Addresses().CoAPS[0]
	}
	return b.Addresses().CoAP[0]
}

// security is what the user hello connects with; nil for plain UDP.
func security(secure bool) *peer.Security {
	if !secure {
		return nil
	}
	key := sha256.Sum256([]byte(password))
	return &peer.Security{Identity: user, Key: key[:], HandshakeTimeout: patience}
}

// device is a device that speaks to the gateway.
func (b *bench) device(t *testing.T, secure bool, change ...func(*peer.Options)) *peer.Client {
	t.Helper()
	return dial(t, b.remote(secure), secure, change...)
}

func dial(t *testing.T, remote netip.AddrPort, secure bool, change ...func(*peer.Options)) *peer.Client {
	t.Helper()
	o := peer.Options{Security: security(secure)}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := peer.Dial(ctx, remote, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// request is a request for a path of the platform. Message id and token are
// still to be set.
func (b *bench) request(typ coap.Type, method coap.Code, path string) *coap.Message {
	m := &coap.Message{Type: typ, Code: method}
	m.AddPath("/coap2http")
	m.Add(coap.ProxyURI, []byte(b.platform.URL+path+"?"+authToken))
	return m
}

// whole gives a request its message id and token.
func whole(d *peer.Client, m *coap.Message) *coap.Message {
	m.MessageID, m.Token = d.NextMessageID(), d.NewToken(4)
	return m
}

// exchange makes an exchange that must end with the code.
func exchange(t *testing.T, d *peer.Client, m *coap.Message, want coap.Code) *peer.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := d.Exchange(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if out.Response.Code != want {
		t.Fatalf("got %s: %s; want %s", out.Response, out.Response.Payload, want)
	}
	return out
}

// send sends a message as it stands.
func send(t *testing.T, d *peer.Client, m *coap.Message) {
	t.Helper()
	if err := d.Send(coap.Frame{Message: *m}); err != nil {
		t.Fatal(err)
	}
}

// await waits for a message that must come.
func await(t *testing.T, d *peer.Client, what string, match func(*peer.Received) bool) *peer.Received {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := d.Await(ctx, what, match)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ping makes sure that what was sent before it has been received, and that the
// gateway lives.
func ping(t *testing.T, d *peer.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := d.Ping(ctx); err != nil {
		t.Fatal(err)
	}
}

// unasked is what came in and no wait has taken.
func unasked(d *peer.Client) []string {
	var rest []string
	for _, r := range d.Received() {
		if !r.Consumed {
			rest = append(rest, r.String())
		}
	}
	return rest
}
