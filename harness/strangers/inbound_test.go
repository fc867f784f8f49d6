// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/pki"
)

// get is how the document has a device call: to /coap2http, with Proxy-Uri.
func get(proxyURI, gateway string, security ...string) []string {
	return append(security, "-m", "get", "-O", "35,"+proxyURI, gateway+"/coap2http")
}

func TestLibcoapCallsACompositeAPI(t *testing.T) {
	const answer = `{"open": 3}`
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			for _, tc := range []struct {
				name string
				args func(t *testing.T, b *bench) []string
			}{
				{"coap", func(t *testing.T, b *bench) []string {
					t.Helper()
					return get(b.orders(t, b.user(t), "GET"), "coap://"+b.Gateway().CoAP[0].String())
				}},
				{"coap, non-confirmable", func(t *testing.T, b *bench) []string {
					t.Helper()
					return append([]string{"-N"}, get(b.orders(t, b.user(t), "GET"), "coap://"+b.Gateway().CoAP[0].String())...)
				}},
				{"coap, Proxy-Uri alone", func(t *testing.T, b *bench) []string {
					t.Helper()
					return []string{"-m", "get", "-P", "coap://" + b.Gateway().CoAP[0].String(), b.orders(t, b.user(t), "GET")}
				}},
				{"coaps with a pre-shared key", func(t *testing.T, b *bench) []string {
					t.Helper()
					u := b.user(t)
					return get(b.orders(t, u, "GET"), "coaps://"+b.Gateway().CoAPS[0].String(), "-u", u.Identity, "-k", string(u.Key))
				}},
				{"coaps with a certificate", func(t *testing.T, b *bench) []string {
					t.Helper()
					return get(b.orders(t, b.user(t), "GET"), "coaps://"+b.Gateway().CoAPS[0].String(), "-R", b.rootFile)
				}},
			} {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					b := newBench(t)
					program, environment := b.stranger(t, "coap-client", tls)
					out := run(t, environment, program, tc.args(t, b)...)
					if out.err != nil || strings.TrimSpace(out.stdout) != answer {
						t.Fatalf("%v\nwant the payload %s", out, answer)
					}
					if r := b.called(t); r.Query != "P_mode=TEST" || !r.Authenticated {
						t.Errorf("the platform saw the query %q, authenticated %t; want P_mode=TEST, authenticated", r.Query, r.Authenticated)
					}
				})
			}
		})
	}
}

func TestLibcoapCallsOverIPv6(t *testing.T) {
	for _, tc := range []struct {
		name     string
		secure   bool
		security func(*bench, lab.User) []string
	}{
		{"coap", false, func(*bench, lab.User) []string { return nil }},
		{"coaps with a pre-shared key", true, func(_ *bench, u lab.User) []string { return []string{"-u", u.Identity, "-k", string(u.Key)} }},
		{"coaps with a certificate", true, func(b *bench, _ lab.User) []string { return []string{"-R", b.rootFile} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			program, environment := b.stranger(t, "coap-client", "openssl")
			scheme, addresses := "coap", b.Gateway().CoAP
			if tc.secure {
				scheme, addresses = "coaps", b.Gateway().CoAPS
			}
			i := slices.IndexFunc(addresses, func(a netip.AddrPort) bool { return a.Addr().Is6() })
			if i < 0 {
				t.Skip("this machine has no ::1: switch IPv6 on (sysctl net.ipv6.conf.lo.disable_ipv6=0)")
			}
			u := b.user(t)
			out := run(t, environment, program, get(b.orders(t, u, "GET"), scheme+"://"+addresses[i].String(), tc.security(b, u)...)...)
			if out.err != nil || strings.TrimSpace(out.stdout) != `{"open": 3}` {
				t.Fatal(out)
			}
			b.called(t)
		})
	}
}

func TestLibcoapPostsToACompositeAPI(t *testing.T) {
	const body = `{"item": "touchstone"}`
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			u := b.user(t)
			program, environment := b.stranger(t, "coap-client", tls)
			out := run(t, environment, program, "-m", "post", "-t", "50", "-f", b.file(t, "body.json", []byte(body)),
				"-u", u.Identity, "-k", string(u.Key), "-O", "35,"+b.orders(t, u, "POST"), "coaps://"+b.Gateway().CoAPS[0].String()+"/coap2http")
			if out.err != nil {
				t.Fatal(out)
			}
			r := b.called(t)
			if got := r.Header.Get("Content-Type"); string(r.Body) != body || got != "application/json" {
				t.Errorf("the platform got %q as %q, want %q as application/json", r.Body, got, body)
			}
		})
	}
}

// gaveUp is what libcoap's client prints when it has no session to send over.
const gaveUp = "cannot send CoAP pdu"

// refused fails unless the client gave up before anything reached the platform.
func (b *bench) refused(t *testing.T, out output) {
	t.Helper()
	if !strings.Contains(out.stdout+out.stderr, gaveUp) {
		t.Errorf("%v\nwant %q", out, gaveUp)
	}
	if rs, err := b.Requests(t.Context(), "", 0); err != nil || len(rs) != 0 {
		t.Errorf("%d requests reached the platform, %v; want none", len(rs), err)
	}
}

func TestLibcoapIsRefusedWithAWrongKey(t *testing.T) {
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			u := b.user(t)
			u.Key[0]++
			program, environment := b.stranger(t, "coap-client", tls)
			b.refused(t, run(t, environment, program, get(b.orders(t, u, "GET"), "coaps://"+b.Gateway().CoAPS[0].String(), "-B", "3", "-u", u.Identity, "-k", string(u.Key))...))
		})
	}
}

func TestLibcoapRefusesTheGatewayWithoutItsRoot(t *testing.T) {
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			another, err := pki.Create(nil)
			if err != nil {
				t.Fatal(err)
			}
			program, environment := b.stranger(t, "coap-client", tls)
			b.refused(t, run(t, environment, program, get(b.orders(t, b.user(t), "GET"), "coaps://"+b.Gateway().CoAPS[0].String(), "-B", "3", "-R", b.file(t, "another.pem", another.RootPEM()))...))
		})
	}
}
