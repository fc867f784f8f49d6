// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/mockrmp"
)

// site is a gateway and a platform that stand somewhere.
type site struct {
	gateway  gateway.Addresses
	platform mockrmp.Addresses
}

func build(t *testing.T, change func(*gateway.Config)) site {
	t.Helper()
	p, err := mockrmp.Start(context.WithoutCancel(t.Context()), mockrmp.Config{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.WithoutCancel(t.Context())) })
	config := &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		Platform: gateway.Platform{Allow: []string{"http://" + p.Addresses().HTTP.String()}},
		Users:    []gateway.User{{Name: "device-17", Password: "open sesame", PSKKey: "hex"}},
	}
	change(config)
	g, err := gateway.Start(context.WithoutCancel(t.Context()), config, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.WithoutCancel(t.Context())) })
	return site{g.Addresses(), p.Addresses()}
}

// open is a target file about the site.
func (s site) open(t *testing.T, file string) *target.File {
	t.Helper()
	return open(t, t.TempDir(), "name: X\nbench: {addresses: [127.0.0.1]}\n"+strings.NewReplacer(
		"COAPS", s.gateway.CoAPS[0].String(), "COAP", s.gateway.CoAP[0].String(), "API", s.gateway.API.String(),
		"ADMIN", s.platform.Admin.String(), "HTTP", s.platform.HTTP.String(),
	).Replace(file))
}

const boundUser = "users: {hello: {name: device-17, password: {file: password}, psk-key: hex}}\n"

func TestAGatewayIsComparedWithItsFile(t *testing.T) {
	t.Parallel()
	psk := build(t, func(*gateway.Config) {})
	at := psk.gateway.CoAPS[0].String()
	all := "gateway: {coap: ['COAP'], coaps: ['COAPS'], api: 'http://API'}\nplatform: {admin: 'http://ADMIN', http: 'http://HTTP'}\n" + boundUser
	for _, tt := range []struct {
		name, file string
		fault      preflight.Fault
		wants      []wants
	}{
		{"as it says", "declares: {certificates: false}\n" + all, "", []wants{
			{"coaps AT psk, users.hello", preflight.OK, "", "with a key of 64 bytes", ""},
			{"coaps AT certificates", preflight.OK, "", "not declared, and not done", ""},
			{"extended master secret", preflight.OK, "", "negotiated", ""},
			{"gateway api http://" + psk.gateway.API.String(), preflight.OK, "", "200", ""},
			{"platform admin http://" + psk.platform.Admin.String(), preflight.OK, "", "ready", ""},
			{"platform http://" + psk.platform.HTTP.String(), preflight.OK, "", "answers with", ""},
		}},
		{"declares certificates by default", all, preflight.Statement, []wants{
			{"coaps AT certificate", preflight.Failed, preflight.Statement, "declares certificates, and refuses them", "certificates: false"},
		}},
		{
			"a raw key that is a hex one", "gateway: {coaps: ['COAPS']}\ndeclares: {certificates: false}\nusers: {hello: {name: device-17, password: {file: password}}}\n", preflight.Statement,
			[]wants{{"coaps AT psk, users.hello", preflight.Failed, preflight.Statement, "refused the raw key of 32 bytes", "users.hello.psk-key: raw is 32 bytes, hex is 64 digits"}},
		},
		{
			"an unknown user", "gateway: {coaps: ['COAPS']}\ndeclares: {certificates: false}\nusers: {hello: {name: nobody, password: {file: password}}}\n", preflight.Statement,
			[]wants{{"coaps AT psk, users.hello", preflight.Failed, preflight.Statement, "", "users.hello"}},
		},
		{
			"a dead API and a dead platform", "declares: {certificates: false}\n" + strings.NewReplacer("API", "127.0.0.1:1", "ADMIN", "127.0.0.1:1", "HTTP'", "127.0.0.1:1'").Replace(all), preflight.Environment,
			[]wants{
				{"gateway api http://127.0.0.1:1", preflight.Failed, preflight.Environment, "no answer", "gateway.api"},
				{"platform admin http://127.0.0.1:1", preflight.Failed, preflight.Environment, "does not answer", "coapstone mockrmp"},
				{"platform http://127.0.0.1:1", preflight.Skipped, "", "not reached from here", ""},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := check(t, psk.open(t, tt.file))
			if r.Fault() != tt.fault {
				t.Errorf("fault %q, want %q", r.Fault(), tt.fault)
			}
			for _, w := range tt.wants {
				w.check(t, r, at)
			}
		})
	}
}

func TestAGatewaysCertificateIsVerifiedForItsHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert := leaf(t, authority(t, dir), pki.Leaf{Names: []string{"gw.example.com"}})[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	s := build(t, func(c *gateway.Config) {
		c.DTLS.Certificate, c.DTLS.Key = string(chain), secret.Text(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	})
	at := s.gateway.CoAPS[0].String()
	for _, tt := range []struct {
		name, gateway string
		wants         wants
	}{
		{"its host", "host: gw.example.com, roots: pki/root.pem", wants{"coaps AT certificate", preflight.OK, "", `certificate of "gw.example.com"`, ""}},
		{"another host", "host: other.example.com, roots: pki/root.pem", wants{"coaps AT certificate", preflight.Failed, preflight.Statement, "another name", "gateway.host"}},
		{"no roots", "host: gw.example.com", wants{"coaps AT certificate", preflight.Skipped, "", "whose certificate it shows is not known", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, dir, "name: X\nbench: {addresses: [127.0.0.1]}\ngateway: {coaps: ['"+at+"'], "+tt.gateway+"}\n"+boundUser)
			tt.wants.check(t, check(t, f), at)
		})
	}
}

func TestABenchThatIsNotThisMachinesIsToldAtOnce(t *testing.T) {
	t.Parallel()
	at := serve(t, nil)
	for _, tt := range []struct {
		name, bench string
		wants       wants
	}{
		{"another machine's address", "addresses: [192.0.2.20]", wants{"bench address 192.0.2.20", preflight.Failed, preflight.Environment, "no such address", "127.0.0.1 on lo"}},
		{"another interface", "addresses: [127.0.0.1], interface: eth77", wants{"bench address 127.0.0.1", preflight.Failed, preflight.Environment, "on lo, the target file says eth77", "bench.interface"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, open(t, t.TempDir(), "name: X\nrole: device-server\nbench: {"+tt.bench+"}\ndevice: {coap: '"+at+"'}\n"))
			if r.Fault() != preflight.Environment {
				t.Errorf("fault %q, want environment", r.Fault())
			}
			tt.wants.check(t, r, at)
			wants{"coap AT", preflight.Skipped, "", "needs the bench's address", ""}.check(t, r, at)
		})
	}
}

func TestWhatTheBenchIsToServeIsTriedOut(t *testing.T) {
	t.Parallel()
	at := benchAddress()
	taken, err := net.ListenPacket("udp", at+":40001")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	busy, err := net.Listen("tcp", at+":8080")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	dir := t.TempDir()
	authority(t, dir)
	text := "name: X\nbench: {addresses: [BENCH], devices: 'DEVICES'}\ngateway: {coap: ['BENCH:5683']}\nplatform: {http: 'http://BENCH:PORT'}\n"
	for _, tt := range []struct {
		devices, port string
		wants         []wants
	}{
		{"40000-40007", "8080", []wants{
			{"bench devices 40000-40007", preflight.Failed, preflight.Environment, "AT:40001 (another program has the port)", "bench.devices"},
			{"platform http://AT:8080", preflight.Failed, preflight.Environment, "cannot be started at AT:8080", "platform.http"},
		}},
		{"40010-40017", "8081", []wants{
			{"bench devices 40010-40017", preflight.OK, "", "8 ports are free", ""},
			{"platform http://AT:8081", preflight.OK, "", "can be started", ""},
		}},
	} {
		f := open(t, dir, strings.NewReplacer("BENCH", at, "DEVICES", tt.devices, "PORT", tt.port).Replace(text))
		r := check(t, f)
		for _, w := range tt.wants {
			w.detail = strings.ReplaceAll(w.detail, "AT", at)
			w.check(t, r, at)
		}
	}
}

func TestTheVendorsOwnCertificateIsLookedAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		leaf  pki.Leaf
		wants wants
	}{
		{"good", pki.Leaf{Names: []string{"gw.example.com"}}, wants{"bench certificate gw.example.com", preflight.OK, "", "valid until", ""}},
		{"expired", pki.ExpiredFor("gw.example.com"), wants{"bench certificate gw.example.com", preflight.Failed, preflight.Environment, "valid from", "today"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			cert := leaf(t, authority(t, dir), tt.leaf)[0]
			key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			for name, block := range map[string]*pem.Block{"chain.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
				if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := open(t, dir, "name: X\nrole: device-client\ndeclares: {coap: false}\nbench: {addresses: ["+benchAddress()+"], certificate: {chain: chain.pem, key: key.pem, host: gw.example.com}}\n")
			r := check(t, f, func(o *preflight.Options) { o.Reach = 100 * time.Millisecond })
			tt.wants.check(t, r, "")
			wants{"coaps certificates datagram", preflight.Failed, preflight.Environment, "no datagram from the device within 0.1 s", "coaps://gw.example.com/coap2http"}.check(t, r, "")
		})
	}
}

func TestHooksAreTriedAndARestartIsMeasured(t *testing.T) {
	t.Parallel()
	at := serve(t, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("booted\nready\n"))
	}))
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		name, hooks string
		disruptive  bool
		fault       preflight.Fault
		wants       []wants
	}{
		{"console", "console: {http: {url: 'URL/'}}", false, "", []wants{{"hook console", preflight.OK, "", "lines: 2", ""}}},
		{"broken console", "console: {http: {url: 'URL/broken'}}", false, preflight.Environment, []wants{{"hook console", preflight.Failed, preflight.Environment, "500", "hooks.console"}}},
		{"a command that is not there", "console: {command: [./nothere]}", false, preflight.Environment, []wants{{"hook console", preflight.Failed, preflight.Environment, "nothere", "hooks.console"}}},
		{"a person and no terminal", "console: {person: Read it out.}", false, preflight.Environment, []wants{{"hook console", preflight.Failed, preflight.Environment, "", "a command or an HTTP call"}}},
		{"reset, not allowed", "reset: {http: {url: 'URL/'}}", false, "", []wants{{"hook reset", preflight.Skipped, "", "--disruptive", ""}}},
		{
			"reset, allowed", "reset: {http: {url: 'URL/'}}, power-cycle: {http: {url: 'URL/broken'}}, factory-reset: {http: {url: 'URL/broken'}}", true, preflight.Environment,
			[]wants{
				{"hook reset", preflight.OK, "", "no restart was seen", ""},
				{"hook power-cycle", preflight.Failed, preflight.Environment, "500", "hooks.power-cycle"},
				{"hook factory-reset", preflight.Skipped, "", "forget", ""},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, t.TempDir(), device+"device: {coap: '"+at+"'}\nhooks: {"+strings.ReplaceAll(tt.hooks, "URL", s.URL)+"}\n")
			r := check(t, f, func(o *preflight.Options) { o.Disruptive = tt.disruptive })
			if r.Fault() != tt.fault {
				t.Errorf("fault %q, want %q", r.Fault(), tt.fault)
			}
			for _, w := range tt.wants {
				w.check(t, r, at)
			}
		})
	}
}

func TestARestartIsSeenAndItsTimeComparedWithTheFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		boot  string
		wants wants
	}{
		{"30s", wants{"hook reset", preflight.OK, "", "back after", ""}},
		{"200ms", wants{"hook reset", preflight.Failed, preflight.Statement, "bench.boot says 0.2 s", "bench.boot: "}},
	} {
		t.Run(tt.boot, func(t *testing.T) {
			t.Parallel()
			at := benchAddress() + ":5683"
			start := func() *stock.Server {
				server, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: at})
				if err != nil {
					t.Error(err)
				}
				return server
			}
			server := start()
			booted := make(chan struct{})
			s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				_ = server.Close()
				time.AfterFunc(300*time.Millisecond, func() {
					server = start()
					close(booted)
				})
			}))
			t.Cleanup(func() {
				s.Close()
				<-booted
				_ = server.Close()
			})
			f := open(t, t.TempDir(), "name: X\nrole: device-server\nbench: {addresses: [127.0.0.1], boot: "+tt.boot+"}\ndevice: {coap: '"+at+"'}\nhooks: {reset: {http: {url: '"+s.URL+"'}}}\n")
			tt.wants.check(t, check(t, f, func(o *preflight.Options) { o.Disruptive = true }), at)
		})
	}
}

func TestACheckThatIsBrokenOffSaysWhatItSawUntilThen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := open(t, t.TempDir(), device+"device: {coap: '127.0.0.1:5683'}\n")
	r, err := preflight.Run(ctx, f, preflight.Options{Observer: func(preflight.Step) { cancel() }})
	if !errors.Is(err, context.Canceled) || len(r.Steps) != 1 || r.Fault() != "" {
		t.Errorf("got %v, %+v", err, r)
	}
}

// TestNothingThatIsSecretIsSaid: steps go to terminals and into logs.
func TestNothingThatIsSecretIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := authority(t, dir)
	bench := benchAddress()
	press := button(t, stock.Caller{User: "door", Password: "open sesame", PSK: true, Roots: a.Roots()})
	f := open(t, dir, strings.ReplaceAll(client, "BENCH", bench)+
		"hooks: {trigger: {http: {url: '"+press+"/?url={url}&p={password}&t={token}&k={key}'}}, console: {command: [./nothere, '{password}']}}\n")
	r := check(t, f)
	secrets := []string{"sesame", "ZG9vcjpvcGVuIHNlc2FtZQ"}
	for _, s := range f.Secrets() {
		secrets = append(secrets, s.Reveal())
	}
	for _, s := range r.Steps {
		for _, secret := range secrets {
			if strings.Contains(s.String(), secret) {
				t.Errorf("a secret in %q", s.Name)
			}
		}
	}
}

func TestAPKIThatIsMadeOnTheSpotIsTrustedByNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bench := benchAddress()
	text := strings.ReplaceAll(client, "BENCH", bench) + "declares: {coap: false}\nhooks: {trigger: {command: ['false']}}\n"
	quickly := func(o *preflight.Options) { o.Reach = 100 * time.Millisecond }
	w := wants{"bench pki", preflight.Failed, preflight.Environment, "made just now", "root.pem"}
	w.check(t, check(t, open(t, dir, text), quickly), "")
	if _, err := os.Stat(filepath.Join(dir, "pki", "root.pem")); err != nil {
		t.Error(err)
	}
	if _, err := pki.Open(filepath.Join(dir, "pki")); err != nil {
		t.Error(err)
	}
	wants{"bench pki", preflight.OK, "", "its root is there", ""}.check(t, check(t, open(t, dir, text), quickly), "")
	wants{"hook trigger", preflight.Failed, preflight.Environment, "", "hooks.trigger"}.check(t, check(t, open(t, dir, text), quickly), "")
}
