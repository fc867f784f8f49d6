// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// terminate is an address where TLS ends, before what listens at to.
func terminate(t *testing.T, cert tls.Certificate, to string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, pipe := range [][2]net.Conn{{in, out}, {out, in}} {
				running.Go(func() {
					_, _ = io.Copy(pipe[0], pipe[1])
					_ = pipe[0].Close()
				})
			}
		}
	})
	return l.Addr().String()
}

// Over https a proxy is asked for coaps resources too: with the bench's own PKI,
// whose root the gateway trusts, certificates are judged.
func TestCertificatesOfDevicesAreJudgedThroughAProxyOverHTTPS(t *testing.T) {
	bench, dir := ownAddress(t), t.TempDir()
	authority, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Issue(pki.Leaf{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	config := &gateway.Config{
		Listen: gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		HC:     gateway.HC{Anonymous: true}, Trust: []string{string(authority.RootPEM())},
	}
	for port := firstPort; port <= lastPort; port++ {
		for _, scheme := range []string{"coap", "coaps"} {
			config.HC.Targets = append(config.HC.Targets, hc.Target{URL: fmt.Sprintf("%s://%s:%d", scheme, bench, port), OverHTTP: true})
		}
	}
	g, err := gateway.Start(context.WithoutCancel(t.Context()), config, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.WithoutCancel(t.Context())) })
	file := fmt.Sprintf("name: X\ngateway: {coap: ['%s'], coaps: ['%s'], roots: pki/root.pem, proxy: 'https://%s/hc/{+tu}'}\nbench: {addresses: [%s], devices: %d-%d, pki: pki}\n",
		g.Addresses().CoAP[0], g.Addresses().CoAPS[0], terminate(t, cert, g.Addresses().API.String()), bench, firstPort, lastPort)
	name := filepath.Join(dir, "target.yaml")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	passed := map[string]bool{}
	for _, s := range judge(t, f, "@outbound and @capability:certificates").Scenarios {
		switch s.Verdict {
		case verdict.Pass:
			passed[s.Requirement] = true
		case verdict.NotApplicable:
		default:
			t.Errorf("%s %s: %s: %s", s.Requirement, s.Title(), s.Verdict, s.Finding)
		}
	}
	for _, id := range []string{"RMP-2.1.2-01", "RMP-4.1-04", "RMP-4.1-05", "RMP-4.1-07"} {
		if !passed[id] {
			t.Errorf("%s was not proven", id)
		}
	}
}
