// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
)

func TestADeviceIsCheckedOverIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skipf("this machine has no IPv6: %v: switch it on", err)
	} else {
		_ = l.Close()
	}
	dir := t.TempDir()
	a := authority(t, dir)
	serveAt := func(s *stock.Security) string {
		server, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: "[::1]:0", Security: s})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		return server.Addr().String()
	}
	plain := serveAt(nil)
	secure := serveAt(&stock.Security{Certificates: leaf(t, a, pki.Leaf{Addrs: []netip.Addr{netip.IPv6Loopback()}})})
	f := open(t, dir, "name: X\nrole: device-server\nbench: {addresses: ['::1']}\ndevice: {coap: '"+plain+"', coaps: '"+secure+"', roots: pki/root.pem}\n")
	r := check(t, f)
	if r.Fault() != "" {
		t.Errorf("fault %q", r.Fault())
	}
	for _, w := range []wants{
		{"bench address ::1", preflight.OK, "", "on lo", ""},
		{"coap " + plain, preflight.OK, "", "answers a CoAP ping", ""},
		{"coaps " + secure + " certificate", preflight.OK, "", `certificate of "::1"`, ""},
		{"ipv6", preflight.OK, "", "both sides", ""},
	} {
		w.check(t, r, "")
	}
}

func TestADeviceThatCallsIsAwaitedOverIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skipf("this machine has no IPv6: %v: switch it on", err)
	} else {
		_ = l.Close()
	}
	// Nobody calls: what matters is where it is listened, and the rule for it.
	f := open(t, t.TempDir(), strings.NewReplacer("[BENCH]", "['::1'], ports: {coap: 15883}", ", pki: pki", "").Replace(client)+"declares: {coaps: false}\nhooks: {trigger: {command: ['true']}}\n")
	w := wants{"coap datagram", preflight.Failed, preflight.Environment, "[::1]:15883", "nft insert rule inet filter input ip6 daddr ::1 udp dport 15883 accept"}
	w.check(t, check(t, f), "")
}
