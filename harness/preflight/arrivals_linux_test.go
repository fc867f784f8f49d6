// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
)

// apart says that the test runs in a network namespace of its own.
const apart = "COAPSTONE_TEST_APART"

// inNamespace runs the test once more in a network namespace of its own, where it
// may have a firewall; it returns true there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apart) != "" {
		return true
	}
	need.Program(t, "nft", "apt-get install nftables")
	need.Program(t, "ip", "apt-get install iproute2")
	unshare := need.Program(t, "unshare", "apt-get install util-linux")
	if os.Geteuid() != 0 {
		t.Skip("only root may make a network namespace: run this test as root")
	}
	if out, err := exec.CommandContext(t.Context(), unshare, "-n", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v: %s: run this test where CAP_SYS_ADMIN is given", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, unshare, "-n", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), apart+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in the namespace: %v", err)
	}
	return false
}

func do(t *testing.T, command string) {
	t.Helper()
	args := strings.Fields(command)
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

func TestThisMachinesOwnFirewallIsNamedWithTheRuleThatOpensIt(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	do(t, "ip link set lo up")
	do(t, "nft add table inet filter")
	do(t, "nft add chain inet filter input { type filter hook input priority 0 ; }")
	do(t, "nft add rule inet filter input ip daddr 127.81.0.1 udp dport 5684 drop")
	dir := t.TempDir()
	roots := authority(t, dir).Roots()
	press := button(t, stock.Caller{URL: "coaps://127.81.0.1/coap2http", User: "door", Password: "open sesame", PSK: true, Roots: roots})
	f := open(t, dir, strings.NewReplacer("BENCH", "127.81.0.1", "BUTTON", press).Replace(
		client+"declares: {certificates: false}\ndevice: {calls: {url: 'coaps://BENCH/coap2http', user: hello}}\nhooks: {trigger: {http: {url: 'BUTTON/'}}}\n"))
	// It need not be waited for to the end.
	r := check(t, f, func(o *preflight.Options) { o.Reach = 20 * time.Second })
	if took := step(t, r, "coaps datagram").Elapsed; took > 10*time.Second {
		t.Errorf("told after %s", took)
	}
	w := wants{
		"coaps datagram", preflight.Failed, preflight.Environment, "datagrams from 127.0.0.1 for 127.81.0.1:5684 reach this machine, and its own firewall drops them",
		"nft insert rule inet filter input ip saddr 127.0.0.1 ip daddr 127.81.0.1 udp dport 5684 accept",
	}
	w.check(t, r, "")

	// The rule that it prints opens the way.
	_, rule, _ := strings.Cut(step(t, r, "coaps datagram").Next, "\n  ")
	rule, _, _ = strings.Cut(rule, "\n")
	do(t, rule)
	if r := check(t, f); r.Fault() != "" {
		t.Errorf("fault %q with the rule %s", r.Fault(), rule)
	}
}

func TestAFirewallThatDropsTheAnswersIsNamed(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	do(t, "ip link set lo up")
	do(t, "nft add table inet filter")
	do(t, "nft add chain inet filter input { type filter hook input priority 0 ; }")
	at, secure := serve(t, nil), serve(t, &stock.Security{Identity: "door", Key: key()})
	for _, a := range []string{at, secure} {
		_, port, _ := strings.Cut(a, ":")
		do(t, "nft add rule inet filter input udp sport "+port+" drop")
	}
	f := open(t, t.TempDir(), device+"device: {coap: '"+at+"', coaps: '"+secure+"', identity: door, key: {file: key}}\n")
	r := check(t, f)
	const seen = "this machine's own firewall drops what it answers"
	wants{"coap AT", preflight.Failed, preflight.Environment, seen, "nft insert rule inet filter input ip saddr 127.0.0.1 udp sport"}.check(t, r, at)
	wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Environment, seen, "iptables -I INPUT -p udp -s 127.0.0.1 --sport"}.check(t, r, secure)
}

func TestADeviceThatSendsToAnotherPortIsFoundThere(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	do(t, "ip link set lo up")
	press := button(t, stock.Caller{URL: "coaps://127.81.0.1:15684/coap2http", User: "door", Password: "open sesame", PSK: true})
	f := open(t, t.TempDir(), strings.NewReplacer("BENCH", "127.81.0.1", "BUTTON", press, ", pki: pki", "").Replace(
		client+"device: {coaps: '127.0.0.1:5684', calls: {url: 'coaps://BENCH/coap2http', user: hello}}\nhooks: {trigger: {http: {url: 'BUTTON/'}}}\n"))
	wants{"coaps datagram", preflight.Failed, preflight.Environment, "127.0.0.1 sends to 127.81.0.1:15684", "bench.ports"}.check(t, check(t, f), "")
}

func TestAFirewallThatLetsNothingOutIsNamed(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	do(t, "ip link set lo up")
	do(t, "nft add table inet filter")
	do(t, "nft add chain inet filter output { type filter hook output priority 0 ; }")
	do(t, "nft add rule inet filter output ip daddr 127.81.0.2 udp dport 5683 drop")
	f := open(t, t.TempDir(), device+"device: {coap: '127.81.0.2:5683'}\n")
	wants{
		"coap 127.81.0.2:5683", preflight.Failed, preflight.Environment, "this machine's own firewall does not let the datagram out",
		"nft insert rule inet filter output ip daddr 127.81.0.2 udp dport 5683 accept",
	}.check(t, check(t, f), "")
	// A network that is not there at all.
	f = open(t, t.TempDir(), device+"device: {coap: '192.0.2.1:5683'}\n")
	wants{"coap 192.0.2.1:5683", preflight.Failed, preflight.Environment, "no way there", "route"}.check(t, check(t, f), "")
}
