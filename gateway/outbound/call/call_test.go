// SPDX-License-Identifier: Apache-2.0

package call_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

// late is how long behind its timeout a call may end on a machine that has much
// else to do: without the timeout it would take 30 s. The 500 ms of reading 4 are
// the features' to hold, which know when the machine was late; that the call
// itself adds nothing is held where time is the test's own (probing_test.go).
const late = 5 * time.Second

// newCaller is a Caller with an endpoint of its own, both ended with the test.
func newCaller(t *testing.T, o call.Options) *call.Caller {
	t.Helper()
	o.Endpoint = endpoint.New(endpoint.Options{})
	c := call.New(o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := o.Endpoint.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func provider(url string, a *outbound.Authentication) outbound.Provider {
	return outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url, Authentication: a}}}
}

func get(parameters map[string]string) outbound.Connector {
	return outbound.Connector{Provider: "device", URL: "/test", Method: "GET", Parameters: parameters}
}

func hello(device.Request) device.Answer { return device.Answer{Code: coap.Content, Payload: "hello"} }

// wantFailure wants a call's error with the status and all of the words.
func wantFailure(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	var failure *call.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a *call.Error", err)
	}
	if failure.Status != status {
		t.Errorf("status %d, want %d: %v", failure.Status, status, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error %q says nothing of %q", err, word)
		}
	}
}

func TestRequestReachesTheDeviceAsConfigured(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, func(device.Request) device.Answer {
		return device.Answer{Code: coap.Changed, Format: coap.AppJSON, Payload: `{"ok":true}`}
	})
	c := newCaller(t, call.Options{})
	p := provider(fmt.Sprintf("coap://%s/base", d.Addr), nil)
	_, err := c.Do(t.Context(), p, outbound.Connector{
		Provider: "device", URL: "/a b/${id}?x=${id}", Method: "PUT", Accept: "application/json", Content: "text/plain", Body: "on",
	}, outbound.Call{})
	wantFailure(t, err, http.StatusBadRequest, "id") // first a variable without a value, then a space in the URL
	result, err := c.Do(t.Context(), p, outbound.Connector{
		Provider: "device", URL: "/a%20b/${id}?x=${id}", Method: "PUT", Accept: "application/json", Content: "text/plain", Body: "on",
	}, outbound.Call{Variables: map[string]string{"id": "7/8"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(result.Response.Payload); result.Response.Code != coap.Changed || got != `{"ok":true}` {
		t.Errorf("got %s", result.Response)
	}
	want := []device.Request{{
		Type: "Confirmable", Code: coap.PUT, Payload: []byte("on"),
		Options: []coap.Option{
			{Number: coap.URIPath, Value: []byte("base")},
			{Number: coap.URIPath, Value: []byte("a b")},
			{Number: coap.URIPath, Value: []byte("7/8")},
			{Number: coap.ContentFormat, Value: []byte{}},
			{Number: coap.URIQuery, Value: []byte("x=7/8")},
			{Number: coap.Accept, Value: []byte{50}},
		},
	}}
	got := d.Requests()
	for i := range got {
		got[i].From = nil
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y []byte) bool { return string(x) == string(y) })); diff != "" {
		t.Error(diff)
	}
}

func TestDeviceIsReachedByNameAndOverIPv6(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		d := device.Serve(t, listen, device.Security{}, hello)
		c := newCaller(t, call.Options{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "boiler.example" {
				return nil, fmt.Errorf("asked for %s", host)
			}
			return []netip.Addr{d.Addr.Addr()}, nil
		}})
		for _, host := range []string{d.Addr.String(), fmt.Sprintf("Boiler.Example:%d", d.Addr.Port())} {
			if _, err := c.Do(t.Context(), provider("coap://"+host, nil), get(nil), outbound.Call{}); err != nil {
				t.Fatal(err)
			}
		}
		var hosts []string
		for _, r := range d.Requests() {
			hosts = append(hosts, r.Strings(coap.URIHost)...)
		}
		if diff := cmp.Diff([]string{"boiler.example"}, hosts); diff != "" {
			t.Errorf("Uri-Host is for names alone: %s", diff)
		}
	}
}

func TestNonRequestIsAnswered(t *testing.T) {
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		return []coap.Message{{Type: coap.NonConfirmable, Code: coap.Content, MessageID: 1, Token: m.Token, Payload: []byte("hi")}}
	})
	c := newCaller(t, call.Options{})
	result, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"message-type": "NON"}), outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	if m := d.Next(t); m.Type != coap.NonConfirmable || string(result.Response.Payload) != "hi" {
		t.Errorf("sent %s, got %s", m, result.Response)
	}
}

func TestSeparateResponseIsTheResult(t *testing.T) {
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		if m.Type != coap.Confirmable {
			return nil
		}
		return []coap.Message{
			{Type: coap.Acknowledgement, MessageID: m.MessageID},
			{Type: coap.Confirmable, Code: coap.Content, MessageID: 4711, Token: m.Token, Payload: []byte("later")},
		}
	})
	c := newCaller(t, call.Options{})
	result, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	d.Next(t)
	if ack := d.Next(t); ack.Type != coap.Acknowledgement || ack.MessageID != 4711 || string(result.Response.Payload) != "later" {
		t.Errorf("got %s, then sent %s", result.Response, ack)
	}
}

func TestForcedTypeIsSentAndNoAnswerAwaited(t *testing.T) {
	d := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
	c := newCaller(t, call.Options{})
	for _, want := range []coap.Type{coap.Acknowledgement, coap.Reset} {
		result, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"message-type": want.String()}), outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Response != nil {
			t.Errorf("got %s, want no response", result.Response)
		}
		if m := d.Next(t); m.Type != want || m.Code != coap.GET || m.Path() != "/test" {
			t.Errorf("sent %s, want a GET in a %s", m, want)
		}
	}
}

func TestSilentDeviceIsATimeout(t *testing.T) {
	d := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
	c := newCaller(t, call.Options{})
	for _, messageType := range []string{"CON", "NON"} {
		start := time.Now()
		_, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"message-type": messageType, "timeout": "200"}), outbound.Call{})
		wantFailure(t, err, http.StatusGatewayTimeout, "200 ms", d.Addr.String())
		if took := time.Since(start); took < 200*time.Millisecond || took > 200*time.Millisecond+late {
			t.Errorf("%s: took %s", messageType, took)
		}
	}
}

func TestTimeoutBoundsTheResolutionToo(t *testing.T) {
	c := newCaller(t, call.Options{Resolve: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	start := time.Now()
	_, err := c.Do(t.Context(), provider("coap://boiler", nil), get(map[string]string{"timeout": "100"}), outbound.Call{})
	wantFailure(t, err, http.StatusGatewayTimeout, "100 ms", "boiler")
	if took := time.Since(start); took > 100*time.Millisecond+late {
		t.Errorf("took %s", took)
	}
}

func TestNameWithoutAddressIsABadGateway(t *testing.T) {
	for _, resolve := range []func(context.Context, string) ([]netip.Addr, error){
		func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") },
		func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
	} {
		c := newCaller(t, call.Options{Resolve: resolve})
		_, err := c.Do(t.Context(), provider("coap://boiler", nil), get(nil), outbound.Call{})
		wantFailure(t, err, http.StatusBadGateway, "boiler")
	}
}

func TestResetIsABadGateway(t *testing.T) {
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		return []coap.Message{{Type: coap.Reset, MessageID: m.MessageID}}
	})
	c := newCaller(t, call.Options{})
	for _, messageType := range []string{"CON", "NON"} {
		_, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"message-type": messageType}), outbound.Call{})
		wantFailure(t, err, http.StatusBadGateway, "Reset")
	}
}

func TestResponseToRejectIsABadGateway(t *testing.T) {
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		return []coap.Message{{
			Type: coap.Acknowledgement, Code: coap.Content, MessageID: m.MessageID, Token: m.Token,
			Options: []coap.Option{{Number: 9999, Value: []byte("x")}},
		}}
	})
	c := newCaller(t, call.Options{})
	_, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
	wantFailure(t, err, http.StatusBadGateway, "9999")
}

func TestProxyGetsTheProxyURIAlone(t *testing.T) {
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		return []coap.Message{{Type: coap.Acknowledgement, Code: coap.Content, MessageID: m.MessageID, Token: m.Token}}
	})
	c := newCaller(t, call.Options{})
	_, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"proxi-URI": "coap://[2001:db8::7]/far?x=%26"}), outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]coap.Option{{Number: coap.ProxyURI, Value: []byte("coap://[2001:db8::7]/far?x=%26")}}, d.Next(t).Options); diff != "" {
		t.Error(diff)
	}
}

func TestOneSocketServesManyCalls(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, hello)
	c := newCaller(t, call.Options{})
	for range 3 {
		if _, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{}); err != nil {
			t.Fatal(err)
		}
	}
	from := map[string]bool{}
	for _, r := range d.Requests() {
		from[r.From.String()] = true
	}
	if len(from) != 1 {
		t.Errorf("the calls came from %v, want one address", from)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	d := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
	other := device.Serve(t, "127.0.0.1:0", device.Security{}, hello)
	c := newCaller(t, call.Options{MaxSessions: 1})
	busy, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Do(busy, provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
		ended <- err
	}()
	d.Next(t)
	_, err := c.Do(t.Context(), provider("coap://"+other.Addr.String(), nil), get(nil), outbound.Call{})
	wantFailure(t, err, http.StatusServiceUnavailable, "in use")
	leave()
	wantFailure(t, <-ended, http.StatusServiceUnavailable, "caller left")
	if _, err := c.Do(t.Context(), provider("coap://"+other.Addr.String(), nil), get(nil), outbound.Call{}); err != nil {
		t.Errorf("a session that nobody uses must make room: %v", err)
	}
}

func TestClosedCallerCallsNobody(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, hello)
	c := newCaller(t, call.Options{})
	_ = c.Close()
	_, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
	wantFailure(t, err, http.StatusServiceUnavailable, "closed")
}

func TestCreatedResourceHasALocation(t *testing.T) {
	for options, want := range map[string]string{
		"":     "",
		"path": "/new/a%2Fb?x=%26&y",
	} {
		d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
			a := coap.Message{Type: coap.Acknowledgement, Code: coap.Created, MessageID: m.MessageID, Token: m.Token}
			if options != "" {
				a.AddString(coap.LocationPath, "new")
				a.AddString(coap.LocationPath, "a/b")
				a.AddString(coap.LocationQuery, "x=&")
				a.AddString(coap.LocationQuery, "y")
			}
			return []coap.Message{a}
		})
		c := newCaller(t, call.Options{})
		result, err := c.Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = "coap://" + d.Addr.String() + want
		}
		if got := result.Location(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
