// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, in string) *File {
	t.Helper()
	f, err := Parse("x.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBenchListensWhereItsFileSays(t *testing.T) {
	plain := parse(t, client).Bench
	if got := plain.Listen("coap", false); got != netip.MustParseAddrPort("192.0.2.20:5683") {
		t.Errorf("coap: %v", got)
	}
	if got := plain.Listen("coaps", false); got != netip.MustParseAddrPort("192.0.2.20:5684") {
		t.Errorf("coaps: %v", got)
	}
	if got := plain.Listen("coaps", true); got.IsValid() {
		t.Errorf("over IPv6: %v, want none: the bench has no such address", got)
	}
	if got := plain.ReachedAs(plain.Addr(false)); got != plain.Addr(false) {
		t.Errorf("reached as %v, want the address itself", got)
	}
	if plain.BootTime() != 30*time.Second {
		t.Errorf("boot %v", plain.BootTime())
	}
	behind := parse(t, "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20, '2001:db8::20'], reached: [198.51.100.1, '2001:db8:1::1'], ports: {coap: 15683, coaps: 15684}, boot: 1m}\n").Bench
	if got := behind.Listen("coaps", true); got != netip.MustParseAddrPort("[2001:db8::20]:15684") {
		t.Errorf("coaps over IPv6: %v", got)
	}
	if got := behind.Listen("coap", false); got != netip.MustParseAddrPort("192.0.2.20:15683") {
		t.Errorf("coap: %v", got)
	}
	if got := behind.ReachedAs(behind.Addr(true)); got != netip.MustParseAddr("2001:db8:1::1") {
		t.Errorf("reached as %v", got)
	}
	if behind.BootTime() != time.Minute {
		t.Errorf("boot %v", behind.BootTime())
	}
}

func TestDeviceIsSpokenToOnceAtATime(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{minimal, 32},
		{client, 1},
		{called, 1},
		{"name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], exchanges: 3}\n", 1},
		{"name: X\nrole: device-server\ndevice: {coap: '192.0.2.9:5683'}\nbench: {addresses: [192.0.2.20], exchanges: 3}\n", 3},
	} {
		if got := parse(t, tt.in).AtOnce(); got != tt.want {
			t.Errorf("%d at once, want %d for\n%s", got, tt.want, tt.in)
		}
	}
}

func TestAddressesAreThoseOfTheTargetAlone(t *testing.T) {
	addresses := func(in string) []string {
		var all []string
		for _, a := range parse(t, in).Addresses() {
			all = append(all, a.String())
		}
		return all
	}
	gateway := "name: X\ngateway: {coap: ['192.0.2.10:5683'], coaps: ['192.0.2.10:5684', '[2001:db8::10]:5684'], api: 'http://192.0.2.11:8080', proxy: 'http://proxy.example.com/hc/{+tu}'}\nbench: {addresses: [192.0.2.20]}\n"
	if d := cmp.Diff([]string{"192.0.2.10", "2001:db8::10", "192.0.2.11"}, addresses(gateway)); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if d := cmp.Diff([]string{"192.0.2.10"}, addresses(called)); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if d := cmp.Diff([]string{"192.0.2.10"}, addresses(client+"device: {address: 192.0.2.10}\n")); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if got := addresses(client); got != nil {
		t.Errorf("a device that calls is at %v, want nowhere", got)
	}
}

func TestHookSaysWhatItIsAndHowLongItMayTake(t *testing.T) {
	f := parse(t, minimal+"hooks: {trigger: {command: [a]}, reset: {http: {url: 'http://h/'}, timeout: 2s}, power-cycle: {person: Pull.}, console: {person: Read., timeout: 1m}}\n")
	type said struct {
		Name, Kind string
		Patience   time.Duration
	}
	var got []said
	for _, n := range f.Hooks.All() {
		if f.Hooks.Named(n.Name) != n.Hook {
			t.Errorf("Named(%s) is another hook", n.Name)
		}
		got = append(got, said{n.Name, n.Hook.Kind(), n.Hook.Patience()})
	}
	want := []said{
		{"trigger", HookCommand, 30 * time.Second},
		{"reset", HookHTTP, 2 * time.Second},
		{"power-cycle", HookPerson, 5 * time.Minute},
		{"console", HookPerson, time.Minute},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if f.Hooks.Named("provision") != nil || f.Hooks.Provision.Kind() != "" {
		t.Error("a hook that is absent says what it is")
	}
}

func TestSecretsAreThoseThatWereFound(t *testing.T) {
	t.Setenv("COAPSTONE_TEST_PASSWORD", "world")
	t.Setenv("COAPSTONE_TEST_KEY", "hex:00ff")
	f, err := Open(write(t, t.TempDir(), "target.yaml", client+"users: {hello: {password: {env: COAPSTONE_TEST_PASSWORD}, psk-key: explicit, key: {env: COAPSTONE_TEST_KEY}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, s := range f.Secrets() {
		found[s.Reveal()] = true
	}
	sum := "\x48\x6e\xa4\x62\x24\xd1\xbb\x4f\xb6\x80\xf3\x4f\x7c\x9a\xd9\x6a\x8f\x24\xec\x88\xbe\x73\xea\x8e\x5a\x6c\x65\x26\x0e\x9c\xb8\xa7"
	for _, want := range []string{"world", "aGVsbG86d29ybGQ=", "hex:00ff", "00ff", "\x00\xff", sum} {
		if !found[want] {
			t.Errorf("%q is not among the secrets", want)
		}
	}
	if f.Title() != "X" {
		t.Errorf("title %q", f.Title())
	}
	if got := parse(t, minimal).Secrets(); len(got) != 0 {
		t.Errorf("%d secrets in a file that names none", len(got))
	}
}
