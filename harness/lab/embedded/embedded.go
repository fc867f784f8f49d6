// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

// Options is how a lab is set up. The zero value works.
type Options struct {
	// Logger hears of the gateway and the platform; nil means nobody does.
	Logger *slog.Logger
	// KeyLog gets the secrets of the gateway's DTLS sessions in NSS format. Devices
	// log theirs into their scenario's trace anyway.
	KeyLog io.Writer
	// Seams is code to be put between the parts of the gateway, and Configure
	// changes its configuration: so a gateway is had that is right in all but one
	// point. Both are called again when the gateway restarts.
	Seams     gateway.Seams
	Configure func(*gateway.Config)
	// Authority is the test PKI; nil makes a new one in memory.
	Authority *pki.Authority
	// Device is the device under test; nil is the stock device in this process.
	Device lab.DeviceUnderTest
}

// The timeouts of a lab.
const (
	readyTimeout = 10 * time.Second // until the gateway answers a ping
	closeTimeout = 10 * time.Second // for the gateway to finish what it does
)

// Lab is a lab in this process.
type Lab struct {
	options  Options
	place    place
	bench    *stage.Bench
	config   stage.GatewayConfig
	gateway  *gateway.Gateway
	platform *mockrmp.Server
	http     *http.Transport // to the gateway's API
	console  stage.Recorder  // what the gateway says
}

// Open is the opener of a lab like this.
func Open(o Options) lab.Opener {
	return func(ctx context.Context) (lab.Lab, error) {
		l := &Lab{options: o}
		if err := l.open(ctx); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
		return l, nil
	}
}

func (l *Lab) open(ctx context.Context) error {
	authority := l.options.Authority
	if authority == nil {
		var err error
		if authority, err = pki.Create(nil); err != nil {
			return err
		}
	}
	l.place = findPlace(ctx)
	if err := l.startPlatform(ctx, authority); err != nil {
		return err
	}
	addresses := l.platform.Addresses()
	bench := &stage.Bench{
		Platform:  mockrmp.NewClient("http://" + addresses.Admin.String()),
		HTTP:      fmt.Sprintf("http://%s:%d", stage.PlatformName, addresses.HTTP.Port()),
		HTTPS:     fmt.Sprintf("https://%s:%d", stage.PlatformName, addresses.HTTPS.Port()),
		Addresses: l.place.addresses,
		Named:     l.place.named,
		Host:      stage.DeviceName,
		Issue:     authority.Issue,
		Restart:   l.restart,
		Console:   func(context.Context) (string, error) { return l.console.Text(), nil },
		Device:    l.options.Device,
	}
	if bench.Device == nil {
		bench.Device = stockDevice{l.options.Logger}
	}
	leaf := pki.Leaf{Names: []string{stage.GatewayName}, Addrs: []netip.Addr{l.place.gateway}}
	if l.place.v6 {
		leaf.Addrs = append(leaf.Addrs, loopback6)
	}
	cert, err := authority.Issue(leaf)
	if err != nil {
		return err
	}
	l.config = stage.GatewayConfig{
		CoAP:        []netip.AddrPort{netip.AddrPortFrom(l.place.gateway, l.place.coap)},
		CoAPS:       []netip.AddrPort{netip.AddrPortFrom(l.place.gateway, l.place.coaps)},
		API:         netip.AddrPortFrom(l.place.gateway, 0),
		Certificate: cert,
		Roots:       authority.RootPEM(),
		Allow:       []string{bench.HTTP, bench.HTTPS},
		Platform:    l.place.platform,
		Device:      l.place.device,
	}
	if l.place.v6 {
		l.config.CoAP = append(l.config.CoAP, netip.AddrPortFrom(loopback6, 0))
		l.config.CoAPS = append(l.config.CoAPS, netip.AddrPortFrom(loopback6, 0))
	}
	if err := l.startGateway(ctx); err != nil {
		return err
	}
	// The ports that were free: a restart takes the same ones.
	at := l.gateway.Addresses()
	l.config.CoAP, l.config.CoAPS, l.config.API = at.CoAP, at.CoAPS, at.API
	bench.Gateway = lab.Gateway{
		CoAP:         at.CoAP,
		CoAPS:        at.CoAPS,
		DefaultPorts: l.place.coap == coapPort,
		Name:         stage.GatewayName,
		Roots:        authority.Roots(),
	}
	bench.SecureOnly = func(ctx context.Context) error {
		l.config.CoAP, bench.Gateway.CoAP = nil, nil
		return l.restart(ctx)
	}
	l.http = stage.NewTransport()
	bench.API = api.NewClient("http://"+at.API.String(), &http.Client{Transport: l.http})
	l.bench = stage.New(bench)
	return nil
}

func (l *Lab) startPlatform(ctx context.Context, authority *pki.Authority) error {
	cert, err := authority.Issue(pki.Leaf{Names: []string{stage.PlatformName}, Addrs: []netip.Addr{l.place.platform}})
	if err != nil {
		return err
	}
	anyPort := netip.AddrPortFrom(l.place.platform, 0).String()
	// It lives until Close, which may come after the end of ctx.
	l.platform, err = mockrmp.Start(context.WithoutCancel(ctx), mockrmp.Config{
		HTTP: anyPort, HTTPS: anyPort, Admin: anyPort, Certificate: &cert, Logger: l.options.Logger,
	})
	return err
}

// startGateway starts the gateway and awaits its answer to a ping.
func (l *Lab) startGateway(ctx context.Context) error {
	yaml, err := l.config.YAML()
	if err != nil {
		return err
	}
	config, err := gateway.ParseConfig("the lab's gateway", yaml)
	if err != nil {
		return err
	}
	if l.options.Configure != nil {
		l.options.Configure(config)
	}
	l.gateway, err = gateway.Start(context.WithoutCancel(ctx), config, gateway.Options{
		Logger: l.logger(), KeyLog: l.options.KeyLog, Seams: l.options.Seams,
	})
	if err != nil {
		return err
	}
	if len(l.config.CoAP) == 0 {
		return nil // Start returns when every address is bound
	}
	ready, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return stage.AwaitPing(ready, netip.Addr{}, l.gateway.Addresses().CoAP[0])
}

// logger writes to the console, and to whoever else is to hear of the gateway.
func (l *Lab) logger() *slog.Logger {
	// Everything: what must not be said must not be said at any level.
	var all slog.Handler = slog.NewTextHandler(&l.console, &slog.HandlerOptions{Level: slog.LevelDebug})
	if o := l.options.Logger; o != nil {
		all = both{all, o.Handler()}
	}
	return slog.New(all)
}

func (l *Lab) restart(ctx context.Context) error {
	err := l.gateway.Close(ctx)
	l.gateway = nil
	if err != nil {
		return err
	}
	l.http.CloseIdleConnections()
	return l.startGateway(ctx)
}

// Kind is lab.Embedded.
func (l *Lab) Kind() lab.Kind { return lab.Embedded }

// About is the addresses and the versions.
func (l *Lab) About() []lab.Fact {
	g := l.bench.Gateway
	return []lab.Fact{
		{Name: "lab", Value: string(lab.Embedded)},
		{Name: "gateway", Value: "reference gateway, in process"},
		{Name: "device", Value: l.bench.Device.About()},
		{Name: "coap", Value: stage.Join(g.CoAP)},
		{Name: "coaps", Value: stage.Join(g.CoAPS)},
		{Name: "platform", Value: l.bench.HTTP + " " + l.bench.HTTPS + " at " + l.place.platform.String()},
		{Name: "go", Value: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
	}
}

// Stage makes room for one scenario.
func (l *Lab) Stage(_ context.Context, id string, log *trace.Log) (lab.Stage, error) {
	return l.bench.Stage(id, log), nil
}

// Close ends the gateway and the platform, even when ctx has ended.
func (l *Lab) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	// The clients first: a server waits seconds for a connection that was opened
	// and never used.
	if l.http != nil {
		l.http.CloseIdleConnections()
	}
	if l.bench != nil {
		l.bench.Platform.Close()
	}
	if l.gateway != nil {
		errs = append(errs, l.gateway.Close(ctx))
	}
	if l.platform != nil {
		errs = append(errs, l.platform.Close(ctx))
	}
	if l.place.claim != nil {
		errs = append(errs, l.place.claim.Close())
	}
	return errors.Join(errs...)
}
