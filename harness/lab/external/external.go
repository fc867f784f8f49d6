// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// The timeouts of a lab.
const (
	readyTimeout = 30 * time.Second // until the target answers a CoAP ping
	closeTimeout = 10 * time.Second
)

// Options is how a lab is set up. The zero value has hooks run, and asks nobody.
type Options struct {
	// Hooks runs the target file's hooks; nil means a runner in the current folder
	// that has nobody to ask.
	Hooks *hook.Runner
}

// Lab is a lab around an external target.
type Lab struct {
	target *target.File
	hooks  *hook.Runner
	bench  *stage.Bench
	http   *http.Transport
	turns  *turns
	made   []string // users that the lab made on the platform
	// platform is the mock platform that the lab started; nil: it started none.
	platform *mockrmp.Server
}

// Open is the opener of the lab around the target.
func Open(t *target.File) lab.Opener { return Options{}.Open(t) }

// Open is the opener of the lab around the target.
func (o Options) Open(t *target.File) lab.Opener {
	return func(ctx context.Context) (lab.Lab, error) {
		l := &Lab{target: t, hooks: o.Hooks, http: stage.NewTransport(), turns: newTurns(t.AtOnce(), time.Duration(t.Bench.Pause))}
		if l.hooks == nil {
			l.hooks = &hook.Runner{}
		}
		if err := l.open(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", t.Name, err), l.Close(ctx))
		}
		return l, nil
	}
}

func (l *Lab) open(ctx context.Context) error {
	switch {
	case l.target.Role == verdict.DeviceServer && l.target.Device != nil:
		return l.openDevice(ctx)
	case l.target.Role == verdict.DeviceClient:
		return l.openClient(ctx)
	case l.target.Role != verdict.Gateway || l.target.Gateway == nil:
		return fmt.Errorf("the target file does not say where its %s is", l.target.Role)
	}
	return l.openGateway(ctx)
}

// openGateway makes the lab around a gateway.
func (l *Lab) openGateway(ctx context.Context) error {
	b, err := l.gatewayBench()
	if err != nil {
		return err
	}
	for name, u := range l.target.Users {
		if b.Bound.Users[name], err = bind(u); err != nil {
			return fmt.Errorf("the user %q: %w", name, err)
		}
	}
	if p, err := l.newProxy(b.Bound.Users); err != nil {
		return err
	} else if p != nil {
		b.Proxy = p
	}
	l.bench = stage.New(b)
	if err := l.openPlatform(ctx); err != nil {
		return err
	}
	return l.awaitGateway(ctx)
}

// gatewayBench is the bench around a gateway, without users, proxy and platform.
func (l *Lab) gatewayBench() (*stage.Bench, error) {
	g := l.target.Gateway
	roots, err := g.TrustStore()
	if err != nil {
		return nil, err
	}
	if err := trusting(l.http, g); err != nil {
		return nil, err
	}
	addresses, err := l.addresses()
	if err != nil {
		return nil, err
	}
	b := &stage.Bench{
		Gateway: lab.Gateway{
			CoAP: g.CoAPAddrs(), CoAPS: g.CoAPSAddrs(),
			DefaultPorts: defaults(g.CoAPAddrs(), 5683) && defaults(g.CoAPSAddrs(), 5684),
			Name:         g.Host,
			Roots:        roots,
		},
		Addresses: addresses, Only: l.target.Addresses(),
		Bound:   stage.Bindings{Users: map[string]lab.User{}, APIs: l.target.APIs, Connectors: l.target.Connectors},
		Console: l.console(),
		Look:    l.client().Do,
	}
	if g.API != "" {
		b.API = api.NewClient(g.API, l.client())
	}
	if dir := l.target.Bench.PKI; dir != "" {
		authority, err := pki.Open(dir)
		if err != nil {
			return nil, err
		}
		b.Issue = authority.Issue
	}
	return b, nil
}

// addresses are those of the bench, with the ports that its devices may use.
func (l *Lab) addresses() (stage.Addresses, error) {
	shared := &stage.Shared{V4: l.target.Bench.Addr(false), V6: l.target.Bench.Addr(true)}
	return withPorts(shared, &l.target.Bench)
}

// defaults says whether the first address, if there is one, has the port.
func defaults(as []netip.AddrPort, port uint16) bool { return len(as) == 0 || as[0].Port() == port }

func bind(u *target.User) (lab.User, error) {
	key, err := u.PSK()
	if err != nil {
		return lab.User{}, err
	}
	password := u.Password.Value().Reveal()
	return lab.User{
		Name:     u.Name,
		Password: password,
		Token:    base64.StdEncoding.EncodeToString([]byte(u.Name + ":" + password)),
		Identity: u.Name,
		Key:      key,
	}, nil
}

// openPlatform makes the bound users known to the mock platform: it is the
// bench's, and only the gateway has them already.
func (l *Lab) openPlatform(ctx context.Context) error {
	p := l.target.Platform
	if p == nil {
		return nil
	}
	admin := p.Admin
	if admin == "" {
		if err := l.startPlatform(ctx); err != nil {
			return err
		}
		admin = "http://" + l.platform.Addresses().Admin.String()
	}
	l.bench.Platform = mockrmp.NewClient(admin)
	l.bench.HTTP, l.bench.HTTPS = strings.TrimSuffix(p.HTTP, "/"), strings.TrimSuffix(p.HTTPS, "/")
	if err := l.bench.Platform.Ready(ctx); err != nil {
		return fmt.Errorf("the mock platform at %s: %w", admin, err)
	}
	for _, u := range l.bench.Bound.Users {
		if err := l.bench.Platform.PutUser(ctx, mockrmp.User{Name: u.Name, Password: u.Password}); err != nil {
			return err
		}
		l.made = append(l.made, u.Name)
	}
	return nil
}

// Kind is lab.External.
func (l *Lab) Kind() lab.Kind { return lab.External }

// About is what the target file says, without its secrets.
func (l *Lab) About() []lab.Fact {
	t, g := l.target, l.bench.Gateway
	facts := []lab.Fact{
		{Name: "lab", Value: string(lab.External)},
		{Name: "target", Value: strings.TrimSpace(t.Name + " " + t.Version)},
		{Name: "coap", Value: stage.Join(g.CoAP)},
		{Name: "coaps", Value: stage.Join(g.CoAPS)},
		{Name: "device", Value: about(l.bench.Device)},
		{Name: "bench", Value: strings.Join(t.Bench.Addresses, " ")},
	}
	facts = append(facts, lab.Fact{Name: "platform", Value: l.platformFact()}, lab.Fact{Name: "connectors", Value: l.connectorsFact()})
	return slices.DeleteFunc(facts, func(f lab.Fact) bool { return f.Value == "" })
}

// Stage makes room for one scenario.
// It waits until the target may be spoken to: bench.exchanges and bench.pause.
func (l *Lab) Stage(ctx context.Context, id string, log *trace.Log) (lab.Stage, error) {
	done, err := l.turns.take(ctx)
	if err != nil {
		return nil, err
	}
	return &turn{l.bench.Stage(id, log), done}, nil
}

// Close removes the users that the lab made, and leaves the target as it is.
func (l *Lab) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for _, name := range l.made {
		errs = append(errs, l.bench.Platform.DeleteUser(ctx, name))
	}
	if l.bench != nil && l.bench.Platform != nil {
		l.bench.Platform.Close()
	}
	if l.bench != nil {
		if c, ok := l.bench.Device.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	l.http.CloseIdleConnections()
	if l.platform != nil {
		errs = append(errs, l.platform.Close(ctx))
	}
	return errors.Join(errs...)
}
