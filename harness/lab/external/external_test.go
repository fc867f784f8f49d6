// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// site is a gateway and a platform that stand somewhere, as a vendor has them.
type site struct {
	gateway  gateway.Addresses
	platform mockrmp.Addresses
	dir      string // of the target file
}

func build(t *testing.T, allow ...string) site {
	t.Helper()
	p, err := mockrmp.Start(context.WithoutCancel(t.Context()), mockrmp.Config{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.WithoutCancel(t.Context())) })
	config := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		Platform: gateway.Platform{Allow: append(allow, "http://"+p.Addresses().HTTP.String())},
		Users:    []gateway.User{{Name: "device-17", Password: "open sesame", PSKKey: "hex"}},
	}
	g, err := gateway.Start(context.WithoutCancel(t.Context()), config, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.WithoutCancel(t.Context())) })
	s := site{g.Addresses(), p.Addresses(), t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.dir, "password"), []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

const users = `users: {hello: {name: device-17, password: {file: password}, psk-key: hex}}
`

// target is the site's target file.
func (s site) target(t *testing.T, file string) *target.File {
	t.Helper()
	coaps := ""
	if len(s.gateway.CoAPS) > 0 {
		coaps = s.gateway.CoAPS[0].String()
	}
	file = strings.NewReplacer(
		"COAPS", coaps, "COAP", s.gateway.CoAP[0].String(), "API", s.gateway.API.String(),
		"ADMIN", s.platform.Admin.String(), "HTTP", s.platform.HTTP.String(),
	).Replace("name: X\n" + file)
	if !strings.Contains(file, "bench:") {
		file += "bench: {addresses: [127.0.0.1]}\n"
	}
	name := filepath.Join(s.dir, "target.yaml")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// enter opens the lab around the site and a stage in it.
func (s site) enter(t *testing.T, file string) lab.Stage {
	t.Helper()
	l, err := external.Open(s.target(t, file))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if l.Kind() != lab.External || len(l.About()) == 0 {
		t.Errorf("kind %q, facts %v", l.Kind(), l.About())
	}
	for _, fact := range l.About() {
		if strings.Contains(fact.Value, "sesame") {
			t.Errorf("a secret among the facts: %v", fact)
		}
	}
	st, err := l.Stage(t.Context(), t.Name(), &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func get(t *testing.T, s lab.Stage, at netip.AddrPort, security *peer.Security, uri string) coap.Code {
	t.Helper()
	c, err := peer.Dial(t.Context(), at, peer.Options{Security: security})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	req := &coap.Message{Type: coap.Confirmable, Code: coap.GET}
	req.AddString(coap.URIPath, "coap2http")
	req.AddString(coap.ProxyURI, uri)
	out, err := c.Exchange(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return out.Response.Code
}

func TestABoundUserCallsACompositeAPIOfTheBenchsPlatform(t *testing.T) {
	s := build(t)
	st := s.enter(t, users+"gateway: {coap: ['COAP'], coaps: ['COAPS']}\nplatform: {admin: 'http://ADMIN', http: 'http://HTTP'}\n")
	u, err := st.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil || u.Name != "device-17" {
		t.Fatalf("got %+v, %v; want the bound user", u.Name, err)
	}
	api, err := st.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	g := st.Gateway()
	if code := get(t, st, g.CoAPS[0], &peer.Security{Identity: u.Identity, Key: u.Key}, api.URL+"?AuthToken="+u.Token); code != coap.Content {
		t.Errorf("got %s, want 2.05", code)
	}
	if rs, err := st.Requests(t.Context(), "orders", 1); err != nil || len(rs) != 1 || rs[0].User != "device-17" {
		t.Errorf("got %v, %v", rs, err)
	}
	if err := st.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// ownPlatform is a platform of the target's own, which nobody can tell what to
// answer.
func ownPlatform(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "device-17" || password != "open sesame" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"open": 3}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestACompositeAPIThatAnswersOtherwiseThanAScenarioNeedsDoesNotApply(t *testing.T) {
	s := build(t)
	own := ownPlatform(t)
	st := s.enter(t, users+"gateway: {coap: ['COAP']}\napis: {orders: '"+own+"', gone: 'http://"+closedTCP(t)+"'}\n")
	for _, tt := range []struct {
		name, want string
		api        string
		answer     mockrmp.Answer
		method     string
	}{
		{name: "another body", api: "orders", answer: mockrmp.Answer{ContentType: "application/json", Body: []byte("{}")}, want: `answers with "{\"open\": 3}", where the scenario needs "{}"`},
		{name: "another status", api: "orders", answer: mockrmp.Answer{Status: 404}, want: "answers GET with 200, where the scenario needs 404"},
		{name: "another type", api: "orders", answer: mockrmp.Answer{ContentType: "text/plain"}, want: `answers with the content type "application/json"`},
		{name: "a fault", api: "orders", answer: mockrmp.Answer{Fault: mockrmp.FaultReset}, want: "cannot be told to be slow or to fail"},
		{name: "a write", api: "orders", method: http.MethodPut, want: "cannot be told to take a PUT for a test"},
		{name: "silence", api: "gone", want: "what it answers cannot be seen from here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := st.CompositeAPI(t.Context(), tt.api, mockrmp.API{Method: tt.method, Answers: []mockrmp.Answer{tt.answer}})
			if verdict.Of(err) != verdict.NotApplicable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// closedTCP is a TCP address at which nothing listens.
func closedTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func TestWhatTheTargetFileDoesNotNameDoesNotApply(t *testing.T) {
	s := build(t)
	own := ownPlatform(t)
	st := s.enter(t, users+"gateway: {coap: ['COAP']}\napis: {orders: '"+own+"/live/1/host/2/service/3'}\n")
	ctx := t.Context()
	needs := mockrmp.API{Method: http.MethodGet, Answers: []mockrmp.Answer{{ContentType: "application/json", Body: []byte(`{"open": 3}`)}}}
	if api, err := st.CompositeAPI(ctx, "orders", needs); err != nil || !strings.HasSuffix(api.URL, "/live/1/host/2/service/3") {
		t.Errorf("the bound API: %v, %v", api, err)
	}
	for what, do := range map[string]func() error{
		"another user":  func() error { _, err := st.User(ctx, "mallory", "x", lab.Raw); return err },
		"another API":   func() error { _, err := st.CompositeAPI(ctx, "stock", mockrmp.API{}); return err },
		"the journal":   func() error { _, err := st.Requests(ctx, "orders", 1); return err },
		"a provider":    func() error { return st.Provider(ctx, "p", outbound.Provider{}) },
		"a connector":   func() error { return st.Connector(ctx, "c", outbound.Connector{}) },
		"a call":        func() error { _, err := st.Call(ctx, "c", outbound.Call{}); return err },
		"a certificate": func() error { _, err := st.DeviceCertificate(pki.Leaf{}); return err },
		"a restart":     func() error { return st.Restart(ctx) },
		"IPv6":          func() error { _, err := st.ClientAddr(ctx, true); return err },
	} {
		if err := do(); err == nil || verdict.Of(err) != verdict.NotApplicable {
			t.Errorf("%s: got %v, want not-applicable", what, err)
		}
	}
	if err := st.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestATargetWithTheReferencesAPIIsConfigured(t *testing.T) {
	s := build(t)
	st := s.enter(t, users+"gateway: {coap: ['COAP'], coaps: ['COAPS'], api: 'http://API'}\nplatform: {admin: 'http://ADMIN', http: 'http://HTTP'}\n")
	u, err := st.User(t.Context(), "alice", "wonder", lab.Raw)
	if err != nil || u.Name != "alice" {
		t.Fatalf("got %v, %v", u.Name, err)
	}
	api, err := st.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if code := get(t, st, st.Gateway().CoAPS[0], &peer.Security{Identity: u.Identity, Key: u.Key}, api.URL+"?AuthToken="+u.Token); code != coap.Content {
		t.Errorf("got %s, want 2.05", code)
	}
	if err := st.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestATargetThatServesCoAPSAloneIsPingedInASession(t *testing.T) {
	s := build(t)
	s.enter(t, users+"gateway: {coaps: ['COAPS']}\n")
}

func TestConnectorsThatExistAlreadyAreNamedAndNotCalled(t *testing.T) {
	s := build(t)
	st := s.enter(t, users+"gateway: {coap: ['COAP']}\nconnectors: {lamp: Lamp in the hall}\n")
	for what, err := range map[string]error{
		"a provider":  st.Provider(t.Context(), "p", outbound.Provider{}),
		"a connector": st.Connector(t.Context(), "lamp", outbound.Connector{}),
	} {
		if verdict.Of(err) != verdict.NotApplicable || !strings.Contains(err.Error(), "Lamp in the hall") || !strings.Contains(err.Error(), "gateway.proxy") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
