// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/reports/statement"
)

func TestHelpOfStatements(t *testing.T) {
	for _, command := range []string{"verify", "key signing"} {
		r := invoke(t, t.TempDir(), "", nil, append(strings.Fields(command), "--help")...)
		if r.code != 0 || r.stderr != "" {
			t.Fatalf("help is no error: %v", r)
		}
		golden(t, "help "+command, r.stdout)
	}
}

var (
	fingerprints = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`)
	digests      = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
)

// certified is a folder with a signed statement, and its keys beside it.
func certified(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if r := invoke(t, dir, "", nil, "key", "signing", "--out", "signing.pem"); r.code != 0 {
		t.Fatal(r)
	}
	lamp := filepath.Join(dir, "lamp")
	if err := os.Mkdir(lamp, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &reports.Report{
		Schema: reports.Schema, Role: verdict.DeviceServer, Target: "Lamp", Profile: "full", StartedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Suite:        reports.Suite{Name: "Coapstone", Version: "v0.1.0", Edition: "1", Digest: "sha256:" + strings.Repeat("ab", 32)},
		Levels:       []reports.Level{{Name: reports.Core, Reached: true}},
		Requirements: []*reports.Requirement{{Requirement: &verdict.Requirement{ID: "RMP-1-01"}, Verdict: verdict.Pass}},
		ExitReason:   "conformant",
	}
	var b bytes.Buffer
	if err := reports.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"report.json": b.String(), "target.yaml": "vendor: Acme\nname: Lamp\n"} {
		if err := os.WriteFile(filepath.Join(lamp, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "signing.pem"))
	if err != nil {
		t.Fatal(err)
	}
	by, err := statement.ParseSigner("signing.pem", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := statement.Write(t.Context(), lamp, r, statement.Options{Key: by, Version: "v0.1.0", Binary: program, Declared: []string{"coap"}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAKeyPairIsMadeOnceAndForItsOwner(t *testing.T) {
	for _, kind := range []string{"", "ecdsa-p256", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{"key", "signing", "--out", "signing.pem"}
			if kind != "" {
				args = append(args, "--type", kind)
			}
			r := invoke(t, dir, "", nil, args...)
			want := "private key   signing.pem (keep it to yourself)\npublic key    signing.pub\nfingerprint   SHA256:X\n"
			if got := fingerprints.ReplaceAllString(r.stdout, "SHA256:X"); r.code != 0 || got != want {
				t.Fatalf("got %v, want %s", r, want)
			}
			private, err := os.ReadFile(filepath.Join(dir, "signing.pem"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(r.String(), string(private)) {
				t.Error("the private key is printed")
			}
			if info, err := os.Stat(filepath.Join(dir, "signing.pem")); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v: want mode 0600", info.Mode(), err)
			}
			again := invoke(t, dir, "", nil, args...)
			after, err := os.ReadFile(filepath.Join(dir, "signing.pem"))
			if again.code != exitUsage || err != nil || !bytes.Equal(private, after) {
				t.Errorf("the second time: %v, %v; want a refusal, and the key as it was", again, err)
			}
			// Only the public half is there: the private one is not left behind alone.
			if err := os.Remove(filepath.Join(dir, "signing.pem")); err != nil {
				t.Fatal(err)
			}
			if r := invoke(t, dir, "", nil, args...); r.code != exitUsage {
				t.Errorf("over a public key: %v", r)
			}
			if _, err := os.Stat(filepath.Join(dir, "signing.pem")); err == nil {
				t.Error("a private key without its public half was left behind")
			}
		})
	}
}

func TestVerifySaysWhatIsClaimed(t *testing.T) {
	dir := certified(t)
	r := invoke(t, dir, "", nil, "verify", "--key", "signing.pub", "lamp/statement.json")
	if r.code != 0 {
		t.Fatal(r)
	}
	golden(t, "verify", digests.ReplaceAllString(fingerprints.ReplaceAllString(r.String(), "SHA256:X"), "sha256:X"))
	if folder := invoke(t, dir, "", nil, "verify", "--key", "signing.pub", "lamp"); folder.code != 0 {
		t.Errorf("by its folder: %v", folder)
	}
}

func TestWhatDoesNotVerifyIsExitCode7(t *testing.T) {
	change := func(name, before, after string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, "lamp", name)
			text, err := os.ReadFile(name)
			if err != nil || !bytes.Contains(text, []byte(before)) {
				t.Fatalf("%v: no %q in it", err, before)
			}
			if err := os.WriteFile(name, bytes.Replace(text, []byte(before), []byte(after), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		args  string
		spoil func(t *testing.T, dir string)
		code  int
	}{
		{"without a key", "lamp", nil, exitUnverified},
		{"by another key", "--key other.pub lamp", nil, exitUnverified},
		{"with a changed report", "--key signing.pub lamp", change("report.json", "RMP-1-01", "RMP-1-02"), exitUnverified},
		{"with a changed target", "--key signing.pub lamp", change("target.yaml", "Acme", "Bcme"), exitUnverified},
		{"with a changed statement", "--key signing.pub lamp", change("statement.json", `"payload": "ey`, `"payload": "ez`), exitUnverified},
		{"without its report", "--key signing.pub lamp", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "lamp", "report.json")); err != nil {
				t.Fatal(err)
			}
		}, exitUnverified},
		{"of a report", "--key signing.pub lamp/report.json", nil, exitUnverified},
		{"of nothing", "--key signing.pub", nil, exitUsage},
		{"of a statement that is not there", "--key signing.pub moon/statement.json", nil, exitUsage},
		{"with a key that is not there", "--key moon.pub lamp", nil, exitUsage},
		{"with a private key", "--key signing.pem lamp", nil, exitUsage},
		{"with a key that is none", "--key lamp/report.json lamp", nil, exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := certified(t)
			if r := invoke(t, dir, "", nil, "key", "signing", "--out", "other.pem"); r.code != 0 {
				t.Fatal(r)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			r := invoke(t, dir, "", nil, append([]string{"verify"}, strings.Fields(tt.args)...)...)
			if r.code != tt.code || r.stdout != "" {
				t.Errorf("want exit code %d and nothing claimed, got %v", tt.code, r)
			}
			golden(t, "mistake verify "+tt.name, digests.ReplaceAllString(fingerprints.ReplaceAllString(r.String(), "SHA256:X"), "sha256:X"))
		})
	}
}

func TestMistakesOfKeySigning(t *testing.T) {
	for name, args := range map[string]string{
		"without a file":        "key signing",
		"of an unknown type":    "key signing --out k.pem --type rsa",
		"over a key":            "key signing --out k.key",
		"into a missing folder": "key signing --out moon/k.pem",
		"with an argument":      "key signing k.pem",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "k.key"), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := invoke(t, dir, "", nil, strings.Fields(args)...)
			if r.code != exitUsage {
				t.Errorf("exit code %d, want %d", r.code, exitUsage)
			}
			golden(t, "mistake key signing "+name, r.String())
		})
	}
}
