// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/pki"
)

// connect configures a provider and a connector, and calls it.
func (b *bench) connect(t *testing.T, url string, authentication *outbound.Authentication, c outbound.Connector) lab.Result {
	t.Helper()
	if err := b.Provider(t.Context(), "sensor", outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{
		outbound.Live: {URL: url, Authentication: authentication},
	}}); err != nil {
		t.Fatal(err)
	}
	c.Provider = "sensor"
	if err := b.Connector(t.Context(), "read", c); err != nil {
		t.Fatal(err)
	}
	result, err := b.Call(t.Context(), "read", outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// listen starts libcoap's server at an address of the stage's own, on the
// default ports.
func (b *bench) listen(t *testing.T, tls string, args func(netip.Addr) []string) netip.AddrPort {
	t.Helper()
	addr, err := b.ServerAddr(t.Context(), coap.DefaultPort, false)
	if err != nil {
		t.Fatal(err)
	}
	program, environment := b.stranger(t, "coap-server", tls)
	serve(t, addr, environment, program, append([]string{"-A", addr.Addr().String(), "-d", "10"}, args(addr.Addr())...)...)
	return addr
}

func TestAConnectorCallsLibcoapsServer(t *testing.T) {
	const greeting = "This is a test server made with libcoap"
	key := outbound.Authentication{Identity: "gateway", Key: "a key for a device"}
	noArgs := func(netip.Addr) []string { return nil }
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			for _, tc := range []struct {
				name   string
				scheme string
				auth   *outbound.Authentication
				args   func(*testing.T, *bench) func(netip.Addr) []string
			}{
				{"coap", "coap", nil, func(*testing.T, *bench) func(netip.Addr) []string { return noArgs }},
				{"coaps with a pre-shared key", "coaps", &key, func(*testing.T, *bench) func(netip.Addr) []string {
					return func(netip.Addr) []string { return []string{"-k", key.Key.Reveal()} }
				}},
				{"coaps with a certificate", "coaps", nil, func(t *testing.T, b *bench) func(netip.Addr) []string {
					t.Helper()
					return func(addr netip.Addr) []string { return b.certificate(t, pki.Leaf{Addrs: []netip.Addr{addr}}) }
				}},
			} {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					b := newBench(t)
					addr := b.listen(t, tls, tc.args(t, b))
					got := b.connect(t, tc.scheme+"://"+addr.Addr().String(), tc.auth, outbound.Connector{Method: "GET", URL: "/"})
					if got.Status != http.StatusOK || !strings.HasPrefix(string(got.Body), greeting) || got.Header.Get("CoAP-Code") != "2.05" {
						t.Errorf("%d, CoAP-Code %q, %q; want 200, 2.05 and %q…", got.Status, got.Header.Get("CoAP-Code"), got.Body, greeting)
					}
				})
			}
		})
	}
}

// certificate is the arguments with which libcoap's server has a certificate. With
// OpenSSL it reads the leaf alone from its file, and finds the rest of the chain
// among the authorities that it trusts.
func (b *bench) certificate(t *testing.T, leaf pki.Leaf) []string {
	t.Helper()
	c, err := b.DeviceCertificate(leaf)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := pki.EncodePEM(c)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"-c", b.file(t, "device.pem", certPEM), "-j", b.file(t, "device-key.pem", keyPEM),
		"-R", b.file(t, "chain.pem", slices.Concat(b.authority.IntermediatePEM(), b.authority.RootPEM())), "-n",
	}
}

func TestAConnectorRefusesLibcoapsServer(t *testing.T) {
	for _, tc := range []struct {
		name string
		auth *outbound.Authentication
		args func(*testing.T, *bench) func(netip.Addr) []string
		want string
	}{
		{"with another key", &outbound.Authentication{Identity: "gateway", Key: "another key"}, func(*testing.T, *bench) func(netip.Addr) []string {
			return func(netip.Addr) []string { return []string{"-k", "a key for a device"} }
		}, "DTLS handshake"},
		{"with a certificate for another address", nil, func(t *testing.T, b *bench) func(netip.Addr) []string {
			t.Helper()
			return func(netip.Addr) []string {
				return b.certificate(t, pki.Leaf{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
			}
		}, "192.0.2.1"},
		{"with a certificate that nobody signed", nil, func(t *testing.T, b *bench) func(netip.Addr) []string {
			t.Helper()
			return func(addr netip.Addr) []string {
				return b.certificate(t, pki.Leaf{Addrs: []netip.Addr{addr}, SelfSigned: true})
			}
		}, "unknown authority"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			addr := b.listen(t, "openssl", tc.args(t, b))
			got := b.connect(t, "coaps://"+addr.Addr().String(), tc.auth, outbound.Connector{Method: "GET", URL: "/", Parameters: map[string]string{"timeout": "3000"}})
			if got.Status < 500 || got.Header.Get("CoAP-Code") != "" || !strings.Contains(string(got.Body), tc.want) {
				t.Errorf("%d, CoAP-Code %q, %q; want the gateway's own error, naming %q", got.Status, got.Header.Get("CoAP-Code"), got.Body, tc.want)
			}
		})
	}
}

func TestAConnectorWritesToLibcoapsServerAndReadsItBack(t *testing.T) {
	b := newBench(t)
	url := "coap://" + b.listen(t, "openssl", func(netip.Addr) []string { return nil }).Addr().String()
	put := b.connect(t, url, nil, outbound.Connector{Method: "PUT", URL: "/setpoint", Content: "text/plain", Body: "21.5"})
	if put.Status != http.StatusCreated && put.Status != http.StatusNoContent {
		t.Fatalf("PUT: %d, %q", put.Status, put.Body)
	}
	got := b.connect(t, url, nil, outbound.Connector{Method: "GET", URL: "/setpoint"})
	if got.Status != http.StatusOK || string(got.Body) != "21.5" {
		t.Errorf("GET: %d, %q, want 200, 21.5", got.Status, got.Body)
	}
	missing := b.connect(t, url, nil, outbound.Connector{Method: "GET", URL: "/nowhere"})
	if missing.Status != http.StatusNotFound || missing.Header.Get("CoAP-Code") != "4.04" {
		t.Errorf("GET of nothing: %d, CoAP-Code %q, want 404 with 4.04", missing.Status, missing.Header.Get("CoAP-Code"))
	}
}

func TestAConnectorAwaitsLibcoapsSeparateResponse(t *testing.T) {
	b := newBench(t)
	url := "coap://" + b.listen(t, "openssl", func(netip.Addr) []string { return nil }).Addr().String()
	got := b.connect(t, url, nil, outbound.Connector{Method: "GET", URL: "/async?1"})
	if got.Status != http.StatusOK || string(got.Body) != "done" {
		t.Errorf("%d, %q, want 200, done", got.Status, got.Body)
	}
}
