// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// Listener accepts DTLS sessions on one address.
type Listener struct {
	config   ServerConfig
	receiver endpoint.Receiver
	mux      *mux
	guesses  *guesses
	outcomes outcomes

	ctx      context.Context
	cancel   context.CancelFunc
	sessions sync.WaitGroup
}

// Listen binds the address; Serve receives. It accepts
// TLS_PSK_WITH_AES_128_CCM_8 if c has PSK, TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 if
// c has a Certificate, and no other cipher suite (RFC 7252 §9.1.3). A wildcard
// address serves its own IP version alone.
func Listen(ctx context.Context, addr netip.AddrPort, r endpoint.Receiver, c ServerConfig) (*Listener, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	socket, err := udp.Bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	if _, ok := pionsCookie(new(pion.Conn)); !ok {
		_ = socket.Close()
		return nil, errPion
	}
	l := &Listener{config: c, receiver: r, guesses: newGuesses(c.MaxFailures)}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.mux = &mux{
		socket: socket, cookies: newCookies(), ctx: l.ctx,
		routes: map[route]*ends{}, ids: map[[idLength]byte]*packetConn{}, perAddress: map[netip.Prefix]int{},
		maxSessions: c.MaxSessions, maxHandshakes: c.MaxHandshakes, maxPerAddress: c.MaxHandshakesPerAddress,
		accept: func(ctx context.Context, pc *packetConn) { l.sessions.Go(func() { l.serve(ctx, pc) }) },
	}
	return l, nil
}

// Addr is the address that is bound, with its real port.
func (l *Listener) Addr() netip.AddrPort { return l.mux.socket.Addr() }

// Serve runs handshakes and hands what comes over the sessions to the receiver,
// until ctx ends or Close is called, which is no error.
func (l *Listener) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	buffer := new(udp.Buffer)
	for {
		b, path, err := l.mux.socket.Read(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			l.sessions.Wait()
			return nil
		case udp.FromICMP(err):
			l.config.Logger.Debug("receiving a datagram", "error", err)
		case err != nil:
			return fmt.Errorf("receiving on UDP %s: %w", l.Addr(), err)
		default:
			l.mux.dispatch(b, path) //nolint:contextcheck // handshakes end with the listener, not with Serve
		}
	}
}

// Close says goodbye to all sessions and unbinds the address; Serve returns. It
// may be called again.
func (l *Listener) Close() error {
	l.mux.close()
	l.cancel()
	l.sessions.Wait() // the goodbyes need the socket
	if err := l.mux.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// serve runs one handshake, and the session that comes of it to its end.
func (l *Listener) serve(ctx context.Context, pc *packetConn) {
	defer pc.Close()
	defer pc.abort()
	ctx, cancel := context.WithTimeout(ctx, l.config.HandshakeTimeout)
	defer cancel()
	remote := pc.path.Remote
	log := l.config.Logger.With("peer", remote)
	trial := trial{guesses: l.guesses, from: network(remote.Addr()), config: l.config, log: log}
	extended := false
	conn, err := pion.ServerWithOptions(pc, pc.addr, append(
		l.config.options(func(identity []byte) ([]byte, error) { return trial.key(ctx, identity), nil }),
		pion.WithConnectionIDGenerator(func() []byte { return l.mux.identify(pc) }),
		pion.WithServerHelloMessageHook(func(m handshake.MessageServerHello) handshake.Message {
			extended = slices.ContainsFunc(m.Extensions, func(x extension.Extension) bool {
				return x.TypeValue() == extension.UseExtendedMasterSecretTypeValue
			})
			return &m
		}))...)
	if err != nil {
		log.Error("a DTLS handshake cannot begin", "error", err)
		return
	}
	defer conn.Close()
	pc.conn, pc.hangUp = conn, func() { _ = conn.Close() }
	said := make(chan struct{})
	hasten := context.AfterFunc(l.ctx, func() { //nolint:contextcheck // the session ends with the listener
		defer close(said)
		_ = conn.Close()
	})
	defer func() {
		if !hasten() {
			<-said // the goodbye, which the socket must outlive
		}
	}()

	err = conn.HandshakeContext(ctx)
	pc.release()
	trial.end(err == nil)
	if err != nil {
		l.outcomes.failed.Add(1)
		if errors.Is(err, errPion) {
			log.Error("DTLS does not work", "error", err)
		}
		log.Info("a DTLS handshake failed", "error", err, "identity", printable(trial.identity))
		return
	}
	if !extended {
		log.Warn("a DTLS peer does without the extended master secret (RFC 7925 §16)")
	}
	s := newSession(conn, remote, pc.path.Local, log)
	old, ok := l.mux.establish(pc)
	if !ok {
		return
	}
	l.outcomes.established.Add(1)
	if old != nil {
		log.Info("a DTLS peer has begun a new session; its old one ends")
		old.hangUp()
	}
	log.Debug("a DTLS session is established", "suite", suite(conn), "identity", printable(trial.identity))
	s.receive(&s, l.receiver)
}
