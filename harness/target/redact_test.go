// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestRedactedFileIsTheSameTargetWithoutItsSecrets(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_PASSWORD", "world-of-lamps")
	t.Setenv("COAPSTONE_TEST_KEY", "hex:00112233445566778899aabbccddeeff")
	examples, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(examples) < 3 {
		t.Fatalf("%v, %v: want an example of each role", examples, err)
	}
	for _, name := range examples {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			got := redacted(t, f)
			golden := strings.TrimSuffix(name, ".yaml") + ".redacted"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("%s (-want +got); -update rewrites it\n%s", golden, d)
			}
			again, err := Parse("x.yaml", got)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(f.Declared(), again.Declared()); d != "" {
				t.Error("it declares something else (-want +got)\n" + d)
			}
			if twice := redacted(t, again); !bytes.Equal(got, twice) {
				t.Errorf("redacted once more it is another file:\n%s", cmp.Diff(string(got), string(twice)))
			}
		})
	}
}

func redacted(t testing.TB, f *File) []byte {
	t.Helper()
	b, err := f.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The canaries: a password, a key as text, and a key in hexadecimal digits.
const (
	canaryPassword = "s3same+Öffne/dich"
	canaryKey      = "canary-key-0123"
	canaryHex      = "c0ffee00c0ffee11c0ffee22c0ffee33"
)

// canaries are the forms in which the secrets of the test may not be seen.
func canaries(user string) []string {
	key, _ := hex.DecodeString(canaryHex)
	sum := sha256.Sum256([]byte(canaryPassword))
	var forms []string
	for _, s := range []string{canaryPassword, canaryKey, canaryHex, string(key), string(sum[:]), user + ":" + canaryPassword} {
		b := []byte(s)
		forms = append(forms, s, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
			base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), url.QueryEscape(s), url.PathEscape(s))
	}
	return forms
}

func TestNoSecretIsInARedactedFileWhereverItStood(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"password.txt": canaryPassword, "psk.txt": canaryKey, "device.txt": "hex:" + canaryHex} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, canary := range canaries("hello") {
		if strings.ContainsAny(canary, "\x00\x01\x11\n\r'") || !isText(canary) {
			continue // no file could hold it
		}
		text := strings.ReplaceAll(`vendor: 'of CANARY'
name: 'X CANARY'
version: 'CANARY'
hardware: 'CANARY'
firmware: {version: 'CANARY'}
role: device-client
bench: {addresses: [192.0.2.20], interface: 'CANARY'}
users:
  hello: {password: {file: DIR/password.txt}, psk-key: explicit, key: {file: DIR/psk.txt}}
  other: {name: 'n NAME', password: {file: DIR/password.txt}}
device:
  host: 'h CANARY'
  identity: 'i CANARY'
  key: {file: DIR/device.txt}
  resources: {readable: '/CANARY'}
  calls: {payload: 'p CANARY', api: 'https://h/CANARY?x=CANARY'}
connectors: {lamp: 'CANARY'}
hooks:
  trigger: {command: [sh, -c, 'press CANARY', 'press CANARY http://h/CANARY', 'CANARY://h', 'http://CANARY@h:1', 'http://CANARY:1/', '--x=CANARY', 'CANARY']}
  provision: {http: {url: 'http://h/CANARY', header: {Accept: 'CANARY', X-Any: 'CANARY'}, body: 'a CANARY b'}}
  reset: {person: 'Type CANARY.'}
`, "CANARY", canary)
		text = strings.NewReplacer("DIR", dir, "NAME", strings.ReplaceAll(canary, ":", "")).Replace(text) // a name has no colon
		name := filepath.Join(dir, "target.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got := string(redacted(t, f))
		for _, c := range append(canaries("hello"), dir) {
			if strings.Contains(got, c) {
				t.Errorf("with %q in the file, %q is in what is shared:\n%s", canary, c, got)
			}
		}
	}
}

// isText says whether a YAML file can hold the string as it is.
func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }

func TestWhatLooksLikeASecretIsBlottedOut(t *testing.T) {
	b := newBlotter(nil)
	for _, tt := range []struct{ in, want string }{
		{"http://admin:sesame@192.0.2.30/relay", "http://•••@192.0.2.30/relay"},
		{"http://{user}:{password}@192.0.2.30/", "http://{user}:{password}@192.0.2.30/"},
		{"http://h/relay?token=abc&on=1", "http://h/relay?token=•••&on=1"},
		{"http://h/relay?token={token}&api_key=k", "http://h/relay?token={token}&api_key=•••"},
		{`{"url": "{url}", "password": "sesame", "key": "{key}"}`, `{"url": "{url}", "password": "•••", "key": "{key}"}`},
		{"curl -H 'Authorization: Bearer abc.def' http://h/", "curl -H 'Authorization: •••' http://h/"},
		{`{"token": "a\"b", "on": 1}`, `{"token": "•••", "on": 1}`},
		{`token="abc`, `token=•••`},
		{"AUTH_TOKEN=abc press", "AUTH_TOKEN=••• press"},
		{"nothing to see, 5683 and /coap2http", "nothing to see, 5683 and /coap2http"},
	} {
		if got := b.guessed(tt.in); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.in, got, tt.want)
		}
	}
	for _, tt := range []struct{ before, in, want string }{
		{"--password", "sesame", "•••"},
		{"--password", "{password}", "{password}"},
		{"-u", "admin:sesame", "•••"},
		{"-c", "curl -u admin:sesame http://h/", "curl -u ••• http://h/"},
		{"--port", "5683", "5683"},
		{"x", "--token=abc", "--token=•••"},
		{"--key", "", ""},
	} {
		if got := b.argument(tt.before, tt.in); got != tt.want {
			t.Errorf("%q behind %q became %q, want %q", tt.in, tt.before, got, tt.want)
		}
	}
	for _, tt := range []struct{ name, in, want string }{
		{"Authorization", "Bearer abc", "•••"},
		{"authorization", "Bearer {token}", "Bearer {token}"},
		{"X-Api", "abc", "•••"},
		{"Content-Type", "application/json", "application/json"},
	} {
		if got := b.header(tt.name, tt.in); got != tt.want {
			t.Errorf("%s: %q became %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
	if got := b.told("Press the key: it is red. Password: sesame"); got != "Press the key: it is red. Password: •••" {
		t.Errorf("a person is told %q", got)
	}
}

func FuzzRedactedFileIsReadAgain(f *testing.F) {
	for _, in := range []string{minimal, client, caller, called} {
		f.Add([]byte(in))
	}
	f.Add([]byte(minimal + "hooks: {reset: {http: {url: 'http://u:p@h/?key=a', header: {A: b}, body: 'token: x'}}}\n"))
	f.Add([]byte(minimal + "hooks: {reset: {command: [/a/b, '-u', 'c', 'password=\"x']}, console: {person: \"a\\nb: c\"}}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := Parse("x.yaml", in)
		if err != nil {
			return
		}
		once, err := file.Redacted()
		if err != nil {
			t.Fatalf("%v\n%s", err, in)
		}
		again, err := Parse("x.yaml", once)
		if err != nil {
			t.Fatalf("%v\n%s", err, once)
		}
		if twice := redacted(t, again); !bytes.Equal(once, twice) {
			t.Errorf("redacted once more it is another file:\n%s", cmp.Diff(string(once), string(twice)))
		}
		if d := cmp.Diff(file.Declared(), again.Declared()); d != "" {
			t.Error("it declares something else (-want +got)\n" + d)
		}
	})
}

func TestDigestOfARedactedFileStandsForTheTargetWhereverItsFileIs(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_KEY", "0123456789abcdef")
	const one = "name: X\nrole: device-server\nbench: {addresses: [192.0.2.20], pki: PKI}\ndevice: {coaps: '192.0.2.10:5684', identity: i, key: {env: COAPSTONE_TEST_KEY}, resources: {slow: /s, readable: /r}}\ndeclares: {observe: true, block-wise: true}\n"
	const same = "# Another order, and a comment.\ndeclares:\n  block-wise: true\n  observe: true\ndevice:\n  resources: {readable: {path: /r}, slow: \"/s\"}\n  key: {env: COAPSTONE_TEST_KEY}\n  identity: i\n  coaps: 192.0.2.10:5684\n" +
		"bench: {pki: ../PKI/, addresses: [192.0.2.20]}\nrole: device-server\nname: \"X\"\n"
	var all [][]byte
	for _, in := range []string{one, same, strings.Replace(one, "PKI", t.TempDir()+"/PKI", 1)} {
		f, err := Open(write(t, t.TempDir(), "target.yaml", in))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, redacted(t, f), redacted(t, parse(t, in)))
	}
	for i, b := range all {
		if !bytes.Equal(b, all[0]) {
			t.Errorf("%d is another file:\n%s", i, cmp.Diff(string(all[0]), string(b)))
		}
	}
	if other := redacted(t, parse(t, strings.Replace(one, "observe: true", "observe: false", 1))); bytes.Equal(other, all[0]) {
		t.Error("another statement, the same file")
	}
}

func TestFoldersAreNobodysBusiness(t *testing.T) {
	got := string(redacted(t, parse(t, "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], pki: /home/alice/pki, certificate: {chain: /home/alice/c.pem, key: ../alice/k.pem, host: h}}\n"+
		"users: {a: {password: {file: /home/alice/p.txt}, psk-key: explicit, key: {file: 'C:\\alice\\k.txt'}}}\nhooks: {reset: {command: [/home/alice/reset, now]}, trigger: {command: [tools/press]}}\n")))
	if strings.Contains(got, "alice") {
		t.Errorf("it tells whose folders they are:\n%s", got)
	}
	for _, want := range []string{"pki: pki\n", "chain: c.pem\n", "key: k.pem\n", "file: p.txt\n", "file: k.txt\n", "- reset\n", "- tools/press\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in it:\n%s", want, got)
		}
	}
}

func TestWeakPasswordsAreNoReasonNotToRedact(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{
		"coap", "coaps", "http", "https", "password", "token", "5683", "gateway", "example", "192.0.2.10", "live", "POST", "true", "person", "door", "lamp",
		"name: X", "'", "\"", "a: b", "•••", "{url}", "/", "//192", "%41", ".com", "hello", "device-17", "door-7", "command", "2001:db8::10", "P_mode=LIVE", "\t", "# x",
	} {
		t.Setenv("COAPSTONE_TEST_PASSWORD", password)
		t.Setenv("COAPSTONE_TEST_KEY", password)
		for _, name := range examples {
			f, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			once := redacted(t, f)
			again, err := Parse("x.yaml", once)
			if err != nil {
				t.Fatalf("%q: %v", password, err)
			}
			if d := cmp.Diff(f.Declared(), again.Declared()); d != "" {
				t.Errorf("%s with %q declares something else (-want +got)\n%s", name, password, d)
			}
		}
	}
}
