// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/store"
)

// OpenAPI is the description of the API, as it is served at /openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Caller makes the calls of connectors. A *call.Caller is one.
type Caller interface {
	// Do makes one call. Every error is a *call.Error.
	Do(context.Context, outbound.Provider, outbound.Connector, outbound.Call) (*call.Result, error)
}

// Options is what the API works on. Store, Caller and Users must be there.
type Options struct {
	Store  *store.Store
	Caller Caller
	Users  Users
	// Ready says why the gateway cannot serve yet, or no longer. Nil means that
	// it always can.
	Ready func() error
	// Logger is told of changes, without secrets. Nil means no log.
	Logger *slog.Logger
}

// New is the API as a handler. It refuses what a web page of another origin
// asks a browser to send.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	mux := http.NewServeMux()
	mux.Handle("/health", methods{http.MethodGet: health})
	mux.Handle("/ready", methods{http.MethodGet: o.ready})
	mux.Handle("/openapi.yaml", methods{http.MethodGet: openAPI})
	mux.Handle("/connectors/{name}/call", methods{http.MethodPost: o.call})
	serve(mux, o, resource[outbound.Provider]{
		kind: "provider",
		put:  o.Store.PutProvider, get: o.Store.Provider, list: o.Store.Providers, remove: o.Store.DeleteProvider,
	})
	serve(mux, o, resource[outbound.Connector]{
		kind: "connector",
		put:  o.Store.PutConnector, get: o.Store.Connector, list: o.Store.Connectors, remove: o.Store.DeleteConnector,
	})
	serve(mux, o, resource[User]{
		kind: "user",
		put:  o.putUser, get: o.Users.User, list: o.Users.Users, remove: o.Users.DeleteUser,
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(http.StatusNotFound, "there is nothing at %s: /openapi.yaml says what there is", r.URL.Path).write(w)
	})
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(http.StatusForbidden, "the request comes from a web page of another origin").write(w)
	}))
	return protection.Handler(mux)
}

// methods is the handlers of one path by method. Another method is 405.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if handle, ok := m[method]; ok {
		handle(w, r)
		return
	}
	allow := m.allowed()
	w.Header().Set("Allow", allow)
	problem(http.StatusMethodNotAllowed, "%s is not for %s, which takes %s", r.Method, r.URL.Path, allow).write(w)
}

func health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (o Options) ready(w http.ResponseWriter, _ *http.Request) {
	if err := o.Ready(); err != nil {
		problem(http.StatusServiceUnavailable, "the gateway is not ready: %v", err).write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	_, _ = w.Write(OpenAPI)
}

func (o Options) putUser(name string, u User) (bool, error) {
	if err := store.CheckName(name); err != nil {
		return false, err
	}
	if err := u.Check(); err != nil {
		return false, err
	}
	return o.Users.PutUser(name, u)
}
