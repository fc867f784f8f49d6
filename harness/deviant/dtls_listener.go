// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// listening listens for DTLS with pion's own listener, which can do what the
// gateway's refuses to: other cipher suites, for one. What options returns comes
// behind what the configuration asks for, and replaces it.
func listening(options func(dtls.ServerConfig) []pion.ServerOption) func() embedded.Options {
	return seams(func() gateway.Seams {
		return gateway.Seams{ListenDTLS: func(gateway.ListenDTLS) gateway.ListenDTLS {
			return func(_ context.Context, addr netip.AddrPort, r endpoint.Receiver, c dtls.ServerConfig) (gateway.Listener, error) {
				l, err := listen(addr, r, append(serverOptions(c), options(c)...))
				if err != nil {
					return nil, err
				}
				return l, nil
			}
		}}
	})
}

// speaking listens with cipher suites beside the two of the document.
func speaking(besides ...pion.CipherSuiteID) func() embedded.Options {
	return listening(func(dtls.ServerConfig) []pion.ServerOption {
		return []pion.ServerOption{pion.WithCipherSuites(append(besides, pion.TLS_PSK_WITH_AES_128_CCM_8, pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)...)}
	})
}

// serverOptions is what the gateway's own listener asks of pion, in short.
func serverOptions(c dtls.ServerConfig) []pion.ServerOption {
	return []pion.ServerOption{
		pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8, pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
		pion.WithCertificates(*c.Certificate),
		pion.WithPSK(func(identity []byte) ([]byte, error) {
			if key, ok := c.PSK(string(identity)); ok {
				return key, nil
			}
			return randomly(32), nil
		}),
	}
}

// randomly is a key that nobody has.
func randomly(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32()) //nolint:gosec // to be wrong is enough
	}
	return b
}

// listener is pion's, as the gateway's message layer wants one.
type listener struct {
	inner    net.Listener
	receiver endpoint.Receiver

	mu       sync.Mutex
	conns    map[net.Conn]struct{} // nil once the listener is closed
	sessions sync.WaitGroup
}

func listen(addr netip.AddrPort, r endpoint.Receiver, opts []pion.ServerOption) (*listener, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	inner, err := pion.ListenWithOptions(network, net.UDPAddrFromAddrPort(addr), opts...)
	if err != nil {
		return nil, err
	}
	return &listener{inner: inner, receiver: r, conns: map[net.Conn]struct{}{}}, nil
}

// Addr is the address that is bound.
func (l *listener) Addr() netip.AddrPort { return addrPort(l.inner.Addr()) }

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		p := u.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

// Serve accepts sessions until the listener is closed.
func (l *listener) Serve(context.Context) error {
	for {
		c, err := l.inner.Accept()
		if err != nil {
			return nil //nolint:nilerr // it was closed
		}
		l.mu.Lock()
		if l.conns == nil {
			l.mu.Unlock()
			return c.Close()
		}
		l.conns[c] = struct{}{}
		l.sessions.Go(func() { l.serve(c) })
		l.mu.Unlock()
	}
}

func (l *listener) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	}()
	newSession(c).receive(l.receiver)
}

// Close ends the sessions and unbinds the address.
func (l *listener) Close() error {
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
	err := l.inner.Close()
	l.sessions.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// session is one session of pion's, as the message layer sees it.
type session struct {
	net.Conn

	key endpoint.PeerKey
}

func newSession(c net.Conn) *session {
	return &session{c, endpoint.PeerKey{
		Addr: addrPort(c.RemoteAddr()), Local: addrPort(c.LocalAddr()), Session: rand.Uint64() | 1, //nolint:gosec // a number, no secret
	}}
}

// Key tells the session from others.
func (s *session) Key() endpoint.PeerKey { return s.key }

// Local is our own address.
func (s *session) Local() netip.AddrPort { return s.key.Local }

// Send sends one message.
func (s *session) Send(b []byte) error {
	_, err := s.Write(b)
	if errors.Is(err, pion.ErrConnClosed) {
		return fmt.Errorf("the session has ended: %w", net.ErrClosed)
	}
	return err
}

// receive hands on what comes until the session ends.
func (s *session) receive(r endpoint.Receiver) {
	defer r.Forget(s.key)
	b := make([]byte, 8192)
	for {
		n, err := s.Read(b)
		if err != nil {
			return
		}
		r.Receive(s, b[:n])
	}
}
