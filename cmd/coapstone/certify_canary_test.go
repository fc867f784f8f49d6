// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// canary is the password of the device's user.
const canary = "Canary/of+17 bytes"

// canaries are the forms in which the password might get out.
func canaries() map[string]string {
	token := base64.StdEncoding.EncodeToString([]byte("hello:" + canary))
	key := sha256.Sum256([]byte(canary))
	return map[string]string{
		"the password":                         canary,
		"the password, percent-encoded":        url.QueryEscape(canary),
		"the password in hex":                  hex.EncodeToString([]byte(canary)),
		"the AuthToken":                        token,
		"the AuthToken, percent-encoded":       url.QueryEscape(token),
		"the AuthToken in hex":                 hex.EncodeToString([]byte(token)),
		"the AuthToken in Base64":              strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(token)), "="),
		"the pre-shared key":                   string(key[:]),
		"the pre-shared key in hex":            hex.EncodeToString(key[:]),
		"the pre-shared key in upper-case hex": strings.ToUpper(hex.EncodeToString(key[:])),
		"the pre-shared key in Base64":         base64.StdEncoding.EncodeToString(key[:]),
	}
}

// A device that calls sends its password with each request, in the AuthToken.
func TestNothingThatIsHandedOnHoldsAPassword(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the loopback network has one address here")
	}
	dir := t.TempDir()
	write(t, dir, "password", canary+"\n")
	write(t, dir, "caller.yaml", fmt.Sprintf(`name: Caller
role: device-client
declares: {coaps: false, told: true}
bench: {addresses: [127.66.5.1]}
hooks:
  trigger: {command: [%q, device, client, "{method}", "{url}", --proxy-uri, "{proxy-uri}", --timeout, 5s]}
users:
  hello: {password: {file: password}}
`, program))
	if r := invoke(t, dir, "", nil, "key", "signing", "--out", "signing.pem"); r.code != 0 {
		t.Fatal(r)
	}
	args := []string{"certify", "--target", "caller.yaml", "--out", "o", "--key", "signing.pem", "--expectations-template"}
	for _, slow := range []string{"51", "52", "53", "54", "58", "60"} {
		args = append(args, "--skip", "RMP-3.1-"+slow+"=quick")
	}
	r := invoke(t, dir, "", nil, args...)
	if r.code != exitFailed || !strings.Contains(r.stdout, "statement     o/statement.json") {
		t.Fatal(r)
	}
	report := reportIn(t, filepath.Join(dir, "o"))
	heard := 0
	for name, form := range canaries() {
		if strings.Contains(r.String(), form) {
			t.Errorf("%s stands in what the program says", name)
		}
		for _, s := range report.Scenarios {
			for _, e := range s.Trace {
				heard += len(e.Bytes)
				if bytes.Contains(e.Bytes, []byte(form)) {
					t.Errorf("%s stands in a message of the trace of %s", name, s.ID)
				}
			}
		}
		noSecretIn(t, filepath.Join(dir, "o"), form)
	}
	if heard == 0 {
		t.Error("the report holds no message: nothing was looked into")
	}
	if token := canaries()["the AuthToken"]; noSecretFound(t, filepath.Join(dir, "o", "sensitive", "captures"), token) {
		t.Error("the captures do not hold the AuthToken: the device has sent none, and nothing was proven")
	}
	for _, name := range []string{"report.json", "report.html", "junit.xml", "target.yaml", "statement.json"} {
		if _, err := os.Stat(filepath.Join(dir, "o", name)); err != nil {
			t.Error(err)
		}
	}
}
