// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

const (
	pskSuite         = "TLS_PSK_WITH_AES_128_CCM_8"
	certificateSuite = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
)

func psk(identity, key string) *Security {
	return &Security{Identity: identity, Key: []byte(key), HandshakeTimeout: patience}
}

func issue(t *testing.T, a *pki.Authority, l pki.Leaf) []tls.Certificate {
	t.Helper()
	c, err := a.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{c}
}

func local(l pki.Leaf) pki.Leaf {
	l.Addrs = append(l.Addrs, loopback.Addr())
	return l
}

func TestPSKSessionCarriesAnExchange(t *testing.T) {
	log := new(trace.Log)
	s := listen(t, Options{Security: psk("lamp", "0123456789abcdef")})
	s.Handle(Answer(content("secret")))
	c := dial(t, s, Options{Trace: log, Security: psk("lamp", "0123456789abcdef")})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	want := Session{CipherSuite: pskSuite, Identity: "lamp", ExtendedMasterSecret: true, Offered: []string{pskSuite}}
	if d := cmp.Diff(want, c.Session()); d != "" || c.CipherSuite() != pskSuite {
		t.Errorf("the client's session (-want +got):\n%s", d)
	}
	r, err := s.AwaitRequest(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, r.Session); d != "" {
		t.Errorf("the server's session (-want +got):\n%s", d)
	}
	inner := layers(log, trace.CoAP)
	if len(inner) != 2 || inner[0].From.Name != "device" || inner[1].From.Name != "gateway" {
		t.Fatalf("the CoAP in the trace: %+v", inner)
	}
	for _, e := range inner {
		if _, err := coap.Decode(e.Bytes); err != nil {
			t.Errorf("%x in the layer coap: %v", e.Bytes, err)
		}
	}
	for _, e := range layers(log, trace.Datagram) {
		if !e.Secure || e.Illegal || bytes.Contains(e.Bytes, []byte("secret")) {
			t.Errorf("a datagram of the session: %+v", e)
		}
	}
	if !strings.HasPrefix(string(log.Keys()), "CLIENT_RANDOM ") {
		t.Error("no keys in the key log")
	}
}

func TestCertificateSessionShowsTheChain(t *testing.T) {
	a := authority(t)
	s := listen(t, Options{Security: &Security{Certificates: issue(t, a, pki.Leaf{Names: []string{"gw.example"}})}})
	c := dial(t, s, Options{Security: &Security{Roots: a.Roots(), ServerName: "gw.example"}})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	got := c.Session()
	if got.CipherSuite != certificateSuite || got.ServerName != "gw.example" || len(got.PeerCertificates) != 2 {
		t.Errorf("session %+v", got)
	}
	if d := cmp.Diff([]string{certificateSuite}, got.Offered); d != "" {
		t.Error(d)
	}
}

func TestAnAddressIsVerifiedAndNotSentAsServerName(t *testing.T) {
	a := authority(t)
	s := listen(t, Options{Security: &Security{Certificates: issue(t, a, local(pki.Leaf{}))}})
	c := dial(t, s, Options{Security: &Security{Roots: a.Roots()}})
	if name := c.Session().ServerName; name != "" {
		t.Errorf("the server name %q was sent", name)
	}
}

func TestTheDeviceRefusesABadCertificate(t *testing.T) {
	a, other := authority(t), authority(t)
	for name, tc := range map[string]struct {
		leaf pki.Leaf
		from *pki.Authority
	}{
		"unknown root":         {local(pki.Leaf{}), other},
		"expired":              {local(pki.ExpiredFor()), a},
		"not yet valid":        {local(pki.NotYetValidFor()), a},
		"another host":         {pki.Leaf{Names: []string{"elsewhere.example"}}, a},
		"self-signed":          {local(pki.Leaf{SelfSigned: true}), a},
		"no intermediate":      {local(pki.Leaf{WithoutIntermediate: true}), a},
		"a client's":           {local(pki.Leaf{Client: true}), a},
		"address as a CN only": {pki.Leaf{CommonName: "127.0.0.1"}, a},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, Options{Remote: "caller", Security: &Security{Certificates: issue(t, tc.from, tc.leaf)}})
			_, err := Dial(within(t, patience), s.Local(), Options{Security: &Security{Roots: a.Roots()}})
			var failed *HandshakeError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v", err)
			}
			if failed.Sent == nil || failed.Sent.Name() != "bad_certificate" || failed.Refused() || failed.Silent {
				t.Errorf("the client's side: %+v", failed)
			}
			h, err := s.AwaitHandshake(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			if !errors.As(h.Err, &failed) || !failed.Refused() || failed.Received.Name() != "bad_certificate" {
				t.Errorf("the server's side: %v", h.Err)
			}
			f := finding(t, h.Err, verdict.Fail)
			if !strings.HasPrefix(f.Got, "the fatal alert bad_certificate from the caller after ") {
				t.Errorf("reads as %v", f)
			}
		})
	}
}

func TestNoRootsTrustNobody(t *testing.T) {
	a := authority(t)
	s := listen(t, Options{Security: &Security{Certificates: issue(t, a, local(pki.Leaf{}))}})
	_, err := Dial(within(t, patience), s.Local(), Options{Security: &Security{}})
	if f := finding(t, err, verdict.Fail); !strings.Contains(f.Got, "unknown authority") {
		t.Errorf("got %v", f)
	}
}

func TestAnUnknownIdentityIsRefusedByItsOwnAlert(t *testing.T) {
	s := listen(t, Options{Security: psk("lamp", "0123456789abcdef")})
	_, err := Dial(within(t, patience), s.Local(), Options{Security: psk("nobody", "0123456789abcdef")})
	var failed *HandshakeError
	if !errors.As(err, &failed) || !failed.Refused() || failed.Received.Name() != "unknown_psk_identity" {
		t.Fatalf("got %v", err)
	}
	if verdict.Of(err) != verdict.Fail {
		t.Errorf("the verdict is %v", verdict.Of(err))
	}
	h, err := s.AwaitHandshake(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.As(h.Err, &failed) || failed.Sent == nil || failed.Sent.Name() != "unknown_psk_identity" {
		t.Errorf("the server's side: %v", h.Err)
	}
}

func TestAWrongKeyIsMetWithSilence(t *testing.T) {
	s := listen(t, Options{Security: psk("lamp", "0123456789abcdef")})
	wrong := psk("lamp", "fedcba9876543210")
	wrong.HandshakeTimeout = 300 * time.Millisecond
	_, err := Dial(within(t, patience), s.Local(), Options{Security: wrong})
	var failed *HandshakeError
	if !errors.As(err, &failed) || !failed.Silent || failed.Refused() {
		t.Fatalf("got %v", err)
	}
	f := finding(t, err, verdict.Fail)
	if !strings.Contains(f.Got, "no end of the handshake") || !strings.Contains(f.Got, pskSuite) {
		t.Errorf("reads as %v", f)
	}
}

func TestNobodyAnsweringIsSilence(t *testing.T) {
	s := listen(t, Options{}) // plain UDP: it does not know what DTLS is
	sec := psk("lamp", "0123456789abcdef")
	sec.HandshakeTimeout = 100 * time.Millisecond
	_, err := Dial(within(t, patience), s.Local(), Options{Security: sec})
	f := finding(t, err, verdict.Fail)
	if !strings.HasPrefix(f.Got, "no answer within ") {
		t.Errorf("reads as %v", f)
	}
}

func TestACipherSuiteThatIsNotSharedIsRefused(t *testing.T) {
	s := listen(t, Options{Security: psk("lamp", "0123456789abcdef")})
	sec := psk("lamp", "0123456789abcdef")
	sec.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_GCM_SHA256}
	_, err := Dial(within(t, patience), s.Local(), Options{Security: sec})
	var failed *HandshakeError
	if !errors.As(err, &failed) || !failed.Refused() {
		t.Fatalf("got %v", err)
	}
	h, err := s.AwaitHandshake(within(t, patience), 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"TLS_PSK_WITH_AES_128_GCM_SHA256"}, h.Session.Offered); d != "" || h.Session.CipherSuite != "" {
		t.Errorf("what the server saw of it: %+v", h.Session)
	}
}

func TestOneServerTakesKeysAndCertificates(t *testing.T) {
	a := authority(t)
	s := listen(t, Options{Security: &Security{
		Certificates: issue(t, a, local(pki.Leaf{})),
		PSK: func(identity string) ([]byte, bool) {
			return []byte("key of " + identity), strings.HasPrefix(identity, "lamp")
		},
	}})
	for _, sec := range []*Security{psk("lamp1", "key of lamp1"), psk("lamp2", "key of lamp2"), {Roots: a.Roots()}} {
		c := dial(t, s, Options{Security: sec})
		if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
			t.Error(err)
		}
	}
	var got []string
	for _, r := range s.Requests() {
		got = append(got, r.Session.CipherSuite+" "+r.Session.Identity)
	}
	if d := cmp.Diff([]string{pskSuite + " lamp1", pskSuite + " lamp2", certificateSuite + " "}, got); d != "" {
		t.Error(d)
	}
}

func TestTheEndOfASessionIsNamedAtOnce(t *testing.T) {
	s, err := Listen(t.Context(), Options{Local: loopback, Security: psk("lamp", "0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s, Options{Security: psk("lamp", "0123456789abcdef")})
	if _, err := c.Ping(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Await(within(t, time.Hour), "a response", Anything)
	f := finding(t, err, verdict.Fail)
	if !strings.HasPrefix(f.Got, "the end of the DTLS session") {
		t.Errorf("reads as %v", f)
	}
}

func TestANewSessionFromTheSameAddressIsAnotherPeer(t *testing.T) {
	s := listen(t, Options{Security: psk("lamp", "0123456789abcdef")})
	o := Options{Security: psk("lamp", "0123456789abcdef")}
	for n := range 2 {
		c, err := Dial(within(t, patience), s.Local(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.Local = c.Local()
		req := get("/test")
		req.MessageID = 99
		if _, err := c.Exchange(within(t, patience), req); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AwaitRequest(within(t, patience), n+1); err != nil {
			t.Fatalf("session %d: %v", n+1, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.awaitForgotten(within(t, patience), c.Local()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHandshakeThatIsBrokenOffBlamesNobody(t *testing.T) {
	s := listen(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Dial(ctx, s.Local(), Options{Local: loopback, Security: psk("lamp", "0123456789abcdef")})
	if err == nil || verdict.Of(err) != verdict.Error {
		t.Errorf("got %v, verdict %v", err, verdict.Of(err))
	}
}

func TestGarbageDoesNotDisturbADTLSServer(t *testing.T) {
	log := new(trace.Log)
	s := listen(t, Options{Trace: log, Security: psk("lamp", "0123456789abcdef")})
	noise := dial(t, s, Options{})
	hello := append([]byte{22, 0xfe, 0xfd}, make([]byte, 10)...)
	for _, b := range [][]byte{{}, {22}, {0x40, 1, 0, 1}, append(hello, 1), append(hello, 1, 0, 0, 0)} {
		if err := noise.SendBytes(b, true); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, s, Options{Security: psk("lamp", "0123456789abcdef")})
	if _, err := c.Exchange(within(t, patience), get("/test")); err != nil {
		t.Fatal(err)
	}
	if n := len(layers(log, trace.Datagram)); n < 5 {
		t.Errorf("%d datagrams in the trace", n)
	}
}

func TestCipherSuitesAreReadByName(t *testing.T) {
	id, err := ParseCipherSuite("tls_psk_with_aes_128_ccm_8")
	if err != nil || id != dtls.TLS_PSK_WITH_AES_128_CCM_8 {
		t.Errorf("got %v, %v", id, err)
	}
	if _, err := ParseCipherSuite("TLS_NULL"); err == nil || !strings.Contains(err.Error(), certificateSuite) {
		t.Errorf("got %v", err)
	}
	for id, want := range map[uint16]string{0xc0a8: pskSuite, 0xc037: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", 0x1301: "TLS_AES_128_GCM_SHA256", 0xffff: "0xFFFF"} {
		if got := suiteName(id); got != want {
			t.Errorf("%04x is called %s, want %s", id, got, want)
		}
	}
}

func FuzzObserver(f *testing.F) {
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		var o observer
		o.see(b, false)
		o.see(b, true)
		isClientHello(b)
		if s, received, _ := o.seen(); received != nil && received.String() == "" || len(s.Offered) > len(b) {
			t.Errorf("%x: %+v, %v", b, s, received)
		}
	})
}
