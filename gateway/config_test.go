// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/pki"
)

var update = flag.Bool("update", false, "write the golden files anew")

// writePEM makes a certificate for the gateway, and the root, in dir.
func writePEM(t *testing.T, dir string) (certificate, key, root string) {
	t.Helper()
	authority, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(pki.Leaf{Names: []string{"gateway.test"}, Addrs: loopbacks})
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := pki.EncodePEM(leaf)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, root = filepath.Join(dir, "gateway.pem"), filepath.Join(dir, "gateway-key.pem"), filepath.Join(dir, "root.pem")
	for name, content := range map[string][]byte{certificate: certPEM, key: keyPEM, root: authority.RootPEM()} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key, root
}

const whole = `
listen:
  coap: ["127.0.0.1:5683", "[::1]:5683"]
  coaps: [":5684"]
  api: 127.0.0.1:8080
names: [coap.runmyprocess.com]
dtls:
  certificate: gateway.pem
  key: gateway-key.pem
trust: [root.pem]
platform:
  allow: ["https://live.runmyprocess.com"]
  networks: [10.0.0.0/8]
  roots: [root.pem]
  timeout: 20s
hosts:
  thing.test: 192.0.2.7
users:
  - {name: hello, password: world}
  - {name: small, password: world, psk-key: hex}
  - {name: own, psk-key: explicit, key: "hex:00112233445566778899aabbccddeeff"}
providers:
  thing:
    environments:
      LIVE: {url: "coap://thing.test"}
connectors:
  light: {provider: thing, method: GET, url: /light}
probing-rate: 10
hc:
  targets:
    - url: coap://thing.test/open
    - {url: "coaps://thing.test", authentication: {identity: i, key: k}, over-http: true}
  users: {hello: world}
  template: "?uri={+tu}"
  origin: https://p.example.com
`

func TestWholeConfigurationIsRead(t *testing.T) {
	dir := t.TempDir()
	writePEM(t, dir)
	got, err := gateway.ParseConfig(filepath.Join(dir, "gateway.yaml"), []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:5683", "[::1]:5683"}, CoAPS: []string{":5684"}, API: "127.0.0.1:8080"},
		Names:    []string{"coap.runmyprocess.com"},
		DTLS:     gateway.DTLS{Certificate: "gateway.pem", Key: "gateway-key.pem"},
		Trust:    []string{"root.pem"},
		Platform: gateway.Platform{Allow: []string{"https://live.runmyprocess.com"}, Networks: []string{"10.0.0.0/8"}, Roots: []string{"root.pem"}, Timeout: 20 * time.Second},
		Hosts:    map[string]string{"thing.test": "192.0.2.7"},
		Users: []gateway.User{
			{Name: "hello", Password: "world"},
			{Name: "small", Password: "world", PSKKey: "hex"},
			{Name: "own", PSKKey: "explicit", Key: "hex:00112233445566778899aabbccddeeff"},
		},
		Providers:   map[string]outbound.Provider{"thing": {Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: "coap://thing.test"}}}},
		Connectors:  map[string]outbound.Connector{"light": {Provider: "thing", Method: "GET", URL: "/light"}},
		ProbingRate: 10,
		HC: gateway.HC{
			Targets: []hc.Target{
				{URL: "coap://thing.test/open"},
				{URL: "coaps://thing.test", Authentication: &outbound.Authentication{Identity: "i", Key: "k"}, OverHTTP: true},
			},
			Users: map[string]secret.Text{"hello": "world"}, Template: "?uri={+tu}", Origin: "https://p.example.com",
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(gateway.Config{})); diff != "" {
		t.Errorf("got (+), want (-):\n%s", diff)
	}
}

// What a user sees of every mistake stands in testdata/config-errors.txt.
func TestMistakesAreShownWithTheirPlace(t *testing.T) {
	dir := t.TempDir()
	certificate, key, root := writePEM(t, dir)
	_, otherKey, _ := writePEM(t, t.TempDir())
	listen := "listen: {coap: [\"127.0.0.1:0\"]}\n"
	var got bytes.Buffer
	for _, tt := range []struct{ name, yaml string }{
		{"empty file", ""},
		{"nothing to listen on", "listen:\n  api: 127.0.0.1:8080\n"},
		{"not YAML", "listen: [\n  coap: }\n"},
		{"unknown key", listen + "platfrom:\n  allow: []\n"},
		{"unknown key below", listen + "platform:\n  alow: []\n"},
		{"key given twice", listen + "names: [a]\nnames: [b]\n"},
		{"text for a list", "listen:\n  coap: 127.0.0.1:5683\n"},
		{"tag for a list", "listen:\n  coap: !!binary aGVsbG8=\n"},
		{"deep nesting", "names: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "\n"},
		{"list for a mapping", "listen: [a]\n"},
		{"mapping for text", listen + "names:\n  - {a: b}\n"},
		{"number for a duration", listen + "platform:\n  timeout: 20\n"},
		{"key in another form", listen + "dtls: {certificate: gateway.pem, key: secret-canary}\n"},
		{"bad address", "listen:\n  coap:\n    - 127.0.0.1:5683\n    - localhost:5683\n"},
		{"bad port", "listen:\n  coaps: [\":70000\"]\n"},
		{"bad API address", listen[:0] + "listen:\n  coap: [\":0\"]\n  api: \"8080\"\n"},
		{"name with a scheme", listen + "names: [\"coap://h\"]\n"},
		{"certificate without key", listen + "dtls:\n  certificate: gateway.pem\n"},
		{"key without certificate", listen + "dtls: {key: secret-canary}\n"},
		{"no such file", listen + "dtls:\n  certificate: no.pem\n  key: no.pem\n"},
		{"no PEM", listen + "dtls:\n  certificate: " + certificate + "\n  key: |\n    -----BEGIN secret-canary\n"},
		{"key of another certificate", listen + "dtls:\n  certificate: " + certificate + "\n  key: " + otherKey + "\n"},
		{"trust without a certificate", listen + "trust:\n  - " + root + "\n  - " + key + "\n"},
		{"trust with a broken certificate", listen + "trust: [\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"]\n"},
		{"origin with a path", listen + "platform:\n  allow:\n    - https://live.runmyprocess.com/live\n"},
		{"origin with another scheme", listen + "platform:\n  allow: [\"ftp://h\"]\n"},
		{"bad network", listen + "platform:\n  networks: [10.0.0.1]\n"},
		{"bad duration", listen + "platform:\n  timeout: soon\n"},
		{"negative duration", listen + "platform:\n  timeout: -1s\n"},
		{"bad address of a host", listen + "hosts:\n  thing.test: nowhere\n"},
		{"user without a name", listen + "users:\n  - password: secret-canary\n"},
		{"user without a password", listen + "users:\n  - name: hello\n"},
		{"user twice", listen + "users:\n  - {name: hello, password: secret-canary}\n  - {name: hello, password: secret-canary}\n"},
		{"unknown form of key", listen + "users:\n  - {name: hello, password: secret-canary, psk-key: base64}\n"},
		{"bad explicit key", listen + "users:\n  - {name: hello, psk-key: explicit, key: \"hex:secret-canary\"}\n"},
		{"provider without environments", listen + "providers:\n  thing: {title: x}\n"},
		{"provider with a bad key", listen + "providers:\n  thing:\n    environments:\n      LIVE: {url: \"coaps://h\", authentication: {identity: i, key: \"hex:secret-canary\"}}\n"},
		{"connector without a provider", listen + "connectors:\n  light: {provider: thing, method: GET}\n"},
		{"connector with a bad method", listen + "providers:\n  thing: {environments: {LIVE: {url: \"coap://h\"}}}\nconnectors:\n  light: {provider: thing, method: FETCH}\n"},
		{"negative rate", listen + "probing-rate: -1\n"},
		{"proxy without an API", listen + "hc: {anonymous: true, targets: [{url: \"coap://h\"}]}\n"},
		{"proxy for nobody", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {targets: [{url: \"coap://h\"}]}\n"},
		{"proxy with an empty password", "listen: {coap: [\":0\"], api: \":0\"}\nhc:\n  targets: [{url: \"coap://h\"}]\n  users: {hello: \"\"}\n"},
		{"proxy to the web", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {anonymous: true, targets: [{url: \"http://h\"}]}\n"},
		{"proxy to a group", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {anonymous: true, targets: [{url: \"coap://224.0.1.187\"}]}\n"},
		{"proxy to a query", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {anonymous: true, targets: [{url: \"coap://h/?q\"}]}\n"},
		{"proxy with a bad template", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {anonymous: true, template: \"{tu}\", targets: [{url: \"coap://h\"}]}\n"},
		{"proxy with a bad origin", "listen: {coap: [\":0\"], api: \":0\"}\nhc: {anonymous: true, origin: p.example.com, targets: [{url: \"coap://h\"}]}\n"},
	} {
		c, err := gateway.ParseConfig(filepath.Join(dir, "gateway.yaml"), []byte(tt.yaml))
		if err == nil {
			t.Errorf("%s: no error, but %+v", tt.name, c)
			continue
		}
		text := strings.NewReplacer(dir+string(filepath.Separator), "", dir, "").Replace(err.Error())
		if strings.Contains(text, "secret-canary") {
			t.Errorf("%s: a secret is shown: %s", tt.name, text)
		}
		fmt.Fprintf(&got, "%s\n    %s\n", tt.name, strings.ReplaceAll(text, "\n", "\n    "))
	}
	golden := filepath.Join("testdata", "config-errors.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("got (+), want (-), -update writes it anew:\n%s", diff)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(whole)
	f.Add("listen: {coap: [\":0\"]}\nusers: [{name: a, password: b}]\n")
	f.Add("a: &a [*a]")
	f.Add("names:\n}")
	f.Add("names: !!binary aGVsbG8=\n")
	f.Fuzz(func(t *testing.T, yaml string) {
		c, err := gateway.ParseConfig("gateway.yaml", []byte(yaml))
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}
