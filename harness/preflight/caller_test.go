// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
)

// lastBench numbers the benches: each has a loopback address of its own, so that
// the default ports are free there.
var lastBench atomic.Int32

func benchAddress() string {
	n := int(lastBench.Add(1))
	return fmt.Sprintf("127.81.%d.%d", os.Getpid()%250, n)
}

// button is a stock device with a button that is pressed by HTTP. It is told where
// to call, or has that burnt in.
func button(t *testing.T, c stock.Caller) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := c
		if told := r.FormValue("url"); told != "" {
			c.URL, c.PSK = told, r.FormValue("identity") != ""
		}
		w.WriteHeader(http.StatusNoContent)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
		go func() {
			defer cancel()
			_, _ = c.Call(ctx, codes.GET, "http://platform.invalid/orders", "")
		}()
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const client = `name: X
role: device-client
bench: {addresses: [BENCH], pki: pki}
users: {hello: {name: door, password: {file: password}}}
`

func TestADeviceThatCallsIsHeardAndItsOfferComparedWithTheStatement(t *testing.T) {
	t.Parallel()
	pkiDir := t.TempDir()
	roots := authority(t, pkiDir).Roots()
	const told = "hooks: {trigger: {http: {url: 'BUTTON/?url={url}&identity={identity}'}}}\n"
	const burnt = "device: {calls: {url: 'coaps://BENCH/coap2http', user: hello}}\nhooks: {trigger: {http: {url: 'BUTTON/'}}}\n"
	for _, tt := range []struct {
		name   string
		file   string
		device stock.Caller
		fault  preflight.Fault
		wants  []wants
	}{
		{
			"told", told,
			stock.Caller{Roots: roots, Password: "open sesame"},
			"",
			[]wants{
				{"coaps psk handshake", preflight.OK, "", `TLS_PSK_WITH_AES_128_CCM_8 as "door"`, ""},
				{"coaps certificates handshake", preflight.OK, "", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", ""},
				{"offers psk", preflight.OK, "", "stands in its ClientHello", ""},
				{"offers certificates", preflight.OK, "", "stands in its ClientHello", ""},
				{"coaps certificates request", preflight.OK, "", "GET to /coap2http, with a Proxy-Uri", ""},
				{"coaps psk request", preflight.OK, "", "GET to /coap2http, with a Proxy-Uri", ""},
				{"coap request", preflight.OK, "", "GET to /coap2http, with a Proxy-Uri", ""},
				{"extended master secret", preflight.OK, "", "negotiated", ""},
			},
		},
		{
			"a clock, as declared", "declares: {clock: true, coap: false}\n" + told,
			stock.Caller{Roots: roots, Password: "open sesame"},
			"",
			[]wants{{"clock", preflight.OK, "", "refuses a certificate that expired yesterday", ""}},
		},
		{
			"a clock that is denied", "declares: {clock: false, coap: false}\n" + told,
			stock.Caller{Roots: roots, Password: "open sesame"},
			preflight.Statement,
			[]wants{{"clock", preflight.Failed, preflight.Statement, "denies a clock", "clock: true"}},
		},
		{
			"another key", told,
			stock.Caller{Roots: roots, Password: "wrong"},
			preflight.Statement,
			[]wants{{"coaps psk handshake", preflight.Failed, preflight.Statement, "the keys differ", "psk-key"}},
		},
		{
			"another root", told,
			stock.Caller{Roots: x509.NewCertPool(), Password: "open sesame"},
			preflight.Statement,
			[]wants{{"coaps certificates handshake", preflight.Failed, preflight.Statement, "refuses the bench's certificate", "trust store"}},
		},
		{
			"burnt in, and lying", burnt,
			stock.Caller{URL: "coaps://BENCH/coap2http", PSK: true, Password: "open sesame"},
			preflight.Statement,
			[]wants{
				{"offers psk", preflight.OK, "", "stands in its ClientHello", ""},
				{"offers certificates", preflight.Failed, preflight.Statement, "declares certificates, and does not offer", "certificates: false"},
			},
		},
		{
			"denies what it offers", "declares: {psk: false}\n" + burnt,
			stock.Caller{URL: "coaps://BENCH/coap2http", PSK: true, Password: "open sesame"},
			preflight.Statement,
			[]wants{{"offers psk", preflight.Failed, preflight.Statement, "denies psk, and offers", "psk: true"}},
		},
		{
			"sends elsewhere", burnt,
			stock.Caller{URL: "coap://127.81.250.250/coap2http"},
			preflight.Environment,
			[]wants{{"coaps datagram", preflight.Failed, preflight.Environment, "no datagram from the device within 2 s of the trigger at BENCH:5684", "allow udp from the device to BENCH port 5684"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Symlink(filepath.Join(pkiDir, "pki"), filepath.Join(dir, "pki")); err != nil {
				t.Fatal(err)
			}
			bench := benchAddress()
			tt.device.User, tt.device.URL = "door", strings.ReplaceAll(tt.device.URL, "BENCH", bench)
			f := open(t, dir, strings.NewReplacer("BENCH", bench, "BUTTON", button(t, tt.device)).Replace(client+tt.file))
			r := check(t, f)
			if r.Fault() != tt.fault {
				t.Errorf("fault %q, want %q", r.Fault(), tt.fault)
			}
			for _, w := range tt.wants {
				w.detail, w.next = strings.ReplaceAll(w.detail, "BENCH", bench), strings.ReplaceAll(w.next, "BENCH", bench)
				w.check(t, r, "")
			}
		})
	}
}

// nobody is a person who cannot do what is asked.
type nobody struct{}

func (nobody) Ask(context.Context, hook.Prompt) error { return hook.ErrDeclined }

func TestADeviceThatNobodyCanTriggerIsNotReady(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir(), strings.NewReplacer("BENCH", benchAddress(), ", pki: pki", "").Replace(client)+"hooks: {trigger: {person: Press it.}, console: {person: Read it out.}}\n")
	r := check(t, f, func(o *preflight.Options) { o.Runner.Prompter = nobody{} })
	if r.Fault() != preflight.Environment {
		t.Errorf("fault %q, want environment", r.Fault())
	}
	wants{"hook trigger", preflight.Failed, preflight.Environment, "cannot be done", "hooks.trigger"}.check(t, r, "")
	wants{"coaps psk datagram", preflight.Skipped, "", "the trigger did not work", ""}.check(t, r, "")
	wants{"hook console", preflight.Skipped, "", "cannot be done", ""}.check(t, r, "")
}
