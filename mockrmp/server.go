// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// headTimeout is how long a connection may take over a request's header.
const headTimeout = 10 * time.Second

// Config is a platform. The zero value listens nowhere.
type Config struct {
	// HTTP, HTTPS and Admin are addresses to listen on, such as "127.0.0.1:8080";
	// port 0 is any free one, "" is off. The admin API asks for no credentials:
	// give it an address that only the tests reach.
	HTTP, HTTPS, Admin string
	// Certificate is what HTTPS shows; it must be given for HTTPS.
	Certificate *tls.Certificate
	// Users and APIs are there from the start.
	Users []User
	APIs  []API
	// JournalBytes is how much the journal holds; 0 is 256 MiB. Past that the
	// customer with the most entries loses its oldest, and the journal says so.
	JournalBytes int
	// Logger hears of the server's own troubles; nil is silence.
	Logger *slog.Logger
}

// defaultJournalBytes is room for the largest run there is, some 100,000 requests.
const defaultJournalBytes = 256 << 20

// Addresses are where a server listens; the zero AddrPort where it does not.
type Addresses struct {
	HTTP, HTTPS, Admin netip.AddrPort
}

// Server is a platform at work.
type Server struct {
	platform  *platform
	journal   *journal
	addresses Addresses
	log       *slog.Logger

	end     context.CancelFunc // ends delays, and answers that never come
	unhook  func() bool        // keeps end from cutting connections
	servers []*http.Server
	running sync.WaitGroup
}

// Start starts a platform and returns when all its addresses are bound. It runs
// until Close, or until ctx ends.
func Start(ctx context.Context, c Config) (*Server, error) {
	s := &Server{log: c.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.JournalBytes <= 0 {
		c.JournalBytes = defaultJournalBytes
	}
	if c.HTTPS != "" && c.Certificate == nil {
		return nil, errors.New("mockrmp: https needs a certificate: give one, or leave https out")
	}
	s.journal = newJournal(c.JournalBytes)
	ctx, s.end = context.WithCancel(ctx)
	s.platform = newPlatform(ctx)
	if err := s.fill(c); err != nil {
		s.end()
		return nil, err
	}
	if err := s.bind(ctx, c); err != nil {
		s.end()
		for _, hs := range s.servers {
			_ = hs.Close()
		}
		s.running.Wait()
		return nil, err
	}
	s.unhook = context.AfterFunc(ctx, func() {
		for _, hs := range s.servers {
			_ = hs.Close()
		}
	})
	return s, nil
}

func (s *Server) fill(c Config) error {
	for i, u := range c.Users {
		if err := s.platform.putUser(u); err != nil {
			return fmt.Errorf("mockrmp: users[%d].%w", i, err)
		}
	}
	for i, a := range c.APIs {
		if err := s.platform.putAPI(a); err != nil {
			return fmt.Errorf("mockrmp: apis[%d].%w", i, err)
		}
	}
	return nil
}

func (s *Server) bind(ctx context.Context, c Config) error {
	face := &front{platform: s.platform, journal: s.journal}
	for _, l := range []struct {
		name, address string
		certificate   *tls.Certificate
		handler       http.Handler
		bound         *netip.AddrPort
	}{
		{"http", c.HTTP, nil, face, &s.addresses.HTTP},
		{"https", c.HTTPS, c.Certificate, face, &s.addresses.HTTPS},
		{"admin", c.Admin, nil, newAdmin(s.platform, s.journal), &s.addresses.Admin},
	} {
		if l.address == "" {
			continue
		}
		tcp, err := new(net.ListenConfig).Listen(ctx, "tcp", l.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("mockrmp: %s: something listens on %s already: stop it, or give another address: %w", l.name, l.address, err)
		} else if err != nil {
			return fmt.Errorf("mockrmp: %s: cannot listen on %q: want an address of this machine with a port, such as 127.0.0.1:8080: %w", l.name, l.address, err)
		}
		if a, ok := tcp.Addr().(*net.TCPAddr); ok {
			bound := a.AddrPort()
			*l.bound = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
		}
		inner := tcp
		if l.certificate != nil {
			// HTTP/1.1 alone: the faults are faults of a connection.
			inner = tls.NewListener(tcp, &tls.Config{
				Certificates: []tls.Certificate{*l.certificate},
				MinVersion:   tls.VersionTLS12,
				NextProtos:   []string{"http/1.1"},
			})
		}
		unread := func(*conn, []byte) {}
		if l.handler == face {
			unread = s.unread
		}
		hs := &http.Server{
			Handler:           l.handler,
			ReadHeaderTimeout: headTimeout,
			BaseContext:       func(net.Listener) context.Context { return ctx },
			ConnContext:       withConn,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
		s.servers = append(s.servers, hs)
		s.running.Go(func() {
			err := hs.Serve(&listener{Listener: inner, secure: l.certificate != nil, unread: unread})
			if !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("mock platform: a listener broke", "listener", l.name, "error", err)
			}
		})
	}
	return nil
}

// unread journals what came in and was no request.
func (s *Server) unread(c *conn, head []byte) {
	r := unreadRequest(head)
	r.At = time.Now()
	r.Secure = c.secure
	r.Remote = c.RemoteAddr().String()
	r.Status = http.StatusBadRequest // which net/http answers
	s.journal.open(r)
}

// Addresses are where the server listens.
func (s *Server) Addresses() Addresses { return s.addresses }

// Close stops the server: answers under way are given, delays and answers that
// never come are ended. It waits for that until ctx ends, and then cuts the
// connections.
func (s *Server) Close(ctx context.Context) error {
	s.unhook()
	s.end()
	var errs []error
	for _, hs := range s.servers {
		if err := hs.Shutdown(ctx); err != nil {
			errs = append(errs, err, hs.Close())
		}
	}
	s.running.Wait()
	return errors.Join(errs...)
}
