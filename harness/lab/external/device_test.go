// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/stock"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

func TestADeviceThatIsCalledIsWhatItsFileSays(t *testing.T) {
	s, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("hex:00ff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "target.yaml")
	file := "name: X\nrole: device-server\nbench: {addresses: [127.0.0.1]}\n" +
		"device: {coap: '" + s.Addr().String() + "', coaps: '127.0.0.1:5684', identity: door-7, key: {file: key}, resources: {readable: /hello}}\n"
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := external.Open(f)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	stage, err := l.Stage(t.Context(), "one", &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := stage.DeviceServes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.CoAP != s.Addr() || d.CoAPS.Port() != 5684 || d.DefaultPorts || d.Identity != "door-7" || string(d.Key) != "\x00\xff" || d.Resources[lab.Readable] != "/hello" {
		t.Errorf("got %+v", d)
	}
	if _, err := stage.User(t.Context(), "hello", "world", lab.Raw); verdict.Of(err) != verdict.NotApplicable {
		t.Errorf("a user: %v, want not-applicable: there is no gateway", err)
	}
	var about []string
	for _, fact := range l.About() {
		about = append(about, fact.Name+" "+fact.Value)
	}
	if !strings.Contains(strings.Join(about, "; "), "device coap "+s.Addr().String()+", coaps 127.0.0.1:5684") {
		t.Errorf("about: %v", about)
	}
	if err := stage.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
