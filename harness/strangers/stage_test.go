// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

// The timeouts of these tests.
const (
	strangerTimeout = 20 * time.Second // for a program that ends by itself
	readyTimeout    = 10 * time.Second // until one that serves answers a ping
	lastOutput      = time.Second      // for its output, once it was killed
)

const libcoap = "apt-get install libcoap3-bin"

// bench is the embedded lab with one stage, and the PEM files that a program
// wants.
type bench struct {
	lab.Stage
	authority *pki.Authority
	dir       string
	rootFile  string // PEM, what a device trusts
}

// newBench opens a lab of its own for a test.
func newBench(t *testing.T) *bench {
	t.Helper()
	authority, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := embedded.Open(embedded.Options{Authority: authority})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Stage(t.Context(), strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())), new(trace.Log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(s.Close(ctx), l.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	b := &bench{Stage: s, authority: authority, dir: t.TempDir()}
	b.rootFile = b.file(t, "root.pem", authority.RootPEM())
	return b
}

// file writes a file that only its owner may read, and returns its name.
func (b *bench) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// orders puts up a Composite API, and returns the value of Proxy-Uri with which
// the user calls it.
func (b *bench) orders(t *testing.T, user lab.User, method string) string {
	t.Helper()
	api, err := b.CompositeAPI(t.Context(), "orders", mockrmp.API{
		Method:  method,
		Answers: []mockrmp.Answer{{ContentType: "application/json", Body: []byte(`{"open": 3}`)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api.URL + "?P_mode=TEST&AuthToken=" + user.Token
}

// user makes a user whose key is text, for programs that take it so.
func (b *bench) user(t *testing.T) lab.User {
	t.Helper()
	u, err := b.User(t.Context(), "hello", "world", lab.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// called is the one request that reached the API.
func (b *bench) called(t *testing.T) mockrmp.Request {
	t.Helper()
	rs, err := b.Requests(t.Context(), "orders", 1)
	if err != nil || len(rs) != 1 {
		t.Fatalf("%d requests reached the platform, %v; want one", len(rs), err)
	}
	return rs[0]
}

// openSSLConfig lets OpenSSL use CCM_8, whose short tag its security level 1
// refuses already.
func (b *bench) openSSLConfig(t *testing.T) string {
	t.Helper()
	return "OPENSSL_CONF=" + b.file(t, "openssl.cnf", []byte(strings.Join([]string{
		"openssl_conf = conf", "[conf]", "ssl_conf = ssl", "[ssl]", "system_default = level", "[level]", "CipherString = DEFAULT@SECLEVEL=0", "",
	}, "\n")))
}

// output is what a program printed.
type output struct {
	stdout, stderr string
	err            error
}

func (o output) String() string {
	return fmt.Sprintf("%v\nstdout: %s\nstderr: %s", o.err, o.stdout, o.stderr)
}

// run runs a program until it ends.
func run(t *testing.T, environment string, program string, args ...string) output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), strangerTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), environment)
	cmd.WaitDelay = lastOutput
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %s: %w", program, strangerTimeout, err)
	}
	return output{stdout.String(), stderr.String(), err}
}

// serve starts a program and returns once it answers a CoAP ping at addr. It is
// killed when the test ends.
func serve(t *testing.T, addr netip.AddrPort, environment string, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program, args...) // Killed below: the context of a test ends before its clean-up.
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), environment)
	cmd.WaitDelay = lastOutput
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s printed:\n%s", program, &out)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	if err := stage.AwaitPing(ctx, netip.Addr{}, addr); err != nil {
		t.Fatalf("%s: %v", program, err)
	}
}

// libcoapTLS is the two DTLS libraries that Debian builds libcoap with.
var libcoapTLS = []string{"openssl", "gnutls"}

// stranger is the path of one of libcoap's programs, and the environment that it
// needs.
func (b *bench) stranger(t *testing.T, program, tls string) (path, environment string) {
	t.Helper()
	path = need.Program(t, program+"-"+tls, libcoap)
	if tls == "openssl" {
		return path, b.openSSLConfig(t)
	}
	return path, "GNUTLS_DEBUG_LEVEL=0"
}
