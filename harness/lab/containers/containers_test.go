// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

func open(t *testing.T) *Lab {
	t.Helper()
	need.Docker(t)
	l, err := Open(Options{})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return l.(*Lab)
}

func enter(t *testing.T, l lab.Lab) lab.Stage {
	t.Helper()
	s, err := l.Stage(t.Context(), t.Name(), &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// get sends a GET to coap2http with the Proxy-Uri and returns the response's code.
func get(ctx context.Context, s lab.Stage, at netip.AddrPort, o peer.Options, uri string) (coap.Code, error) {
	from, err := s.ClientAddr(ctx, at.Addr().Is6())
	if err != nil {
		return 0, err
	}
	o.Local = netip.AddrPortFrom(from, 0)
	c, err := peer.Dial(ctx, at, o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	req := &coap.Message{Type: coap.Confirmable, Code: coap.GET}
	req.AddString(coap.URIPath, "coap2http")
	req.AddString(coap.ProxyURI, uri)
	out, err := c.Exchange(ctx, req)
	if err != nil {
		return 0, err
	}
	return out.Response.Code, nil
}

// labelled is what there is of a lab, by name.
func labelled(t *testing.T, cli *client.Client, id string) (names []string) {
	t.Helper()
	filters := make(client.Filters).Add("label", Label+"="+id)
	cs, err := cli.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs.Items {
		names = append(names, c.Names...)
	}
	ns, err := cli.NetworkList(t.Context(), client.NetworkListOptions{Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ns.Items {
		names = append(names, n.Name)
	}
	return names
}

func TestGatewayAndPlatformWorkInContainers(t *testing.T) {
	l := open(t)
	s := enter(t, l)
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	answer := mockrmp.API{Method: http.MethodGet}
	plain, err := s.CompositeAPI(t.Context(), "orders", answer)
	if err != nil {
		t.Fatal(err)
	}
	secure, err := s.SecureCompositeAPI(t.Context(), "safe", answer)
	if err != nil {
		t.Fatal(err)
	}
	g := s.Gateway()
	t.Log(l.About())
	for _, api := range []lab.CompositeAPI{plain, secure} {
		uri := api.URL + "?AuthToken=" + u.Token
		for _, at := range g.CoAP {
			if code, err := get(t.Context(), s, at, peer.Options{}, uri); code != coap.Content {
				t.Errorf("%s: got %s, %v; want 2.05", at, code, err)
			}
		}
		for _, at := range g.CoAPS {
			for name, security := range map[string]*peer.Security{
				"psk":         {Identity: u.Identity, Key: u.Key},
				"certificate": {Roots: g.Roots, ServerName: g.Name},
			} {
				if code, err := get(t.Context(), s, at, peer.Options{Security: security}, uri); code != coap.Content {
					t.Errorf("%s with %s: got %s, %v; want 2.05", at, name, code, err)
				}
			}
		}
	}
	rs, err := s.Requests(t.Context(), "orders", 1)
	if err != nil || len(rs) == 0 {
		t.Fatalf("%d requests, %v", len(rs), err)
	}
	// True addresses: the platform sees the gateway, not a bridge.
	if want := addr(l.bridge.V4, gatewayPlace).String(); !strings.HasPrefix(rs[0].Remote, want+":") {
		t.Errorf("the platform was called from %s, want %s", rs[0].Remote, want)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConnectorInAContainerReachesADeviceOnTheBridge(t *testing.T) {
	l := open(t)
	s := enter(t, l)
	for _, v6 := range []bool{false, true} {
		if v6 && len(s.Gateway().CoAP) < 2 {
			continue // the machine has IPv6 switched off: nothing to reach
		}
		at, err := s.ServerAddr(t.Context(), 0, v6)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := s.DeviceCertificate(pki.Leaf{Addrs: []netip.Addr{at.Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		device, err := peer.Listen(t.Context(), peer.Options{Local: at, Security: &peer.Security{Certificates: []tls.Certificate{cert}}})
		if err != nil {
			t.Fatal(err)
		}
		device.Handle(peer.Answer(&coap.Message{Code: coap.Content, Payload: []byte("21.5")}))
		provider := outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{
			outbound.Live: {URL: "coaps://" + device.Local().String()},
		}}
		if err := s.Provider(t.Context(), "sensor", provider); err != nil {
			t.Fatal(err)
		}
		if err := s.Connector(t.Context(), "read", outbound.Connector{Provider: "sensor", Method: "GET", URL: "/temperature"}); err != nil {
			t.Fatal(err)
		}
		r, err := s.Call(t.Context(), "read", outbound.Call{})
		if err != nil || r.Status != http.StatusOK || string(r.Body) != "21.5" {
			t.Errorf("%s: got %d %q, %v; want 200", device.Local(), r.Status, r.Body, err)
		}
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestContainersAreLockedDown(t *testing.T) {
	l := open(t)
	for _, c := range []string{l.gateway.GetContainerID(), l.platform.GetContainerID()} {
		got, err := l.docker.ContainerInspect(t.Context(), c, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		about := got.Container
		if !about.HostConfig.ReadonlyRootfs || about.Config.User == "" || strings.HasPrefix(about.Config.User, "0") ||
			!slices.Equal(about.HostConfig.CapDrop, []string{"ALL"}) || about.HostConfig.Privileged {
			t.Errorf("%s: read-only %v, user %q, dropped %v, privileged %v", about.Name,
				about.HostConfig.ReadonlyRootfs, about.Config.User, about.HostConfig.CapDrop, about.HostConfig.Privileged)
		}
		if len(about.HostConfig.PortBindings) > 0 {
			t.Errorf("%s has mapped ports: %v", about.Name, about.HostConfig.PortBindings)
		}
		if about.Config.Labels[Label] != l.id {
			t.Errorf("%s lacks the label: %v", about.Name, about.Config.Labels)
		}
	}
}

func TestKillingTheGatewaysContainerIsFelt(t *testing.T) {
	l := open(t)
	s := enter(t, l)
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.KillGateway(t.Context()); err != nil {
		t.Fatal(err)
	}
	quick := peer.Options{Timing: peer.Timing{AckTimeout: 100 * time.Millisecond, MaxRetransmit: 1}}
	if code, err := get(t.Context(), s, s.Gateway().CoAP[0], quick, api.URL+"?AuthToken="+u.Token); err == nil {
		t.Errorf("a dead gateway answers %s", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.User(ctx, "another", "user", lab.Raw); err == nil {
		t.Error("a dead gateway can be configured")
	}
}

func TestARestartedGatewayIsBackAtItsAddress(t *testing.T) {
	s := enter(t, open(t))
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	security := &peer.Security{Identity: u.Identity, Key: u.Key}
	if code, err := get(t.Context(), s, s.Gateway().CoAPS[0], peer.Options{Security: security}, api.URL+"?AuthToken="+u.Token); code != coap.Content {
		t.Errorf("got %s, %v; want 2.05", code, err)
	}
}

func TestClosedLabLeavesNothingAndASweepTakesWhatACrashLeft(t *testing.T) {
	l := open(t)
	cli := l.docker
	if got := labelled(t, cli, l.id); len(got) != 3 {
		t.Fatalf("a lab is %v, want two containers and a network", got)
	}
	// Its process lives: a sweep leaves it alone.
	if _, err := Sweep(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got := labelled(t, cli, l.id); len(got) != 3 {
		t.Fatalf("a sweep took what is in use; left is %v", got)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	cli, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cli.Close() }()
	if got := labelled(t, cli, l.id); len(got) != 0 {
		t.Fatalf("a closed lab leaves %v", got)
	}

	// What a process left that is gone: an id that no process can have.
	host, _, _ := strings.Cut(owner(), "/")
	const id = "crashed-lab-of-a-test"
	made, err := cli.NetworkCreate(t.Context(), "coapstone-"+id, client.NetworkCreateOptions{
		Labels: map[string]string{Label: id, ownerLabel: host + "/4194305/1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = cli.NetworkRemove(context.WithoutCancel(t.Context()), made.ID, client.NetworkRemoveOptions{})
	})
	swept, err := Sweep(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(swept.Networks, "coapstone-"+id) || len(labelled(t, cli, id)) != 0 {
		t.Errorf("swept %+v, and %v is left", swept, labelled(t, cli, id))
	}
}
