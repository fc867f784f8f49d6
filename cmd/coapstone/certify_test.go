// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/reports"
)

// sensorKey is the pre-shared key of the device on the bench.
const sensorKey = "a key of thirty bytes to guess"

// benchWith is a folder with a target file of a stock device that serves coap, and
// coaps by pre-shared key if it is secure, in the loopback network 127.66.NET.
func benchWith(t *testing.T, net int, secure bool) (dir string, coap *service) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the loopback network has one address here")
	}
	dir = t.TempDir()
	write(t, dir, "sensor.key", sensorKey+"\n")
	device := fmt.Sprintf("127.66.%d.1", net)
	coap = serve(t, dir, "device", "server", "--listen", device+":5683")
	coap.at(t, "coap")
	coaps := ""
	if secure {
		serve(t, dir, "device", "server", "--listen", device+":5684", "--identity", "sensor", "--key-file", "sensor.key").at(t, "coaps")
		coaps = "  coaps: " + device + ":5684\n  identity: sensor\n  key: {file: sensor.key}\n"
	}
	write(t, dir, "sensor.yaml", fmt.Sprintf(`vendor: Acme
name: Sensor
version: "1.0"
role: device-server
device:
  coap: %s:5683
%s  resources: {readable: /hello, slow: /slow}
bench: {addresses: [127.66.%d.2]}
`, device, coaps, net))
	if r := invoke(t, dir, "", nil, "key", "signing", "--out", "signing.pem"); r.code != 0 {
		t.Fatal(r)
	}
	return dir, coap
}

// reportIn is the report in a folder.
func reportIn(t *testing.T, dir string) *reports.Report {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := reports.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judgedAs is what became of the scenarios that ran.
func judgedAs(r *reports.Report) map[string]string {
	all := map[string]string{}
	for _, s := range r.Scenarios {
		if s.Ran() {
			all[s.Location()+" "+s.Title()] = s.Verdict.String()
		}
	}
	return all
}

func TestACertifiedDeviceGetsAPaperThatVerifies(t *testing.T) {
	t.Parallel()
	dir, _ := benchWith(t, 1, true)
	r := invoke(t, dir, "", nil, "certify", "--target", "sensor.yaml", "--out", "o", "--key", "signing.pem", "--keylog", "keys.log")
	if r.code != 0 {
		t.Fatal(r)
	}
	for _, want := range []string{
		"plan          ", "DTLS with a pre-shared key", "level         Core    reached", "level         Secure  reached",
		"its own, of 30 bytes", "statement     o/statement.json", " left\n",
	} {
		if !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("it does not say %q:\n%s", want, r)
		}
	}
	verified := invoke(t, dir, "", nil, "verify", "--key", "signing.pub", "o")
	if verified.code != 0 || !strings.Contains(verified.stdout, "Acme Sensor 1.0") {
		t.Error(verified)
	}
	modes := map[string]fs.FileMode{"o/sensitive": 0o700, "o/sensitive/captures": 0o700, "o/sensitive/journal.jsonl": 0o600, "o/sensitive/README": 0o600, "keys.log": 0o600}
	for name, want := range modes {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %s, want %s", name, info.Mode().Perm(), want)
		}
	}
	if keys, err := os.ReadFile(filepath.Join(dir, "keys.log")); err != nil || !bytes.Contains(keys, []byte("CLIENT_RANDOM ")) {
		t.Errorf("the key log: %v, %d bytes", err, len(keys))
	}
	noSecretIn(t, filepath.Join(dir, "o"), sensorKey)
	if noSecretFound(t, filepath.Join(dir, "o", "sensitive"), "CLIENT_RANDOM") {
		t.Error("the captures hold no keys: the search for secrets finds nothing where there are some")
	}

	// The folder is this certification's, and its key log the owner's.
	for _, again := range [][]string{
		{"certify", "--target", "sensor.yaml", "--out", "o"},
		{"certify", "--target", "sensor.yaml", "--out", "."},
	} {
		if r := invoke(t, dir, "", nil, again...); r.code != exitUsage || !strings.Contains(r.stderr, "--out") {
			t.Errorf("%q: %v", again, r)
		}
	}
}

// noSecretIn looks into all files that may be handed on.
func noSecretIn(t *testing.T, dir, secret string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), strings.ReplaceAll(secret, " ", "%20")} {
			if !noSecretFound(t, filepath.Join(dir, e.Name()), form) {
				t.Errorf("%s holds the secret as %q", e.Name(), form)
			}
		}
	}
}

// noSecretFound says that a text stands in no file of a folder.
func noSecretFound(t *testing.T, dir, text string) bool {
	t.Helper()
	none := true
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		none = none && !bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return none
}

// breakOff runs certify, and sends it a signal once so many scenarios have been
// judged. It returns the exit code, -1 for one that was killed.
func breakOff(t *testing.T, dir string, after int, signal os.Signal, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	var out, seen bytes.Buffer
	cmd.Stdout = &out
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(io.TeeReader(pipe, &seen)); lines.Scan(); {
		if _, _, ok := strings.Cut(lines.Text(), ".feature:"); ok {
			n++
		}
		if n == after {
			n++ // once
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String(), seen.String()
}

func TestACertificationThatWasBrokenOffGoesOnAndSaysTheSame(t *testing.T) {
	t.Parallel()
	// Over coap: a stock device waits long for the rest of a handshake that a kill
	// has cut short, and hears nobody else meanwhile.
	dir, device := benchWith(t, 2, false)
	whole := invoke(t, dir, "", nil, "certify", "--target", "sensor.yaml", "--out", "whole")
	if whole.code != 0 {
		t.Fatal(whole)
	}
	begin := []string{"certify", "--target", "sensor.yaml", "--out", "parts"}
	resume := append(begin, "--resume")

	code, stdout, stderr := breakOff(t, dir, 7, os.Interrupt, begin...)
	if code != exitEnvironment || !strings.Contains(stdout, "partial ") || !strings.Contains(stdout, "go on with --resume") || !strings.Contains(stderr, "interrupted") {
		t.Fatalf("interrupted: exit code %d, it said:\n%s%s", code, stdout, stderr)
	}
	partial := reportIn(t, filepath.Join(dir, "parts"))
	if !partial.Partial || partial.Level(reports.Core).Reached {
		t.Errorf("the report of an interrupted run: partial %t, levels %+v", partial.Partial, partial.Levels)
	}
	if r := invoke(t, dir, "", nil, begin...); r.code != exitUsage || !strings.Contains(r.stderr, "--resume") {
		t.Errorf("begun again without --resume: %v", r)
	}
	if code, _, stderr := breakOff(t, dir, 5, syscall.SIGKILL, resume...); code != -1 {
		t.Fatalf("killed: exit code %d, it said:\n%s", code, stderr)
	}
	last := invoke(t, dir, "", nil, resume...)
	if last.code != 0 || !strings.Contains(last.stdout, "judged in an earlier sitting") {
		t.Fatal(last)
	}
	device.interrupt(t) // it need not be there for the signature
	if r := invoke(t, dir, "", nil, append(resume, "--key", "signing.pem")...); r.code != 0 || !strings.Contains(r.stdout, "nothing is left to run") {
		t.Fatal(r)
	}
	report := reportIn(t, filepath.Join(dir, "parts"))
	if diff := cmp.Diff(judgedAs(reportIn(t, filepath.Join(dir, "whole"))), judgedAs(report)); diff != "" {
		t.Errorf("verdicts (-in one sitting +in three):\n%s", diff)
	}
	if report.Partial || !report.Level(reports.Core).Reached {
		t.Errorf("partial %t, levels %+v", report.Partial, report.Levels)
	}
	if r := invoke(t, dir, "", nil, "verify", "--key", "signing.pub", "parts"); r.code != 0 {
		t.Error(r)
	}
	judgedOnce(t, filepath.Join(dir, "parts", "sensitive", "journal.jsonl"))

	write(t, dir, "sensor.yaml", strings.Replace(readText(t, dir, "sensor.yaml"), "Sensor", "Other", 1))
	if r := invoke(t, dir, "", nil, resume...); r.code != exitUsage || !strings.Contains(r.stderr, "put the target file back") {
		t.Errorf("resumed on another target: %v", r)
	}
}

// judgedOnce makes sure that no scenario stands in a journal twice.
func judgedOnce(t *testing.T, journal string) {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(readText(t, filepath.Dir(journal), filepath.Base(journal))) {
		_, rest, ok := strings.Cut(line, `{"place":"`)
		if !ok {
			continue
		}
		place, _, _ := strings.Cut(rest, `"`)
		if seen[place] {
			t.Errorf("%s was judged twice", place)
		}
		seen[place] = true
	}
	if len(seen) == 0 {
		t.Error("the journal holds no scenario")
	}
}

func readText(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsLeftOutForfeitsTheLevel(t *testing.T) {
	t.Parallel()
	dir, _ := benchWith(t, 3, false)
	r := invoke(t, dir, "", nil, "certify", "--target", "sensor.yaml", "--out", "o", "--skip", "RMP-2.2.2-39=no time today", "--skip", "RMP-2.2.2-38=no time today")
	for _, want := range []string{"level         Core    not reached", "RMP-2.2.2-39 is skipped", "level         Secure  not reached", "nothing is signed without --key", "(exit 4)"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if r.code != exitFailed || t.Failed() {
		t.Error(r)
	}
}

func TestATargetThatDeclaresWhatItDoesNotDoHasNoLevel(t *testing.T) {
	t.Parallel()
	dir, _ := benchWith(t, 4, false)
	write(t, dir, "sensor.yaml", readText(t, dir, "sensor.yaml")+"declares: {block-wise: true}\n")
	args := []string{"certify", "--target", "sensor.yaml", "--out", "o", "--skip", "RMP-2.2.2-39=quick", "--skip", "RMP-2.2.2-38=quick"}
	r := invoke(t, dir, "", nil, args...)
	const says = "the conformance statement does not fit: block-wise: declares block-wise"
	if r.code != exitFailed || strings.Count(r.stdout, says) != 2 {
		t.Error(r)
	}
	for _, l := range reportIn(t, filepath.Join(dir, "o")).Levels {
		if l.Reached {
			t.Errorf("%s is reached", l.Name)
		}
	}
}

func TestADeadTargetIsNotJudged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "dead.yaml", "name: Dead\nrole: device-server\ndevice: {coap: '127.0.0.1:9'}\nbench: {addresses: [127.0.0.1]}\n")
	r := invoke(t, dir, "", nil, "certify", "--target", "dead.yaml", "--out", "o")
	if r.code != exitEnvironment || !strings.Contains(r.stderr, "nothing was judged") {
		t.Error(r)
	}
	if _, err := os.Stat(filepath.Join(dir, "o")); err == nil {
		t.Error("a folder was made for nothing")
	}
}

func TestCertifyHelpAndMistakes(t *testing.T) {
	help := invoke(t, t.TempDir(), "", nil, "certify", "--help")
	if help.code != 0 || help.stderr != "" {
		t.Fatal(help)
	}
	golden(t, "help certify", help.stdout)
	const there = "name: X\nrole: device-server\ndevice: {coap: '127.0.0.1:9'}\nbench: {addresses: [127.0.0.1]}\n"
	for _, tt := range []struct{ name, args string }{
		{"certify without a target", "certify --out o"},
		{"certify without a folder", "certify --target t.yaml"},
		{"certify into a folder that is not empty", "certify --target t.yaml --out ."},
		{"certify with nothing to resume", "certify --target t.yaml --out o --resume"},
		{"certify leaving out without a reason", "certify --target t.yaml --out o --skip RMP-3.1-53"},
		{"certify leaving out what is not there", "certify --target t.yaml --out o --skip RMP-99-99=x"},
		{"certify with a key that is not there", "certify --target t.yaml --out o --key k.pem"},
		{"certify with a key that is none", "certify --target t.yaml --out o --key t.yaml"},
		{"certify with a key log that others read", "certify --target t.yaml --out o --keylog open.log"},
		{"certify with a key log elsewhere", "certify --target t.yaml --out o --keylog link.log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "t.yaml", there)
			write(t, dir, "open.log", "")
			if err := os.Chmod(filepath.Join(dir, "open.log"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("t.yaml", filepath.Join(dir, "link.log")); err != nil {
				t.Skip(err)
			}
			r := invoke(t, dir, "", nil, strings.Fields(tt.args)...)
			if r.code != exitUsage {
				t.Errorf("exit code %d, want 1", r.code)
			}
			if _, err := os.Stat(filepath.Join(dir, "o")); err == nil {
				t.Error("a folder was made")
			}
			golden(t, "mistake "+tt.name, r.String())
		})
	}
}

func TestWhatPreSharedKeysAreWorth(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_WEAK", "world")
	const head = "name: X\nbench: {addresses: [192.0.2.2]}\nrole: "
	for _, tt := range []struct{ name, file, want string }{
		{
			"derived from a password",
			head + "device-client\ndevice: {calls: {user: hello}}\nusers: {hello: {password: {env: COAPSTONE_TEST_WEAK}}}\n",
			`the pre-shared key of "hello" is the unsalted SHA-256 of a password`,
		},
		{
			"explicit",
			head + "device-client\nusers: {hello: {name: d-17, password: {env: COAPSTONE_TEST_WEAK}, psk-key: explicit, key: {env: COAPSTONE_TEST_WEAK}}}\n",
			`the pre-shared key of "d-17" is given explicitly`,
		},
		{
			"the device's own",
			head + "device-server\ndevice: {coaps: '192.0.2.1:5684', identity: x, key: {env: COAPSTONE_TEST_WEAK}}\n",
			"the pre-shared key of the device is its own, of 5 bytes",
		},
		{"none", head + "device-server\ndevice: {coap: '192.0.2.1:5683'}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "t.yaml", tt.file)
			f, err := target.Open(filepath.Join(dir, "t.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(pskNotes(f), "\n")
			if !strings.HasPrefix(notes, tt.want) || (tt.want == "") != (notes == "") {
				t.Errorf("notes %q, want %q", notes, tt.want)
			}
			if strings.Contains(notes, "world") {
				t.Error("the password is said")
			}
		})
	}
}
