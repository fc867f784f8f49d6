// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/stock"
	"github.com/coapstone/coapstone/harness/target"
)

// open writes a target file, with the secrets that it names beside it, and opens
// it.
func open(t *testing.T, dir, text string) *target.File {
	t.Helper()
	for name, content := range map[string]string{"target.yaml": text, "password": "open sesame\n", "key": "hex:00112233445566778899aabbccddeeff\n", "other": "hex:ff\n", "sesame": "sesame\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := target.Open(filepath.Join(dir, "target.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// quick is the options of a test, with short timeouts.
func quick(t *testing.T, f *target.File) preflight.Options {
	return preflight.Options{
		Runner: &hook.Runner{Dir: f.Dir(), Secrets: f.Secrets()}, Reach: 2 * time.Second, Handshake: 3 * time.Second,
		Observer: func(s preflight.Step) { t.Logf("%-7s %s: %s | %s (%s)", s.State, s.Name, s.Detail, s.Next, s.Elapsed) },
	}
}

// check runs the check of a target file.
func check(t *testing.T, f *target.File, change ...func(*preflight.Options)) *preflight.Result {
	t.Helper()
	o := quick(t, f)
	for _, c := range change {
		c(&o)
	}
	r, err := preflight.Run(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// step is the step with this name.
func step(t *testing.T, r *preflight.Result, name string) preflight.Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	t.Fatalf("no step %q among %q", name, names)
	return preflight.Step{}
}

// wants is what a step must be.
type wants struct {
	name   string // "AT" stands for the target's address
	state  preflight.State
	fault  preflight.Fault
	detail string
	next   string
}

func (w wants) check(t *testing.T, r *preflight.Result, at string) {
	t.Helper()
	s := step(t, r, strings.ReplaceAll(w.name, "AT", at))
	if s.State != w.state || s.Fault != w.fault || !strings.Contains(s.Detail, w.detail) || !strings.Contains(s.Next, w.next) {
		t.Errorf("%s: got %+v,\nwant %+v", s.Name, s, w)
	}
	if s.State == preflight.Failed && s.Next == "" {
		t.Errorf("%s failed and does not say what to do next", s.Name)
	}
}

// serve starts a stock device.
func serve(t *testing.T, s *stock.Security) string {
	t.Helper()
	server, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: "127.0.0.1:0", Security: s, SlowFor: 2500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.Addr().String()
}

const device = "name: X\nrole: device-server\nbench: {addresses: [127.0.0.1]}\n"

func key() []byte { return []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff") }

func authority(t *testing.T, dir string) *pki.Authority {
	t.Helper()
	a, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(t *testing.T, a *pki.Authority, l pki.Leaf) []tls.Certificate {
	t.Helper()
	c, err := a.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{c}
}

func forLoopback() pki.Leaf { return pki.Leaf{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}} }

func TestAPlainDeviceThatIsAsItsFileSaysPasses(t *testing.T) {
	t.Parallel()
	at := serve(t, nil)
	f := open(t, t.TempDir(), device+"device: {coap: '"+at+"', resources: {readable: /hello, stored: /test, slow: /slow}}\n")
	r := check(t, f)
	if r.Fault() != "" {
		t.Errorf("fault %q", r.Fault())
	}
	wants{"coap AT", preflight.OK, "", "answers a CoAP ping in", ""}.check(t, r, at)
	wants{"bench address 127.0.0.1", preflight.OK, "", "on lo", ""}.check(t, r, at)
	wants{"resource readable /hello", preflight.OK, "", "twice the same", ""}.check(t, r, at)
	wants{"resource stored /test", preflight.OK, "", "3", ""}.check(t, r, at)
	wants{"resource slow /slow", preflight.OK, "", "separate response", ""}.check(t, r, at)
}

func TestResourcesAreComparedWithTheStatement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at, secure := serve(t, nil), serve(t, &stock.Security{Identity: "door", Key: key()})
	for _, tt := range []struct {
		name, file string
		wants      wants
	}{
		{"not found", "device: {coap: 'AT', resources: {readable: /none}}", wants{"resource readable /none", preflight.Failed, preflight.Statement, "4.04", "device.resources.readable"}},
		{"not stored", "device: {coap: 'AT', resources: {stored: /hello}}", wants{"resource stored /hello", preflight.Failed, preflight.Statement, "4.05", "device.resources.stored"}},
		{"not slow", "device: {coap: 'AT', resources: {slow: /hello}}", wants{"resource slow /hello", preflight.Failed, preflight.Statement, "in the acknowledgement", "absent"}},
		{"declares observe", "device: {coap: 'AT', resources: {readable: /hello}}\ndeclares: {observe: true}", wants{"observe", preflight.Failed, preflight.Statement, "declares observe, and does not do it", "observe: false"}},
		{"in a session", "device: {coaps: 'SECURE', identity: door, key: {file: key}, resources: {readable: /hello}}", wants{"resource readable /hello", preflight.OK, "", "2.05", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, open(t, dir, device+strings.NewReplacer("AT", at, "SECURE", secure).Replace(tt.file)+"\n"))
			if r.Fault() != tt.wants.fault {
				t.Errorf("fault %q, want %q", r.Fault(), tt.wants.fault)
			}
			tt.wants.check(t, r, at)
		})
	}
}

func TestAClosedPortIsToldFromAWrongAddress(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := closed.LocalAddr().String()
	_ = closed.Close()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	hole := silent.LocalAddr().String()
	for _, tt := range []struct {
		name, device, at string
		wants            wants
	}{
		{"coap, closed", "{coap: 'AT'}", at, wants{"coap AT", preflight.Failed, preflight.Environment, "nothing listens there", "start the device's server for coap, or correct device.coap"}},
		{"coap, silent", "{coap: 'AT'}", hole, wants{"coap AT", preflight.Failed, preflight.Environment, "no answer within 2 s", "udp from 127.0.0.1 to 127.0.0.1 port"}},
		{"coaps, closed", "{coaps: 'AT', identity: door, key: {file: key}}", at, wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Environment, "nothing listens there", "correct device.coaps"}},
		{"coaps, silent", "{coaps: 'AT', identity: door, key: {file: key}}", hole, wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Environment, "no answer within", "firewall"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, t.TempDir(), device+"device: "+strings.ReplaceAll(tt.device, "AT", tt.at)+"\n")
			r := check(t, f, func(o *preflight.Options) { o.Handshake = 2 * time.Second })
			if r.Fault() != preflight.Environment {
				t.Errorf("fault %q, want environment", r.Fault())
			}
			tt.wants.check(t, r, tt.at)
		})
	}
}

func TestPlainCoAPThatIsDeniedIsLookedFor(t *testing.T) {
	t.Parallel()
	at := benchAddress()
	serveAt := func(port string, s *stock.Security) {
		server, err := stock.Serve(context.WithoutCancel(t.Context()), stock.Options{Addr: at + port, Security: s})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
	}
	serveAt(":5684", &stock.Security{Identity: "door", Key: key()})
	f := open(t, t.TempDir(), device+"device: {coaps: '"+at+":5684', identity: door, key: {file: key}}\ndeclares: {coap: false}\n")
	wants{"coap AT:5683", preflight.OK, "", "not spoken", ""}.check(t, check(t, f), at)
	serveAt(":5683", nil)
	wants{"coap AT:5683", preflight.Failed, preflight.Statement, "denies plain CoAP, and answers", "coap: true"}.check(t, check(t, f), at)
}

func TestADeclaredSchemeWhereNothingListensIsTheStatementsFault(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := closed.LocalAddr().String()
	_ = closed.Close()
	f := open(t, t.TempDir(), device+"device: {coap: '"+serve(t, nil)+"', coaps: '"+at+"', identity: door, key: {file: key}}\n")
	r := check(t, f)
	if r.Fault() != preflight.Statement {
		t.Errorf("fault %q", r.Fault())
	}
	wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Statement, "declares coaps, and nothing listens there, while it answers at coap", "take device.coaps out"}.check(t, r, at)
	wants{"coaps AT certificates", preflight.Skipped, "", "nothing answers there", ""}.check(t, r, at)
}

func TestHandshakesAreComparedWithTheStatement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := authority(t, dir)
	stranger := authority(t, t.TempDir())
	pskAlone := serve(t, &stock.Security{Identity: "door", Key: key()})
	certificateAlone := serve(t, &stock.Security{Certificates: leaf(t, a, forLoopback())})
	both := serve(t, &stock.Security{Identity: "door", Key: key(), Certificates: leaf(t, a, forLoopback())})
	strange := serve(t, &stock.Security{Certificates: leaf(t, stranger, forLoopback())})
	named := serve(t, &stock.Security{Certificates: leaf(t, a, pki.Leaf{Names: []string{"another.example.com"}})})
	expired := forLoopback()
	expired.NotBefore, expired.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	stale := serve(t, &stock.Security{Certificates: leaf(t, a, expired)})
	const psk, roots = "identity: door, key: {file: key}", "roots: pki/root.pem"
	for _, tt := range []struct {
		name, at, device, declares string
		fault                      preflight.Fault
		wants                      wants
	}{
		{"psk", pskAlone, psk, "", "", wants{"coaps AT psk, device.identity", preflight.OK, "", "TLS_PSK_WITH_AES_128_CCM_8", ""}},
		{"wrong key", pskAlone, "identity: door, key: {file: other}", "", preflight.Statement, wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Statement, "chose TLS_PSK_WITH_AES_128_CCM_8 and then refused the explicit key of 1 byte", "limits.psk-key"}},
		{"wrong identity", pskAlone, "identity: window, key: {file: key}", "", preflight.Statement, wants{"coaps AT psk, device.identity", preflight.Failed, preflight.Statement, "", "identity"}},
		{"certificate", certificateAlone, roots, "", "", wants{"coaps AT certificate", preflight.OK, "", "certificate of", ""}},
		{"another root", strange, roots, "", preflight.Statement, wants{"coaps AT certificate", preflight.Failed, preflight.Statement, "does not lead to a root of device.roots", "put the root"}},
		{"another name", named, roots, "", preflight.Statement, wants{"coaps AT certificate", preflight.Failed, preflight.Statement, "another.example.com", "device.host"}},
		{"expired", stale, roots, "", preflight.Statement, wants{"coaps AT certificate", preflight.Failed, preflight.Statement, "not valid", "valid today"}},
		{"declares certificates, refuses them", pskAlone, psk + ", " + roots, "certificates: true", preflight.Statement, wants{"coaps AT certificate", preflight.Failed, preflight.Statement, "declares certificates, and refuses them", "certificates: false"}},
		{"denies certificates, does them", both, psk, "certificates: false", preflight.Statement, wants{"coaps AT certificates", preflight.Failed, preflight.Statement, "denies certificates, and does it", "certificates: true"}},
		{"denies psk, does it", both, roots, "psk: false", preflight.Statement, wants{"coaps AT psk", preflight.Failed, preflight.Statement, "denies psk, and does it", "psk: true"}},
		{"does not declare psk, does it", both, roots, "", "", wants{"coaps AT psk", preflight.OK, "", "not declared, and done all the same", ""}},
		{"denies certificates", pskAlone, psk, "certificates: false", "", wants{"coaps AT certificates", preflight.OK, "", "not declared, and not done", ""}},
		{"denies the extended master secret", pskAlone, psk, "extended-master-secret: false", preflight.Statement, wants{"extended master secret", preflight.Failed, preflight.Statement, "denies", "extended-master-secret: true"}},
		{"extended master secret", pskAlone, psk, "", "", wants{"extended master secret", preflight.OK, "", "negotiated", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, dir, device+"device: {coaps: '"+tt.at+"', "+tt.device+"}\ndeclares: {"+tt.declares+"}\n")
			r := check(t, f)
			if r.Fault() != tt.fault {
				t.Errorf("fault %q, want %q", r.Fault(), tt.fault)
			}
			tt.wants.check(t, r, tt.at)
		})
	}
}
