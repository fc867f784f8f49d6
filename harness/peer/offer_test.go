// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/harness/pki"
)

func TestAnOfferSaysWhatTheServerChose(t *testing.T) {
	certificate := &Security{Certificates: issue(t, authority(t), local(pki.Leaf{}))}
	gcm := &Security{Identity: "lamp", Key: []byte("key"), CipherSuites: []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_GCM_SHA256}}
	for _, tt := range []struct {
		name   string
		server *Security
		suites []uint16
		want   string // the suite; empty is a fatal alert
	}{
		{"pre-shared key alone", psk("lamp", "key"), []uint16{pskCCM8}, pskSuite},
		{"pre-shared key among all others", psk("lamp", "key"), append(OtherCipherSuites(), pskCCM8), pskSuite},
		{"certificate among all others", certificate, append(OtherCipherSuites(), ecdsaCCM8), certificateSuite},
		{"all others", psk("lamp", "key"), OtherCipherSuites(), ""},
		{"all others, of which the server has one", gcm, OtherCipherSuites(), "TLS_PSK_WITH_AES_128_GCM_SHA256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, Options{Security: tt.server})
			a, err := Offer(within(t, patience), s.Local(), Options{Local: loopback}, tt.suites)
			if err != nil {
				t.Fatal(err)
			}
			if a.CipherSuite != tt.want || (a.Alert == nil) != (tt.want != "") || !a.Heard {
				t.Errorf("got %s, want %q", a, tt.want)
			}
		})
	}
}

func TestAnOfferToNobodyIsNotHeard(t *testing.T) {
	silent, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a, err := Offer(ctx, addrPort(silent.LocalAddr()), Options{Local: loopback}, []uint16{pskCCM8})
	if err != nil || a != (OfferResult{}) {
		t.Errorf("got %s, %v; want no answer", a, err)
	}
}

func TestTheOtherCipherSuitesAreAllButTheTwo(t *testing.T) {
	others := OtherCipherSuites()
	for _, id := range []uint16{pskCCM8, ecdsaCCM8, 0x00ff, 0x5600} {
		if slices.Contains(others, id) {
			t.Errorf("%#04x is among them", id)
		}
	}
	for _, s := range dtls.CipherSuites() {
		if s.ID != pskCCM8 && s.ID != ecdsaCCM8 && !slices.Contains(others, s.ID) {
			t.Errorf("%s is not among them", dtls.CipherSuiteID(s.ID))
		}
	}
	if n := len(others); n < 300 || len(slices.Compact(slices.Sorted(slices.Values(others)))) != n {
		t.Errorf("%d suites, want more than 300 different ones", n)
	}
}
