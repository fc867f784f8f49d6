// SPDX-License-Identifier: Apache-2.0

package draft_test

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/preflight/draft"
	"github.com/coapstone/coapstone/harness/target"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; go test -update accepts it)\n%s", file, d)
	}
}

// machine is a machine with two networks.
func machine() draft.Machine {
	return draft.Machine{
		Networks: []draft.Network{
			{Interface: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8")},
			{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.20/24")},
			{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.20/24")},
			{Interface: "eth1", Prefix: netip.MustParsePrefix("fe80::1/64")},
		},
		Towards: func(a netip.Addr) netip.Addr {
			if netip.MustParsePrefix("198.51.100.0/24").Contains(a) {
				return netip.MustParseAddr("198.51.100.20")
			}
			return netip.Addr{}
		},
	}
}

// interviews are the answers that people give, line by line.
func interviews() map[string]string {
	return map[string]string{
		"gateway": "\nBorder router\nAcme\n2.1\n\n" + // role, name, vendor, version, firmware
			"198.51.100.10:5684\n\ngw.example.com\nroots.pem\n\nhttp://198.51.100.10:8080/hc/{?tu\n" + // coaps, coap, host, roots, api, proxy
			"http://198.51.100.20:9000\nhttp://198.51.100.20:8080\n" + // platform
			"device-17\nenv:ACME_PASSWORD\nhex\n" + // user
			"\n\n" + // bench
			"clock\nblock-wise, observe\n" +
			"ssh gw 'systemctl restart coap'\nssh gw journalctl\n" +
			"http://198.51.100.10:8080/hc/{+tu}\n", // the proxy again
		"device-server": "device-server\nDoor\n\n\n1.0.3\n" +
			"192.0.2.77\n192.0.2.77:5683\n-\n" + // coap, first wrong
			"\n/door\n\n" + // resources
			"192.0.2.20\n" +
			"\n\n" +
			"person: Take the battery out and put it back.\n\n",
		"device-client": "toaster\ndevice-client\nThermometer\n\n\n\n" +
			"coaps://192.0.2.20/coap2http\nhttp://platform.example.com/live/1/host/2/service/3\n\n\n" +
			"http://192.0.2.77/press?url={nowhere}\n" +
			"stubborn\nopen sesame\nfile:password.txt\nexplicit\nenv:STUBBORN_KEY\n16\n" +
			"\n\n" +
			"extended-master-secret clock\nobserve\n" +
			"\n\n" +
			"http://192.0.2.77/press?url={url}\n", // the trigger again
	}
}

func TestAnInterviewEndsWithAFileThatCanBeRead(t *testing.T) {
	for role, answers := range interviews() {
		t.Run(role, func(t *testing.T) {
			d := draft.New(machine())
			var said strings.Builder
			if err := d.Interview(t.Context(), strings.NewReader(answers), &said); err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			b, err := d.File("target.yaml")
			if err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			golden(t, role+" interview.txt", said.String())
			golden(t, role+".yaml", string(b))
			if f, err := target.Parse("target.yaml", b); err != nil || string(f.Role) != role {
				t.Errorf("got %v, %v", f, err)
			}
			if strings.Contains(string(b), "sesame") || strings.Contains(said.String(), "sesame") {
				t.Error("a password that was typed where none belongs stands in what was written")
			}
		})
	}
}

func TestAnswersThatEndTooEarlySayWhere(t *testing.T) {
	d := draft.New(machine())
	err := d.Interview(t.Context(), strings.NewReader("gateway\nX\n"), &strings.Builder{})
	if !errors.Is(err, draft.ErrEnded) || !strings.Contains(err.Error(), "vendor") {
		t.Errorf("got %v", err)
	}
}

func TestWhatNobodyCanGuessIsNamed(t *testing.T) {
	for role, want := range map[string][]string{
		"":              {"name", "gateway.coaps or gateway.coap"},
		"gateway":       {"name", "gateway.coaps or gateway.coap"},
		"device-server": {"name", "device.coap or device.coaps"},
		"device-client": {"name"},
	} {
		d := draft.New(machine())
		if err := d.Set("role", role); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, d.Complete()); diff != "" {
			t.Errorf("%q (-want +got)\n%s", role, diff)
		}
	}
}

func TestASessionNeedsAKeyOrARoot(t *testing.T) {
	d := draft.New(machine())
	for key, value := range map[string]string{"role": "device-server", "name": "X", "device.coaps": "192.0.2.1:5684"} {
		if err := d.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"device.identity or device.roots"}, d.Complete()); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}

func TestAnswersByFlagsMakeTheSameFileInAnyOrder(t *testing.T) {
	answers := [][2]string{
		{"bench.ports.coaps", "15684"},
		{"device.coaps", "198.51.100.9:5684"},
		{"device.identity", "door-7"},
		{"declares.clock", "false"},
		{"name", "Door: the first"},
		{"role", "device-server"},
		{"hooks.reset", `./reset "the door" ''`},
		{"limits.psk-key", "16"},
		{"bench.boot", "10s"},
	}
	// clock is no capability of a device-server: the file says so.
	d := draft.New(machine())
	for _, a := range answers {
		if err := d.Set(a[0], a[1]); err != nil {
			t.Fatal(err)
		}
	}
	if missing := d.Complete(); len(missing) > 0 {
		t.Fatalf("missing %q", missing)
	}
	if err := d.Set("declares.clock", ""); err != nil {
		t.Fatal(err)
	}
	b, err := d.File("target.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	golden(t, "flags.yaml", string(b))
	f, err := target.Parse("target.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"./reset", "the door", ""}, f.Hooks.Reset.Command); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	if f.Bench.Addresses[0] != "198.51.100.20" {
		t.Errorf("the bench is at %s, want the address in the target's network", f.Bench.Addresses[0])
	}
}

func TestAWrongAnswerIsToldAtOnce(t *testing.T) {
	for _, tt := range []struct{ key, value, want string }{
		{"role", "toaster", "want gateway"},
		{"gateway.coap", "192.0.2.1", "want an IP address with a port"},
		{"gateway.coap", "192.0.2.1:1 localhost:2", `"localhost:2"`},
		{"bench.addresses", "192.0.2.1:5683", "without a port"},
		{"device.coaps", "x", "with a port"},
		{"users.hello.password", "world", "a secret does not stand in a target file"},
		{"device.key", "hex:00", "a secret does not stand in a target file"},
		{"users.hello.psk-key", "sha", "want raw, hex or explicit"},
		{"device.calls.url", "http://h/", "coap or coaps"},
		{"device.calls.method", "FETCH", "want GET"},
		{"gateway.api", "h:1", "http or https"},
		{"device.resources.slow", "slow", "want a path"},
		{"hooks.reset", "person:", "what somebody is to do"},
		{"hooks.reset", "'open", "not closed"},
		{"hooks.reset", "https://", "want a URL"},
		{"limits.psk-key", "many", "want a number"},
		{"declares", "flying", "want of block-wise"},
		{"bench.boot", "30", "time span"},
		{"name", "a\x00b", "one line of text"},
	} {
		if err := draft.New(machine()).Set(tt.key, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), tt.key+": ") {
			t.Errorf("%s=%s: got %v, want it to contain %q", tt.key, tt.value, err, tt.want)
		}
	}
}

func TestAnUnknownKeyIsSeenWhenTheFileIsRead(t *testing.T) {
	d := draft.New(machine())
	for key, value := range map[string]string{"name": "X", "gateway.coap": "192.0.2.1:5683", "gateway.colour": "red"} {
		if err := d.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	d.Complete()
	if _, err := d.File("target.yaml"); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("got %v", err)
	}
}

// FuzzSet: what is taken is written as it was given, whatever stands in it.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"X", "a: b", "- x", "{x}", "yes", "1", "é€", "~", "# no comment", "'", `"`, `\`, "!!binary x", "&a", "*a", "null", "|", ">", "%", "@", "`", "? x", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := draft.New(machine())
		if d.Set("name", s) != nil || strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) {
			return
		}
		for key, value := range map[string]string{"role": "gateway", "gateway.coap": "192.0.2.1:5683"} {
			if err := d.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
		if d.Set("hooks.reset", "person: "+s) != nil {
			t.Fatalf("%q is a sentence", s)
		}
		d.Complete()
		b, err := d.File("target.yaml")
		if err != nil {
			if strings.Contains(err.Error(), "{") { // a variable that there is not
				return
			}
			t.Fatalf("%v\n%s", err, b)
		}
		got, err := target.Parse("target.yaml", b)
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != strings.TrimSpace(s) || got.Hooks.Reset.Person != strings.TrimSpace(s) {
			t.Errorf("%q became %q and %q:\n%s", s, got.Name, got.Hooks.Reset.Person, b)
		}
	})
}

// FuzzKey: whatever is set, a file comes of it that can be read, or an error.
func FuzzKey(f *testing.F) {
	f.Add("gateway", "x", "gateway.coap", "192.0.2.1:5683")
	f.Add("a..b", "x", ".", "y")
	f.Add("hooks.reset", "./x", "hooks.reset.command", "y")
	f.Add("declares", "observe", "declares.observe", "false")
	f.Add("users.hello.password", "env:A", "users.hello.password.file", "b")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		d := draft.New(machine())
		for _, a := range [][2]string{{"name", "X"}, {"gateway.coap", "192.0.2.1:5683"}, {key1, value1}, {key2, value2}} {
			_ = d.Set(a[0], a[1])
		}
		d.Complete()
		b, err := d.File("target.yaml")
		if err != nil {
			return
		}
		if _, err := target.Parse("target.yaml", b); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
	})
}
