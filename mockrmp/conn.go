// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
)

// maxHead is how much of a connection's unread past is kept.
const maxHead = 8 << 10

// listener hands out connections that remember what came in.
type listener struct {
	net.Listener
	secure bool
	// unread is told of bytes that came in and that net/http took for no request.
	unread func(c *conn, head []byte)
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, secure: l.secure, unread: l.unread}, nil
}

// conn remembers what came in until a handler takes it as its request. What is
// left when the connection closes was no request to net/http, which answers 400
// by itself and tells nobody; the journal must have it all the same.
type conn struct {
	net.Conn
	secure bool
	unread func(c *conn, head []byte)

	mu     sync.Mutex
	head   []byte
	closed bool
	deaf   bool // what comes now is no request: the rest of a body, a hijacked connection
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }

// Read reads, and remembers.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mu.Lock()
		if !c.deaf {
			c.head = append(c.head, p[:min(n, maxHead-len(c.head))]...)
		}
		c.mu.Unlock()
	}
	return n, err
}

// take says that what came in so far belongs to a request that has a handler.
func (c *conn) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.head = c.head[:0]
}

// deafen says that what comes from now on belongs to no further request.
func (c *conn) deafen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.head, c.deaf = nil, true
}

// Close closes the connection and reports what nobody took.
func (c *conn) Close() error {
	c.mu.Lock()
	head := slices.Clone(c.head)
	first := !c.closed
	c.closed, c.deaf, c.head = true, true, nil
	c.mu.Unlock()
	err := c.Conn.Close()
	if first && len(head) > 0 {
		c.unread(c, head)
	}
	return err
}

// CloseWrite sends the end of the stream and goes on reading, so that an answer
// is not lost to a reset. net/http asks for it.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// reset closes the connection with a TCP reset.
func (c *conn) reset() {
	c.deafen()
	raw := c.Conn
	if secure, ok := raw.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // nothing is to be sent any more but the reset
	}
	_ = raw.Close()
}

// unreadRequest is the journal's entry for bytes that were no request.
func unreadRequest(head []byte) Request {
	line, _, _ := strings.Cut(string(head), "\n")
	line = strings.TrimSuffix(line, "\r")
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		method = ""
		target = line
	}
	if at := strings.LastIndex(target, " HTTP/"); at >= 0 {
		target = target[:at]
	}
	path, query, _ := strings.Cut(target, "?")
	at, _ := placeOf(path)
	return Request{
		Method: method, Target: target, Query: query,
		Customer: at.customer, Host: at.host, Service: at.service,
		Body: head, Near: "no HTTP/1.1 request that can be read: the bytes stand in its body",
		Answered: true,
	}
}
