// SPDX-License-Identifier: Apache-2.0

package call_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

func psk(identity, key string) *outbound.Authentication {
	a := &outbound.Authentication{Identity: identity}
	_ = a.Key.UnmarshalText([]byte(key))
	return a
}

var sesame = device.Security{Identity: "gateway", Key: []byte("open sesame")}

func TestPSKCall(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	for _, key := range []string{"open sesame", "hex:6f70656e20736573616d65"} {
		result, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", key)), get(nil), outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if string(result.Response.Payload) != "hello" {
			t.Errorf("got %s", result.Response)
		}
	}
	if n := d.Sessions.Load(); n != 1 {
		t.Errorf("%d handshakes, want 1: the key is the same in both forms", n)
	}
}

func TestCertificateCall(t *testing.T) {
	authority := device.NewAuthority(t)
	d := device.Serve(t, "127.0.0.1:0", device.Security{Certificate: authority.Issue(t, []string{"boiler.example"}, net.IPv4(127, 0, 0, 1))}, hello)
	resolve := func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{d.Addr.Addr()}, nil }
	c := newCaller(t, call.Options{Roots: authority.Roots(), Resolve: resolve})
	at := func(host string) outbound.Provider {
		return provider(fmt.Sprintf("coaps://%s:%d", host, d.Addr.Port()), nil)
	}
	for _, host := range []string{"127.0.0.1", "boiler.example", "BOILER.example"} {
		if _, err := c.Do(t.Context(), at(host), get(nil), outbound.Call{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Sessions.Load(); n != 2 {
		t.Errorf("%d handshakes, want 2: a session verified for one name is none for another", n)
	}
	before := len(d.Requests())
	_, err := c.Do(t.Context(), at("other.example"), get(nil), outbound.Call{})
	wantFailure(t, err, http.StatusBadGateway, "must be for other.example")
	for name, roots := range map[string]call.Options{"no root": {Resolve: resolve}, "another root": {Resolve: resolve, Roots: device.NewAuthority(t).Roots()}} {
		_, err := newCaller(t, roots).Do(t.Context(), at("boiler.example"), get(nil), outbound.Call{})
		wantFailure(t, err, http.StatusBadGateway, "root")
		_ = name
	}
	if n := len(d.Requests()); n != before {
		t.Error("a request reached a device that was not verified")
	}
}

// TestNoOtherSuiteIsOffered holds that a provider's authentication decides the
// one suite that is offered.
func TestNoOtherSuiteIsOffered(t *testing.T) {
	authority := device.NewAuthority(t)
	certificate := authority.Issue(t, nil, net.IPv4(127, 0, 0, 1))
	for name, c := range map[string]struct {
		security device.Security
		auth     *outbound.Authentication
	}{
		"PSK at a device with a certificate": {device.Security{Certificate: certificate}, psk("gateway", "open sesame")},
		"certificate at a device with PSK":   {sesame, nil},
		"PSK with GCM":                       {device.Security{Identity: "gateway", Key: sesame.Key, Suite: piondtls.TLS_PSK_WITH_AES_128_GCM_SHA256}, psk("gateway", "open sesame")},
		"PSK with CCM":                       {device.Security{Identity: "gateway", Key: sesame.Key, Suite: piondtls.TLS_PSK_WITH_AES_128_CCM}, psk("gateway", "open sesame")},
		"certificate with GCM":               {device.Security{Certificate: certificate, Suite: piondtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, nil},
		"certificate with CCM":               {device.Security{Certificate: certificate, Suite: piondtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := device.Serve(t, "127.0.0.1:0", c.security, hello)
			caller := newCaller(t, call.Options{Roots: authority.Roots()})
			_, err := caller.Do(t.Context(), provider("coaps://"+d.Addr.String(), c.auth), get(map[string]string{"timeout": "5000"}), outbound.Call{})
			wantFailure(t, err, http.StatusBadGateway, "CCM_8 alone")
			if len(d.Requests()) > 0 {
				t.Error("the request reached the device")
			}
		})
	}
}

func TestWrongKeyIsNoAnswer(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	for _, a := range []*outbound.Authentication{psk("gateway", "wrong"), psk("stranger", "open sesame")} {
		start := time.Now()
		_, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), a), get(map[string]string{"timeout": "700"}), outbound.Call{})
		if err == nil {
			t.Fatal("the call succeeded")
		}
		if took := time.Since(start); took > 700*time.Millisecond+late {
			t.Errorf("took %s", took)
		}
		wantFailure(t, err, http.StatusGatewayTimeout, "key")
	}
	if len(d.Requests()) > 0 {
		t.Error("the request reached the device")
	}
}

func TestTimeoutBoundsTheHandshakeToo(t *testing.T) {
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	c := newCaller(t, call.Options{})
	for _, a := range []*outbound.Authentication{psk("gateway", "k"), nil} {
		start := time.Now()
		_, err = c.Do(t.Context(), provider("coaps://"+silent.LocalAddr().String(), a), get(map[string]string{"timeout": "300"}), outbound.Call{})
		wantFailure(t, err, http.StatusGatewayTimeout, "300 ms", "handshake", silent.LocalAddr().String())
		if took := time.Since(start); took < 300*time.Millisecond || took > 300*time.Millisecond+late {
			t.Errorf("took %s", took)
		}
	}
}

func TestCallsAtOnceShareOneHandshake(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			if _, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame")), get(nil), outbound.Call{}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n, requests := d.Sessions.Load(), len(d.Requests()); n != 1 || requests != 10 {
		t.Errorf("%d handshakes and %d requests, want 1 and 10", n, requests)
	}
}

func TestChangedKeyIsAnotherSession(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	if _, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame")), get(nil), outbound.Call{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", "wrong")), get(map[string]string{"timeout": "500"}), outbound.Call{})
	wantFailure(t, err, http.StatusGatewayTimeout)
}

// TestRestartedDeviceIsDialledAgain: the device says goodbye, comes back at the
// same address, and the next call finds it.
func TestRestartedDeviceIsDialledAgain(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	at := provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame"))
	if _, err := c.Do(t.Context(), at, get(nil), outbound.Call{}); err != nil {
		t.Fatal(err)
	}
	d.Stop()
	d = device.Serve(t, d.Addr.String(), sesame, hello)
	if _, err := c.Do(t.Context(), at, get(nil), outbound.Call{}); err != nil {
		t.Fatal(err)
	}
	if n := d.Sessions.Load(); n != 1 {
		t.Errorf("%d handshakes with the device that came back, want 1", n)
	}
}

// TestDeadSessionIsGivenUp: the device loses its session without a word. One
// call runs into its timeout, and the next one makes a new session.
func TestDeadSessionIsGivenUp(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, func(r device.Request) device.Answer {
		if r.Code == coap.POST {
			return device.Answer{} // an acknowledgement, and never a response
		}
		return hello(r)
	})
	c := newCaller(t, call.Options{})
	at := provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame"))
	post := get(map[string]string{"timeout": "300"})
	post.Method = "POST"
	_, err := c.Do(t.Context(), at, post, outbound.Call{})
	wantFailure(t, err, http.StatusGatewayTimeout, "response")
	if _, err := c.Do(t.Context(), at, get(nil), outbound.Call{}); err != nil {
		t.Fatal(err)
	}
	if n := d.Sessions.Load(); n != 2 {
		t.Errorf("%d handshakes, want 2", n)
	}
}

// TestHandshakeEndsTheSilence: over coaps a device that does not answer is asked
// for a handshake before anything more is sent, and then it is known to be there
// (RFC 7252 §4.7 is about those that do not respond).
func TestHandshakeEndsTheSilence(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, func(device.Request) device.Answer { return device.Answer{} })
	c := newCaller(t, call.Options{})
	connector := get(map[string]string{"timeout": "1000", "message-type": "NON"})
	connector.Method, connector.Content, connector.Body = "PUT", "application/octet-stream", strings.Repeat("a", 600)
	for range 2 {
		_, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame")), connector, outbound.Call{})
		wantFailure(t, err, http.StatusGatewayTimeout, "response")
	}
	if n := d.Sessions.Load(); n != 2 {
		t.Errorf("%d handshakes, want 2", n)
	}
}

func TestForcedTypeGoesOverDTLSToo(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", sesame, hello)
	c := newCaller(t, call.Options{})
	result, err := c.Do(t.Context(), provider("coaps://"+d.Addr.String(), psk("gateway", "open sesame")), get(map[string]string{"message-type": "RST"}), outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Response != nil || d.Sessions.Load() != 1 {
		t.Errorf("got %v in %d sessions, want no response in 1", result.Response, d.Sessions.Load())
	}
}
