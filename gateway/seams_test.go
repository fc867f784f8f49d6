// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/gateway/transport/udp"
	"github.com/coapstone/coapstone/harness/stock"
)

// passes notes which seams something has passed.
type passes struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (p *passes) note(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[name] = true
}

type notedReceiver struct {
	endpoint.Receiver

	note func()
}

func (r notedReceiver) Receive(p endpoint.Peer, b []byte) { r.note(); r.Receiver.Receive(p, b) }

type notedPeer struct {
	endpoint.Peer

	note func()
}

func (p notedPeer) Send(b []byte) error { p.note(); return p.Peer.Send(b) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type caller func(context.Context, outbound.Provider, outbound.Connector, outbound.Call) (*call.Result, error)

func (f caller) Do(ctx context.Context, p outbound.Provider, c outbound.Connector, o outbound.Call) (*call.Result, error) {
	return f(ctx, p, c, o)
}

func (p *passes) datagrams(name string) gateway.Datagrams {
	return gateway.Datagrams{
		Received: func(next endpoint.Receiver) endpoint.Receiver {
			return notedReceiver{next, func() { p.note(name + " received") }}
		},
		Sent: func(next endpoint.Peer) endpoint.Peer {
			return notedPeer{next, func() { p.note(name + " sent") }}
		},
	}
}

func (p *passes) seams() gateway.Seams {
	return gateway.Seams{
		Inbound:  p.datagrams("inbound"),
		Outbound: p.datagrams("outbound"),
		Handler: func(next endpoint.Handler) endpoint.Handler {
			return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) { p.note("handler"); next.ServeCoAP(ctx, x) })
		},
		Platform: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) { p.note("platform"); return next.RoundTrip(r) })
		},
		API: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.note("api"); next.ServeHTTP(w, r) })
		},
		Calls: func(next api.Caller) api.Caller {
			return caller(func(ctx context.Context, pr outbound.Provider, c outbound.Connector, o outbound.Call) (*call.Result, error) {
				p.note("calls")
				return next.Do(ctx, pr, c, o)
			})
		},
		ListenUDP: func(next gateway.ListenUDP) gateway.ListenUDP {
			return func(ctx context.Context, a netip.AddrPort, r endpoint.Receiver, o udp.Options) (gateway.Listener, error) {
				p.note("listen udp")
				return next(ctx, a, r, o)
			}
		},
		ListenDTLS: func(next gateway.ListenDTLS) gateway.ListenDTLS {
			return func(ctx context.Context, a netip.AddrPort, r endpoint.Receiver, c dtls.ServerConfig) (gateway.Listener, error) {
				p.note("listen dtls")
				return next(ctx, a, r, c)
			}
		},
		DialUDP: func(next call.DialUDP) call.DialUDP {
			return func(ctx context.Context, a netip.AddrPort, r endpoint.Receiver, o udp.Options) (call.Conn, error) {
				p.note("dial udp")
				return next(ctx, a, r, o)
			}
		},
		DialDTLS: func(next call.DialDTLS) call.DialDTLS {
			return func(ctx context.Context, a netip.AddrPort, r endpoint.Receiver, c dtls.ClientConfig) (call.Conn, error) {
				p.note("dial dtls")
				return next(ctx, a, r, c)
			}
		},
	}
}

func TestSeamsStandBetweenTheParts(t *testing.T) {
	p := &passes{seen: map[string]bool{}}
	b := startWith(t, gateway.Options{Seams: p.seams()})
	p.sees(t, "listen udp", "listen dtls")

	resp, err := do(t, "coap://"+b.Addresses().CoAP[0].String()+"/coap2http", &stock.Message{Code: codes.GET, Options: message.Options{b.proxyURI()}}, nil)
	if err != nil || resp.Code != codes.Content {
		t.Fatalf("the request: %v, %v", resp, err)
	}
	p.sees(t, "inbound received", "inbound sent", "handler", "platform")

	// The gateway calls itself; at port 9 is nobody, but the way there is opened.
	client := api.NewClient("http://"+b.Addresses().API.String(), http.DefaultClient)
	for _, tc := range []struct {
		url  string
		sees []string
	}{
		{"coap://" + b.Addresses().CoAP[0].String(), []string{
			"api", "calls", "dial udp", "outbound sent", "outbound received", "inbound received", "handler", "inbound sent",
		}},
		{"coaps://127.0.0.1:9", []string{"api", "calls", "dial dtls"}},
	} {
		provider := outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: tc.url}}}
		if err := client.PutProvider(t.Context(), "there", provider); err != nil {
			t.Fatal(err)
		}
		connector := outbound.Connector{Provider: "there", Method: "GET"}
		if strings.HasSuffix(tc.url, ":9") {
			connector.Parameters = map[string]string{"timeout": "50"}
		}
		if err := client.PutConnector(t.Context(), "try", connector); err != nil {
			t.Fatal(err)
		}
		answer, err := client.Call(t.Context(), "try", outbound.Call{})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		p.sees(t, tc.sees...)
	}
}

// sees fails the test unless exactly these seams were passed, and forgets them.
func (p *passes) sees(t *testing.T, names ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []string
	for name := range p.seen {
		got = append(got, name)
	}
	if diff := cmp.Diff(names, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("seams that were passed (-want +got):\n%s", diff)
	}
	clear(p.seen)
}
