// SPDX-License-Identifier: Apache-2.0

package target

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write puts files into a folder and gives the path of the first.
func write(t *testing.T, dir string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

// issue makes a certificate for a host with its key, as PEM.
func issue(t *testing.T, host string) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestBenchShowsTheVendorsCertificate(t *testing.T) {
	chain, key := issue(t, "gw.example.com")
	_, another := issue(t, "gw.example.com")
	const file = "name: X\nrole: device-client\nbench:\n  addresses: [192.0.2.20]\n  certificate: {chain: c.pem, key: k.pem, host: HOST}\n"
	for _, tt := range []struct{ name, host, chain, key, want string }{
		{"as it should be", "gw.example.com", chain, key, ""},
		{"for another host", "other.example.com", chain, key, "target.yaml:5:49: bench.certificate.host: the leaf in c.pem is not for it: "},
		{"with another key", "gw.example.com", chain, another, "target.yaml:5:16: bench.certificate: chain and key do not fit: "},
		{"that is no PEM", "gw.example.com", "x", key, "bench.certificate: chain and key do not fit: "},
		{"that is not there", "gw.example.com", "", key, "target.yaml:5:24: bench.certificate.chain: cannot read it: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			name := write(t, dir, "target.yaml", strings.Replace(file, "HOST", tt.host, 1), "k.pem", tt.key)
			if tt.chain != "" {
				write(t, dir, "c.pem", tt.chain)
			}
			f, err := Open(name)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			pair, err := f.Bench.Certificate.Load()
			if err != nil || pair.Leaf == nil || pair.Leaf.DNSNames[0] != tt.host {
				t.Errorf("got %v, %v", pair.Leaf, err)
			}
			if f.Dir() != dir {
				t.Errorf("the folder is %q, want %q", f.Dir(), dir)
			}
		})
	}
}

func TestWhatTheFileNamesIsLookedAt(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_LONG", "0123456789abcdefX")
	t.Setenv("COAPSTONE_TEST_SHORT", "0123456789abcdef")
	t.Setenv("COAPSTONE_TEST_EMPTY", "")
	t.Setenv("COAPSTONE_TEST_HEX", "hex:0g")
	const limits = "limits: {psk-key: 16}\n"
	user := func(key string) string {
		return client + limits + "users:\n  a:\n    password: {env: COAPSTONE_TEST_SHORT}\n    psk-key: explicit\n    key: {env: " + key + "}\n"
	}
	device := func(key string) string {
		return server + limits + "device:\n  coaps: 192.0.2.10:5684\n  identity: i\n  key: {env: " + key + "}\n"
	}
	for _, tt := range []struct{ name, in, want string }{
		{"a key that fits", user("COAPSTONE_TEST_SHORT"), ""},
		{"a key that does not", user("COAPSTONE_TEST_LONG"), "target.yaml:9:10: users.a.key: the key found there has 17 bytes, and the target takes 16: give both a shorter one (limits.psk-key stands in line 4)"},
		{"a key that is empty", user("COAPSTONE_TEST_EMPTY"), "target.yaml:9:10: users.a.key: the secret found there is empty"},
		{"a key that is not hexadecimal", user("COAPSTONE_TEST_HEX"), "the key behind hex: is not hexadecimal"},
		{"a device's key that fits", device("COAPSTONE_TEST_SHORT"), ""},
		{"a device's key that does not", device("COAPSTONE_TEST_LONG"), "target.yaml:8:8: device.key: the key found there has 17 bytes"},
		{"a device's key that is not hexadecimal", device("COAPSTONE_TEST_HEX"), "target.yaml:8:8: device.key: the key behind hex:"},
		{"roots that are not there", server + "device:\n  coaps: 192.0.2.10:5684\n  roots: r.pem\n", "target.yaml:6:10: device.roots: cannot read the roots"},
		{"a secret's file that is not there", client + "users: {a: {password: {file: p.txt}}}\n", "target.yaml:4:23: users.a.password: cannot read the secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(write(t, t.TempDir(), "target.yaml", tt.in))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %q", err, tt.want)
			}
			for _, s := range []string{"0123456789abcdef", "0g"} {
				if err != nil && strings.Contains(err.Error(), s) {
					t.Errorf("it tells a secret: %v", err)
				}
			}
		})
	}
}
