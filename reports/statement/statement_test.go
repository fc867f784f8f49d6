// SPDX-License-Identifier: Apache-2.0

package statement_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/reports/statement"
)

var update = flag.Bool("update", false, "write the golden files")

const targetText = `vendor: Acme
name: Lamp
version: "2"
hardware: rev B
firmware: {version: 1.4.2, digest: "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}
role: device-server
bench: {addresses: [192.0.2.20]}
`

// report is a small one, with every verdict.
func report() *reports.Report {
	req := func(id string, v verdict.Verdict, reason string) *reports.Requirement {
		return &reports.Requirement{
			Requirement: &verdict.Requirement{ID: id, Section: "1", Text: "It does.", Level: verdict.Must, Binds: []verdict.Role{verdict.DeviceServer}, Since: "1", Source: "S"},
			Verdict:     v, Reason: reason, Scenarios: []string{"s0001"},
		}
	}
	return &reports.Report{
		Schema: reports.Schema, Role: verdict.DeviceServer, Target: "Acme Lamp 2", Profile: "full",
		Suite:     reports.Suite{Name: "Coapstone", Version: "v0.1.0", Edition: "1", Digest: "sha256:" + strings.Repeat("ab", 32)},
		StartedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Elapsed: 754 * time.Second,
		Scenarios: []*reports.Scenario{{ID: "s0001", Requirement: "RMP-1-03", Verdict: verdict.Fail, Known: &verdict.Expectation{Requirement: "RMP-1-03"}}},
		Requirements: []*reports.Requirement{
			req("RMP-1-01", verdict.Pass, ""), req("RMP-1-02", verdict.Warning, ""), req("RMP-1-03", verdict.Fail, ""), req("RMP-1-04", verdict.Error, ""),
			req("RMP-1-05", verdict.Inconclusive, ""), req("RMP-1-06", verdict.Skipped, ""), req("RMP-1-07", verdict.NotApplicable, "it depends on observe, which the target does not declare"),
			req("RMP-1-08", verdict.NotApplicable, "it depends on observe, which the target does not declare"), req("RMP-1-09", verdict.Pass, ""),
		},
		Untested: []string{"RMP-1-10"},
		Unproven: []reports.Unproven{{Why: "the platform keeps no journal", Requirements: []string{"RMP-1-08"}}},
		Levels: []reports.Level{
			{Name: reports.Core, Blocks: []string{"RMP-1-03: fail (known failure)", "RMP-1-04: error"}},
			{Name: reports.Secure, Blocks: []string{"Core is not reached"}, Notes: []string{statement.Weakness("hello", 23.4)}},
		},
		ExitCode: reports.ExitFailed, ExitReason: "failed: RMP-1-03",
	}
}

// clean is one in which all went well.
func clean() *reports.Report {
	r := report()
	r.Scenarios, r.Untested = nil, nil
	r.Requirements = []*reports.Requirement{r.Requirements[0], r.Requirements[8]}
	r.Levels = []reports.Level{{Name: reports.Core, Reached: true}}
	r.ExitCode, r.ExitReason = reports.ExitConformant, "conformant"
	return r
}

// signer is a key of tests. That of Ed25519 is the same each time, and so are its
// signatures.
func signer(t testing.TB, kind statement.Kind) *statement.Signer {
	t.Helper()
	text, _, err := statement.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	if kind == statement.Ed25519 {
		seed := sha256.Sum256([]byte("not a secret"))
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
		if err != nil {
			t.Fatal(err)
		}
		text = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	s, err := statement.ParseSigner("key.pem", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// folder is a certified run, signed.
func folder(t testing.TB, r *reports.Report, by *statement.Signer) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, r)
	if err := statement.Write(t.Context(), dir, r, options(t, by)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func options(t testing.TB, by *statement.Signer) statement.Options {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(binary, []byte("the program"), 0o600); err != nil {
		t.Fatal(err)
	}
	return statement.Options{Key: by, Version: "v0.1.0", Binary: binary, Declared: []string{"psk", "coap"}}
}

// fill writes the files of a certified run.
func fill(t testing.TB, dir string, r *reports.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := reports.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		statement.ReportFile: b.String(), statement.TargetFile: targetText, "junit.xml": "<testsuites/>\n", "README": "mine",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sensitive"), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
}

func keys(all ...*statement.Signer) []*statement.Key {
	var ks []*statement.Key
	for _, s := range all {
		k := s.Key()
		k.Name = "signing.pub"
		ks = append(ks, k)
	}
	return ks
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, d)
	}
}

func TestAStatementSaysWhatItClaimsAndWhatNot(t *testing.T) {
	partial := report()
	partial.Partial, partial.Levels, partial.ExitCode, partial.ExitReason = true, nil, reports.ExitEnvironment, "interrupted"
	for name, r := range map[string]*reports.Report{"failed": report(), "passed": clean(), "partial": partial} {
		t.Run(name, func(t *testing.T) {
			by := signer(t, statement.Ed25519)
			dir := folder(t, r, by)
			v, err := statement.Verify(t.Context(), dir, keys(by))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			o := statement.TextOptions{Program: v.Program.Digest, Suite: strings.Repeat("cd", 32)}
			if err := statement.WriteText(&b, v, o); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", strings.ReplaceAll(b.String(), dir, "DIR"))
		})
	}
}

func TestThePayloadIsAnInTotoTestResult(t *testing.T) {
	by := signer(t, statement.Ed25519)
	var texts []string
	for range 2 {
		text, err := os.ReadFile(filepath.Join(folder(t, report(), by), statement.StatementFile))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Error("the same report with the same key gives two statements: want one, byte for byte")
	}
	golden(t, "statement.json", texts[0])
	var e dsse.Envelope
	if err := json.Unmarshal([]byte(texts[0]), &e); err != nil {
		t.Fatal(err)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "payload.json", b.String()+"\n")
}

func TestOnlyWhatWasRunToItsEndAndReachedItsLevelPasses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*reports.Report)
		want   string
	}{
		"clean":           {func(*reports.Report) {}, "PASSED"},
		"a warning":       {func(r *reports.Report) { r.Requirements[0].Verdict = verdict.Warning }, "WARNED"},
		"a failure":       {func(r *reports.Report) { r.Requirements[0].Verdict = verdict.Fail }, "FAILED"},
		"an error":        {func(r *reports.Report) { r.Requirements[0].Verdict = verdict.Error }, "FAILED"},
		"inconclusive":    {func(r *reports.Report) { r.Requirements[0].Verdict = verdict.Inconclusive }, "FAILED"},
		"skipped":         {func(r *reports.Report) { r.Requirements[0].Verdict = verdict.Skipped }, "FAILED"},
		"interrupted":     {func(r *reports.Report) { r.Partial = true }, "FAILED"},
		"an exit code":    {func(r *reports.Report) { r.ExitCode = reports.ExitStale }, "FAILED"},
		"Core missed":     {func(r *reports.Report) { r.Levels[0].Reached = false }, "FAILED"},
		"nothing applied": {func(r *reports.Report) { r.Requirements = nil }, "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clean()
			tc.change(r)
			by := signer(t, statement.Ed25519)
			v, err := statement.Verify(t.Context(), folder(t, r, by), keys(by))
			if err != nil {
				t.Fatal(err)
			}
			if v.Result != tc.want {
				t.Errorf("got %s, want %s", v.Result, tc.want)
			}
		})
	}
}

// exitCode is that of an error, as the program takes it.
func exitCode(err error) int {
	var c interface{ ExitCode() int }
	if errors.As(err, &c) {
		return c.ExitCode()
	}
	return reports.ExitUsage
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	for _, kind := range statement.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			by := signer(t, kind)
			dir := folder(t, clean(), by)
			files := []string{statement.StatementFile}
			if kind == statement.Ed25519 { // the others do not depend on the key
				files = append(files, statement.ReportFile, statement.TargetFile, "junit.xml")
			}
			for _, name := range files {
				file := filepath.Join(dir, name)
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for i := range text {
					for _, flip := range flips(name, i) {
						if err := os.WriteFile(file, changed(text, i, flip), 0o600); err != nil {
							t.Fatal(err)
						}
						if _, err := statement.Verify(t.Context(), dir, keys(by)); exitCode(err) != reports.ExitUnverified || err == nil {
							t.Fatalf("%s, byte %d of %d (%q ^ %#x): got %v, want exit code 7", name, i, len(text), text[i], flip, err)
						}
					}
				}
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := statement.Verify(t.Context(), dir, keys(by)); err != nil {
				t.Errorf("all is as it was, and: %v", err)
			}
		})
	}
}

// flips are the changes to a byte that are tried: the lowest bit, and in the
// statement itself, where a lenient decoder may overlook some, one other bit.
func flips(name string, i int) []byte {
	if name == statement.StatementFile {
		return []byte{1, 1 << (1 + i%7)}
	}
	return []byte{1}
}

func changed(text []byte, i int, flip byte) []byte {
	c := bytes.Clone(text)
	c[i] ^= flip
	return c
}

func TestWhatDoesNotVerifySaysWhyAndWhatToDo(t *testing.T) {
	by, other := signer(t, statement.Ed25519), signer(t, statement.ECDSAP256)
	for _, tc := range []struct {
		name  string
		keys  []*statement.Key
		spoil func(t *testing.T, dir string)
		kind  error
	}{
		{"no key", []*statement.Key{}, nil, statement.ErrUnknownSigner},
		{"another key", keys(other), nil, statement.ErrUnknownSigner},
		{"a changed signature", nil, edit(func(e *dsse.Envelope) { e.Signatures[0].Sig = strings.Repeat("A", 86) + "==" }), statement.ErrSignature},
		{"no signature", nil, edit(func(e *dsse.Envelope) { e.Signatures = nil }), statement.ErrSignature},
		{"a signature that is no Base64", nil, edit(func(e *dsse.Envelope) { e.Signatures[0].Sig = "!" }), statement.ErrSignature},
		{"a changed payload", nil, edit(func(e *dsse.Envelope) { e.Payload = "e30=" }), statement.ErrSignature},
		{"the name of another key", keys(by, other), edit(func(e *dsse.Envelope) { e.Signatures[0].KeyID = other.Fingerprint() }), statement.ErrSignature},
		{"no name of a key", keys(by, other), edit(func(e *dsse.Envelope) { e.Signatures[0].KeyID = "" }), nil},
		{"a second signature by nobody", nil, edit(func(e *dsse.Envelope) { e.Signatures = append(e.Signatures, dsse.Signature{Sig: "AAAA"}) }), statement.ErrSignature},
		{"another payload type", nil, edit(func(e *dsse.Envelope) { e.PayloadType = "application/json" }), statement.ErrForm},
		{"a further field", nil, swap(statement.StatementFile, `"payloadType"`, `"colour": "red", "payloadType"`), statement.ErrForm},
		{"a field twice", nil, swap(statement.StatementFile, `"payloadType"`, `"payloadType": "x", "payloadType"`), statement.ErrForm},
		{"something behind it", nil, swap(statement.StatementFile, "]\n}\n", "]\n}\n{}"), statement.ErrForm},
		{"an empty statement", nil, put(statement.StatementFile, ""), statement.ErrForm},
		{"a missing file", nil, remove("junit.xml"), statement.ErrDigest},
		{"a missing report", nil, remove(statement.ReportFile), statement.ErrDigest},
		{"a changed report", nil, swap(statement.ReportFile, "RMP-1-01", "RMP-1-11"), statement.ErrDigest},
		{"a changed target", nil, swap(statement.TargetFile, "rev B", "rev C"), statement.ErrDigest},
		{"a folder in place of a file", nil, func(t *testing.T, dir string) {
			remove("junit.xml")(t, dir)
			if err := os.Mkdir(filepath.Join(dir, "junit.xml"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, statement.ErrDigest},
		{"a report of another signed run", nil, func(t *testing.T, dir string) {
			put(statement.StatementFile, read(t, filepath.Join(folder(t, report(), by), statement.StatementFile)))(t, dir)
		}, statement.ErrDigest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := folder(t, clean(), by)
			if tc.spoil != nil {
				tc.spoil(t, dir)
			}
			given := tc.keys
			if given == nil {
				given = keys(by)
			}
			_, err := statement.Verify(t.Context(), dir, given)
			if tc.kind == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, tc.kind) || exitCode(err) != reports.ExitUnverified {
				t.Fatalf("got %v, want %v", err, tc.kind)
			}
			golden(t, filepath.Join("refused", strings.ReplaceAll(tc.name, " ", "-")+".golden"), strings.NewReplacer(dir, "DIR", other.Fingerprint(), "SHA256:OTHER").Replace(err.Error())+"\n")
		})
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is done to a folder before it is verified.
func put(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func swap(name, before, after string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		text := read(t, filepath.Join(dir, name))
		if !strings.Contains(text, before) {
			t.Fatalf("%s holds no %q", name, before)
		}
		put(name, strings.Replace(text, before, after, 1))(t, dir)
	}
}

func edit(change func(*dsse.Envelope)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		var e dsse.Envelope
		if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, statement.StatementFile))), &e); err != nil {
			t.Fatal(err)
		}
		change(&e)
		put(statement.StatementFile, envelope(t, &e))(t, dir)
	}
}

// envelope is one as it is written.
func envelope(t *testing.T, e *dsse.Envelope) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whoever holds the key can sign anything. What does not follow from the files is
// refused all the same.
func TestASignedLieIsRefused(t *testing.T) {
	by := signer(t, statement.Ed25519)
	for _, tc := range []struct {
		name          string
		before, after string
		kind          error
	}{
		{"another result", `"result":"FAILED"`, `"result":"PASSED"`, statement.ErrClaim},
		{"a failure as a pass", `"passedTests":["RMP-1-01",`, `"passedTests":["RMP-1-03","RMP-1-01",`, statement.ErrClaim},
		{"no failures", `"failedTests":["RMP-1-03","RMP-1-04","RMP-1-05","RMP-1-06"]`, `"failedTests":[]`, statement.ErrClaim},
		{"a level", `"name":"Core","reached":false`, `"name":"Core","reached":true`, statement.ErrClaim},
		{"the suite", strings.Repeat("ab", 32), strings.Repeat("ac", 32), statement.ErrClaim},
		{"another product", `"vendor":"Acme"`, `"vendor":"Bcme"`, statement.ErrClaim},
		{"another predicate", "test-result/v0.1", "test-result/v0.2", statement.ErrForm},
		{"another statement", "in-toto.io/Statement/v1", "in-toto.io/Statement/v9", statement.ErrForm},
		{"a file outside", `"name":"junit.xml"`, `"name":"../x"`, statement.ErrDigest},
		{"an absolute file", `"name":"junit.xml"`, `"name":"/etc/hostname"`, statement.ErrDigest},
		{"no digest", `"digest":{"sha256":`, `"digest":{"md4":`, statement.ErrForm},
		{"no target", `"name":"target.yaml"`, `"name":"junit.xml"`, statement.ErrDigest},
		{"another format", `"format":1`, `"format":2`, statement.ErrForm},
		{"no JSON", `{`, `{{`, statement.ErrForm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := folder(t, report(), by)
			edit(func(e *dsse.Envelope) {
				payload, err := e.DecodeB64Payload()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(payload, []byte(tc.before)) {
					t.Fatalf("the payload holds no %s:\n%s", tc.before, payload)
				}
				*e = *sign(t, by, bytes.Replace(payload, []byte(tc.before), []byte(tc.after), 1))
			})(t, dir)
			_, err := statement.Verify(t.Context(), dir, keys(by))
			if !errors.Is(err, tc.kind) || exitCode(err) != reports.ExitUnverified {
				t.Errorf("got %v, want %v", err, tc.kind)
			}
		})
	}
}

func TestAStatementOfTwoSignersNeedsBothKeys(t *testing.T) {
	one, two := signer(t, statement.Ed25519), signer(t, statement.ECDSAP256)
	dir := folder(t, clean(), one)
	edit(func(e *dsse.Envelope) {
		payload, err := e.DecodeB64Payload()
		if err != nil {
			t.Fatal(err)
		}
		e.Signatures = append(e.Signatures, sign(t, two, payload).Signatures...)
	})(t, dir)
	if _, err := statement.Verify(t.Context(), dir, keys(one)); !errors.Is(err, statement.ErrUnknownSigner) {
		t.Errorf("with one key: %v", err)
	}
	v, err := statement.Verify(t.Context(), dir, keys(two, one))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Signers) != 2 || v.Signers[0].Fingerprint() != one.Fingerprint() || v.Signers[1].Fingerprint() != two.Fingerprint() {
		t.Errorf("signers %v", v.Signers)
	}
}

func TestWriteRefusesWhatItCannotSignFor(t *testing.T) {
	by := signer(t, statement.Ed25519)
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string, r *reports.Report, o *statement.Options)
		want  string
	}{
		{"no key", func(_ *testing.T, _ string, _ *reports.Report, o *statement.Options) { o.Key = nil }, "coapstone key signing --out FILE"},
		{"another report", func(_ *testing.T, _ string, r *reports.Report, _ *statement.Options) { r.Seed++ }, "it is not the report that is to be signed"},
		{"no report", func(t *testing.T, dir string, _ *reports.Report, _ *statement.Options) {
			remove(statement.ReportFile)(t, dir)
		}, "report.json"},
		{"no target", func(t *testing.T, dir string, _ *reports.Report, _ *statement.Options) {
			remove(statement.TargetFile)(t, dir)
		}, "redacted target file"},
		{"a target without a name", func(t *testing.T, dir string, _ *reports.Report, _ *statement.Options) {
			put(statement.TargetFile, "role: gateway\n")(t, dir)
		}, "it does not name the product"},
		{"a target that is no YAML", func(t *testing.T, dir string, _ *reports.Report, _ *statement.Options) {
			put(statement.TargetFile, "a: [\n")(t, dir)
		}, "target.yaml:"},
		{"a file that is not there", func(_ *testing.T, _ string, _ *reports.Report, o *statement.Options) { o.Files = []string{"more.txt"} }, "more.txt"},
		{"a file outside", func(_ *testing.T, _ string, _ *reports.Report, o *statement.Options) { o.Files = []string{"../x"} }, "../x"},
		{"what is sensitive", func(t *testing.T, dir string, _ *reports.Report, o *statement.Options) {
			put("sensitive/a.pcapng", "a")(t, dir)
			o.Files = []string{"sensitive/a.pcapng"}
		}, "it is sensitive"},
		{"no program", func(_ *testing.T, dir string, _ *reports.Report, o *statement.Options) {
			o.Binary = filepath.Join(dir, "none")
		}, "cannot read the program"},
		{"no suite digest", func(t *testing.T, dir string, r *reports.Report, _ *statement.Options) {
			r.Suite.Digest = "sha256:00"
			fill(t, dir, r)
		}, "the digest of the suite"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, r, o := t.TempDir(), clean(), options(t, by)
			fill(t, dir, r)
			tc.spoil(t, dir, r, &o)
			err := statement.Write(t.Context(), dir, r, o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			names, err := filepath.Glob(filepath.Join(dir, "*statement*"))
			if hidden, err2 := filepath.Glob(filepath.Join(dir, ".statement*")); err != nil || err2 != nil || len(names)+len(hidden) > 0 {
				t.Errorf("left behind: %v %v (%v, %v)", names, hidden, err, err2)
			}
		})
	}
}

func TestFurtherFilesAreCoveredWhereTheyAreNamed(t *testing.T) {
	by := signer(t, statement.Ed25519)
	dir, r, o := t.TempDir(), clean(), options(t, by)
	fill(t, dir, r)
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	put("more/a.txt", "a")(t, dir)
	o.Files = []string{"more/a.txt"}
	if err := statement.Write(t.Context(), dir, r, o); err != nil {
		t.Fatal(err)
	}
	v, err := statement.Verify(t.Context(), dir, keys(by))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"report.json", "target.yaml", "junit.xml", "more/a.txt"}, v.Files); d != "" {
		t.Errorf("covered (-want +got):\n%s", d)
	}
	slices.Sort(v.Uncovered)
	if d := cmp.Diff([]string{"README", "sensitive/"}, v.Uncovered); d != "" {
		t.Errorf("not covered (-want +got):\n%s", d)
	}
}

func FuzzVerify(f *testing.F) {
	by := signer(f, statement.Ed25519)
	dir := folder(f, clean(), by)
	name := filepath.Join(dir, statement.StatementFile)
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	f.Add(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":""}]}`)
	f.Add(`{"signatures":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := statement.Verify(t.Context(), dir, keys(by))
		switch {
		case text == string(whole):
			if err != nil {
				t.Fatal(err)
			}
		case err == nil:
			t.Fatalf("another statement verifies:\n%s", text)
		case exitCode(err) != reports.ExitUnverified:
			t.Fatalf("exit code %d: %v", exitCode(err), err)
		}
	})
}

// FuzzSigned is what a signer writes who means no good: the envelope holds.
func FuzzSigned(f *testing.F) {
	by := signer(f, statement.Ed25519)
	dir := folder(f, report(), by)
	name := filepath.Join(dir, statement.StatementFile)
	text, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal(text, &e); err != nil {
		f.Fatal(err)
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(payload))
	f.Add(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"report.json"}],"predicateType":"x","predicate":{}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		if err := os.WriteFile(name, []byte(envelope(t, sign(t, by, []byte(payload)))), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := statement.Verify(t.Context(), dir, keys(by))
		if err != nil {
			if exitCode(err) != reports.ExitUnverified {
				t.Fatalf("exit code %d: %v", exitCode(err), err)
			}
			return
		}
		if err := statement.WriteText(new(bytes.Buffer), v, statement.TextOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}

// sign is a payload in an envelope.
func sign(t *testing.T, by *statement.Signer, payload []byte) *dsse.Envelope {
	t.Helper()
	e, err := statement.SignPayload(t.Context(), by, payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
