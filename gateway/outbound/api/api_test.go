// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/store"
	"github.com/coapstone/coapstone/gateway/secret"
)

// users is a Users in a map.
type users struct {
	mu  sync.Mutex
	all map[string]api.User
}

func (u *users) PutUser(name string, user api.User) (bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if name == "taken" {
		return false, errors.New("users: the name is taken")
	}
	_, exists := u.all[name]
	u.all[name] = user
	return !exists, nil
}

func (u *users) DeleteUser(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, exists := u.all[name]
	delete(u.all, name)
	return exists
}

func (u *users) User(name string) (api.User, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.all[name]
	return user, ok
}

func (u *users) Users() map[string]api.User {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.all)
}

// gateway is an API behind a real listener. Every answer of it is held against
// openapi.yaml, and so is every request that was answered with success.
type gateway struct {
	*api.Client
	URL   string
	store *store.Store
	users *users
	log   *bytes.Buffer
}

func serve(t *testing.T, change ...func(*api.Options)) *gateway {
	t.Helper()
	g := &gateway{store: new(store.Store), users: &users{all: map[string]api.User{}}, log: new(bytes.Buffer)}
	log := slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e := endpoint.New(endpoint.Options{Logger: log})
	caller := call.New(call.Options{Endpoint: e, Logger: log})
	o := api.Options{Store: g.store, Caller: caller, Users: g.users, Logger: log}
	for _, f := range change {
		f(&o)
	}
	server := httptest.NewServer(api.New(o))
	t.Cleanup(func() {
		server.Close()
		_ = caller.Close()
		_ = e.Close(context.Background())
	})
	g.URL = server.URL
	g.Client = api.NewClient(server.URL+"/", &http.Client{Transport: &validating{t: t, next: http.DefaultTransport}})
	return g
}

// do sends a raw request; contentType "" means none.
func (g *gateway) do(t *testing.T, method, path, contentType, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := (&validating{t: t, next: http.DefaultTransport}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// wantProblem wants problem details with the status and all of the words.
func wantProblem(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a *Problem", err)
	}
	if p.Status != status || p.Title != http.StatusText(status) || p.Type != "about:blank" {
		t.Errorf("got %+v, want status %d", p, status)
	}
	for _, word := range words {
		if !strings.Contains(p.Detail, word) {
			t.Errorf("the detail %q says nothing of %q", p.Detail, word)
		}
	}
}

func coapProvider(url string) outbound.Provider {
	return outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url}}}
}

func secretOf(s string) (t secret.Text) {
	_ = t.UnmarshalText([]byte(s))
	return t
}

func TestSecretsGoInAndNeverComeOut(t *testing.T) {
	g := serve(t)
	provider := outbound.Provider{
		Title: "The boiler", Tags: []string{"cellar"}, Variables: map[string]string{"a": "b"},
		Environments: map[outbound.Mode]outbound.Environment{
			outbound.Live: {URL: "coaps://h", Authentication: &outbound.Authentication{Identity: "me", Key: secretOf("hex:53ecae70")}},
			outbound.Test: {URL: "coap://h"},
		},
	}
	user := api.User{Password: secretOf("53ecae71")}
	explicit := api.User{Key: secretOf("53ecae72"), PSKKey: api.Explicit}
	const name = "a/b c%2F@é" // a name is one segment, whatever is in it
	if err := errors.Join(
		g.PutProvider(t.Context(), name, provider), g.PutUser(t.Context(), name, user), g.PutUser(t.Context(), "explicit", explicit),
	); err != nil {
		t.Fatal(err)
	}
	if got, _ := g.store.Provider(name); cmp.Diff(provider, got) != "" {
		t.Error("the provider did not arrive as it was, its key included: ", cmp.Diff(provider, got))
	}
	want := map[string]api.User{name: user, "explicit": explicit}
	if got := g.users.Users(); !maps.Equal(want, got) {
		t.Error("the users did not arrive as they were, with password and key")
	}
	var seen strings.Builder
	for _, path := range []string{"/providers", "/providers/a%2Fb%20c%252F@%C3%A9", "/users", "/users/explicit", "/connectors"} {
		resp, body := g.do(t, "GET", path, "", "")
		if resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
		seen.WriteString(body)
	}
	_, body := g.do(t, "PUT", "/providers/again", "application/json", `{"environments":{"LIVE":{"url":"coaps://h","authentication":{"identity":"me","key":"53ecae73"}}}}`)
	seen.WriteString(body)
	_, body = g.do(t, "PUT", "/users/again", "application/json", `{"password":"53ecae74"}`)
	seen.WriteString(body)
	_, body = g.do(t, "PUT", "/users/again", "application/json", `{"pskKey":"explicit","key":"hex:53ecae75x"}`)
	seen.WriteString(body)
	_, body = g.do(t, "PUT", "/users/again", "application/json", `{"password":"53ecae76","key":12}`)
	seen.WriteString(body)
	seen.WriteString(g.log.String())
	if s := seen.String(); strings.Contains(s, "53ecae") {
		t.Errorf("a secret came out:\n%s", s)
	}
	for _, err := range []error{
		g.DeleteProvider(t.Context(), name), g.DeleteUser(t.Context(), name),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	wantProblem(t, g.DeleteProvider(t.Context(), name), http.StatusNotFound, "no provider")
	wantProblem(t, g.DeleteUser(t.Context(), name), http.StatusNotFound, "no user")
	wantProblem(t, g.DeleteConnector(t.Context(), name), http.StatusNotFound, "no connector")
}

func TestMaskIsNoSecret(t *testing.T) {
	g := serve(t)
	p := coapProvider("coaps://h")
	e := p.Environments[outbound.Live]
	e.Authentication = &outbound.Authentication{Identity: "me", Key: secretOf(secret.Mask)}
	p.Environments[outbound.Live] = e
	wantProblem(t, g.PutProvider(t.Context(), "p", p), http.StatusBadRequest, "mask")
	wantProblem(t, g.PutUser(t.Context(), "u", api.User{Password: secretOf(secret.Mask)}), http.StatusBadRequest, "mask")
}

func TestClientListsWhatIsThere(t *testing.T) {
	g := serve(t)
	connector := outbound.Connector{Provider: "p", Method: "PUT", URL: "/x", Parameters: map[string]string{"timeout": "5"}, Content: "text/plain", Body: "b", Accept: "text/plain", Title: "t"}
	if err := errors.Join(
		g.Ready(t.Context()), g.PutProvider(t.Context(), "p", coapProvider("coap://h")), g.PutConnector(t.Context(), "c", connector),
		g.PutConnector(t.Context(), "c", connector), g.PutUser(t.Context(), "u", api.User{Password: secretOf("w"), PSKKey: api.Hex}),
	); err != nil {
		t.Fatal(err)
	}
	providers, err1 := g.Providers(t.Context())
	connectors, err2 := g.Connectors(t.Context())
	all, err3 := g.Users(t.Context())
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]outbound.Provider{"p": coapProvider("coap://h")}, providers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]outbound.Connector{"c": connector}, connectors); diff != "" {
		t.Error(diff)
	}
	if !maps.Equal(map[string]api.User{"u": {Password: secret.Mask, PSKKey: api.Hex}}, all) {
		t.Errorf("got %v", all)
	}
}

func TestConfigurationThatCannotWorkIsRefused(t *testing.T) {
	g := serve(t)
	wantProblem(t, g.PutProvider(t.Context(), "p", coapProvider("http://h")), http.StatusBadRequest, `provider "p"`, "environments.LIVE.url")
	wantProblem(t, g.PutConnector(t.Context(), "c", outbound.Connector{Provider: "p", Method: "GET", Accept: "application/x-nothing"}), http.StatusBadRequest, `connector "c"`, "accept", "application/x-nothing")
	wantProblem(t, g.PutConnector(t.Context(), "c", outbound.Connector{Provider: "p", Method: "GET", Parameters: map[string]string{"timeout": "30.000"}}), http.StatusBadRequest, "timeout", "30000")
	wantProblem(t, g.PutUser(t.Context(), "u", api.User{}), http.StatusBadRequest, "password")
	wantProblem(t, g.PutUser(t.Context(), "u", api.User{Password: "p", Key: "k"}), http.StatusBadRequest, "explicit")
	wantProblem(t, g.PutUser(t.Context(), "u", api.User{Password: "p", PSKKey: "md5"}), http.StatusBadRequest, "raw, hex or explicit")
	wantProblem(t, g.PutUser(t.Context(), "u", api.User{PSKKey: api.Explicit}), http.StatusBadRequest, "key")
	wantProblem(t, g.PutUser(t.Context(), "taken", api.User{Password: "p"}), http.StatusBadRequest, "taken")
	wantProblem(t, g.PutUser(t.Context(), "a\nb", api.User{Password: "p"}), http.StatusBadRequest, "control")
}

func TestRequestThatIsNoneGetsAProblem(t *testing.T) {
	g := serve(t)
	const good = `{"environments":{"LIVE":{"url":"coap://h"}}}`
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		word                                  string
	}{
		{"unknown path", "GET", "/nothing", "", "", 404, "/openapi.yaml"},
		{"unknown provider", "GET", "/providers/x", "", "", 404, `"x"`},
		{"unknown connector", "GET", "/connectors/x", "", "", 404, `"x"`},
		{"unknown user", "GET", "/users/x", "", "", 404, `"x"`},
		{"call of nothing", "POST", "/connectors/x/call", "", "", 404, `"x"`},
		{"wrong method", "POST", "/providers/x", "application/json", good, 405, "DELETE, GET, PUT"},
		{"wrong method for all", "DELETE", "/providers", "", "", 405, "GET"},
		{"no content type", "PUT", "/providers/x", "", good, 415, "application/json"},
		{"another content type", "PUT", "/providers/x", "text/plain", good, 415, "application/json"},
		{"broken content type", "PUT", "/providers/x", "application/json;;=", good, 415, "application/json"},
		{"empty", "PUT", "/providers/x", "application/json", "", 400, "empty"},
		{"no JSON", "PUT", "/providers/x", "application/json", `{"environments":}`, 400, "byte 17"},
		{"cut off", "PUT", "/providers/x", "application/json", `{"environments":{`, 400, "ends in the middle"},
		{"unknown field", "PUT", "/providers/x", "application/json", `{"enviroments":{}}`, 400, `"enviroments"`},
		{"wrong kind", "PUT", "/providers/x", "application/json", `{"environments":{"LIVE":{"url":7}}}`, 400, "url is a number"},
		{"two values", "PUT", "/providers/x", "application/json", good + good, 400, "behind"},
		{"null", "PUT", "/providers/x", "application/json", "null", 400, "environments"},
		{"too long", "PUT", "/providers/x", "application/json", `{"title":"` + strings.Repeat("a", 8<<20) + `"}`, 413, "8388608"},
		{"unknown environment", "PUT", "/providers/x", "application/json", `{"environments":{"PROD":{"url":"coap://h"}}}`, 400, "TEST, ACCEPTANCE or LIVE"},
		{"call with text", "POST", "/connectors/x/call", "text/plain", "x", 415, "application/json"},
		{"call with an unknown field", "POST", "/connectors/x/call", "application/json", `{"modus":"TEST"}`, 400, `"modus"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := g.do(t, c.method, c.path, c.contentType, c.body)
			resp.Body = io.NopCloser(strings.NewReader(body))
			p := api.ReadProblem(resp)
			if p == nil {
				t.Fatalf("got %s %s, want problem details", resp.Status, body)
			}
			wantProblem(t, p, c.status, c.word)
			if resp.StatusCode != c.status {
				t.Errorf("status %s", resp.Status)
			}
			if c.status == 405 && resp.Header.Get("Allow") != c.word {
				t.Errorf("Allow: %q, want %q (RFC 9110 §15.5.6)", resp.Header.Get("Allow"), c.word)
			}
		})
	}
	if n := len(g.store.Providers()); n != 0 {
		t.Errorf("%d providers were made", n)
	}
}

func TestWebPageOfAnotherOriginIsRefused(t *testing.T) {
	g := serve(t)
	req, err := http.NewRequestWithContext(t.Context(), "POST", g.URL+"/connectors/c/call", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	resp, err := (&validating{t: t, next: http.DefaultTransport}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	wantProblem(t, api.ReadProblem(resp), http.StatusForbidden, "origin")
}

func TestHealthAndReady(t *testing.T) {
	why := errors.New("the socket is gone")
	g := serve(t, func(o *api.Options) { o.Ready = func() error { return why } })
	if resp, body := g.do(t, "GET", "/health", "", ""); resp.StatusCode != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("got %s %s", resp.Status, body)
	}
	wantProblem(t, g.Ready(t.Context()), http.StatusServiceUnavailable, why.Error())
	why = nil
	if err := g.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClientSaysWhatIsNoGateway(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "teapot", http.StatusTeapot) }))
	defer other.Close()
	err := api.NewClient(other.URL, nil).PutUser(t.Context(), "u", api.User{Password: "p"})
	if err == nil || !strings.Contains(err.Error(), "418") || !strings.Contains(err.Error(), "/users/u") {
		t.Errorf("got %v", err)
	}
	other.Close()
	if err := api.NewClient(other.URL, nil).Ready(t.Context()); err == nil {
		t.Error("nobody is there, and there is no error")
	}
}
