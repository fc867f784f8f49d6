// SPDX-License-Identifier: Apache-2.0

package shelf_test

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/peer"
)

const libcoap = "apt-get install libcoap3-bin"

// target is one on the shelf: how it is brought to life, and what the program says
// of it.
type target struct {
	name  string
	begin func(t *testing.T, dir string)
	code  int
}

func TestTheShelf(t *testing.T) {
	t.Parallel()
	for _, tc := range []target{
		{"reference-gateway", referenceGateway, 0},
		{"go-coap-server", goCoAPServer, 0},
		{"go-coap-client", func(*testing.T, string) {}, 4},
		{"libcoap-server", libcoapServer, 4},
		{"libcoap-client", libcoapClient, 4},
		{"lying-server", lyingServer, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := shelf(t)
			tc.begin(t, dir)
			var proof string
			if tc.name == "lying-server" { // what does not fit the statement is found before any verdict
				check := invoke(t, dir, "coapstone", "target", "check", tc.name+".yaml")
				if check.code == 0 {
					t.Error("the check takes a target that lies for ready")
				}
				proof = steady("\n$ coapstone target check " + tc.name + ".yaml\n" + check.stdout + check.stderr)
			}
			r := invoke(t, dir, "coapstone", "run", "--target", tc.name+".yaml", "--out", "out", "--seed", "7")
			if r.code != tc.code {
				t.Errorf("exit code %d, want %d:\n%v", r.code, tc.code, r)
			}
			golden(t, tc.name+".result.txt", summary(read(t, filepath.Join(dir, "out")))+proof)
		})
	}
}

func referenceGateway(t *testing.T, dir string) {
	t.Helper()
	start(t, dir, nil, "http", "coapstone", "mockrmp", "--config", "reference-gateway.platform.yaml")
	start(t, dir, nil, "api", "coapstone", "gateway", "--config", "reference-gateway.config.yaml")
}

func goCoAPServer(t *testing.T, dir string) {
	t.Helper()
	start(t, dir, nil, "coap ", "coapstone", "device", "server", "--listen", "127.77.1.2:5683")
	start(t, dir, nil, "coaps", "coapstone", "device", "server", "--listen", "127.77.1.2:5684", "--identity", "door-7", "--key-file", "door-7.key")
}

func lyingServer(t *testing.T, dir string) {
	t.Helper()
	start(t, dir, nil, "coap ", "coapstone", "device", "server", "--listen", "127.77.3.2:5683")
}

func libcoapServer(t *testing.T, dir string) {
	t.Helper()
	program := need.Program(t, "coap-server-openssl", libcoap)
	out := start(t, dir, []string{"OPENSSL_CONF=" + filepath.Join(dir, "openssl.cnf")}, "",
		program, "-A", "127.77.2.2", "-d", "10", "-k", "0123456789abcdef")
	pinged(t, "127.77.2.2:5683", out)
}

func libcoapClient(t *testing.T, _ string) {
	t.Helper()
	need.Program(t, "coap-client-openssl", libcoap)
}

// pinged waits until a device answers a CoAP ping.
func pinged(t *testing.T, addr string, out *output) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	c, err := peer.Dial(ctx, netip.MustParseAddrPort(addr), peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Ping(ctx); err != nil {
		t.Fatalf("%v; it said:\n%s", err, out)
	}
}

// Nothing can be judged where nothing answers: the words must say what to do.
func TestADeadTarget(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dead-server", "silent-server"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shelf(t)
			if name == "silent-server" {
				var lc net.ListenConfig
				hole, err := lc.ListenPacket(t.Context(), "udp", "127.77.5.2:5683")
				if err != nil {
					t.Fatal(err)
				}
				defer hole.Close()
			}
			r := invoke(t, dir, "coapstone", "run", "--target", name+".yaml")
			if r.code != 3 {
				t.Errorf("exit code %d, want 3", r.code)
			}
			check := invoke(t, dir, "coapstone", "target", "check", name+".yaml")
			if check.code != 3 {
				t.Errorf("exit code %d of the check, want 3", check.code)
			}
			golden(t, name+".result.txt", steady("$ coapstone run --target "+name+".yaml\n"+r.stdout+r.stderr+
				"\n$ coapstone target check "+name+".yaml\n"+check.stdout+check.stderr))
		})
	}
}
