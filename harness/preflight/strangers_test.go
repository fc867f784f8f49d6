// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/preflight"
)

const installLibcoap = "apt-get install libcoap3-bin"

// TestLibcoapsServerIsCheckedAsADevice: another stack in another process.
func TestLibcoapsServerIsCheckedAsADevice(t *testing.T) {
	t.Parallel()
	server := need.Program(t, "coap-server-openssl", installLibcoap)
	at := benchAddress()
	cmd := exec.CommandContext(t.Context(), server, "-A", at, "-p", "5683", "-k", "sesame", "-h", "CoAP")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := stage.AwaitPing(ctx, netip.Addr{}, netip.MustParseAddrPort(at+":5683")); err != nil {
		t.Fatal(err)
	}
	f := open(t, t.TempDir(), device+strings.ReplaceAll(
		"device: {coap: 'AT:5683', coaps: 'AT:5684', identity: door, key: {file: sesame}, resources: {readable: /, slow: /async}}\n", "AT", at))
	r := check(t, f)
	if r.Fault() != "" {
		t.Errorf("fault %q", r.Fault())
	}
	for _, w := range []wants{
		{"coap AT:5683", preflight.OK, "", "answers a CoAP ping", ""},
		{"coaps AT:5684 psk, device.identity", preflight.OK, "", "with a key of 6 bytes", ""},
		{"resource slow /async", preflight.OK, "", "separate response", ""},
		{"block-wise", preflight.OK, "", "done all the same", ""},
	} {
		w.check(t, r, at)
	}
}

// TestLibcoapsClientIsCheckedAsADeviceThatCalls: its trigger is a command.
func TestLibcoapsClientIsCheckedAsADeviceThatCalls(t *testing.T) {
	t.Parallel()
	program := need.Program(t, "coap-client-openssl", installLibcoap)
	f := open(t, t.TempDir(), strings.NewReplacer("BENCH", benchAddress(), "PROGRAM", program, ", pki: pki", "").Replace(
		strings.Replace(client, "password}", "password}, psk-key: hex", 1)+
			"declares: {certificates: false, coap: false}\nhooks: {trigger: {command: [PROGRAM, -B, '5', -m, post, -u, '{user}', -k, '{key}', -O, '35,{proxy-uri}', '{url}']}}\n"))
	r := check(t, f)
	if r.Fault() != "" {
		t.Errorf("fault %q", r.Fault())
	}
	for _, w := range []wants{
		{"coaps psk handshake", preflight.OK, "", `as "door"`, ""},
		{"coaps psk request", preflight.OK, "", "CON POST to /coap2http, with a Proxy-Uri", ""},
	} {
		w.check(t, r, "")
	}
}
