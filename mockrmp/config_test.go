// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const fullConfig = `listen:
  http: 127.0.0.1:8080
  admin: 127.0.0.1:8081
users:
  - name: hello
    password: world
apis:
  - customer: aaaa
    host: bbbb
    service: cccc
    method: POST
    users: [hello]
    accept: application/json
    modes: [TEST]
    answers:
      - status: 201
        contentType: text/plain
        header: {X-A: [b]}
        body: |
          hello
        delay: 500ms
      - body: !!binary aGUA
        fault: truncated
      - body: 12
      - body: "a\nb"
journalBytes: 1000
`

func TestAConfigurationIsReadWhole(t *testing.T) {
	got, err := ParseConfig("m.yaml", []byte(fullConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		HTTP: "127.0.0.1:8080", Admin: "127.0.0.1:8081", JournalBytes: 1000,
		Users: []User{{"hello", "world"}},
		APIs: []API{{
			Customer: "aaaa", Host: "bbbb", Service: "cccc", Method: "POST", Users: []string{"hello"}, Accept: "application/json", Modes: []string{"TEST"},
			Answers: []Answer{
				{Status: 201, ContentType: "text/plain", Header: http.Header{"X-A": {"b"}}, Body: []byte("hello\n"), Delay: 500 * time.Millisecond},
				{Body: []byte("he\x00"), Fault: FaultTruncate},
				{Body: []byte("12")},
				{Body: []byte("a\nb")},
			},
		}},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Config{}, "Logger")); d != "" {
		t.Error(d)
	}
}

func TestACertificateIsReadFromFilesOrFromTheText(t *testing.T) {
	c := selfSigned(t)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	dir := t.TempDir()
	for name, b := range map[string][]byte{"c.pem": certPEM, "k.pem": keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	indent := func(b []byte) string { return strings.ReplaceAll(string(b), "\n", "\n    ") }
	for _, tls := range []string{
		"{certificate: c.pem, key: k.pem}",
		"{certificate: " + filepath.Join(dir, "c.pem") + ", key: k.pem}",
		"\n  certificate: |\n    " + indent(certPEM) + "\n  key: |\n    " + indent(keyPEM),
	} {
		got, err := ParseConfig(filepath.Join(dir, "m.yaml"), []byte("listen: {https: 127.0.0.1:0}\ntls: "+tls+"\n"))
		if err != nil || got.Certificate == nil || !cmp.Equal(got.Certificate.Certificate, c.Certificate) {
			t.Errorf("%s: %v", tls, err)
		}
	}
	_, err = ParseConfig(filepath.Join(dir, "m.yaml"), []byte("listen: {https: 127.0.0.1:0}\ntls: {certificate: c.pem, key: c.pem}\n"))
	if err == nil || !strings.Contains(err.Error(), "m.yaml:2:6: tls: certificate and key do not fit together") {
		t.Errorf("error: %v", err)
	}
}

func TestAConfigurationThatIsWrongIsRefusedWithItsLine(t *testing.T) {
	const listen = "listen: {http: 127.0.0.1:0}\n"
	const api = listen + "apis:\n  - customer: a\n    host: b\n    service: c\n    answers:\n"
	var report strings.Builder
	for _, text := range []string{
		"",
		"[1]\n",
		"listen: [\n",
		"listen: {}\n",
		"listen: {http: 127.0.0.1}\n",
		"listen: {https: 127.0.0.1:0}\n",
		"listen: {https: 127.0.0.1:0}\ntls: {certificate: no.pem}\n",
		"listen: {https: 127.0.0.1:0}\ntls: {certificate: -----BEGIN}\n",
		listen + "listen: {}\n",
		listen + "---\nusers: []\n",
		listen + "user: []\n",
		listen + "users:\n  - name: a:b\n",
		listen + "users: !!binary aGVsbG8=\n",
		listen + "users:\n  name: a\n",
		listen + "apis:\n  - customer: a\n    service: c\n",
		listen + "users: !!set {a}\n",
		listen + "journalBytes: -1\n",
		listen + "journalBytes: many\n",
		api + "      - status: 42\n",
		api + "      - {}\n      - delay: 12\n",
		api + "      - delay: [1]\n",
		api + "      - body: [1]\n",
		api + "      - body: !!binary '*'\n",
		api + "      - fault: [1]\n",
		api + "      - fault: bang\n",
		api + "      - header: {X-A: b}\n",
		api + "      - header: {Content-Length: ['1']}\n",
		api + "      - status: 204\n        body: x\n",
	} {
		_, err := ParseConfig("m.yaml", []byte(text))
		var at *ConfigError
		if !errors.As(err, &at) {
			t.Errorf("%q: error %v", text, err)
			continue
		}
		report.WriteString(text + "=> " + err.Error() + "\n\n")
	}
	golden(t, "config-errors.txt", report.String())
}

func FuzzParseConfig(f *testing.F) {
	f.Add(fullConfig)
	f.Add("users: !!binary aGVsbG8=\n")
	f.Add("listen: &a {http: *a}\n")
	f.Add("listen:\n}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig("m.yaml", []byte(strings.ReplaceAll(text, "tls", "")))
		if err != nil {
			if e := (*ConfigError)(nil); !errors.As(err, &e) {
				t.Errorf("no ConfigError: %v", err)
			}
			return
		}
		p := newPlatform(t.Context())
		for _, a := range c.APIs {
			if err := p.putAPI(a); err != nil {
				t.Errorf("accepted, and then refused: %v", err)
			}
		}
	})
}
