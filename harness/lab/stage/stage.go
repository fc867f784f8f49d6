// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// closeTimeout bounds what a stage does to clear up after itself.
const closeTimeout = 10 * time.Second

// stage implements lab.Stage.
type stage struct {
	bench    *Bench
	log      *trace.Log
	customer string // the part of the platform that is this stage's

	mu         sync.Mutex
	users      map[string]lab.User
	apis       map[string]mockrmp.API // by service, as they were put up
	inherit    map[string]bool        // services that all users of the stage may call
	providers  map[string]outbound.Provider
	connectors map[string]outbound.Connector
	releases   []func()
	served     *served
	traced     map[int]bool // journal entries that are in the trace
}

func (s *stage) Gateway() lab.Gateway { return s.bench.Gateway }

func (s *stage) Trace() *trace.Log { return s.log }

// User makes the user known to the platform and to the gateway, or binds it.
func (s *stage) User(ctx context.Context, name, password string, form lab.PSKForm) (lab.User, error) {
	if c, ok := s.caller(); ok {
		return c.User(name, password, form)
	}
	if u, ok := s.bench.Bound.Users[name]; ok {
		return u, nil
	}
	if s.bench.API == nil || s.bench.Platform == nil {
		return lab.User{}, verdict.DoesNotApply("the user %q is not bound: name one that exists on the target, under users in the target file", name)
	}
	if form == "" {
		form = lab.Raw
	}
	want := Account{Name: name, Password: password, Form: form}

	s.mu.Lock()
	_, had := s.users[name]
	delete(s.users, name)
	s.mu.Unlock()
	if had {
		if err := s.bench.accounts.Release(ctx, name); err != nil {
			return lab.User{}, s.bench.broken(err, "removing the user %q", name)
		}
	}
	if err := s.bench.accounts.Hold(ctx, want); err != nil {
		return lab.User{}, s.bench.broken(err, "making the user %q", name)
	}
	u := newUser(want)
	s.mu.Lock()
	s.users[name] = u
	s.mu.Unlock()
	return u, s.admit(ctx)
}

func newUser(a Account) lab.User {
	sum := sha256.Sum256([]byte(a.Password))
	key := sum[:]
	if a.Form == lab.Hex {
		key = []byte(hex.EncodeToString(key))
	}
	return lab.User{
		Name:     a.Name,
		Password: a.Password,
		Token:    base64.StdEncoding.EncodeToString([]byte(a.Name + ":" + a.Password)),
		Identity: a.Name,
		Key:      key,
	}
}

// Provider configures a provider under a name of the stage's own.
func (s *stage) Provider(ctx context.Context, name string, p outbound.Provider) error {
	switch {
	case s.bench.API != nil:
		if err := s.bench.putProvider(ctx, s.own(name), p); err != nil {
			return err
		}
	case s.bench.Proxy == nil:
		return s.noConnectors("configured")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, had := s.providers[s.own(name)]; had && s.bench.API == nil {
		return verdict.DoesNotApply("an HTTP-to-CoAP proxy (RFC 8075) knows no connectors: it has no provider that could be given another URL")
	}
	s.providers[s.own(name)] = p
	return nil
}

// Connector configures a connector under a name of the stage's own.
func (s *stage) Connector(ctx context.Context, name string, c outbound.Connector) error {
	if c.Provider != "" {
		c.Provider = s.own(c.Provider)
	}
	switch {
	case s.bench.API != nil:
		if err := s.bench.putConnector(ctx, s.own(name), c); err != nil {
			return err
		}
	case s.bench.Proxy == nil:
		return s.noConnectors("configured")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connectors[s.own(name)] = c
	return nil
}

// own is the name under which the lab knows a provider or connector.
func (s *stage) own(name string) string { return s.customer + "-" + slug(name) }

// ClientAddr is an address for a device that calls.
func (s *stage) ClientAddr(ctx context.Context, ipv6 bool) (netip.Addr, error) {
	return s.bench.Addresses.Client(ctx, ipv6)
}

// ServerAddr is an address for a device that is called.
func (s *stage) ServerAddr(ctx context.Context, port uint16, ipv6 bool) (netip.AddrPort, error) {
	a, release, err := s.bench.Addresses.Server(ctx, port, ipv6)
	if err != nil {
		return netip.AddrPort{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases = append(s.releases, release)
	return a, nil
}

// DeviceCertificate issues a certificate for a device that the gateway calls.
func (s *stage) DeviceCertificate(leaf pki.Leaf) (tls.Certificate, error) {
	if s.bench.Issue == nil {
		return tls.Certificate{}, verdict.DoesNotApply("there is no test PKI that the target trusts: name its folder under bench.pki in the target file")
	}
	return s.bench.Issue(leaf)
}

// Restart restarts the gateway and configures it anew: it forgets what it was told.
func (s *stage) Restart(ctx context.Context) error {
	if s.bench.Restart == nil {
		return verdict.DoesNotApply("this target cannot be restarted by the harness")
	}
	s.log.Note("the gateway restarts")
	return s.restart(ctx, s.bench.Restart)
}

// SecureOnly restarts the gateway without plain CoAP.
func (s *stage) SecureOnly(ctx context.Context) error {
	if s.bench.SecureOnly == nil {
		return verdict.DoesNotApply("this target cannot be configured by the harness to serve coaps alone")
	}
	s.log.Note("the gateway restarts, configured to serve coaps alone")
	return s.restart(ctx, s.bench.SecureOnly)
}

// restart has the gateway restarted and configures it anew.
func (s *stage) restart(ctx context.Context, how func(context.Context) error) error {
	if err := how(ctx); err != nil {
		return verdict.Broken(err, "the gateway did not come back")
	}
	if err := s.bench.accounts.Restore(ctx); err != nil {
		return s.bench.broken(err, "restoring the users")
	}
	if err := s.configureAgain(ctx); err != nil {
		return err
	}
	s.log.Note("the gateway answers again")
	return nil
}

// configureAgain tells the gateway of the stage's providers and connectors once
// more.
func (s *stage) configureAgain(ctx context.Context) error {
	if s.bench.API == nil {
		return nil // it was never told
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.providers {
		if err := s.bench.putProvider(ctx, name, p); err != nil {
			return err
		}
	}
	for name, c := range s.connectors {
		if err := s.bench.putConnector(ctx, name, c); err != nil {
			return err
		}
	}
	return nil
}

// Close removes what the stage made, and says which requests to its part of
// the platform matched nothing. It clears up even when ctx has ended.
func (s *stage) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	stray := s.stray(ctx)
	stopped := s.stopDevice()

	s.mu.Lock()
	users, providers, connectors, releases := s.users, s.providers, s.connectors, s.releases
	s.users, s.providers, s.connectors, s.releases = nil, nil, nil, nil
	s.mu.Unlock()

	errs := []error{stopped}
	if s.bench.API == nil {
		connectors, providers = nil, nil // nobody but the stage knew of them
	}
	for name := range connectors {
		errs = append(errs, s.bench.API.DeleteConnector(ctx, name))
	}
	for name := range providers {
		errs = append(errs, s.bench.API.DeleteProvider(ctx, name))
	}
	for name := range users {
		errs = append(errs, s.bench.accounts.Release(ctx, name))
	}
	if s.bench.Platform != nil {
		errs = append(errs, s.bench.Platform.DeleteCustomer(ctx, s.customer))
	}
	for _, release := range releases {
		release()
	}
	if stray != nil {
		return stray
	}
	if err := errors.Join(errs...); err != nil {
		return s.bench.broken(err, "clearing up")
	}
	return nil
}
