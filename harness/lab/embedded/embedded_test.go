// SPDX-License-Identifier: Apache-2.0

package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

func open(t *testing.T) lab.Lab {
	t.Helper()
	l, err := embedded.Open(embedded.Options{})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func enter(t *testing.T, l lab.Lab) (lab.Stage, *trace.Log) {
	t.Helper()
	log := &trace.Log{}
	s, err := l.Stage(t.Context(), t.Name(), log)
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

// get sends a GET to coap2http with the Proxy-Uri and returns the response.
func get(t *testing.T, s lab.Stage, at netip.AddrPort, security *peer.Security, uri string) *coap.Message {
	t.Helper()
	from, err := s.ClientAddr(t.Context(), at.Addr().Is6())
	if err != nil {
		t.Fatal(err)
	}
	c, err := peer.Dial(t.Context(), at, peer.Options{Local: netip.AddrPortFrom(from, 0), Trace: s.Trace(), Security: security})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req := &coap.Message{Type: coap.Confirmable, Code: coap.GET}
	req.AddString(coap.URIPath, "coap2http")
	req.AddString(coap.ProxyURI, uri)
	out, err := c.Exchange(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return out.Response
}

func TestDeviceReachesACompositeAPIOverEveryAddressAndSecurity(t *testing.T) {
	l := open(t)
	s, log := enter(t, l)
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	answer := mockrmp.API{Method: http.MethodGet, Answers: []mockrmp.Answer{{ContentType: "application/json", Body: []byte(`{"open":3}`)}}}
	plain, err := s.CompositeAPI(t.Context(), "orders", answer)
	if err != nil {
		t.Fatal(err)
	}
	secure, err := s.SecureCompositeAPI(t.Context(), "safe orders", answer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(plain.URL, "http://") || !strings.HasPrefix(secure.URL, "https://") {
		t.Errorf("got %s and %s", plain.URL, secure.URL)
	}
	g := s.Gateway()
	calls := 0
	check := func(at netip.AddrPort, security *peer.Security) {
		for _, api := range []lab.CompositeAPI{plain, secure} {
			r := get(t, s, at, security, api.URL+"?P_mode=TEST&AuthToken="+u.Token)
			if r.Code != coap.Content || string(r.Payload) != `{"open":3}` {
				t.Errorf("%s to %s: got %s", at, api.URL, r.Code)
			}
		}
		calls++
	}
	for _, at := range g.CoAP {
		check(at, nil)
	}
	for _, at := range g.CoAPS {
		check(at, &peer.Security{Identity: u.Identity, Key: u.Key})
		check(at, &peer.Security{Roots: g.Roots, ServerName: g.Name})
	}
	for name, want := range map[string]int{"orders": calls, "safe orders": calls, "": 2 * calls} {
		rs, err := s.Requests(t.Context(), name, want)
		if err != nil || len(rs) != want {
			t.Errorf("%q: %d requests, %v; want %d", name, len(rs), err, want)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var exchanges int
	for _, e := range log.Events() {
		if e.Layer == trace.HTTP {
			exchanges++
			if e.HTTP.Status != http.StatusOK || !strings.Contains(e.HTTP.URL, "/live/") {
				t.Errorf("in the trace: %+v", e.HTTP)
			}
		}
	}
	if exchanges != 2*calls {
		t.Errorf("%d HTTP exchanges in the trace, want %d", exchanges, 2*calls)
	}
}

func TestStagesAreKeptApart(t *testing.T) {
	l := open(t)
	ctx := t.Context()
	one, err := l.Stage(ctx, "one", &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Stage(ctx, "two", &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.User(ctx, "alice", "a", lab.Raw); err != nil {
		t.Fatal(err)
	}
	bob, err := two.User(ctx, "bob", "b", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := one.CompositeAPI(ctx, "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	yours, err := two.CompositeAPI(ctx, "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if mine.URL == yours.URL {
		t.Fatalf("both stages have their orders at %s", mine.URL)
	}
	at := one.Gateway().CoAP[0]
	if r := get(t, two, at, nil, mine.URL+"?AuthToken="+bob.Token); r.Code != coap.Forbidden {
		t.Errorf("another stage's user gets %s, want 4.03", r.Code)
	}
	if r := get(t, two, at, nil, yours.URL+"?AuthToken="+bob.Token); r.Code != coap.Content {
		t.Errorf("the stage's own user gets %s, want 2.05", r.Code)
	}
	if rs, err := two.Requests(ctx, "", 0); err != nil || len(rs) != 1 {
		t.Errorf("%d requests on the other stage's part, %v; want its own alone", len(rs), err)
	}
	for _, s := range []lab.Stage{one, two} {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if r := get(t, two, at, nil, yours.URL+"?AuthToken="+bob.Token); r.Code == coap.Content {
		t.Error("a closed stage's Composite API still answers")
	}
}

func TestAUserThatComesLateMayCallAnEarlierAPI(t *testing.T) {
	s, _ := enter(t, open(t))
	api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if r := get(t, s, s.Gateway().CoAP[0], nil, api.URL+"?AuthToken="+u.Token); r.Code != coap.Content {
		t.Errorf("got %s, want 2.05", r.Code)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARequestThatMatchesNothingIsFoundAtTheEnd(t *testing.T) {
	s, _ := enter(t, open(t))
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	r := get(t, s, s.Gateway().CoAP[0], nil, strings.Replace(api.URL, "/service/orders", "/service/other", 1)+"?AuthToken="+u.Token)
	if r.Code != coap.NotFound {
		t.Errorf("got %s, want 4.04", r.Code)
	}
	err = s.Close(t.Context())
	if verdict.Of(err) != verdict.Fail || !strings.Contains(err.Error(), "service/other") {
		t.Errorf("got %v, want a finding about service/other", err)
	}
}

func TestTheDocumentsLiteralUserWorksInManyStagesAtOnce(t *testing.T) {
	l := open(t)
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s, _ := enter(t, l)
			form := lab.Raw
			if i%2 == 1 {
				form = lab.Hex // the same name with another key: the stages take turns
			}
			u, err := s.User(t.Context(), "hello", "world", form)
			if err != nil {
				t.Fatal(err)
			}
			if u.Token != "aGVsbG86d29ybGQ=" {
				t.Errorf("the token is %s", u.Token)
			}
			api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
			if err != nil {
				t.Fatal(err)
			}
			security := &peer.Security{Identity: u.Identity, Key: u.Key}
			if r := get(t, s, s.Gateway().CoAPS[0], security, api.URL+"?AuthToken="+u.Token); r.Code != coap.Content {
				t.Errorf("got %s, want 2.05", r.Code)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRestartedGatewayIsBackAtItsAddressesAndKnowsTheStage(t *testing.T) {
	s, _ := enter(t, open(t))
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.CompositeAPI(t.Context(), "orders", mockrmp.API{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	before := s.Gateway()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.Gateway(); !slices.Equal(before.CoAP, after.CoAP) || !slices.Equal(before.CoAPS, after.CoAPS) {
		t.Errorf("was at %v and %v, is at %v and %v", before.CoAP, before.CoAPS, after.CoAP, after.CoAPS)
	}
	for _, at := range before.CoAPS {
		r := get(t, s, at, &peer.Security{Identity: u.Identity, Key: u.Key}, api.URL+"?AuthToken="+u.Token)
		if r.Code != coap.Content {
			t.Errorf("%s: got %s, want 2.05", at, r.Code)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAClosedLabLeavesNothingListening(t *testing.T) {
	l, err := embedded.Open(embedded.Options{})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := enter(t, l)
	at := s.Gateway().CoAP[0]
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := peer.Dial(t.Context(), at, peer.Options{Timing: peer.Timing{AckTimeout: 50 * time.Millisecond, MaxRetransmit: 1}})
	if err != nil {
		return // refused at once
	}
	defer c.Close()
	if _, err := c.Ping(t.Context()); err == nil {
		t.Errorf("%s still answers a ping", at)
	}
}

func TestLabsStandBesideEachOtherOnTheDefaultPorts(t *testing.T) {
	one, _ := enter(t, open(t))
	two, _ := enter(t, open(t))
	for _, s := range []lab.Stage{one, two} {
		if g := s.Gateway(); g.DefaultPorts && (g.CoAP[0].Port() != 5683 || g.CoAPS[0].Port() != 5684) {
			t.Errorf("default ports, but %v and %v", g.CoAP, g.CoAPS)
		}
	}
	if one.Gateway().CoAP[0] == two.Gateway().CoAP[0] {
		t.Errorf("both are at %s", one.Gateway().CoAP[0])
	}
}

func TestTheConsoleHasWhatTheGatewaySaysAndSoHasTheLogger(t *testing.T) {
	var heard stage.Recorder
	l, err := embedded.Open(embedded.Options{Logger: slog.New(slog.NewTextHandler(&heard, nil))})(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	s, _ := enter(t, l)
	text, err := s.Console(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]string{"console": text, "logger": heard.Text()} {
		if !strings.Contains(said, "gateway started") {
			t.Errorf("the %s says %q", name, said)
		}
	}
}

func TestADeviceIsCalledByItsHostName(t *testing.T) {
	s, log := enter(t, open(t))
	host, at, err := s.NamedServerAddr(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	device, err := peer.Listen(t.Context(), peer.Options{Local: at, Trace: log})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	device.Handle(peer.Answer(&coap.Message{Code: coap.Content}))
	url := fmt.Sprintf("coap://%s:%d", host, device.Local().Port())
	err = s.Provider(t.Context(), "p", outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Connector(t.Context(), "c", outbound.Connector{Provider: "p", Method: "GET"}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Call(t.Context(), "c", outbound.Call{}); err != nil || r.Status != http.StatusOK {
		t.Errorf("got %d %s, %v", r.Status, r.Body, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAGatewayThatServesCoAPSAloneIsBackWithoutPlainCoAP(t *testing.T) {
	s, _ := enter(t, open(t))
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Gateway()
	if err := s.SecureOnly(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.Gateway(); len(after.CoAP) != 0 || !slices.Equal(before.CoAPS, after.CoAPS) {
		t.Errorf("is at %v and %v", after.CoAP, after.CoAPS)
	}
	secure, err := peer.Dial(t.Context(), before.CoAPS[0], peer.Options{Security: &peer.Security{Identity: u.Identity, Key: u.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	plain, err := peer.Dial(t.Context(), before.CoAP[0], peer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := plain.Ping(ctx); err == nil {
		t.Error("plain CoAP is still served")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
