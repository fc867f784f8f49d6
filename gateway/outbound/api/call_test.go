// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

// answering is a device that answers every request with the message.
func answering(t *testing.T, answer coap.Message) *device.Raw {
	t.Helper()
	return device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		a := answer
		a.Type, a.MessageID, a.Token = coap.Acknowledgement, m.MessageID, m.Token
		return []coap.Message{a}
	})
}

// callOf configures provider and connector, and calls.
func (g *gateway) callOf(t *testing.T, url string, c outbound.Connector) (*http.Response, string) {
	t.Helper()
	c.Provider = "device"
	if err := g.PutProvider(t.Context(), "device", coapProvider(url)); err != nil {
		t.Fatal(err)
	}
	if err := g.PutConnector(t.Context(), "c", c); err != nil {
		t.Fatal(err)
	}
	return g.callAgain(t, outbound.Call{})
}

func (g *gateway) callAgain(t *testing.T, c outbound.Call) (*http.Response, string) {
	t.Helper()
	resp, err := g.Call(t.Context(), "c", c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp, string(body)
}

func option(n coap.OptionNumber, u uint32) coap.Option {
	return coap.Option{Number: n, Value: coap.AppendUint(nil, u)}
}

// TestDeviceResponseIsMapped holds the answers against RFC 8075 Table 2, §6.2,
// §6.6 and its notes.
func TestDeviceResponseIsMapped(t *testing.T) {
	json := []coap.Option{option(coap.ContentFormat, 50)}
	for _, c := range []struct {
		method  string
		answer  coap.Message
		status  int
		code    string
		content string
		headers map[string]string
	}{
		{"GET", coap.Message{Code: coap.Content, Options: json, Payload: []byte(`{}`)}, 200, "2.05", "application/json", nil},
		{"GET", coap.Message{Code: coap.Content}, 200, "2.05", "", nil},
		{"GET", coap.Message{Code: coap.Content, Payload: []byte("<b>")}, 200, "2.05", "application/octet-stream", map[string]string{"X-Content-Type-Options": "nosniff"}},
		{"GET", coap.Message{Code: coap.Content, Options: []coap.Option{option(coap.ContentFormat, 0)}, Payload: []byte("é")}, 200, "2.05", "text/plain; charset=utf-8", nil},
		{"GET", coap.Message{Code: coap.Content, Options: []coap.Option{option(coap.ContentFormat, 65000)}, Payload: []byte("x")}, 200, "2.05", "application/coap-payload;cf=65000", nil},
		{"GET", coap.Message{Code: coap.Valid}, 304, "2.03", "", nil},
		{"POST", coap.Message{Code: coap.Created, Payload: []byte("new"), Options: []coap.Option{{Number: coap.LocationPath, Value: []byte("n")}}}, 201, "2.01", "application/octet-stream", nil},
		{"DELETE", coap.Message{Code: coap.Deleted}, 204, "2.02", "", nil},
		{"DELETE", coap.Message{Code: coap.Deleted, Options: json, Payload: []byte(`1`)}, 200, "2.02", "application/json", nil},
		{"PUT", coap.Message{Code: coap.Changed}, 204, "2.04", "", nil},
		{"POST", coap.Message{Code: coap.Changed, Options: json, Payload: []byte(`1`)}, 200, "2.04", "application/json", nil},
		{"GET", coap.Message{Code: coap.BadRequest, Payload: []byte("what?\r\nX: y")}, 400, "4.00", "text/plain;charset=utf-8", nil},
		{"GET", coap.Message{Code: coap.BadRequest, Payload: []byte("\xff")}, 400, "4.00", "application/octet-stream", nil},
		{"GET", coap.Message{Code: coap.Unauthorized}, 403, "4.01", "", nil},
		{"GET", coap.Message{Code: coap.BadOption, Payload: []byte("no")}, 500, "4.02", "text/plain;charset=utf-8", nil},
		{"GET", coap.Message{Code: coap.Forbidden}, 403, "4.03", "", nil},
		{"GET", coap.Message{Code: coap.NotFound, Payload: []byte("gone")}, 404, "4.04", "text/plain;charset=utf-8", nil},
		{"GET", coap.Message{Code: coap.NotFound, Options: json, Payload: []byte(`"gone"`)}, 404, "4.04", "application/json", nil},
		{"PUT", coap.Message{Code: coap.MethodNotAllowed}, 400, "4.05", "", nil},
		{"GET", coap.Message{Code: coap.NotAcceptable}, 406, "4.06", "", nil},
		{"PUT", coap.Message{Code: coap.PreconditionFailed}, 412, "4.12", "", nil},
		{"PUT", coap.Message{Code: coap.RequestEntityTooLarge}, 413, "4.13", "", nil},
		{"PUT", coap.Message{Code: coap.UnsupportedContentFormat}, 415, "4.15", "", nil},
		{"GET", coap.Message{Code: coap.TooManyRequests, Options: []coap.Option{option(coap.MaxAge, 7)}}, 429, "4.29", "", map[string]string{"Retry-After": "7"}},
		{"GET", coap.Message{Code: coap.InternalServerError, Payload: []byte("oops")}, 500, "5.00", "text/plain;charset=utf-8", nil},
		{"GET", coap.Message{Code: coap.NotImplemented}, 501, "5.01", "", nil},
		{"GET", coap.Message{Code: coap.BadGateway}, 502, "5.02", "", nil},
		{"GET", coap.Message{Code: coap.ServiceUnavailable, Options: []coap.Option{option(coap.MaxAge, 120)}}, 503, "5.03", "", map[string]string{"Retry-After": "120"}},
		{"GET", coap.Message{Code: coap.GatewayTimeout}, 504, "5.04", "", nil},
		{"GET", coap.Message{Code: coap.ProxyingNotSupported}, 502, "5.05", "", nil},
		{"GET", coap.Message{Code: coap.MakeCode(4, 31)}, 400, "4.31", "", nil},
	} {
		t.Run(c.method+" "+c.answer.String(), func(t *testing.T) {
			d := answering(t, c.answer)
			resp, body := serve(t).callOf(t, "coap://"+d.Addr.String(), outbound.Connector{Method: c.method})
			want := string(c.answer.Payload)
			if resp.StatusCode != c.status || resp.Header.Get(api.CodeHeader) != c.code || body != want || resp.Header.Get("Content-Type") != c.content {
				t.Errorf("got %s, %s %q, %s %q", resp.Status, api.CodeHeader, resp.Header.Get(api.CodeHeader), resp.Header.Get("Content-Type"), body)
			}
			for name, value := range c.headers {
				if got := resp.Header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if c.answer.Code == coap.Created {
				if got, want := resp.Header.Get("Location"), "coap://"+d.Addr.String()+"/n"; got != want {
					t.Errorf("Location %q, want %q", got, want)
				}
			}
			if p := api.ReadProblem(resp); p != nil {
				t.Errorf("a device's answer passes for a problem of the gateway's own: %v", p)
			}
		})
	}
}

// TestDeviceCannotPassForTheGateway: a device may answer with anything, also
// with the media type of problem details.
func TestDeviceCannotPassForTheGateway(t *testing.T) {
	d := answering(t, coap.Message{Code: coap.NotFound, Options: []coap.Option{option(coap.ContentFormat, 50)}, Payload: []byte(`{"type":"about:blank","title":"x","status":404}`)})
	resp, _ := serve(t).callOf(t, "coap://"+d.Addr.String(), outbound.Connector{Method: "GET"})
	if p := api.ReadProblem(resp); p != nil || resp.Header.Get(api.CodeHeader) != "4.04" {
		t.Errorf("got %v, %v", p, resp.Header)
	}
}

func TestForcedTypeIsAccepted(t *testing.T) {
	for _, messageType := range []coap.Type{coap.Acknowledgement, coap.Reset} {
		d := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
		resp, body := serve(t).callOf(t, "coap://"+d.Addr.String(), outbound.Connector{Method: "POST", Body: "x", Parameters: map[string]string{"message-type": messageType.String()}})
		if resp.StatusCode != http.StatusAccepted || resp.Header.Get("Content-Type") != "application/json" || !strings.Contains(body, messageType.String()) || !strings.Contains(body, "no answer is awaited") {
			t.Errorf("got %s %s", resp.Status, body)
		}
		if resp.Header.Get(api.CodeHeader) != "" {
			t.Error("there is a CoAP-Code, though no device answered")
		}
		if m := d.Next(t); m.Type != messageType || string(m.Payload) != "x" {
			t.Errorf("sent %s", m)
		}
	}
}

func TestCallTakesModeAndVariables(t *testing.T) {
	live, test := answering(t, coap.Message{Code: coap.Content, Payload: []byte("live")}), answering(t, coap.Message{Code: coap.Content, Payload: []byte("test")})
	g := serve(t)
	p := outbound.Provider{
		Environments: map[outbound.Mode]outbound.Environment{
			outbound.Live: {URL: "coap://" + live.Addr.String()}, outbound.Test: {URL: "${at}"},
		},
		Variables: map[string]string{"at": "coap://" + test.Addr.String(), "id": "the provider's"},
	}
	if err := g.PutProvider(t.Context(), "device", p); err != nil {
		t.Fatal(err)
	}
	if err := g.PutConnector(t.Context(), "c", outbound.Connector{Provider: "device", Method: "GET", URL: "/x/${id}"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range []outbound.Call{{}, {Mode: outbound.Live}, {Mode: outbound.Test, Variables: map[string]string{"id": "the call's"}}} {
		_, body := g.callAgain(t, c)
		got = append(got, body)
	}
	if diff := cmp.Diff([]string{"live", "live", "test"}, got); diff != "" {
		t.Error(diff)
	}
	if m := test.Next(t); m.Path() != "/x/the call's" {
		t.Errorf("got %s, want the call's variable before the provider's", m)
	}
	if m := live.Next(t); m.Path() != "/x/the provider's" {
		t.Errorf("got %s", m)
	}
	for _, c := range []outbound.Call{{Mode: outbound.Acceptance}, {Mode: "live"}} {
		resp, _ := g.callAgain(t, c)
		wantProblem(t, api.ReadProblem(resp), http.StatusBadRequest, `connector "c"`, "mode", string(c.Mode))
	}
	if resp, body := g.do(t, "POST", "/connectors/c/call", "", ""); resp.StatusCode != 200 || body != "live" {
		t.Errorf("a call with an empty body: got %s %s", resp.Status, body)
	}
}

func TestFailedCallIsAProblemWithoutCoAPCode(t *testing.T) {
	silent := device.ServeRaw(t, func(*coap.Message) []coap.Message { return nil })
	rejecting := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		return []coap.Message{{Type: coap.Reset, MessageID: m.MessageID}}
	})
	for _, c := range []struct {
		url, part string
		timeout   string
		status    int
		word      string
	}{
		{"coap://" + silent.Addr.String(), "", "100", http.StatusGatewayTimeout, "100 ms"},
		{"coap://" + rejecting.Addr.String(), "", "30000", http.StatusBadGateway, "Reset"},
		{"coap://name.invalid", "", "30000", http.StatusBadGateway, "name.invalid"},
		{"coap://" + silent.Addr.String(), "/${nobody}", "100", http.StatusBadRequest, `"nobody"`},
		{"coap://[2001:db8::1]", "", "100", 0, ""}, // 502 without a route, 504 with one
	} {
		resp, _ := serve(t).callOf(t, c.url, outbound.Connector{Method: "GET", URL: c.part, Parameters: map[string]string{"timeout": c.timeout}})
		if resp.Header.Get(api.CodeHeader) != "" {
			t.Errorf("%s: there is a CoAP-Code, though no device answered", c.url)
		}
		p := api.ReadProblem(resp)
		if c.status != 0 {
			wantProblem(t, p, c.status, c.word)
		} else if p == nil || p.Status != http.StatusBadGateway && p.Status != http.StatusGatewayTimeout {
			t.Errorf("%s: got %v", c.url, p)
		}
	}
}

func TestCallWithoutItsProviderIsNotFound(t *testing.T) {
	d := answering(t, coap.Message{Code: coap.Content})
	g := serve(t)
	if resp, _ := g.callOf(t, "coap://"+d.Addr.String(), outbound.Connector{Method: "GET"}); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if err := g.DeleteProvider(t.Context(), "device"); err != nil {
		t.Fatal(err)
	}
	resp, _ := g.callAgain(t, outbound.Call{})
	wantProblem(t, api.ReadProblem(resp), http.StatusNotFound, `"device"`, `"c"`)
}
