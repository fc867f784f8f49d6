// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/mockrmp"
)

// digits is text of n bytes, different for every n.
func digits(n int) []byte {
	b := make([]byte, n/2+1)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return []byte(hex.EncodeToString(b))[:n]
}

// sameBody compares bodies by their SHA-256.
func sameBody(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Errorf("%s: %d bytes, SHA-256 %x; want %d, %x", what, len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

func TestLibcoapSendsAndGetsLongBodies(t *testing.T) {
	for _, tls := range libcoapTLS {
		t.Run(tls, func(t *testing.T) {
			for _, tc := range []struct {
				name     string
				secure   bool
				up, down int
				args     []string
			}{
				{"a long body", false, 100_000, 10, nil},
				{"a long answer", false, 0, 100_000, nil},
				{"both", false, 70_001, 50_001, nil},
				{"both in blocks of 64", false, 3_000, 5_000, []string{"-b", "64"}},
				{"both in blocks of 16", false, 1_000, 700, []string{"-b", "16"}},
				{"one byte more than a block", false, 1_025, 1_025, nil},
				{"two blocks", false, 2_048, 2_048, nil},
				{"non-confirmable", false, 9_000, 9_000, []string{"-N"}},
				{"coaps", true, 30_000, 30_000, nil},
				{"coaps in blocks of 256", true, 5_000, 5_000, []string{"-b", "256"}},
			} {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					b := newBench(t)
					u := b.user(t)
					up, down := digits(tc.up), digits(tc.down)
					method, args := "GET", []string{"-m", "get"}
					if tc.up > 0 {
						method, args = "POST", []string{"-m", "post", "-t", "0", "-f", b.file(t, "up", up)}
					}
					composite, err := b.CompositeAPI(t.Context(), "orders", mockrmp.API{
						Method:  method,
						Answers: []mockrmp.Answer{{ContentType: "text/plain;charset=utf-8", Body: down}},
					})
					if err != nil {
						t.Fatal(err)
					}
					gateway := "coap://" + b.Gateway().CoAP[0].String()
					if tc.secure {
						gateway = "coaps://" + b.Gateway().CoAPS[0].String()
						args = append(args, "-u", u.Identity, "-k", string(u.Key))
					}
					got := filepath.Join(b.dir, "down")
					args = append(append(args, tc.args...), "-o", got, "-O", "35,"+composite.URL+"?AuthToken="+u.Token, gateway+"/coap2http")
					program, environment := b.stranger(t, "coap-client", tls)
					out := run(t, environment, program, args...)
					if out.err != nil {
						t.Fatal(out)
					}
					r := b.called(t)
					sameBody(t, "the platform got", r.Body, up)
					body, err := os.ReadFile(got)
					if err != nil {
						t.Fatalf("%v\n%v", err, out)
					}
					sameBody(t, "libcoap got", body, down)
					if t.Failed() {
						t.Log(out)
					}
				})
			}
		})
	}
}

func TestAConnectorSendsLibcoapsServerALongBodyAndReadsItBack(t *testing.T) {
	key := outbound.Authentication{Identity: "gateway", Key: "a key for a device"}
	for _, tc := range []struct {
		name   string
		scheme string
		auth   *outbound.Authentication
		args   []string
		length int
	}{
		{"coap", "coap", nil, nil, 50_000},
		{"coap, one byte more than a block", "coap", nil, nil, 1_025},
		{"coaps", "coaps", &key, []string{"-k", key.Key.Reveal()}, 20_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			addr := b.listen(t, "openssl", func(netip.Addr) []string { return tc.args })
			url := tc.scheme + "://" + addr.Addr().String()
			body := digits(tc.length)
			put := b.connect(t, url, tc.auth, outbound.Connector{Method: "PUT", URL: "/firmware", Content: "text/plain", Body: string(body)})
			if put.Status != http.StatusCreated && put.Status != http.StatusNoContent {
				t.Fatalf("PUT: %d, %q", put.Status, put.Body)
			}
			got := b.connect(t, url, tc.auth, outbound.Connector{Method: "GET", URL: "/firmware"})
			if got.Status != http.StatusOK {
				t.Fatalf("GET: %d, %q", got.Status, got.Body)
			}
			sameBody(t, "the caller got", got.Body, body)
		})
	}
}
