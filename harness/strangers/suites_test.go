// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coapstone/coapstone/harness/need"
)

// The names that OpenSSL has for the document's two cipher suites.
const (
	pskSuite         = "PSK-AES128-CCM8"         // TLS_PSK_WITH_AES_128_CCM_8
	certificateSuite = "ECDHE-ECDSA-AES128-CCM8" // TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8
)

// handshake has OpenSSL offer the suites to the gateway, with a key and with
// trust in its root, and returns what was agreed on, "" for nothing.
func (b *bench) handshake(t *testing.T, openssl string, suites ...string) (agreed string, out output) {
	t.Helper()
	u := b.user(t)
	gateway := b.Gateway().CoAPS[0]
	out = run(t, "LC_ALL=C", openssl, "s_client", "-dtls1_2", "-connect", gateway.String(),
		"-cipher", strings.Join(append(suites, "@SECLEVEL=0"), ":"),
		"-psk_identity", u.Identity, "-psk", hex.EncodeToString(u.Key),
		"-CAfile", b.rootFile, "-verify_ip", gateway.Addr().String(), "-verify_return_error")
	if m := regexp.MustCompile(`(?m)^New, \S+, Cipher is (\S+)$`).FindStringSubmatch(out.stdout); m != nil && m[1] != "(NONE)" {
		agreed = m[1]
	}
	return agreed, out
}

func TestTheGatewayTakesTheTwoSuitesOfTheDocument(t *testing.T) {
	openssl := need.Program(t, "openssl", "apt-get install openssl")
	b := newBench(t)
	for _, tc := range []struct {
		name     string
		offered  []string
		want     []string
		verified bool
	}{
		{"the one for keys", []string{pskSuite}, []string{pskSuite}, false},
		{"the one for certificates", []string{certificateSuite}, []string{certificateSuite}, true},
		{"both", []string{certificateSuite, pskSuite}, []string{pskSuite, certificateSuite}, false},
		{"one among many", []string{"ALL", "-CCM8", certificateSuite}, []string{certificateSuite}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			agreed, out := b.handshake(t, openssl, tc.offered...)
			if !slices.Contains(tc.want, agreed) {
				t.Errorf("agreed on %q, want one of %q\n%v", agreed, tc.want, out)
			}
			if tc.verified && !strings.Contains(out.stdout, "Verify return code: 0 (ok)") {
				t.Errorf("the certificate was not verified:\n%v", out)
			}
		})
	}
}

// refusal is the alert with which a server refuses every suite (RFC 5246 §7.2.2).
var refusal = regexp.MustCompile("alert (handshake failure|insufficient security)")

func TestTheGatewayTakesNoOtherSuite(t *testing.T) {
	openssl := need.Program(t, "openssl", "apt-get install openssl")
	b := newBench(t)
	list := run(t, "LC_ALL=C", openssl, "ciphers", "-s", "-tls1_2", "-psk", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
	if list.err != nil {
		t.Fatal(list)
	}
	suites := strings.Split(strings.TrimSpace(list.stdout), ":")
	if len(suites) < 20 || !slices.Contains(suites, pskSuite) || !slices.Contains(suites, certificateSuite) {
		t.Fatalf("OpenSSL has the suites %q: want many, and the two of the document", suites)
	}
	suites = slices.DeleteFunc(suites, func(s string) bool { return s == pskSuite || s == certificateSuite })
	// All at once, in groups, and one by one those that come closest: where many are
	// offered, none is agreed on only if the gateway takes none of them.
	offers := [][]string{suites}
	offers = slices.AppendSeq(offers, slices.Chunk(suites, 16))
	for _, s := range []string{
		"PSK-AES128-CCM", "PSK-AES256-CCM8", "PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256", "ECDHE-PSK-AES128-CBC-SHA256",
		"ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
	} {
		offers = append(offers, []string{s})
	}
	// A few at a time: each is a process that mostly waits.
	free := make(chan struct{}, 8)
	var all sync.WaitGroup
	for _, offer := range offers {
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			agreed, out := b.handshake(t, openssl, offer...)
			if agreed != "" || !refusal.MatchString(out.stderr) {
				t.Errorf("offered %q, agreed on %q; want an alert that refuses it\n%v", offer, agreed, out)
			}
		})
	}
	all.Wait()
	// The gateway is still there.
	if agreed, out := b.handshake(t, openssl, pskSuite); agreed != pskSuite {
		t.Errorf("afterwards: agreed on %q, want %s\n%v", agreed, pskSuite, out)
	}
}
