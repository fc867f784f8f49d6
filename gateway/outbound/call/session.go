// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

// conn is a way to a device: a UDP socket of our own, or a DTLS session.
type conn interface {
	endpoint.Peer
	Close() error
}

// sessionKey is what makes two calls share a session: the same remote address
// and the same credentials. A session whose certificate was verified for one
// name is not one for another.
type sessionKey struct {
	remote     netip.AddrPort
	secure     bool
	serverName string // with certificates
	identity   string // with a pre-shared key
	keyHash    [sha256.Size]byte
}

func keyOf(r *request.Request, remote netip.AddrPort) sessionKey {
	k := sessionKey{remote: remote, secure: r.Secure}
	switch {
	case r.PSK != nil:
		k.identity, k.keyHash = r.PSK.Identity, sha256.Sum256(r.PSK.Key)
	case r.Secure:
		k.serverName = r.ServerName()
	}
	return k
}

// session is one conn, and who uses it. Its fields are under the pool's lock;
// behind a closed ready, conn and err stay as they are and can be read freely.
type session struct {
	key     sessionKey
	ready   chan struct{} // closed when conn or err is there
	conn    conn
	err     error
	users   int
	used    time.Time
	retired bool // no longer for new calls; closed when its last user is done
}

// errTooMany is a pool that is full of sessions in use.
var errTooMany = errors.New("all sessions are in use")

// pool keeps sessions for further calls: RFC 7252 §9.1.1 wants a DTLS
// connection kept up and reused. There is no goroutine and no timer to a session.
type pool struct {
	max  int
	idle time.Duration
	dial func(ctx context.Context, r *request.Request, remote netip.AddrPort, gone func()) (conn, error)

	mu       sync.Mutex
	sessions map[sessionKey]*session
	sweepAt  time.Time
	closed   bool
}

// acquire is a session with remote, and whether it was there before. The caller
// releases it. Of several callers one dials, and the others wait for it.
func (p *pool) acquire(ctx context.Context, r *request.Request, remote netip.AddrPort) (_ *session, reused bool, _ error) {
	key := keyOf(r, remote)
	for {
		s, created, idle, err := p.enter(key)
		closeAll(idle)
		if err != nil {
			return nil, false, err
		}
		if created {
			c, err := p.dial(ctx, r, remote, func() { p.retire(s) })
			p.opened(s, c, err)
			if err != nil {
				p.release(s)
				return nil, false, err
			}
			return s, false, nil
		}
		select {
		case <-ctx.Done():
			p.release(s)
			return nil, false, ctx.Err()
		case <-s.ready:
		}
		if s.err == nil {
			return s, true, nil
		}
		p.release(s)
		// The other caller may have had less time: then this one dials itself.
		if !errors.Is(s.err, context.DeadlineExceeded) && !errors.Is(s.err, context.Canceled) {
			return nil, false, s.err
		}
	}
}

// enter finds the session or makes one that is yet to be dialled, and counts the
// caller among its users. The conns in idle are out of use and to be closed.
func (p *pool) enter(key sessionKey) (s *session, created bool, idle []conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, nil, endpoint.ErrClosed
	}
	now := time.Now()
	if now.After(p.sweepAt) {
		idle = p.sweep(now.Add(-p.idle))
		p.sweepAt = now.Add(p.idle / 4)
	}
	if s = p.sessions[key]; s == nil {
		if len(p.sessions) >= p.max {
			idle = append(idle, p.sweep(now)...)
		}
		if len(p.sessions) >= p.max {
			return nil, false, idle, errTooMany
		}
		s, created = &session{key: key, ready: make(chan struct{})}, true
		p.sessions[key] = s
	}
	s.users++
	s.used = now
	return s, created, idle, nil
}

// opened ends the wait for a session: with a conn, or with an error that takes
// the session out of the pool.
func (p *pool) opened(s *session, c conn, err error) {
	if err != nil {
		p.retire(s)
	}
	p.mu.Lock()
	s.conn, s.err = c, err
	p.mu.Unlock()
	close(s.ready)
}

// sweep takes out what nobody uses and nobody has used since.
func (p *pool) sweep(since time.Time) (idle []conn) {
	for key, s := range p.sessions {
		if s.users == 0 && !s.used.After(since) {
			s.retired = true
			idle = append(idle, s.conn)
			delete(p.sessions, key)
		}
	}
	return idle
}

// release ends one use of a session.
func (p *pool) release(s *session) {
	p.mu.Lock()
	s.users--
	s.used = time.Now()
	unused := s.retired && s.users == 0 && s.conn != nil
	p.mu.Unlock()
	if unused {
		closeAll([]conn{s.conn})
	}
}

// retire keeps a session from further calls: it has ended, or seems dead.
func (p *pool) retire(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.retired = true
	if p.sessions[s.key] == s {
		delete(p.sessions, s.key)
	}
}

// close closes what nobody uses; the rest closes with its last use.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.sweep(time.Now())
	for key, s := range p.sessions {
		s.retired = true
		delete(p.sessions, key)
	}
	p.mu.Unlock()
	closeAll(idle)
}

func closeAll(conns []conn) {
	for _, c := range conns {
		_ = c.Close() // nothing is lost with a session that nobody uses
	}
}
