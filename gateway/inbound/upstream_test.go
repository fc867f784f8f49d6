// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// upstream is a platform that shows the bytes that reach it, and answers with
// the bytes that it is told, over connections that stay open.
type upstream struct {
	net.Listener

	answer func(n int, c net.Conn) // to the n-th request, from 1

	mu       sync.Mutex
	requests []string
	conns    int
}

func newUpstream(t *testing.T, answer func(n int, c net.Conn)) *upstream {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{Listener: l, answer: answer}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			u.mu.Lock()
			u.conns++
			u.mu.Unlock()
			running.Go(func() { u.serve(c) })
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(func() { _ = l.Close() })
	return u
}

func (u *upstream) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	var raw bytes.Buffer
	r := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		u.mu.Lock()
		u.requests = append(u.requests, raw.String())
		n := len(u.requests)
		u.mu.Unlock()
		raw.Reset()
		u.answer(n, c)
	}
}

// seen is the requests that came, byte for byte.
func (u *upstream) seen() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests
}

// accepted is how many connections were made.
func (u *upstream) accepted() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conns
}

func (u *upstream) url() string { return "http://" + u.Addr().String() }

// says answers every request with the same bytes.
func says(response string) func(int, net.Conn) {
	return func(_ int, c net.Conn) { _, _ = io.WriteString(c, response) }
}

const okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// answers is an HTTP response with a body.
func answers(status int, body string, header ...string) string {
	s := fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: %d\r\n", status, len(body))
	for _, h := range header {
		s += h + "\r\n"
	}
	return s + "\r\n" + body
}

// gateway is a handler that allows the upstream alone.
func gateway(t *testing.T, u *upstream, change ...func(*Options)) *handler {
	t.Helper()
	transport := NewTransport(TransportOptions{})
	t.Cleanup(transport.CloseIdleConnections)
	o := Options{Transport: transport, Timeout: 10 * time.Second}
	if u != nil {
		o.Allow = []string{u.url()}
	}
	for _, c := range change {
		c(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h.(*handler)
}

const token = "AuthToken=aGVsbG86d29ybGQ="

// local5683 is where every request of these tests came to.
var local5683 = netip.MustParseAddrPort("192.0.2.1:5683")

type option struct {
	number coap.OptionNumber
	value  any // string or int
}

func message(code coap.Code, payload string, options ...option) *coap.Message {
	m := &coap.Message{Code: code}
	if payload != "" {
		m.Payload = []byte(payload)
	}
	for _, o := range options {
		switch v := o.value.(type) {
		case string:
			m.AddString(o.number, v)
		case int:
			m.AddUint(o.number, uint32(v))
		}
	}
	return m
}

func (h *handler) do(ctx context.Context, code coap.Code, payload string, options ...option) *coap.Message {
	return h.answer(ctx, &request{Message: message(code, payload, options...), to: local5683})
}

func proxyURI(uri string) option { return option{coap.ProxyURI, uri} }
