// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/pki"
)

// Both ends of our own DTLS are pion's: what they agree on, OpenSSL and GnuTLS
// must agree on too.

const install = "apt-get install libcoap3-bin"

// strangerStarts bounds how long a program may take to bind its socket.
const strangerStarts = 10 * time.Second

func stacks(t *testing.T, run func(t *testing.T, stack string)) {
	t.Helper()
	for _, stack := range []string{"openssl", "gnutls"} {
		t.Run(stack, func(t *testing.T) { run(t, stack) })
	}
}

// seclevel lets OpenSSL use CCM_8, whose short tag its default level forbids.
func seclevel(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openssl.cnf")
	conf := "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCipherString = DEFAULT@SECLEVEL=0\n"
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "OPENSSL_CONF="+path)
}

func pemFiles(t *testing.T, a *pki.Authority) (root, chain, key string) {
	t.Helper()
	dir := t.TempDir()
	c, err := a.Issue(local(pki.Leaf{Names: []string{"localhost"}}))
	if err != nil {
		t.Fatal(err)
	}
	chainPEM, keyPEM, err := pki.EncodePEM(c)
	if err != nil {
		t.Fatal(err)
	}
	names := [3]string{}
	for i, f := range []struct {
		name string
		pem  []byte
	}{{"root.pem", a.RootPEM()}, {"chain.pem", chainPEM}, {"key.pem", keyPEM}} {
		names[i] = filepath.Join(dir, f.name)
		if err := os.WriteFile(names[i], f.pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names[0], names[1], names[2]
}

func TestLibcoapClientsReachTheServer(t *testing.T) {
	stacks(t, func(t *testing.T, stack string) {
		t.Helper()
		client := need.Program(t, "coap-client-"+stack, install)
		a := authority(t)
		root, _, _ := pemFiles(t, a)
		for name, tc := range map[string]struct {
			security *Security
			scheme   string
			args     []string
			suite    string
		}{
			"coap": {nil, "coap", nil, ""},
			"psk": {
				psk("lamp", "0123456789abcdef"), "coaps",
				[]string{"-u", "lamp", "-k", "0123456789abcdef"},
				pskSuite,
			},
			"certificate": {
				&Security{Certificates: issue(t, a, local(pki.Leaf{Names: []string{"localhost"}}))}, "coaps",
				[]string{"-R", root},
				certificateSuite,
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := listen(t, Options{Security: tc.security})
				s.Handle(AnswerSeparately(content("from the peer"), 10*time.Millisecond))
				args := append([]string{"-B", "10"}, tc.args...)
				args = append(args, fmt.Sprintf("%s://%s/a/b?c=d", tc.scheme, s.Local()))
				cmd := exec.CommandContext(within(t, patience), client, args...)
				cmd.Env = seclevel(t)
				out, err := cmd.CombinedOutput()
				if err != nil || !bytes.Contains(out, []byte("from the peer")) {
					t.Fatalf("%v: %s; handshakes %+v", err, out, s.Handshakes())
				}
				r, err := s.AwaitRequest(within(t, patience), 1)
				if err != nil {
					t.Fatal(err)
				}
				if r.Session.CipherSuite != tc.suite || r.Message.Path() != "/a/b" {
					t.Errorf("suite %q, path %q", r.Session.CipherSuite, r.Message.Path())
				}
				if err := r.Wait(within(t, patience)); err != nil {
					t.Errorf("its acknowledgement: %v", err)
				}
			})
		}
	})
}

func TestTheClientReachesLibcoapServers(t *testing.T) {
	stacks(t, func(t *testing.T, stack string) {
		t.Helper()
		server := need.Program(t, "coap-server-"+stack, install)
		a := authority(t)
		_, chain, key := pemFiles(t, a)
		roots := a.Roots()
		roots.AppendCertsFromPEM(a.IntermediatePEM()) // libcoap sends the leaf alone over OpenSSL
		for name, tc := range map[string]struct {
			security *Security
			args     []string
			suite    string
		}{
			"coap":        {nil, nil, ""},
			"psk":         {psk("lamp", "0123456789abcdef"), []string{"-k", "0123456789abcdef", "-u", "lamp"}, pskSuite},
			"certificate": {&Security{Roots: roots, ServerName: "localhost"}, []string{"-n", "-c", chain, "-j", key}, certificateSuite},
		} {
			t.Run(name, func(t *testing.T) {
				port := freePorts(t)
				args := append([]string{"-A", "127.0.0.1", "-p", strconv.Itoa(int(port))}, tc.args...)
				ctx, stop := context.WithCancel(t.Context())
				cmd := exec.CommandContext(ctx, server, args...)
				cmd.Env = seclevel(t)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				defer func() {
					stop()
					_ = cmd.Wait()
					if t.Failed() {
						t.Log(out.String())
					}
				}()
				plain := netip.AddrPortFrom(loopback.Addr(), port)
				probe, err := Dial(ctx, plain, Options{Timing: Timing{AckTimeout: 50 * time.Millisecond, MaxRetransmit: 7}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = probe.Close() }()
				if _, err := probe.Ping(within(t, strangerStarts)); err != nil {
					t.Fatal(err)
				}
				c := probe
				if tc.security != nil {
					if c, err = Dial(ctx, netip.AddrPortFrom(loopback.Addr(), port+1), Options{Security: tc.security}); err != nil {
						t.Fatal(err)
					}
					defer func() { _ = c.Close() }()
				}
				if c.CipherSuite() != tc.suite {
					t.Errorf("cipher suite %q", c.CipherSuite())
				}
				for path, separate := range map[string]bool{"/": false, "/async?1": true} {
					req := &coap.Message{Code: coap.GET}
					if separate {
						req.AddPath("async")
						req.AddString(coap.URIQuery, "1")
					}
					out, err := c.Exchange(within(t, patience), req)
					if err != nil {
						t.Fatalf("%s: %v", path, err)
					}
					if out.Response.Code != coap.Content || out.Separate != separate {
						t.Errorf("%s: separate %t, %s", path, out.Separate, out.Response)
					}
				}
			})
		}
	})
}

// freePorts is a port that is free, as the next one is: coap-server takes both.
func freePorts(t *testing.T) uint16 {
	t.Helper()
	var lc net.ListenConfig
	for range 100 {
		first, err := lc.ListenPacket(t.Context(), "udp", loopback.String())
		if err != nil {
			t.Fatal(err)
		}
		port := addrPort(first.LocalAddr()).Port()
		second, err := lc.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(loopback.Addr(), port+1).String())
		_ = first.Close()
		if err == nil {
			_ = second.Close()
			return port
		}
	}
	t.Fatal("no two free ports next to each other")
	return 0
}
