// SPDX-License-Identifier: Apache-2.0

package stubborn_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/stubborn"
	"github.com/coapstone/coapstone/harness/trace"
)

const (
	key      = "0123456789abcdef"
	patience = 20 * time.Second
	api      = "https://live.example.org/live/a/host/b/service/c?P_mode=TEST"
)

// console keeps what a device says.
type console struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(b)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.String()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// gateway is a scripted one that answers as the script says.
func gateway(t *testing.T, security *peer.Security, script peer.Script) (*peer.Server, *trace.Log) {
	t.Helper()
	log := new(trace.Log)
	s, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0"), Security: security, Trace: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Handle(script)
	return s, log
}

func device(t *testing.T, url string) (*stubborn.Device, *console) {
	t.Helper()
	says := new(console)
	d, err := stubborn.New(stubborn.Options{
		URL: url, API: api, User: "hello", Password: "world", Key: key, Console: says, Boot: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, says
}

func TestItSendsItsRequestWhenTheButtonIsPressed(t *testing.T) {
	t.Parallel()
	for name, security := range map[string]*peer.Security{"coap": nil, "coaps": {Identity: "hello", Key: []byte(key)}} {
		t.Run(name, func(t *testing.T) {
			s, _ := gateway(t, security, peer.Answer(&coap.Message{Code: coap.Content, Payload: []byte("three")}))
			d, says := device(t, name+"://"+s.Local().String()+"/coap2http")
			if err := d.Press(); err != nil {
				t.Fatal(err)
			}
			r, err := s.AwaitRequest(within(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			m := r.Message
			if uri := m.Strings(coap.ProxyURI); m.Type != coap.Confirmable || m.Code != coap.GET || m.Path() != "/coap2http" ||
				len(uri) != 1 || uri[0] != api+"&AuthToken=aGVsbG86d29ybGQ=" {
				t.Errorf("got %v", m)
			}
			d.Wait()
			if !strings.Contains(says.String(), `received 2.05 Content "three"`) {
				t.Errorf("the console says %s", says)
			}
			if security == nil {
				return
			}
			h, err := s.AwaitHandshake(within(t), 1)
			if err != nil || h.Session.ExtendedMasterSecret {
				t.Errorf("the handshake %+v, %v: want one without the extended master secret", h, err)
			}
		})
	}
}

func TestItTakesASeparateResponseAndAcknowledgesIt(t *testing.T) {
	t.Parallel()
	s, _ := gateway(t, nil, peer.AnswerSeparately(&coap.Message{Code: coap.Content, Payload: []byte("later")}, 100*time.Millisecond))
	d, says := device(t, "coap://"+s.Local().String()+"/coap2http")
	if err := d.Press(); err != nil {
		t.Fatal(err)
	}
	r, err := s.AwaitRequest(within(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(within(t)); err != nil { // the script takes the acknowledgement, and ends with it
		t.Error(err)
	}
	d.Wait()
	if !strings.Contains(says.String(), `received 2.05 Content "later"`) {
		t.Errorf("the console says %s", says)
	}
}

func TestItRepeatsWithDoublingWaitsAndIsBusyMeanwhile(t *testing.T) {
	t.Parallel()
	s, _ := gateway(t, nil, peer.Silent())
	d, says := device(t, "coap://"+s.Local().String()+"/coap2http")
	if err := d.Press(); err != nil {
		t.Fatal(err)
	}
	r, err := s.AwaitRequest(within(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Press(); !errors.Is(err, stubborn.ErrBusy) {
		t.Errorf("a second press: %v, want busy", err)
	}
	at, err := r.AwaitCopies(within(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	first, second := at[0].Sub(r.At), at[1].Sub(at[0])
	if first < 2*time.Second || second < 2*first-50*time.Millisecond {
		t.Errorf("the waits are %s and %s", first, second)
	}
	d.Reset()
	d.Wait()
	if got := says.String(); !strings.Contains(got, "busy") || strings.Count(got, "booted") != 2 || strings.Contains(got, "received") {
		t.Errorf("the console says %s", got)
	}
	if len(s.Requests()) != 1 {
		t.Errorf("%d requests, want one", len(s.Requests()))
	}
}

func TestAResetOfTheGatewaysEndsTheExchange(t *testing.T) {
	t.Parallel()
	s, _ := gateway(t, nil, peer.Reject())
	d, says := device(t, "coap://"+s.Local().String()+"/coap2http")
	if err := d.Press(); err != nil {
		t.Fatal(err)
	}
	d.Wait()
	if !strings.Contains(says.String(), "rejected") {
		t.Errorf("the console says %s", says)
	}
}

func TestItsButtonIsAFile(t *testing.T) {
	t.Parallel()
	s, _ := gateway(t, nil, peer.Silent())
	d, _ := device(t, "coap://"+s.Local().String()+"/coap2http")
	path := filepath.Join(t.TempDir(), "button")
	b, err := stubborn.Wire(t.Context(), d, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := stubborn.Press(within(t), path); err != nil {
		t.Error(err)
	}
	if _, err := s.AwaitRequest(within(t), 1); err != nil {
		t.Error(err)
	}
	if err := stubborn.Press(within(t), path); !errors.Is(err, stubborn.ErrBusy) {
		t.Errorf("while it is busy: %v", err)
	}
	if err := stubborn.Reset(within(t), path); err != nil {
		t.Error(err)
	}
	d.Wait()
	if err := stubborn.Press(within(t), path); err != nil {
		t.Errorf("after a reset: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := stubborn.Press(within(t), path); err == nil || !strings.Contains(err.Error(), "no device") {
		t.Errorf("without a button: %v", err)
	}
}

func TestWhatCannotBeBurntIn(t *testing.T) {
	t.Parallel()
	good := stubborn.Options{URL: "coaps://192.0.2.1/coap2http", API: api, User: "hello", Password: "world", Key: key}
	for want, change := range map[string]func(*stubborn.Options){
		"takes 16 at most":      func(o *stubborn.Options) { o.Key += "0" },
		"coaps needs a key":     func(o *stubborn.Options) { o.Key = "" },
		"resolves no names":     func(o *stubborn.Options) { o.URL = "coaps://gateway.example.com/coap2http" },
		"want coaps://ADDRESS":  func(o *stubborn.Options) { o.URL = "https://192.0.2.1/" },
		"a port from 1":         func(o *stubborn.Options) { o.URL = "coaps://192.0.2.1:0/" },
		"1034 are the most":     func(o *stubborn.Options) { o.API += strings.Repeat("x", 1000) },
		"the user name \"a:b\"": func(o *stubborn.Options) { o.User = "a:b" },
	} {
		o := good
		change(&o)
		if _, err := stubborn.New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret.Text("world").Reveal()) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := stubborn.New(good); err != nil {
		t.Error(err)
	}
}
