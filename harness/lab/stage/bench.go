// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// Bench is what a lab gives to its stages. What is nil or empty is not there:
// scenarios that need it do not apply.
type Bench struct {
	// Gateway is where the gateway is reached.
	Gateway lab.Gateway
	// API is the gateway's HTTP API; nil: the gateway cannot be configured.
	API *api.Client
	// Proxy calls connectors where there is no API; nil: there is no proxy either.
	Proxy Proxy
	// Platform is the platform's admin API; nil: nobody sees what reaches the
	// platform.
	Platform *mockrmp.Client
	// HTTP and HTTPS are the platform's origins, as the gateway reaches them:
	// "http://platform.coapstone.test:8080".
	HTTP, HTTPS string
	// Addresses hands out addresses for devices.
	Addresses Addresses
	// Named hands out addresses that the gateway knows by the host name Host; nil:
	// it knows none.
	Named Addresses
	Host  string
	// Issue makes certificates for devices that the gateway calls, signed by what it
	// trusts; nil: nobody can.
	Issue func(pki.Leaf) (tls.Certificate, error)
	// Restart stops the gateway and starts it again at the same address; nil: it
	// cannot be restarted.
	Restart func(ctx context.Context) error
	// SecureOnly restarts it without plain CoAP; nil: it cannot be configured so.
	SecureOnly func(ctx context.Context) error
	// Console is what the gateway has said so far; nil: nobody hears it.
	Console func(ctx context.Context) (string, error)
	// Device is the device under test; nil: there is none, and NoDevice says why.
	Device   lab.DeviceUnderTest
	NoDevice string
	// Elsewhere says that the device under test has an address of its own, so that it
	// is not told where to serve.
	Elsewhere bool
	// Only are the addresses to which CoAP may be sent; nil: to any.
	Only []netip.Addr
	// Look calls a Composite API that exists already, to see what it answers; nil: it
	// cannot be reached.
	Look func(*http.Request) (*http.Response, error)
	// Bound is what exists already under the names of features.
	Bound Bindings

	accounts Accounts
}

// Bindings are names of features bound to what exists on a target. The zero
// value binds nothing.
type Bindings struct {
	Users map[string]lab.User
	// APIs are URLs without any query. A platform that can be told what to answer goes
	// before them.
	APIs map[string]string
	// Connectors are connectors' names on the target.
	Connectors map[string]string
}

// New makes b ready for stages, and keeps it.
func New(b *Bench) *Bench {
	b.accounts.Put = b.putAccount
	b.accounts.Delete = b.deleteAccount
	return b
}

// Stage makes room for one scenario.
func (b *Bench) Stage(id string, log *trace.Log) lab.Stage {
	return &stage{
		bench:      b,
		log:        log,
		customer:   "c" + digest(id),
		users:      map[string]lab.User{},
		apis:       map[string]mockrmp.API{},
		inherit:    map[string]bool{},
		providers:  map[string]outbound.Provider{},
		connectors: map[string]outbound.Connector{},
		traced:     map[int]bool{},
	}
}

func (b *Bench) putAccount(ctx context.Context, a Account) error {
	if err := b.Platform.PutUser(ctx, mockrmp.User{Name: a.Name, Password: a.Password}); err != nil {
		return err
	}
	return b.API.PutUser(ctx, a.Name, api.User{Password: secret.Text(a.Password), PSKKey: api.PSKForm(a.Form)})
}

func (b *Bench) deleteAccount(ctx context.Context, a Account) error {
	return errors.Join(b.API.DeleteUser(ctx, a.Name), b.Platform.DeleteUser(ctx, a.Name))
}

func (b *Bench) putProvider(ctx context.Context, name string, p outbound.Provider) error {
	return b.refusal(b.API.PutProvider(ctx, name, p), "configuring a provider")
}

func (b *Bench) putConnector(ctx context.Context, name string, c outbound.Connector) error {
	return b.refusal(b.API.PutConnector(ctx, name, c), "configuring a connector")
}

// refusal tells a configuration that the gateway refused from one that never
// arrived.
func (b *Bench) refusal(err error, doing string) error {
	if err == nil {
		return nil
	}
	var p *api.Problem
	if !errors.As(err, &p) {
		return b.broken(err, "%s", doing)
	}
	body, merr := json.Marshal(p)
	if merr != nil {
		return merr
	}
	return &lab.Refused{Result: lab.Result{
		Status: p.Status,
		Header: http.Header{"Content-Type": {"application/problem+json"}},
		Body:   body,
	}}
}

// broken is a fault of the lab, with what was being done.
func (b *Bench) broken(err error, format string, args ...any) error {
	return verdict.Broken(err, "the lab broke while "+format, args...)
}
