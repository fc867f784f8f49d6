// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

// Options is how a lab is set up. The zero value works.
type Options struct {
	// Program is a static coapstone for Linux to run in the containers. When empty
	// it is this very program if that is static, and else built from the sources.
	Program string
	// Authority is the test PKI; nil makes a new one in memory.
	Authority *pki.Authority
}

// The ports inside the containers.
const (
	coapPort  = 5683
	coapsPort = 5684
	httpPort  = 8080 // the gateway's API, the platform's Composite APIs
	httpsPort = 8443
	adminPort = 9000
)

// The timeouts of a lab.
const (
	openTimeout  = 3 * time.Minute // building the program included
	readyTimeout = 20 * time.Second
	closeTimeout = 30 * time.Second
)

// Lab is a lab in containers.
type Lab struct {
	id       string
	docker   *client.Client
	image    built
	version  string // of the Docker daemon
	bridge   *bridge
	config   stage.GatewayConfig
	gateway  *testcontainers.DockerContainer
	platform *testcontainers.DockerContainer
	bench    *stage.Bench
	http     *http.Transport // to the gateway's API
}

// Open is the opener of a lab like this. Where no Docker daemon answers its
// error is ErrNoDocker.
func Open(o Options) lab.Opener {
	return func(ctx context.Context) (lab.Lab, error) {
		ctx, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		l := &Lab{id: strconv.FormatUint(rand.Uint64(), 36)} //nolint:gosec // a name, no secret
		if err := l.open(ctx, o); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
		return l, nil
	}
}

// one image and one sweep are enough for all labs that open at the same time.
var opening sync.Mutex

func (l *Lab) open(ctx context.Context, o Options) error {
	var err error
	if l.docker, err = connect(ctx); err != nil {
		return err
	}
	if err := l.prepare(ctx, o); err != nil {
		return err
	}
	authority := o.Authority
	if authority == nil {
		if authority, err = pki.Create(nil); err != nil {
			return err
		}
	}
	if l.bridge, err = newBridge(ctx, l.docker, l.id); err != nil {
		return err
	}
	host := addr(l.bridge.V4, hostPlace)
	if !local(host) {
		return fmt.Errorf("the Docker daemon runs on another machine than this program (its bridge address %s is not ours), so devices cannot be reached: run coapstone where the daemon is, or use --lab embedded", host)
	}
	bench := &stage.Bench{
		Platform: mockrmp.NewClient("http://" + netip.AddrPortFrom(addr(l.bridge.V4, platformPlace), adminPort).String()),
		HTTP:     fmt.Sprintf("http://%s:%d", stage.PlatformName, httpPort),
		HTTPS:    fmt.Sprintf("https://%s:%d", stage.PlatformName, httpsPort),
		Issue:    authority.Issue,
		Restart:  l.restart,
		NoDevice: "the stock device does not run in a container yet: use --lab embedded for the roles of devices",
	}
	if err := l.startPlatform(ctx, authority); err != nil {
		return err
	}
	if err := l.startGateway(ctx, authority, bench); err != nil {
		return err
	}
	bench.Addresses = l.deviceAddresses(ctx, bench)
	bench.Named, bench.Host = bench.Addresses, stage.DeviceName
	bench.Console = func(ctx context.Context) (string, error) { return said(ctx, l.docker, l.gateway.GetContainerID()) }
	bench.SecureOnly = func(ctx context.Context) error {
		bench.Gateway.CoAP = nil
		return l.secureOnly(ctx, bench.API)
	}
	l.bench = stage.New(bench)
	return nil
}

// prepare sweeps what a crash left and builds the image.
func (l *Lab) prepare(ctx context.Context, o Options) error {
	opening.Lock()
	defer opening.Unlock()
	if _, err := sweep(ctx, l.docker, false); err != nil {
		return err
	}
	about, err := l.docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return err
	}
	l.version = about.Version
	bin, err := program(ctx, o.Program, about.Arch)
	if err != nil {
		return err
	}
	l.image, err = buildImage(ctx, l.docker, bin)
	return err
}

func (l *Lab) startPlatform(ctx context.Context, authority *pki.Authority) error {
	cert, err := authority.Issue(pki.Leaf{Names: []string{stage.PlatformName}, Addrs: l.bridge.at(platformPlace)})
	if err != nil {
		return err
	}
	certPEM, keyPEM, err := pki.EncodePEM(cert)
	if err != nil {
		return err
	}
	// JSON is YAML too.
	config, err := json.Marshal(map[string]any{
		"listen": map[string]string{
			"http":  fmt.Sprintf(":%d", httpPort),
			"https": fmt.Sprintf(":%d", httpsPort),
			"admin": fmt.Sprintf(":%d", adminPort),
		},
		"tls": map[string]string{"certificate": string(certPEM), "key": string(keyPEM)},
	})
	if err != nil {
		return err
	}
	l.platform, err = start(ctx, l.docker, spec{
		lab: l.id, image: l.image.Name, name: "platform", command: "mockrmp",
		host: stage.PlatformName, bridge: l.bridge, place: platformPlace, config: config,
	})
	return err
}

// startGateway starts the gateway and awaits its answer to a ping.
func (l *Lab) startGateway(ctx context.Context, authority *pki.Authority, bench *stage.Bench) error {
	cert, err := authority.Issue(pki.Leaf{Names: []string{stage.GatewayName}, Addrs: l.bridge.at(gatewayPlace)})
	if err != nil {
		return err
	}
	wildcards := []netip.Addr{netip.IPv4Unspecified()}
	if l.bridge.V6.IsValid() {
		wildcards = append(wildcards, netip.IPv6Unspecified())
	}
	l.config = stage.GatewayConfig{
		API:         netip.AddrPortFrom(netip.IPv4Unspecified(), httpPort),
		Certificate: cert,
		Roots:       authority.RootPEM(),
		Allow:       []string{bench.HTTP, bench.HTTPS},
		Platform:    addr(l.bridge.V4, platformPlace),
		Device:      addr(l.bridge.V4, hostPlace),
	}
	for _, a := range wildcards {
		l.config.CoAP = append(l.config.CoAP, netip.AddrPortFrom(a, coapPort))
		l.config.CoAPS = append(l.config.CoAPS, netip.AddrPortFrom(a, coapsPort))
	}
	yaml, err := l.config.YAML()
	if err != nil {
		return err
	}
	l.gateway, err = start(ctx, l.docker, spec{
		lab: l.id, image: l.image.Name, name: "gateway", command: "gateway", verbose: true,
		host: stage.GatewayName, bridge: l.bridge, place: gatewayPlace, config: yaml,
	})
	if err != nil {
		return err
	}
	bench.Gateway = lab.Gateway{DefaultPorts: true, Name: stage.GatewayName, Roots: authority.Roots()}
	for _, a := range l.bridge.at(gatewayPlace) {
		bench.Gateway.CoAP = append(bench.Gateway.CoAP, netip.AddrPortFrom(a, coapPort))
		bench.Gateway.CoAPS = append(bench.Gateway.CoAPS, netip.AddrPortFrom(a, coapsPort))
	}
	l.http = stage.NewTransport()
	apiAt := netip.AddrPortFrom(addr(l.bridge.V4, gatewayPlace), httpPort)
	bench.API = api.NewClient("http://"+apiAt.String(), &http.Client{Transport: l.http})
	return l.awaitGateway(ctx)
}

// awaitGateway awaits an answer to a CoAP ping.
func (l *Lab) awaitGateway(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := stage.AwaitPing(ctx, addr(l.bridge.V4, hostPlace), netip.AddrPortFrom(addr(l.bridge.V4, gatewayPlace), coapPort))
	if err != nil {
		return fmt.Errorf("%w; its container says: %s", err, lastWords(ctx, l.docker, l.gateway.GetContainerID()))
	}
	return nil
}

// deviceAddresses is this machine's ends of the bridge. Whether IPv6 works is
// seen by a ping: a machine may have it switched off.
func (l *Lab) deviceAddresses(ctx context.Context, bench *stage.Bench) *stage.Shared {
	s := &stage.Shared{V4: addr(l.bridge.V4, hostPlace)}
	if !l.bridge.V6.IsValid() {
		return s
	}
	v6 := addr(l.bridge.V6, hostPlace)
	if awaitPing6(ctx, v6, netip.AddrPortFrom(addr(l.bridge.V6, gatewayPlace), coapPort)) == nil {
		s.V6 = v6
		return s
	}
	g := &bench.Gateway
	g.CoAP, g.CoAPS = g.CoAP[:1], g.CoAPS[:1]
	return s
}

// restart stops the gateway's container and starts it again: it keeps its address.
func (l *Lab) restart(ctx context.Context) error {
	if err := l.restartContainer(ctx); err != nil {
		return err
	}
	return l.awaitGateway(ctx)
}

func (l *Lab) restartContainer(ctx context.Context) error {
	l.http.CloseIdleConnections() // the gateway waits for them when it ends
	id := l.gateway.GetContainerID()
	if _, err := l.docker.ContainerRestart(ctx, id, client.ContainerRestartOptions{}); err != nil {
		return fmt.Errorf("cannot restart the gateway's container: %w", err)
	}
	return nil
}

// secureOnly is restart with a configuration that names no address for plain CoAP.
func (l *Lab) secureOnly(ctx context.Context, gateway *api.Client) error {
	l.config.CoAP = nil
	yaml, err := l.config.YAML()
	if err != nil {
		return err
	}
	if err := copyConfig(ctx, l.docker, l.gateway.GetContainerID(), "gateway.yaml", yaml); err != nil {
		return fmt.Errorf("cannot configure the gateway's container: %w", err)
	}
	if err := l.restartContainer(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return stage.AwaitAPI(ctx, gateway)
}

// KillGateway kills the gateway's container. It stays dead.
func (l *Lab) KillGateway(ctx context.Context) error {
	_, err := l.docker.ContainerKill(ctx, l.gateway.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// Kind is lab.Containers.
func (l *Lab) Kind() lab.Kind { return lab.Containers }

// About is the image's digest, the addresses and the versions.
func (l *Lab) About() []lab.Fact {
	g := l.bench.Gateway
	return []lab.Fact{
		{Name: "lab", Value: string(lab.Containers)},
		{Name: "image", Value: l.image.Name},
		{Name: "digest", Value: l.image.Digest},
		{Name: "docker", Value: l.version},
		{Name: "network", Value: l.bridge.V4.String()},
		{Name: "gateway", Value: "reference gateway, in the container " + l.gateway.GetContainerID()[:12]},
		{Name: "coap", Value: stage.Join(g.CoAP)},
		{Name: "coaps", Value: stage.Join(g.CoAPS)},
		{Name: "platform", Value: l.bench.HTTP + " " + l.bench.HTTPS + ", in the container " + l.platform.GetContainerID()[:12]},
		{Name: "go", Value: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
	}
}

// Stage makes room for one scenario.
func (l *Lab) Stage(_ context.Context, id string, log *trace.Log) (lab.Stage, error) {
	return l.bench.Stage(id, log), nil
}

// Close takes the containers and the network away, even when ctx has ended.
func (l *Lab) Close(ctx context.Context) error {
	if l.docker == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for _, c := range []*testcontainers.DockerContainer{l.gateway, l.platform} {
		if c != nil {
			errs = append(errs, remove(ctx, l.docker, c.GetContainerID()))
		}
	}
	if l.bridge != nil {
		_, err := l.docker.NetworkRemove(ctx, l.bridge.ID, client.NetworkRemoveOptions{})
		errs = append(errs, ignoreGone(err))
	}
	if l.http != nil {
		l.http.CloseIdleConnections()
	}
	if l.bench != nil {
		l.bench.Platform.Close()
	}
	return errors.Join(append(errs, l.docker.Close())...)
}
