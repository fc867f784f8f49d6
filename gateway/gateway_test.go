// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/stock"
)

var loopbacks = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}

// patience is longer than anything here takes on a busy machine.
const patience = 20 * time.Second

// bench is a gateway between real sockets: go-coap as the device, net/http as
// the platform, which answers with what it was asked.
type bench struct {
	*gateway.Gateway

	platform  *httptest.Server
	authority *pki.Authority
	log       *syncBuffer
	keys      bytes.Buffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, change ...func(*gateway.Config)) *bench {
	t.Helper()
	return startWith(t, gateway.Options{}, change...)
}

// startWith starts with other options; their log is the bench's.
func startWith(t *testing.T, o gateway.Options, change ...func(*gateway.Config)) *bench {
	t.Helper()
	b := &bench{log: &syncBuffer{}}
	b.platform = httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(b.platform.Close)
	var err error
	if b.authority, err = pki.Create(nil); err != nil {
		t.Fatal(err)
	}
	leaf, err := b.authority.Issue(pki.Leaf{Names: []string{"gateway.test"}, Addrs: loopbacks})
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := pki.EncodePEM(leaf)
	if err != nil {
		t.Fatal(err)
	}
	c := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0", "[::1]:0"}, CoAPS: []string{"127.0.0.1:0", "[::1]:0"}, API: "127.0.0.1:0"},
		Names:    []string{"gateway.test"},
		DTLS:     gateway.DTLS{Certificate: string(certificate)},
		Trust:    []string{string(b.authority.RootPEM())},
		Platform: gateway.Platform{Allow: []string{b.platform.URL}},
		Hosts:    map[string]string{"Device.test": "127.0.0.1"},
		Users: []gateway.User{
			{Name: "hello", Password: "world"},
			{Name: "text", Password: "world", PSKKey: api.Hex},
			{Name: "own", PSKKey: api.Explicit, Key: "hex:00112233445566778899aabbccddeeff"},
		},
	}
	_ = c.DTLS.Key.UnmarshalText(key)
	for _, f := range change {
		f(c)
	}
	o.Logger = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.KeyLog = &b.keys // which the race detector watches
	b.Gateway, err = gateway.Start(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := b.Wait(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// echo answers with the request in words, in the media type of the request.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, _, _ := r.BasicAuth()
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" as "+user+": "+string(body))
}

const token = "AuthToken=aGVsbG86d29ybGQ="

func (b *bench) proxyURI() message.Option {
	return message.Option{ID: message.ProxyURI, Value: []byte(b.platform.URL + "/orders?P_mode=TEST&" + token)}
}

func do(t *testing.T, url string, req *stock.Message, s *stock.Security) (*stock.Message, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return stock.Do(ctx, url, req, s, nil)
}

func TestDeviceCallsThePlatformOverEveryTransport(t *testing.T) {
	b := start(t)
	at := b.Addresses()
	sum := sha256.Sum256([]byte("world"))
	own, _ := hex.DecodeString("00112233445566778899aabbccddeeff")
	for name, tt := range map[string]struct {
		url      string
		security *stock.Security
	}{
		"coap, IPv4":             {"coap://" + at.CoAP[0].String(), nil},
		"coap, IPv6":             {"coap://" + at.CoAP[1].String(), nil},
		"PSK":                    {"coaps://" + at.CoAPS[0].String(), &stock.Security{Identity: "hello", Key: sum[:]}},
		"PSK, IPv6":              {"coaps://" + at.CoAPS[1].String(), &stock.Security{Identity: "hello", Key: sum[:]}},
		"PSK as hex digits":      {"coaps://" + at.CoAPS[0].String(), &stock.Security{Identity: "text", Key: []byte(hex.EncodeToString(sum[:]))}},
		"PSK of its own":         {"coaps://" + at.CoAPS[0].String(), &stock.Security{Identity: "own", Key: own}},
		"certificate":            {"coaps://" + at.CoAPS[0].String(), &stock.Security{Roots: b.authority.Roots(), ServerName: "gateway.test"}},
		"certificate by address": {"coaps://" + at.CoAPS[1].String(), &stock.Security{Roots: b.authority.Roots()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range []message.Type{message.Confirmable, message.NonConfirmable} {
				resp, err := do(t, tt.url+"/coap2http", &stock.Message{
					Type: typ, Code: codes.POST, Payload: []byte("x"),
					Options: message.Options{{ID: message.ContentFormat, Value: []byte{50}}, b.proxyURI()},
				}, tt.security)
				if err != nil {
					t.Fatal(err)
				}
				wantType := map[message.Type]message.Type{message.Confirmable: message.Acknowledgement, message.NonConfirmable: message.NonConfirmable}[typ]
				format, _ := resp.Options.ContentFormat()
				if resp.Type != wantType || resp.Code != codes.Changed || format != message.AppJSON || string(resp.Payload) != "POST /orders?P_mode=TEST as hello: x" {
					t.Errorf("got %s in format %d: %s", resp, format, resp.Payload)
				}
			}
		})
	}
}

func TestWrongKeysGetNoSession(t *testing.T) {
	b := start(t, func(c *gateway.Config) { c.Listen.CoAP = nil })
	sum := sha256.Sum256([]byte("wrong"))
	for _, identity := range []string{"hello", "nobody"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := stock.Do(ctx, "coaps://"+b.Addresses().CoAPS[0].String()+"/coap2http", &stock.Message{Code: codes.GET}, &stock.Security{Identity: identity, Key: sum[:]}, nil)
		cancel()
		if err == nil {
			t.Errorf("%s got a session", identity)
		}
	}
	if strings.Contains(b.log.String(), "plain coap") {
		t.Error("a warning of plain coap, which is not served")
	}
}

// A PSK session authenticates nothing towards the platform (reading 9).
func TestPSKIsNoCredentialForThePlatform(t *testing.T) {
	b := start(t)
	sum := sha256.Sum256([]byte("world"))
	resp, err := do(t, "coaps://"+b.Addresses().CoAPS[0].String()+"/coap2http", &stock.Message{
		Code: codes.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte(b.platform.URL + "/orders")}},
	}, &stock.Security{Identity: "hello", Key: sum[:]})
	if err != nil || resp.Code != codes.Unauthorized {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestUsersComeAndGoThroughTheAPI(t *testing.T) {
	b := start(t)
	client := api.NewClient("http://"+b.Addresses().API.String(), nil)
	sum := sha256.Sum256([]byte("secret"))
	call := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := stock.Do(ctx, "coaps://"+b.Addresses().CoAPS[0].String()+"/", &stock.Message{Code: codes.GET}, &stock.Security{Identity: "new", Key: sum[:]}, nil)
		return err
	}
	if call(time.Second) == nil {
		t.Error("a session before the user is known")
	}
	if err := client.PutUser(t.Context(), "new", api.User{Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	if err := call(patience); err != nil {
		t.Error(err)
	}
	shown, err := client.Users(t.Context())
	if err != nil || shown["new"].Password.Reveal() != "•••" || shown["new"].PSKKey != api.Raw || len(shown) != 4 {
		t.Errorf("got %v, %v", shown, err)
	}
	if err := client.DeleteUser(t.Context(), "new"); err != nil {
		t.Error(err)
	}
	if call(time.Second) == nil {
		t.Error("a session after the user is gone")
	}
	var problem *api.Problem
	if err := client.PutUser(t.Context(), "bad", api.User{}); !errors.As(err, &problem) || problem.Status != http.StatusBadRequest {
		t.Errorf("a user without a password: %v", err)
	}
}

func TestConnectorReachesADeviceByItsName(t *testing.T) {
	b := start(t)
	device, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	client := api.NewClient("http://"+b.Addresses().API.String(), nil)
	_, port, _ := net.SplitHostPort(device.Addr().String())
	if err := client.PutProvider(t.Context(), "device", outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{
		outbound.Live: {URL: "coap://device.TEST:" + port},
	}}); err != nil {
		t.Fatal(err)
	}
	if err := client.PutConnector(t.Context(), "hello", outbound.Connector{Provider: "device", Method: "GET", URL: "/hello"}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Call(t.Context(), "hello", outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || len(body) == 0 || err != nil {
		t.Errorf("got %s %q, %v", resp.Status, body, err)
	}
}

func TestOwnNamesAndAddressesAreLocalRequests(t *testing.T) {
	b := start(t)
	at := b.Addresses()
	_, port, _ := net.SplitHostPort(at.CoAP[0].String())
	for uri, want := range map[string]codes.Code{
		"coap://gateway.test:" + port + "/coap2http":   codes.BadRequest,
		"coap://GATEWAY.TEST.:" + port + "/coap2http":  codes.BadRequest,
		"coap://" + at.CoAP[0].String() + "/coap2http": codes.BadRequest,
		"coap://" + at.CoAP[1].String() + "/coap2http": codes.BadRequest,
		"coaps://" + at.CoAPS[0].String() + "/x":       codes.NotFound,
		"http://" + at.CoAP[0].String() + "/x":         codes.NotFound,
		"coap://gateway.test:1/coap2http":              codes.ProxyingNotSupported,
		"coap://127.0.0.2:" + port + "/coap2http":      codes.ProxyingNotSupported,
		"http://" + at.API.String() + "/users":         codes.ProxyingNotSupported,
	} {
		resp, err := do(t, "coap://"+at.CoAP[0].String(), &stock.Message{Code: codes.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte(uri)}}}, nil)
		if err != nil || resp.Code != want {
			t.Errorf("%s: got %v, %v, want %s", uri, resp, err, want)
		}
	}
}

func TestWildcardAddressServesBothFamilies(t *testing.T) {
	b := start(t, func(c *gateway.Config) { c.Listen.CoAP, c.Listen.CoAPS = []string{":0"}, nil })
	at := b.Addresses().CoAP
	if len(at) != 2 {
		t.Fatalf("it listens on %v", at)
	}
	for i, host := range loopbacks {
		to := netip.AddrPortFrom(host, at[i].Port())
		resp, err := do(t, "coap://"+to.String(), &stock.Message{Code: codes.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte("coap://" + to.String() + "/coap2http")}}}, nil)
		if err != nil || resp.Code != codes.BadRequest {
			t.Errorf("%s: got %v, %v", to, resp, err)
		}
	}
}

func TestStartWarnsOfWhatIsUnsafe(t *testing.T) {
	b := start(t)
	if !strings.Contains(b.log.String(), "level=WARN msg=\"plain coap is served") {
		t.Errorf("no warning in the log:\n%s", b.log)
	}
	for _, secret := range []string{"world", "PRIVATE", "00112233"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

func TestNoSecretReachesTheLog(t *testing.T) {
	b := start(t)
	for _, rest := range []string{"/orders?canary&" + token, "/orders?canary&" + token + "&" + token, "/ ?" + token} {
		if _, err := do(t, "coap://"+b.Addresses().CoAP[0].String()+"/coap2http", &stock.Message{Code: codes.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte(b.platform.URL + rest)}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"aGVsbG8", "world", "canary"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, b.log)
		}
	}
}

func TestAddressThatCannotBeBoundIsOneSentence(t *testing.T) {
	b := start(t)
	at := b.Addresses()
	for _, tt := range []struct {
		listen gateway.Listen
		want   string
		is     error
	}{
		{gateway.Listen{CoAP: []string{at.CoAP[0].String()}}, "cannot serve coap on " + at.CoAP[0].String() + ": another program uses the port: stop that, or give another address under listen.coap", syscall.EADDRINUSE},
		{gateway.Listen{CoAPS: []string{at.CoAPS[1].String()}}, "cannot serve coaps on " + at.CoAPS[1].String() + ": another program uses the port: stop that, or give another address under listen.coaps", syscall.EADDRINUSE},
		{gateway.Listen{CoAP: []string{"127.0.0.1:0"}, API: at.API.String()}, "cannot serve http on " + at.API.String() + ": another program uses the port: stop that, or give another address under listen.api", syscall.EADDRINUSE},
		{gateway.Listen{CoAP: []string{"192.0.2.1:0"}}, "cannot serve coap on 192.0.2.1:0: this machine has no such address: give another address under listen.coap", syscall.EADDRNOTAVAIL},
	} {
		g, err := gateway.Start(t.Context(), &gateway.Config{Listen: tt.listen}, gateway.Options{})
		var listen *gateway.ListenError
		if g != nil || err == nil || err.Error() != tt.want || !errors.As(err, &listen) || !errors.Is(err, tt.is) {
			t.Errorf("%+v: got %v", tt.listen, err)
		}
	}
	if _, err := gateway.Start(t.Context(), &gateway.Config{}, gateway.Options{}); err == nil || !strings.Contains(err.Error(), "listen: there is no address") {
		t.Errorf("an empty configuration: got %v", err)
	}
}

func TestGatewayEndsWithItsContextAndLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	g, err := gateway.Start(ctx, &gateway.Config{Listen: gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"}}, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := g.Addresses()
	cancel()
	if err := g.Wait(); err != nil {
		t.Errorf("got %v", err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Errorf("closing it again: %v", err)
	}
	again, err := gateway.Start(t.Context(), &gateway.Config{Listen: gateway.Listen{
		CoAP: []string{at.CoAP[0].String()}, CoAPS: []string{at.CoAPS[0].String()}, API: at.API.String(),
	}}, gateway.Options{})
	if err != nil {
		t.Fatalf("its addresses are still taken: %v", err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// What runs when the gateway is closed gets its answer.
func TestCloseLetsARunningCallFinish(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(called)
		<-release
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(slow.Close)
	b := start(t, func(c *gateway.Config) { c.Platform.Allow = []string{slow.URL} })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		resp, err := stock.Do(ctx, "coap://"+b.Addresses().CoAP[0].String()+"/coap2http", &stock.Message{
			Code: codes.GET, Options: message.Options{{ID: message.ProxyURI, Value: []byte(slow.URL + "/?" + token)}},
		}, nil, nil)
		if err != nil || resp.Code != codes.Content || string(resp.Payload) != "done" {
			t.Errorf("got %v, %v", resp, err)
		}
	})
	select {
	case <-called:
	case <-ctx.Done():
		t.Fatal("the platform was not called")
	}
	running.Go(func() {
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	for strings.Contains(b.ready(ctx), "200") { // until it is closing
		runtime.Gosched()
	}
	close(release)
	running.Wait()
}

// ready is what GET /ready says, or why it says nothing.
func (b *bench) ready(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Addresses().API.String()+"/ready", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.Status
}
