// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/mockrmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// program is the built program: what a user runs.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "coapstone-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "coapstone")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// runTimeout bounds one run of the program.
const runTimeout = 60 * time.Second

// result is what a run of the program gave.
type result struct {
	code           int
	stdout, stderr string
}

// invoke runs the program in a folder of its own.
func invoke(t *testing.T, dir, stdin string, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("coapstone %s did not end; it said:\n%s%s", strings.Join(args, " "), &stdout, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// golden compares what a user sees with testdata/NAME.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; go test -update accepts it)\n%s", file, d)
	}
}

func (r result) String() string {
	var b strings.Builder
	for _, part := range []struct{ name, text string }{{"stdout", r.stdout}, {"stderr", r.stderr}} {
		if part.text != "" {
			fmt.Fprintf(&b, "-- %s --\n%s", part.name, part.text)
		}
	}
	fmt.Fprintf(&b, "-- exit code %d --\n", r.code)
	return b.String()
}

func TestHelp(t *testing.T) {
	for _, command := range []string{
		"", "run", "gateway", "mockrmp", "device", "device client", "device server", "device stubborn", "device press",
		"key", "key psk", "key authtoken", "requirements", "clean",
	} {
		t.Run(command, func(t *testing.T) {
			args := append(strings.Fields(command), "--help")
			r := invoke(t, t.TempDir(), "", nil, args...)
			if r.code != 0 || r.stderr != "" {
				t.Fatalf("help is no error: %v", r)
			}
			golden(t, strings.TrimSuffix("help "+command, " "), r.stdout)
		})
	}
}

// The example stands behind the words "A configuration:", indented by two.
func configurationInHelp(t *testing.T, command string) []byte {
	t.Helper()
	_, text, ok := strings.Cut(invoke(t, t.TempDir(), "", nil, command, "--help").stdout, "A configuration:\n\n")
	if !ok {
		t.Fatalf("the help of %s shows no configuration", command)
	}
	text, _, _ = strings.Cut(text, "\n\n")
	return []byte(strings.ReplaceAll("\n"+text, "\n  ", "\n"))
}

func TestTheConfigurationsInTheHelpAreAccepted(t *testing.T) {
	if _, err := gateway.ParseConfig("help", configurationInHelp(t, "gateway")); err != nil {
		t.Error(err)
	}
	if _, err := mockrmp.ParseConfig("help", configurationInHelp(t, "mockrmp")); err != nil {
		t.Error(err)
	}
}

func TestCompletionIsThereForEveryShell(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := invoke(t, t.TempDir(), "", nil, "completion", shell); r.code != 0 || !strings.Contains(r.stdout, "coapstone") {
			t.Errorf("%s: %v", shell, r)
		}
	}
	r := invoke(t, t.TempDir(), "", nil, "__complete", "run", "--profile", "")
	if !strings.HasPrefix(r.stdout, "smoke\nstandard\nfull\n") {
		t.Errorf("completion of --profile is %q", r.stdout)
	}
}

// What differs from run to run, or with the vocabulary.
var (
	milliseconds = regexp.MustCompile(`[0-9.]+(ms|µs|s)\b`)
	ratio        = regexp.MustCompile(`[0-9.]+ ×`)
	untested     = regexp.MustCompile(`[0-9]+ that bind`)
	others       = regexp.MustCompile(`(?m)^(requirements +)[0-9]+: (.*), [0-9]+ not-applicable$`)
	hints        = regexp.MustCompile(`(?m)^ +(did you mean|or): .*\n`)
)

func TestMistakesGetOneClearSentenceAndTheirExitCode(t *testing.T) {
	busyUDP, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busyUDP.Close() })
	busyTCP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busyTCP.Close() })

	feature := map[string]string{"x.feature": "Feature: X\n  @RMP-3-01\n  Scenario: Y\n    Given the user \"hello\" with the password \"world\"\n"}
	const target = "name: X\nrole: gateway\ngateway: {coap: ['127.0.0.1:5683']}\nbench: {addresses: [127.0.0.1]}\n"
	for _, tt := range []struct {
		name  string
		args  string
		stdin string
		files map[string]string
		env   []string
		code  int
	}{
		{name: "unknown command", args: "fly", code: exitUsage},
		{name: "unknown flag", args: "run --colour red", code: exitUsage},
		{name: "argument too many", args: "clean now", code: exitUsage},

		{name: "key authtoken without a user", args: "key authtoken", code: exitUsage},
		{name: "key authtoken with a colon", args: "key authtoken a:b", stdin: "c", code: exitUsage},
		{name: "key psk without a password", args: "key psk", code: exitUsage},
		{name: "key psk with the password as an argument", args: "key psk world", code: exitUsage},

		{name: "requirements of an unknown id", args: "requirements RMP-3.1-5", code: exitUsage},
		{name: "requirements of no section", args: "requirements RMP-3.1-05 --section 4", code: exitNothingRan},
		{name: "requirements of an unknown role", args: "requirements --role proxy", code: exitUsage},
		{name: "requirements in an unknown format", args: "requirements --format pdf", code: exitUsage},
		{name: "requirements with a report that is not there", args: "requirements --report r.json", code: exitUsage},
		{
			name: "requirements with a report that is none", args: "requirements --report r.json", code: exitUsage,
			files: map[string]string{"r.json": "{}"},
		},

		{name: "run in an unknown lab", args: "run --lab moon", code: exitUsage},
		{name: "run with an unknown profile", args: "run --profile quick", code: exitUsage},
		{name: "run with a broken tag expression", args: "run --tags @a(and", code: exitUsage},
		{name: "run of nothing", args: "run x.feature --tags @nosuch", files: feature, code: exitNothingRan},
		{name: "run of a file that is not there", args: "run nothere.feature", code: exitUsage},
		{
			name: "run of a feature that does not parse", args: "run x.feature", code: exitFeatures,
			files: map[string]string{"x.feature": "Feature: X\n  Scenario: Y\n    Given a\n    Gibberish\n"},
		},
		{
			name: "run of an undefined step", args: "run x.feature", code: exitFeatures,
			files: map[string]string{"x.feature": "Feature: X\n  @RMP-3-01\n  Scenario: Y\n    Given the moon is full\n"},
		},
		{name: "run with a format and no folder", args: "run --format junit", code: exitUsage},
		{name: "run with an unknown format", args: "run --out o --format pdf", code: exitUsage},
		{name: "run of shard nought", args: "run --shard 0/4", code: exitUsage},
		{name: "run of a shard too many", args: "run --shard 5/4", code: exitUsage},
		{name: "run of no shard", args: "run --shard x", code: exitUsage},
		{name: "run of an unknown edition", args: "run --edition 77", code: exitUsage},
		{name: "run with expectations that are not there", args: "run --expectations k.yaml", code: exitUsage},
		{
			name: "run with an unknown key in the expectations", args: "run --expectations k.yaml", code: exitUsage,
			files: map[string]string{"k.yaml": "expectations:\n  - requirement: RMP-3-01\n    colour: red\n"},
		},
		{
			name: "run with an expectation of nothing", args: "run --expectations k.yaml", code: exitUsage,
			files: map[string]string{"k.yaml": "expectations:\n  - {requirement: RMP-99-99, sentence: S, packet: P, why: W, link: 'http://a/'}\n"},
		},
		{
			name: "run with a template left as it is", args: "run --expectations k.yaml", code: exitUsage,
			files: map[string]string{"k.yaml": "expectations:\n  - {requirement: RMP-3-01, sentence: S, packet: P, why: CHANGE ME, link: 'http://a/'}\n"},
		},
		{
			name: "run into a folder that is a file", args: "run x.feature --seed 7 --out x.feature", code: exitEnvironment,
			files: feature,
		},
		{
			name: "run without Docker", args: "run x.feature --lab containers --seed 7", code: exitEnvironment, files: feature,
			env: []string{"DOCKER_HOST=unix:///nonexistent/docker.sock"},
		},
		{
			name: "clean without Docker", args: "clean", code: exitEnvironment,
			env: []string{"DOCKER_HOST=unix:///nonexistent/docker.sock"},
		},

		{name: "target that is not there", args: "run --target t.yaml", code: exitUsage},
		{
			name: "target with an unknown key", args: "run --target t.yaml", code: exitUsage,
			files: map[string]string{"t.yaml": target + "colour: red\n"},
		},
		{
			name: "target with a password in it", args: "run --target t.yaml", code: exitUsage,
			files: map[string]string{"t.yaml": target + "users: {hello: {password: world}}\n"},
		},
		{
			name: "target with a variable that is not set", args: "run --target t.yaml", code: exitUsage,
			files: map[string]string{"t.yaml": target + "users: {hello: {password: {env: COAPSTONE_NO_SUCH}}}\n"},
		},
		{name: "target and lab", args: "run --target t.yaml --lab containers", code: exitUsage},

		{name: "gateway without a configuration", args: "gateway", code: exitUsage},
		{name: "gateway with a configuration that is not there", args: "gateway --config g.yaml", code: exitUsage},
		{
			name: "gateway with an unknown key", args: "gateway --config g.yaml", code: exitUsage,
			files: map[string]string{"g.yaml": "listen: {coap: ['127.0.0.1:0']}\ncolour: red\n"},
		},
		{
			name: "gateway with a malformed certificate", args: "gateway --config g.yaml", code: exitUsage,
			files: map[string]string{
				"g.yaml": "listen: {coaps: ['127.0.0.1:0']}\ndtls: {certificate: c.pem, key: c.pem}\n",
				"c.pem":  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
			},
		},
		{
			name: "gateway on a busy port", args: "gateway --config g.yaml", code: exitEnvironment,
			files: map[string]string{"g.yaml": "listen: {coap: ['" + busyUDP.LocalAddr().String() + "']}\n"},
		},
		{
			name: "mockrmp with an unknown key", args: "mockrmp --config m.yaml", code: exitUsage,
			files: map[string]string{"m.yaml": "listen: {http: '127.0.0.1:0'}\ncolour: red\n"},
		},
		{
			name: "mockrmp on a busy port", args: "mockrmp --config m.yaml", code: exitEnvironment,
			files: map[string]string{"m.yaml": "listen: {http: '" + busyTCP.Addr().String() + "'}\n"},
		},

		{name: "device client without a URL", args: "device client GET", code: exitUsage},
		{name: "device client with an unknown method", args: "device client FETCH coap://127.0.0.1/x", code: exitUsage},
		{name: "device client with an http URL", args: "device client GET http://127.0.0.1/x", code: exitUsage},
		{name: "device client over coaps without credentials", args: "device client GET coaps://127.0.0.1/x", code: exitUsage},
		{name: "device client with half the credentials", args: "device client GET coaps://127.0.0.1/x --identity a", code: exitUsage},
		{name: "device server on a busy port", args: "device server --listen " + busyUDP.LocalAddr().String(), code: exitEnvironment},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := invoke(t, dir, tt.stdin, tt.env, strings.Fields(tt.args)...)
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			got := strings.NewReplacer(
				busyUDP.LocalAddr().String(), "127.0.0.1:PORT", busyTCP.Addr().String(), "127.0.0.1:PORT", dir, "DIR",
			).Replace(r.String())
			got = ratio.ReplaceAllString(got, "N ×")
			got = untested.ReplaceAllString(got, "N that bind")
			got = others.ReplaceAllString(got, "${1}N: $2, N not-applicable")
			got = hints.ReplaceAllString(milliseconds.ReplaceAllString(got, "TIME"), "")
			golden(t, "mistake "+tt.name, got)
		})
	}
}
