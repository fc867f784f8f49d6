// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/trace"
)

// presser is a person who presses the button, and sees what arrives.
type presser struct {
	press func()
	saw   []string
}

func (p *presser) Ask(ctx context.Context, prompt hook.Prompt) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p.press()
	prompt.Watch(ctx, func(line string) {
		p.saw = append(p.saw, line)
		cancel()
	})
	return nil
}

func TestAPersonWhoIsAskedToTriggerTheDeviceSeesWhatArrives(t *testing.T) {
	name := filepath.Join(t.TempDir(), "target.yaml")
	file := "name: X\nrole: device-client\nbench: {addresses: [127.9.3.1]}\ndevice: {coap: '127.9.3.2:5683'}\nhooks: {trigger: {person: press}}\n"
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	p := &presser{}
	l, err := external.Options{Hooks: &hook.Runner{Prompter: p}}.Open(f)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	s, err := l.Stage(t.Context(), t.Name(), &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	stand, err := s.GatewayStand(t.Context(), false, 0)
	if err != nil {
		t.Fatal(err)
	}
	ping := coap.Frame{Message: coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: 1}}.Bytes()
	stopped := make(chan struct{})
	done := make(chan struct{})
	p.press = func() {
		go func() { // as the device would, until somebody has seen it
			defer close(done)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				stand.Screen(netip.MustParseAddrPort("127.9.3.2:40000"), ping)
				select {
				case <-tick.C:
				case <-stopped:
					return
				}
			}
		}()
	}
	wait, err := s.DeviceCalls(t.Context(), lab.Errand{URL: "coap://127.9.3.1/coap2http"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := wait()
	close(stopped)
	<-done
	if err != nil || r.Failure != "" {
		t.Fatal(err, r.Failure)
	}
	if len(p.saw) == 0 || !strings.Contains(p.saw[0], "127.9.3.2:40000: CoAP CON GET") {
		t.Errorf("the person saw %q", p.saw)
	}
}
