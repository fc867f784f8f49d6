// SPDX-License-Identifier: Apache-2.0

package statement_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/reports/statement"
)

const installOpenSSL = "apt-get install openssl"

// shell runs a script in a folder.
func shell(t *testing.T, dir, script string) string {
	t.Helper()
	sh := need.Program(t, "sh", "a POSIX shell")
	cmd := exec.CommandContext(t.Context(), sh, "-e", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// The commands are those of docs/statement.md, as they stand there.
func TestOpenSSLVerifiesWhatTheGuideSays(t *testing.T) {
	need.Program(t, "openssl", installOpenSSL)
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "statement.md"))
	if err != nil {
		t.Fatal(err)
	}
	var scripts []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(guide, -1) {
		scripts = append(scripts, string(m[1]))
	}
	if len(scripts) != 3 {
		t.Fatalf("%d scripts in the guide, want 3", len(scripts))
	}
	for i, kind := range statement.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			private, public, err := statement.Generate(kind)
			if err != nil {
				t.Fatal(err)
			}
			by, err := statement.ParseSigner("signing.pem", private, nil)
			if err != nil {
				t.Fatal(err)
			}
			dir := folder(t, clean(), by)
			put("signing.pub", string(public))(t, dir)
			if out := shell(t, dir, scripts[0]+scripts[1+i]); !regexp.MustCompile(`Verified OK|Signature Verified Successfully`).MatchString(out) {
				t.Errorf("openssl says %s", out)
			}
			payload := read(t, filepath.Join(dir, "payload.json"))
			for _, name := range []string{statement.ReportFile, statement.TargetFile, "junit.xml"} {
				_, digest, _ := strings.Cut(strings.TrimSpace(shell(t, dir, "openssl dgst -sha256 "+name)), "= ")
				if !strings.Contains(payload, `"name":"`+name+`","digest":{"sha256":"`+digest+`"}`) {
					t.Errorf("the payload has not openssl's digest of %s, %s", name, digest)
				}
			}
		})
	}
}

func TestKeysOfOpenSSLSignAndVerify(t *testing.T) {
	need.Program(t, "openssl", installOpenSSL)
	for name, command := range map[string]string{
		"PKCS#8 of P-256":   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
		"SEC 1 of P-256":    "openssl ecparam -name prime256v1 -genkey -out key.pem",
		"PKCS#8 of Ed25519": "openssl genpkey -algorithm ed25519 -out key.pem",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shell(t, dir, command+" 2>/dev/null; openssl pkey -in key.pem -pubout -out key.pub")
			by, err := statement.ParseSigner("key.pem", []byte(read(t, filepath.Join(dir, "key.pem"))), nil)
			if err != nil {
				t.Fatal(err)
			}
			key, err := statement.ParseKey("key.pub", []byte(read(t, filepath.Join(dir, "key.pub"))))
			if err != nil {
				t.Fatal(err)
			}
			if key.Fingerprint() != by.Fingerprint() || !strings.HasPrefix(key.Fingerprint(), "SHA256:") {
				t.Errorf("fingerprints %s and %s: want one", key.Fingerprint(), by.Fingerprint())
			}
			if _, err := statement.Verify(t.Context(), folder(t, clean(), by), []*statement.Key{key}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCosignsEncryptedKeyNeedsItsPassphrase(t *testing.T) {
	private, public, err := statement.Generate(statement.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(private)
	box, err := encrypted.Encrypt(block.Bytes, []byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: box})
	say := func(s string, err error) func() ([]byte, error) {
		return func() ([]byte, error) { return []byte(s), err }
	}
	by, err := statement.ParseSigner("cosign.key", text, say("sesame", nil))
	if err != nil {
		t.Fatal(err)
	}
	key, err := statement.ParseKey("cosign.pub", public)
	if err != nil || key.Fingerprint() != by.Fingerprint() {
		t.Errorf("%v, %v", key, err)
	}
	for name, tc := range map[string]struct {
		ask  func() ([]byte, error)
		want string
	}{
		"none":  {nil, "COSIGN_PASSWORD"},
		"wrong": {say("open", nil), "is the passphrase right?"},
		"error": {say("", errors.New("no terminal")), "no terminal"},
	} {
		if _, err := statement.ParseSigner("cosign.key", text, tc.ask); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherKeysAreRefusedWithAWayOut(t *testing.T) {
	private, public, err := statement.Generate(statement.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("x")}) }
	for _, tc := range []struct {
		name   string
		text   []byte
		signer bool
		want   string
	}{
		{"nothing", nil, true, "`coapstone key signing --out FILE` makes one"},
		{"text", []byte("hello"), true, "want PEM"},
		{"RSA", pkcs8(rsaKey), true, "a key of the type rsa"},
		{"P-384", pkcs8(p384), true, "on P-384: want one on P-256"},
		{"a certificate", block("CERTIFICATE"), false, "want an ECDSA key on P-256"},
		{"a broken key", block("PRIVATE KEY"), true, "want an ECDSA key on P-256"},
		{"an encrypted key of OpenSSL", block("ENCRYPTED PRIVATE KEY"), true, "takes the encryption off"},
		{"two keys", append(bytes.Clone(private), private...), true, "more than one PEM block"},
		{"a public key to sign with", public, true, "this is a public key"},
		{"a private key to verify with", private, false, "this is a private key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var err error
			if tc.signer {
				_, err = statement.ParseSigner("key.pem", tc.text, nil)
			} else {
				_, err = statement.ParseKey("key.pem", tc.text)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "key.pem: ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
	if _, _, err := statement.Generate("rsa"); err == nil {
		t.Error("a key of the type rsa was made")
	}
}

func TestPasswordsAreWorthWhatAGuesserNeeds(t *testing.T) {
	for _, tc := range []struct {
		password    secret.Text
		known       []string
		least, most float64
	}{
		{"", nil, 0, 0},
		{"password", nil, 0, 8},
		{"world", nil, 0, 16},
		{"Acme2024", []string{"Acme", "hello"}, 0, 16},
		{"aaaaaaaaaaaa", nil, 0, 12},
		{"correct horse battery staple", nil, 40, 80},
		{"v9$Kq2!xZ7pLw4#T", nil, 80, 128},
		{secret.Text(strings.Repeat("v9$Kq2!xZ7", 400)), nil, 100, 1000},
		{"\xff\xfe\x00", nil, 0, 64},
	} {
		bits := statement.PasswordBits(tc.password, tc.known...)
		if !(bits >= tc.least && bits <= tc.most) {
			t.Errorf("a password of %d bytes: %.1f bits, want %.0f to %.0f", len(tc.password), bits, tc.least, tc.most)
		}
	}
	if known, unknown := statement.PasswordBits("lampenfabrik", "lampenfabrik"), statement.PasswordBits("lampenfabrik"); known >= unknown {
		t.Errorf("%.1f bits when the word is known, %.1f when not", known, unknown)
	}
}

func FuzzParseKey(f *testing.F) {
	private, public, err := statement.Generate(statement.ECDSAP256)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private)
	f.Add(public)
	f.Add([]byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\ne30=\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := statement.ParseSigner("f", text, nil); (s == nil) == (err == nil) || s != nil && s.Fingerprint() == "" {
			t.Errorf("%v, %v", s, err)
		}
		if k, err := statement.ParseKey("f", text); (k == nil) == (err == nil) || k != nil && k.Fingerprint() == "" {
			t.Errorf("%v, %v", k, err)
		}
	})
}

// asCosign verifies as cosign's adapter does: it knows a public key, and no name
// for it.
type asCosign struct{ public *ecdsa.PublicKey }

func (asCosign) KeyID() (string, error)     { return "", nil }
func (c asCosign) Public() crypto.PublicKey { return c.public }

func (c asCosign) Verify(_ context.Context, data, sig []byte) error {
	sum := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(c.public, sum[:], sig) {
		return errors.New("another signature")
	}
	return nil
}

func TestAnEnvelopeIsOneThatCosignTakes(t *testing.T) {
	private, public, err := statement.Generate(statement.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	by, err := statement.ParseSigner("signing.pem", private, nil)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(public)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folder(t, clean(), by), statement.StatementFile))), &e); err != nil {
		t.Fatal(err)
	}
	v, err := dsse.NewEnvelopeVerifier(asCosign{key.(*ecdsa.PublicKey)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), &e); err != nil {
		t.Error(err)
	}
	e.PayloadType = "application/json"
	if _, err := v.Verify(t.Context(), &e); err == nil {
		t.Error("another payload type is taken as well")
	}
}
