// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/pki"
)

// verify is what a client that knows the root alone says of a chain.
func verify(t *testing.T, a *pki.Authority, c tls.Certificate, name string, usage x509.ExtKeyUsage) error {
	t.Helper()
	opts := x509.VerifyOptions{
		Roots: a.Roots(), Intermediates: x509.NewCertPool(), DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage},
	}
	for _, der := range c.Certificate[1:] {
		intermediate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		opts.Intermediates.AddCert(intermediate)
	}
	_, err := c.Leaf.Verify(opts)
	return err
}

func create(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLeavesAreRightOrWrongAsAskedFor(t *testing.T) {
	a := create(t)
	reason := func(want x509.InvalidReason) func(error) bool {
		return func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == want
		}
	}
	unknown := func(err error) bool { var e x509.UnknownAuthorityError; return errors.As(err, &e) }
	wrongHost := func(err error) bool { var e x509.HostnameError; return errors.As(err, &e) }
	fine := func(err error) bool { return err == nil }
	named := []string{"gw.example"}
	for name, tc := range map[string]struct {
		leaf  pki.Leaf
		host  string
		usage x509.ExtKeyUsage
		want  func(error) bool
	}{
		"good":                {pki.Leaf{Names: named}, "gw.example", x509.ExtKeyUsageServerAuth, fine},
		"good for an address": {pki.Leaf{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, "127.0.0.1", x509.ExtKeyUsageServerAuth, fine},
		"good for an IPv6 address": {
			pki.Leaf{Addrs: []netip.Addr{netip.MustParseAddr("::1")}}, "::1", x509.ExtKeyUsageServerAuth, fine,
		},
		"good client":          {pki.Leaf{Names: named, Client: true}, "gw.example", x509.ExtKeyUsageClientAuth, fine},
		"client as server":     {pki.Leaf{Names: named, Client: true}, "gw.example", x509.ExtKeyUsageServerAuth, reason(x509.IncompatibleUsage)},
		"expired":              {pki.ExpiredFor("gw.example"), "gw.example", x509.ExtKeyUsageServerAuth, reason(x509.Expired)},
		"not yet valid":        {pki.NotYetValidFor("gw.example"), "gw.example", x509.ExtKeyUsageServerAuth, reason(x509.Expired)},
		"wrong host":           {pki.Leaf{Names: []string{"other.example"}}, "gw.example", x509.ExtKeyUsageServerAuth, wrongHost},
		"name as CN alone":     {pki.Leaf{CommonName: "gw.example"}, "gw.example", x509.ExtKeyUsageServerAuth, wrongHost},
		"self-signed":          {pki.Leaf{Names: named, SelfSigned: true}, "gw.example", x509.ExtKeyUsageServerAuth, unknown},
		"of a stranger":        {pki.Leaf{Names: named, Stranger: true}, "gw.example", x509.ExtKeyUsageServerAuth, unknown},
		"good with RSA":        {pki.Leaf{Names: named, RSA: true}, "gw.example", x509.ExtKeyUsageServerAuth, fine},
		"without intermediate": {pki.Leaf{Names: named, WithoutIntermediate: true}, "gw.example", x509.ExtKeyUsageServerAuth, unknown},
		"other extended usage": {
			pki.Leaf{Names: named, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}},
			"gw.example",
			x509.ExtKeyUsageServerAuth, reason(x509.IncompatibleUsage),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := a.Issue(tc.leaf)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(t, a, c, tc.host, tc.usage); !tc.want(err) {
				t.Errorf("verifying says %v", err)
			}
		})
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	c, err := create(t).Issue(pki.Leaf{Names: []string{"gw.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, create(t), c, "gw.example", x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("a leaf of one authority is trusted under the root of another of the same name")
	}
}

func TestTheChainIsOfP256KeysAndLeavesOutTheRoot(t *testing.T) {
	a := create(t)
	c, err := a.Issue(pki.Leaf{Names: []string{"gw.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Certificate) != 2 {
		t.Fatalf("the chain has %d certificates, want leaf and intermediate", len(c.Certificate))
	}
	root, err := x509.ParseCertificate(a.RootDER())
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := x509.ParseCertificate(c.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, cert := range []*x509.Certificate{root, intermediate, c.Leaf} {
		if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("%s: the key is no P-256 key", cert.Subject.CommonName)
		}
		if cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() > 159 {
			t.Errorf("%s: serial number %v", cert.Subject.CommonName, cert.SerialNumber)
		}
	}
	if root.Subject.CommonName != pki.RootName || intermediate.Issuer.CommonName != pki.RootName {
		t.Errorf("root %q, intermediate issued by %q", root.Subject.CommonName, intermediate.Issuer.CommonName)
	}
	if c.Leaf.IsCA || c.Leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("the leaf is a CA (%t) or has the usage %b", c.Leaf.IsCA, c.Leaf.KeyUsage)
	}
	changed, err := a.Issue(pki.Leaf{KeyUsage: x509.KeyUsageKeyAgreement})
	if err != nil {
		t.Fatal(err)
	}
	if changed.Leaf.KeyUsage != x509.KeyUsageKeyAgreement {
		t.Errorf("asked for keyAgreement alone, got %b", changed.Leaf.KeyUsage)
	}
}

func TestACertificateThatEndsBeforeItBeginsIsRefused(t *testing.T) {
	now := time.Now()
	_, err := create(t).Issue(pki.Leaf{NotBefore: now, NotAfter: now.Add(-time.Hour)})
	if err == nil || !strings.Contains(err.Error(), "swap NotBefore and NotAfter") {
		t.Errorf("got %v", err)
	}
}

func TestPEMIsReadBackAsAKeyPair(t *testing.T) {
	c, err := create(t).Issue(pki.Leaf{Names: []string{"gw.example"}})
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := pki.EncodePEM(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Certificate) != 2 || !bytes.Equal(back.Certificate[0], c.Certificate[0]) {
		t.Error("the chain is not the one that was encoded")
	}
}

func TestOpenKeepsTheAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	first, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := first.Issue(pki.Leaf{Names: []string{"gw.example"}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, second, c, "gw.example", x509.ExtKeyUsageServerAuth); err != nil {
		t.Errorf("what the first one issued, the second one does not trust: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 {
		t.Errorf("%d files, want authority, root in PEM and DER, intermediate, and no leftovers: %v", len(entries), entries)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", e.Name(), info.Mode())
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v", info.Mode())
	}
}

func TestOpenersThatRaceGetOneAuthority(t *testing.T) {
	dir := t.TempDir()
	roots := make([][]byte, 8)
	var group sync.WaitGroup
	for i := range roots {
		group.Go(func() {
			a, err := pki.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = a.RootDER()
		})
	}
	group.Wait()
	for _, r := range roots[1:] {
		if !bytes.Equal(r, roots[0]) {
			t.Fatal("two openers of one directory have different roots")
		}
	}
	onDisk, err := os.ReadFile(filepath.Join(dir, "root.der"))
	if err != nil || !bytes.Equal(onDisk, roots[0]) {
		t.Errorf("root.der is not that root (%v)", err)
	}
}

// The test program, started with this variable, opens the directory in it and
// writes the root to standard output.
const openInProcess = "COAPSTONE_TEST_PKI_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openInProcess); dir != "" {
		a, err := pki.Open(dir)
		if err != nil {
			_, _ = os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		_, _ = os.Stdout.Write(a.RootDER())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestProcessesThatRaceGetOneAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outs := make([]bytes.Buffer, 4)
	var group sync.WaitGroup
	for i := range outs {
		group.Go(func() {
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(os.Environ(), openInProcess+"="+dir)
			cmd.Stdout = &outs[i]
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range outs {
		if outs[i].Len() == 0 || !bytes.Equal(outs[i].Bytes(), outs[0].Bytes()) {
			t.Fatal("two processes have different roots")
		}
	}
}

func TestABrokenOrOpenDirectoryIsRefusedWithTheFix(t *testing.T) {
	damage := map[string]struct {
		do   func(t *testing.T, path string)
		want string
	}{
		"cut off": {func(t *testing.T, path string) {
			t.Helper()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
				t.Fatal(err)
			}
		}, "delete it"},
		"empty": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the certificate of Coapstone Test Root is missing"},
		"readable by others": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod 600"},
		"mixed up": {func(t *testing.T, path string) {
			t.Helper()
			other := t.TempDir()
			if _, err := pki.Open(other); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(other, "authority.pem"))
			if err != nil {
				t.Fatal(err)
			}
			own, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			end := []byte("-----END PRIVATE KEY-----\n")
			mine, _, _ := bytes.Cut(own, end)
			_, theirs, _ := bytes.Cut(b, end)
			if err := os.WriteFile(path, append(append(mine, end...), theirs...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "delete it"},
	}
	for name, tc := range damage {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := pki.Open(dir); err != nil {
				t.Fatal(err)
			}
			tc.do(t, filepath.Join(dir, "authority.pem"))
			if _, err := pki.Open(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a word on %q", err, tc.want)
			}
		})
	}
}
