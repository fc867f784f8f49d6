// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

// withoutPlatform is a gateway that calls a platform at these ports of the bench,
// where nothing runs yet.
func withoutPlatform(t *testing.T, http, https string) site {
	t.Helper()
	config := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0"}},
		Platform: gateway.Platform{Allow: []string{"http://" + http, "https://" + https}},
	}
	g, err := gateway.Start(context.WithoutCancel(t.Context()), config, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.WithoutCancel(t.Context())) })
	s := site{gateway: g.Addresses(), dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.dir, "password"), []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPlatformIsStartedOnTheBenchForTheRun(t *testing.T) {
	plain, secure := closedTCP(t), closedTCP(t)
	s := withoutPlatform(t, plain, secure)
	f := s.target(t, fmt.Sprintf("users: {hello: {name: device-17, password: {file: password}}}\ngateway: {coap: ['COAP']}\nplatform: {http: 'http://%s', https: 'https://%s'}\nbench: {addresses: [127.0.0.1], pki: pki}\n", plain, secure))
	l, err := external.Open(f)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st, err := l.Stage(t.Context(), "one", &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := st.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	api, err := st.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if code := get(t, st, st.Gateway().CoAP[0], nil, api.URL+"?AuthToken="+u.Token); code != coap.Content {
		t.Errorf("got %s, want 2.05", code)
	}
	if rs, err := st.Requests(t.Context(), "orders", 1); err != nil || len(rs) != 1 || rs[0].User != "device-17" {
		t.Errorf("got %v, %v", rs, err)
	}
	if api, err := st.SecureCompositeAPI(t.Context(), "invoices", mockrmp.API{}); err != nil || !strings.HasPrefix(api.URL, "https://"+secure) {
		t.Errorf("over HTTPS: %v, %v", api, err)
	}
	if about := fmt.Sprint(l.About()); !strings.Contains(about, "{platform started on the bench for the run: http://"+plain) {
		t.Errorf("about: %s", about)
	}
	if err := st.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, at := range []string{plain, secure} {
		if c, err := net.Dial("tcp", at); err == nil {
			_ = c.Close()
			t.Errorf("something listens at %s after the run", at)
		}
	}
}

func TestAPlatformThatCannotBeStartedSaysWhatToDo(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	s := withoutPlatform(t, closedTCP(t), closedTCP(t))
	for _, tt := range []struct{ name, platform, want string }{
		{"a busy port", "{http: 'http://" + busy.Addr().String() + "'}", "end what listens there"},
		{"an address elsewhere", "{http: 'http://192.0.2.77:8080'}", "192.0.2.77 is no address of the bench"},
		{"https without a certificate", "{https: 'https://127.0.0.1:8443'}", "name the folder of a test PKI as bench.pki"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := s.target(t, "gateway: {coap: ['COAP']}\nplatform: "+tt.platform+"\n")
			if _, err := external.Open(f)(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTheConsoleIsReadByItsHook(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("echo is a program of Unix: run this test there")
	}
	s := withoutPlatform(t, closedTCP(t), closedTCP(t))
	st := s.enter(t, "gateway: {coap: ['COAP']}\nhooks: {console: {command: [echo, started]}}\n")
	if text, err := st.Console(t.Context()); err != nil || strings.TrimSpace(text) != "started" {
		t.Errorf("got %q, %v", text, err)
	}
}
