// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/need"
)

// sClient runs openssl s_client until its output holds want, or it ends, or
// patience does. in is what it sends over the session. It returns what it said.
func sClient(t *testing.T, openssl, version string, in []byte, want string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, openssl, append([]string{"s_client", version}, args...)...)
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if in != nil {
		_, _ = stdin.Write(in)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = w.Close()
		close(ended)
	}()
	var out bytes.Buffer
	b := make([]byte, 4096)
	for !strings.Contains(out.String(), want) {
		n, err := r.Read(b)
		out.Write(b[:n])
		if err != nil {
			break
		}
	}
	_ = stdin.Close()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	cancel()
	<-ended
	return out.String()
}

func TestOpenSSLAsTheClient(t *testing.T) {
	t.Parallel() // it waits for what does not come
	openssl := need.Program(t, "openssl", "apt-get install openssl")
	a := newAuthority(t)
	roots := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{Certificate: a.issue(nil), PSK: users})
	connect := []string{"-connect", l.Addr().String()}
	psk := append([]string{"-psk_identity", "hello", "-psk", hex.EncodeToString(key)}, connect...)
	certificate := append([]string{"-CAfile", roots, "-verify_hostname", "gateway.example", "-verify_return_error"}, connect...)

	t.Run("exchanges CoAP over each of the two suites", func(t *testing.T) {
		for suite, args := range map[string][]string{"PSK-AES128-CCM8": psk, "ECDHE-ECDSA-AES128-CCM8": certificate} {
			get := []byte{0x40, 1, 0, 7}
			out := sClient(t, openssl, "-dtls1_2", get, "over DTLS", append(args, "-cipher", suite+":@SECLEVEL=0")...)
			for _, want := range []string{"Cipher is " + suite, "Extended master secret: yes", "\x60\x45\x00\x07\xffover DTLS"} {
				if !strings.Contains(out, want) {
					t.Errorf("%s: s_client does not say %q:\n%s", suite, want, out)
				}
			}
		}
	})
	t.Run("is refused every other suite", func(t *testing.T) {
		for suites, args := range map[string][]string{
			"PSK-AES128-CCM:PSK-AES256-CCM8:PSK-AES256-CCM:PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256:DHE-PSK-AES128-CCM8:ECDHE-PSK-AES128-CBC-SHA256": psk,
			"ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES256-CCM8:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA":         connect,
			"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:AES128-CCM8":                                                                     connect,
			"ECDHE-ECDSA-NULL-SHA:NULL-SHA256": connect,
		} {
			out := sClient(t, openssl, "-dtls1_2", nil, "Cipher is", append(args, "-cipher", suites+":@SECLEVEL=0")...)
			if !strings.Contains(out, "alert") || !strings.Contains(out, "handshake failure") && !strings.Contains(out, "insufficient security") {
				t.Errorf("%s: want a handshake_failure or insufficient_security alert:\n%s", suites, out)
			}
		}
	})
	t.Run("is refused DTLS 1.0", func(t *testing.T) {
		out := sClient(t, openssl, "-dtls1", nil, "alert", append(psk, "-cipher", "PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA:@SECLEVEL=0")...)
		if !strings.Contains(out, "alert") || strings.Contains(out, "Cipher is PSK") {
			t.Errorf("want an alert:\n%s", out)
		}
	})
	t.Run("gets no session with a wrong key", func(t *testing.T) {
		wrong := append([]string{"-psk_identity", "hello", "-psk", "00112233", "-cipher", "PSK-AES128-CCM8:@SECLEVEL=0"}, connect...)
		out := sClient(t, openssl, "-dtls1_2", nil, "Cipher is PSK", wrong...)
		if strings.Contains(out, "Cipher is PSK") {
			t.Errorf("got a session:\n%s", out)
		}
	})
}
