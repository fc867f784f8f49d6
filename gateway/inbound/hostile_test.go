// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/harness/need"
)

func list(t *testing.T, read func() ([]string, error)) []string {
	t.Helper()
	s, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// requestLines is the request lines that came.
func (u *upstream) requestLines() []string {
	var lines []string
	for _, r := range u.seen() {
		line, _, _ := strings.Cut(r, "\r\n")
		lines = append(lines, line)
	}
	return lines
}

// withToken puts the token among the arguments of a URI's query: before them,
// behind them, or in their middle.
func withToken(uri string, place int) string {
	path, query, has := strings.Cut(uri, "?")
	if !has {
		return path + "?" + token
	}
	arguments := strings.Split(query, "&")
	at := place % (len(arguments) + 1)
	arguments = append(arguments[:at:at], append([]string{token}, arguments[at:]...)...)
	return path + "?" + strings.Join(arguments, "&")
}

// curlTimeout bounds the whole run of curl.
const curlTimeout = time.Minute

// The request line is what curl sends for the URI without the token, byte for
// byte, and there is one request for each URI, with the header that is ours alone.
func TestHostileURIsGoOutAsCurlSendsThem(t *testing.T) {
	curl := need.Program(t, "curl", "apt-get install curl")
	uris := list(t, fixtures.HostileURIs)
	ours, theirs := newUpstream(t, says(okResponse)), newUpstream(t, says(okResponse))
	h := gateway(t, ours)
	var config strings.Builder
	for i, uri := range uris {
		before := len(ours.seen())
		resp := h.do(t.Context(), coap.GET, "", proxyURI(ours.url()+withToken(uri, i)))
		if got := len(ours.seen()) - before; resp.Code != coap.Content || got != 1 {
			t.Fatalf("%q: got %s %q and %d requests", uri, resp.Code, resp.Payload, got)
		}
		fmt.Fprintf(&config, "url = \"%s%s\"\n", theirs.url(), uri) // there is no " and no \ in a URI
	}
	file := filepath.Join(t.TempDir(), "curl")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), curlTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, curl, "-q", "-sS", "--noproxy", "*", "--path-as-is", "--globoff", "-K", file).CombinedOutput(); err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	got, want := ours.requestLines(), theirs.requestLines()
	if len(got) != len(uris) || len(want) != len(uris) {
		t.Fatalf("%d URIs became %d requests of ours and %d of curl's", len(uris), len(got), len(want))
	}
	wrong := 0
	for i := range uris {
		if got[i] != want[i] {
			wrong++
			t.Errorf("%q: the request line is %q, curl's is %q", uris[i], got[i], want[i])
		}
	}
	host := "\r\nHost: " + ours.Addr().String() + "\r\nUser-Agent: Coapstone\r\nAccept-Encoding: identity\r\nAuthorization: Basic aGVsbG86d29ybGQ=\r\n\r\n"
	for i, r := range ours.seen() {
		if r != got[i]+host {
			t.Errorf("%q: the header is %q", uris[i], r)
		}
	}
	t.Logf("%d of %d request lines are curl's", len(uris)-wrong, len(uris))
}

// net/http gives the body of a GET 200 ms to show its end. On a machine that is
// busy that was too short, and the GET went out chunked.
func TestGetHasNoBodyOnTheWireHoweverSlowTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := mapping.ParseURI("http://platform.test/a")
		if err != nil {
			t.Fatal(err)
		}
		r := httpRequest(t.Context(), &request{Message: message(coap.GET, "")}, target{URI: u, origin: origin{host: "platform.test", port: 80}}, http.Header{})
		r.Body = slowEOF{}
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if got, want := wire.String(), "GET /a HTTP/1.1\r\nHost: platform.test\r\nUser-Agent: Go-http-client/1.1\r\n\r\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// slowEOF is an empty body that takes its time.
type slowEOF struct{}

func (slowEOF) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, io.EOF
}

func (slowEOF) Close() error { return nil }

func TestWhatIsNoURIIsRefusedUncalled(t *testing.T) {
	dials := newDials(t)
	h := dials.gateway(t, "http://platform.test")
	for _, uri := range list(t, fixtures.NotURIs) {
		for _, uri := range []string{uri, uri + "?" + token} {
			if uri == "?"+token || uri == "" {
				continue // the option Proxy-Uri has 1 byte at least; the endpoint refuses it
			}
			if resp := h.do(t.Context(), coap.GET, "", proxyURI(uri)); resp.Code != coap.BadRequest {
				t.Errorf("%q: got %s %q", uri, resp.Code, resp.Payload)
			}
		}
	}
	dials.want(t)
}

// dials is where connections would have gone, and the names that were asked for.
type dials struct {
	mu    sync.Mutex
	made  []string
	asked []string
}

func newDials(*testing.T) *dials { return &dials{} }

// gateway is a handler whose transport connects nowhere else but to an allowed
// upstream: everything that it tries is written down.
func (d *dials) gateway(t *testing.T, allow string, upstreams ...*upstream) *handler {
	t.Helper()
	transport := NewTransport(TransportOptions{
		Host: func(name string) (netip.Addr, bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.asked = append(d.asked, name)
			return netip.MustParseAddr("127.0.0.1"), true
		},
	})
	inner := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.mu.Lock()
		d.made = append(d.made, addr)
		d.mu.Unlock()
		if len(upstreams) == 0 {
			return nil, fmt.Errorf("no connection to %s was to be made", addr)
		}
		return inner(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return gateway(t, nil, func(o *Options) {
		o.Transport, o.Allow = transport, []string{allow}
	})
}

// want wants exactly these connections.
func (d *dials) want(t *testing.T, addrs ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if fmt.Sprint(d.made) != fmt.Sprint(addrs) {
		t.Errorf("connections were made to %q, want %q", d.made, addrs)
	}
}

// In Proxy-Uri, with a port and without, and in Uri-Host.
func TestForbiddenHostsAreNotConnectedTo(t *testing.T) {
	d := newDials(t)
	h := d.gateway(t, "http://platform.test")
	hosts := list(t, fixtures.ForbiddenHosts)
	refused := func(what, host string, resp *coap.Message) {
		if resp.Code != coap.ProxyingNotSupported && resp.Code != coap.BadRequest {
			t.Errorf("%s %q: got %s %q, want 5.05 or 4.00", what, host, resp.Code, resp.Payload)
		}
	}
	for _, host := range hosts {
		refused("Proxy-Uri with", host, h.do(t.Context(), coap.GET, "", proxyURI("http://"+host+"/?"+token)))
		refused("Proxy-Uri at port 80 with", host, h.do(t.Context(), coap.GET, "", proxyURI("http://"+host+":80/?"+token)))
		refused("Proxy-Uri at no port with", host, h.do(t.Context(), coap.GET, "", proxyURI("HTTP://"+host+":?"+token)))
		refused("Uri-Host", host, h.do(t.Context(), coap.GET, "",
			option{coap.ProxyScheme, "http"}, option{coap.URIHost, host}, option{coap.URIPort, 80}, option{coap.URIQuery, token}))
	}
	d.want(t)
	t.Logf("%d spellings in 4 places, no connection", len(hosts))
}

func TestRedirectsToForbiddenHostsAreNotFollowed(t *testing.T) {
	hosts := list(t, fixtures.ForbiddenHosts)
	statuses := []int{301, 302, 303, 307, 308}
	u := newUpstream(t, func(n int, c net.Conn) {
		says(answers(statuses[n%len(statuses)], "", "Location: http://"+hosts[(n-1)%len(hosts)]+"/"))(n, c)
	})
	d := newDials(t)
	port := u.url()[strings.LastIndex(u.url(), ":"):]
	h := d.gateway(t, "http://platform.test"+port, u)
	for _, host := range hosts {
		if resp := h.do(t.Context(), coap.GET, "", proxyURI("http://platform.test"+port+"/?"+token)); resp.Code != coap.BadGateway {
			t.Errorf("a redirect to %q: got %s %q", host, resp.Code, resp.Payload)
		}
	}
	d.want(t, "platform.test"+port) // one connection, kept
	if n := len(u.seen()); n != len(hosts) {
		t.Errorf("the platform was called %d times for %d requests", n, len(hosts))
	}
}

// nameService is a DNS server that gives the n-th address to the n-th question
// for an A record, and then the last one; there are no AAAA records.
func nameService(t *testing.T, addrs ...string) *net.Resolver {
	t.Helper()
	c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	done := make(chan struct{})
	t.Cleanup(func() { _ = c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
			if q.Type == dnsmessage.TypeA {
				addr := addrs[min(int(asked.Add(1)), len(addrs))-1]
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
				}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name service that gives the platform's address at first and an inner one
// afterwards leads nowhere, and neither does one that begins with an inner one.
func TestNameThatComesToLeadInsideIsNotFollowed(t *testing.T) {
	for _, tt := range []struct {
		name     string
		networks []netip.Prefix
		addrs    []string
		want     []coap.Code
	}{
		{"rebinding", prefixes("127.0.0.1/32"), []string{"127.0.0.1", "127.0.0.2", "127.0.0.1"}, []coap.Code{coap.Content, coap.BadGateway, coap.Content}},
		{"rebinding to the metadata service", prefixes("127.0.0.1/32"), []string{"127.0.0.1", "169.254.169.254"}, []coap.Code{coap.Content, coap.BadGateway, coap.BadGateway}},
		{"loopback", nil, []string{"127.0.0.1"}, []coap.Code{coap.BadGateway}},
		{"a private network", nil, []string{"10.0.0.1"}, []coap.Code{coap.BadGateway}},
		{"any address", nil, []string{"0.0.0.0"}, []coap.Code{coap.BadGateway}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpstream(t, func(n int, c net.Conn) {
				says(strings.Replace(okResponse, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))(n, c)
				_ = c.Close()
			})
			port := u.url()[strings.LastIndex(u.url(), ":"):]
			transport := NewTransport(TransportOptions{Networks: tt.networks, Resolver: nameService(t, tt.addrs...)})
			t.Cleanup(transport.CloseIdleConnections)
			h := gateway(t, nil, func(o *Options) { o.Transport, o.Allow = transport, []string{"http://platform.test" + port} })
			reached := 0
			for i, want := range tt.want {
				req := request{Message: message(coap.GET, "", proxyURI("http://platform.test"+port+"/?"+token)), to: local5683}
				resp := h.answer(t.Context(), &req)
				if resp.Code != want {
					t.Errorf("question %d: got %s %q (%v), want %s", i+1, resp.Code, resp.Payload, req.cause, want)
				}
				if want == coap.Content {
					reached++
				} else if req.cause == nil || !strings.Contains(req.cause.Error(), "platform.networks") {
					t.Errorf("the log does not say what to do: %v", req.cause)
				}
			}
			if n := u.accepted(); n != reached {
				t.Errorf("the platform has %d connections, want %d", n, reached)
			}
		})
	}
}

func prefixes(list ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, s := range list {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}

func TestPublicAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "172.32.0.1": true, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.128.0.1": true, "192.0.0.8": false, "198.18.0.1": false, "224.0.1.187": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "fe80::1": false, "fd00::1": false, "fec0::1": false, "ff02::fd": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false,
		"2002:7f00:1::": false, "2002:a00:1::": false, "100::1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %t", addr, got)
		}
	}
	g := guard{prefixes("10.0.0.0/8")}
	for _, tt := range []struct {
		name, addr string
		want       bool
	}{
		{"platform.test", "10.9.8.7", true},
		{"platform.test", "192.168.0.1", false},
		{"localhost", "127.0.0.1", true},
		{"LOCALHOST", "::1", true},
		{"a.localhost", "127.0.0.1", true},
		{"localhost", "8.8.8.8", false},
		{"localhost.test", "127.0.0.1", false},
	} {
		if got := g.allows(tt.name, netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("%s at %s: got %t", tt.name, tt.addr, got)
		}
	}
}
