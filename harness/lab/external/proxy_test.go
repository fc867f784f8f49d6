// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

var update = flag.Bool("update", false, "write the golden files")

const firstPort, lastPort = 40000, 40063

// ownAddress is an IPv4 address of this test alone, where every port is free.
func ownAddress(t *testing.T) netip.Addr {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8: run this test there")
	}
	b := [4]byte{127, 99}
	binary.BigEndian.PutUint16(b[2:], uint16(os.Getpid()))
	b[2], b[3] = b[2]|1, b[3]|1
	return netip.AddrFrom4(b)
}

// foreign is a gateway that has an HTTP-to-CoAP proxy, and its target file.
func foreign(t *testing.T, targets []hc.Target, more string) *target.File {
	t.Helper()
	bench := ownAddress(t)
	for i := range targets {
		targets[i].URL = strings.ReplaceAll(targets[i].URL, "BENCH", bench.String())
	}
	config := &gateway.Config{
		Listen: gateway.Listen{CoAP: []string{"127.0.0.1:0"}, CoAPS: []string{"127.0.0.1:0"}, API: "127.0.0.1:0"},
		HC:     gateway.HC{Targets: targets, Users: map[string]secret.Text{"operator": "open sesame"}},
	}
	g, err := gateway.Start(context.WithoutCancel(t.Context()), config, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.WithoutCancel(t.Context())) })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf(`name: A foreign gateway
gateway:
  coap: ['%s']
  coaps: ['%s']
  proxy: 'http://%s/hc/{+tu}'
%sdeclares: {block-wise: true}
bench: {addresses: [%s], devices: %d-%d}
users: {someone: {name: operator, password: {file: password}}}
`, g.Addresses().CoAP[0], g.Addresses().CoAPS[0], g.Addresses().API, more, bench, firstPort, lastPort)
	name := filepath.Join(dir, "target.yaml")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// allowed are the bench's devices, as the gateway's operator has allowed them.
func allowed() []hc.Target {
	targets := []hc.Target{{URL: "coap://BENCH"}}
	for port := firstPort; port <= lastPort; port++ {
		targets = append(targets, hc.Target{URL: fmt.Sprintf("coap://BENCH:%d", port)})
	}
	return targets
}

func judge(t *testing.T, f *target.File, tags string) *reports.Report {
	t.Helper()
	r, err := coapstone.Run(t.Context(), coapstone.Options{
		Tags: tags, Lab: external.Open(f), Target: f.Name, Workers: f.AtOnce(), Capabilities: f.Declared(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The reference gateway, as somebody else's that has a proxy and no connectors:
// what the proxy does by itself is judged, what a connector would do is not.
func TestConnectorsAreCalledThroughAForeignProxy(t *testing.T) {
	r := judge(t, foreign(t, allowed(), "  proxy-user: someone\n"), "@outbound")
	var b strings.Builder
	for _, q := range r.Requirements {
		verdicts := map[verdict.Verdict]int{}
		reasons := map[string]bool{}
		for _, s := range r.Scenarios {
			if s.Requirement != q.ID {
				continue
			}
			verdicts[s.Verdict]++
			switch s.Verdict {
			case verdict.Pass:
			case verdict.NotApplicable:
				reasons[s.Finding.String()] = true
			default:
				t.Errorf("%s %s: %s: %s", s.Requirement, s.Name, s.Verdict, s.Finding)
			}
		}
		if len(verdicts) == 0 {
			continue
		}
		if len(verdicts) > 1 {
			t.Errorf("%s: %v: a part of it is passed for the whole", q.ID, verdicts)
		}
		fmt.Fprintf(&b, "%-12s %s\n", q.ID, slices.Collect(maps.Keys(verdicts))[0])
		for _, reason := range slices.Sorted(maps.Keys(reasons)) {
			fmt.Fprintf(&b, "    %s\n", reason)
		}
	}
	golden(t, "proxy.txt", b.String())
	for _, s := range r.Scenarios {
		for _, e := range s.Trace {
			if e.HTTP == nil {
				continue
			}
			if e.HTTP.RequestHeader.Get("Authorization") != "" {
				t.Errorf("%s: the trace has the credentials for the proxy", s.Title())
			}
			if !strings.HasPrefix(e.HTTP.URL, "http://127.0.0.1:") || !strings.Contains(e.HTTP.URL, "/hc/coap://") {
				t.Errorf("%s: the trace says %s", s.Title(), e.HTTP.URL)
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: -update writes it", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error("(-want +got)\n" + d)
	}
}

// What stands in the way of a proxy that does not reach the bench is no fault of
// the gateway, and no pass.
func TestAProxyThatDoesNotReachTheBenchIsNotJudged(t *testing.T) {
	for _, tt := range []struct {
		name, more, tags string
		targets          []hc.Target
		want             []string
	}{
		{
			"not allowed", "  proxy-user: someone\n", "@RMP-2.2.1-01",
			[]hc.Target{{URL: "coap://192.0.2.1"}},
			[]string{"does not reach the bench: GET http://", "was answered 403 Forbidden", "allow it the bench's devices there: bench.devices are the ports 40000-40063"},
		},
		{
			"no credentials", "", "@RMP-2.2.1-01", allowed(),
			[]string{"was answered 401 Unauthorized", "name that user as gateway.proxy-user in the target file"},
		},
		{
			"the default port alone not allowed", "  proxy-user: someone\n", "@RMP-2.1.1-02", allowed()[1:],
			[]string{"answered 403 Forbidden for coap://", "and nothing came there: allow it this device"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := judge(t, foreign(t, tt.targets, tt.more), tt.tags)
			for _, s := range r.Scenarios {
				if s.Verdict != verdict.Inconclusive {
					t.Errorf("%s: %s, want inconclusive", s.Title(), s.Verdict)
				}
				for _, want := range tt.want {
					if !strings.Contains(s.Finding.String(), want) {
						t.Errorf("got  %s\nwant %s", s.Finding, want)
					}
				}
			}
			if r.ExitCode != reports.ExitFailed {
				t.Errorf("exit %d, want %d", r.ExitCode, reports.ExitFailed)
			}
		})
	}
}
