// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
	"github.com/coapstone/coapstone/harness/target"
)

func TestTargetHelp(t *testing.T) {
	for _, command := range []string{"target", "target new", "target check", "target schema"} {
		r := invoke(t, t.TempDir(), "", nil, append(strings.Fields(command), "--help")...)
		if r.code != 0 || r.stderr != "" {
			t.Fatalf("help is no error: %v", r)
		}
		golden(t, "help "+command, r.stdout)
	}
}

func TestMistakesAboutTargetFiles(t *testing.T) {
	there := map[string]string{"target.yaml": "name: mine\n"}
	for _, tt := range []struct {
		name  string
		args  []string
		files map[string]string
		code  int
	}{
		{name: "target new without answers", args: []string{"new"}, code: exitUsage},
		{name: "target new without an address", args: []string{"new", "--role", "device-server", "--set", "name=X"}, code: exitUsage},
		{name: "target new over a file that is there", args: []string{"new", "--set", "name=X"}, files: there, code: exitUsage},
		{name: "target new with an unknown role", args: []string{"new", "--role", "toaster"}, code: exitUsage},
		{name: "target new with a wrong answer", args: []string{"new", "--set", "device.coap=192.0.2.1"}, code: exitUsage},
		{name: "target new with no answer", args: []string{"new", "--set", "name"}, code: exitUsage},
		{name: "target new with a password", args: []string{"new", "--set", "users.hello.password=open sesame"}, code: exitUsage},
		{name: "target new with an unknown key", args: []string{"new", "--set", "name=X", "--set", "gateway.coap=192.0.2.1:5683", "--set", "bench.addresses=192.0.2.2", "--set", "gateway.hosts=x"}, code: exitUsage},
		{name: "target new into a folder that is not there", args: []string{"new", "a/b.yaml", "--set", "name=X", "--set", "gateway.coap=192.0.2.1:5683", "--set", "bench.addresses=192.0.2.2"}, code: exitEnvironment},
		{name: "target check without a file", args: []string{"check"}, code: exitUsage},
		{name: "target check of a file that is not there", args: []string{"check", "t.yaml"}, code: exitUsage},
		{name: "target check of a wrong file", args: []string{"check", "target.yaml"}, files: there, code: exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := invoke(t, dir, "", nil, append([]string{"target"}, tt.args...)...)
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			if strings.Contains(r.String(), "sesame") {
				t.Error("what was typed as a password is said again")
			}
			golden(t, "mistake "+tt.name, r.String())
		})
	}
}

func TestTheSchemaIsPrintedAsItIs(t *testing.T) {
	if r := invoke(t, t.TempDir(), "", nil, "target", "schema"); r.code != 0 || r.stdout != string(target.Schema()) || !json.Valid([]byte(r.stdout)) {
		t.Errorf("%.200s", r)
	}
}

// newDoor writes a target file by flags and returns its folder.
func newDoor(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"target", "new", "--role", "device-server", "--set", "name=Door", "--set", "bench.addresses=127.0.0.1"}, flags...)
	if r := invoke(t, dir, "", nil, args...); r.code != 0 || !strings.Contains(r.stdout, "Next: coapstone target check target.yaml") {
		t.Fatal(r)
	}
	if _, err := target.Open(filepath.Join(dir, "target.yaml")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Times differ from run to run, and a step that took long tells its time.
var (
	spans = regexp.MustCompile(`(under )?[0-9.]+ (ms|µs|s)\b`)
	took  = regexp.MustCompile(`(?m) \(TIME\)$`)
)

// steadyAt is the result without what differs from run to run.
func steadyAt(r result, at string) string {
	return took.ReplaceAllString(spans.ReplaceAllString(strings.ReplaceAll(r.String(), at, "127.0.0.1:PORT"), "TIME"), "")
}

func TestATargetFileIsWrittenAndProvedWithoutATerminal(t *testing.T) {
	device, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	at := device.Addr().String()
	dir := newDoor(t, "--set", "device.coap="+at, "--set", "device.resources.readable=/hello")
	r := invoke(t, dir, "", nil, "target", "check", "target.yaml")
	if r.code != exitConformant || r.stderr != "" {
		t.Errorf("%v", r)
	}
	golden(t, "target check of a device", steadyAt(r, at))

	if r := invoke(t, dir, "", nil, "target", "new", "--force", "--role", "device-server", "--set", "name=Window", "--set", "device.coap="+at, "--set", "bench.addresses=127.0.0.1"); r.code != 0 {
		t.Errorf("--force: %v", r)
	}
	r = invoke(t, dir, "", nil, "target", "check", "target.yaml", "--json")
	var got checked
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.Target != "Window" || !got.Ready || len(got.Steps) == 0 || r.code != 0 {
		t.Errorf("%v: %v", err, r)
	}
}

func TestADeadTargetAndALyingOneHaveTheirExitCodes(t *testing.T) {
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.LocalAddr().String()
	_ = closed.Close()
	lying, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: "127.0.0.1:0", Security: &stock.Security{Identity: "a", Key: []byte("b")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lying.Close() })
	for _, tt := range []struct {
		name  string
		flags []string
		at    string
		code  int
	}{
		{"target check of a dead device", []string{"--set", "device.coap=" + dead}, dead, exitEnvironment},
		{"target check of a lying device", []string{"--set", "device.coaps=" + lying.Addr().String(), "--set", "device.identity=a", "--set", "device.roots=pki/root.pem", "--set", "device.key=file:key"}, lying.Addr().String(), exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte("b\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := pki.Open(filepath.Join(dir, "pki")); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"target", "new", "--role", "device-server", "--set", "name=Door", "--set", "bench.addresses=127.0.0.1"}, tt.flags...)
			if r := invoke(t, dir, "", nil, args...); r.code != 0 {
				t.Fatal(r)
			}
			r := invoke(t, dir, "", nil, "target", "check", "target.yaml")
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			golden(t, tt.name, steadyAt(r, tt.at))
		})
	}
}

func TestAPreflightsFaultsAreExitCodes(t *testing.T) {
	for fault, want := range map[preflight.Fault]int{preflight.Environment: exitEnvironment, preflight.Statement: exitFailed} {
		r := &preflight.Result{Steps: []preflight.Step{{State: preflight.Failed, Fault: fault}}}
		if got := preflightCode(r); got != want {
			t.Errorf("%s: %d, want %d", fault, got, want)
		}
	}
}

func TestEveryCommandOfTheBenchGuideIsThere(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "bench.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.SplitSeq(string(b), "\n") {
		command, ok := strings.CutPrefix(line, "$ coapstone ")
		if !ok {
			continue
		}
		n++
		command, _, _ = strings.Cut(command, " > ")
		cmd, args, err := newRoot().Find(strings.Fields(command))
		if err == nil {
			err = cmd.ParseFlags(args)
		}
		if err != nil || !cmd.Runnable() {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n < 5 {
		t.Errorf("%d commands", n)
	}
}
