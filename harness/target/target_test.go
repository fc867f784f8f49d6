// SPDX-License-Identifier: Apache-2.0

package target

import (
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

func TestTargetFileIsReadWithWhatItNames(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_PASSWORD", "world")
	f, err := Open(filepath.Join("testdata", "gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type read struct {
		Name, Version string
		Role          verdict.Role
		CoAPS         []netip.AddrPort
		Bench         [2]netip.Addr
		Hello         string
		Password      string
		Key           string
		StrangerKey   string
	}
	key := func(u *User) string {
		b, err := u.PSK()
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(b)
	}
	got := read{
		f.Name, f.Version, f.Role, f.Gateway.CoAPSAddrs(),
		[2]netip.Addr{f.Bench.Addr(false), f.Bench.Addr(true)},
		f.Users["hello"].Name,
		f.Users["hello"].Password.Value().Reveal(), key(f.Users["hello"]), key(f.Users["stranger"]),
	}
	want := read{
		"CoAP gateway", "2.1", verdict.Gateway,
		[]netip.AddrPort{netip.MustParseAddrPort("192.0.2.10:5684"), netip.MustParseAddrPort("[2001:db8::10]:5684")},
		[2]netip.Addr{netip.MustParseAddr("192.0.2.20"), netip.MustParseAddr("2001:db8::20")},
		"device-17", "world",
		// printf world | sha256sum, and that as text once more
		hex.EncodeToString([]byte("486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7")),
		"00ff10",
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if f.Users["stranger"].Name != "stranger" {
		t.Errorf("a user without a name is called %q, want the name in the features", f.Users["stranger"].Name)
	}
}

func TestMissingVariableIsNamedWithItsLine(t *testing.T) {
	_, err := Open(filepath.Join("testdata", "gateway.yaml"))
	if err == nil || !strings.Contains(err.Error(), "gateway.yaml:22:15: users.hello.password: ") || !strings.Contains(err.Error(), "COAPSTONE_TEST_PASSWORD is not set") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("users: {a: }"))
	f.Add([]byte("bench:\n}"))
	f.Add([]byte("bench: {addresses: !!binary aGVsbG8=}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Parse("x.yaml", b)
		if err == nil && (got.Name == "" || len(got.Bench.Addresses) == 0) {
			t.Errorf("accepted without a name or a bench: %+v", got)
		}
	})
}
