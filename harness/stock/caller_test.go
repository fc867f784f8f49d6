// SPDX-License-Identifier: Apache-2.0

package stock_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/stock"
)

func TestACallerMakesItsRequestOfNameAndPassword(t *testing.T) {
	for name, tc := range map[string]struct {
		api, payload string
		want         []string
	}{
		"with a query": {
			"https://p.example.org/live/a?P_mode=TEST", "",
			[]string{"Uri-Path: coap2http", "Proxy-Uri: https://p.example.org/live/a?P_mode=TEST&AuthToken=aGVsbG86d29ybGQ="},
		},
		"without": {
			"https://p.example.org/live/a", "21.5",
			[]string{
				"Uri-Path: coap2http", "Content-Format: 0 (text/plain; charset=utf-8)",
				"Proxy-Uri: https://p.example.org/live/a?AuthToken=aGVsbG86d29ybGQ=",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := device(t, peer.Options{}, peer.Answer(&coap.Message{Code: coap.Content, Payload: []byte("three")}))
			c := stock.Caller{URL: "coap://" + s.Local().String() + "/coap2http", User: "hello", Password: "world"}
			m, err := c.Call(within(t, patience), codes.POST, tc.api, tc.payload)
			if err != nil || string(m.Payload) != "three" {
				t.Fatalf("got %v, %v", m, err)
			}
			got, err := s.AwaitRequest(within(t, patience), 1)
			if err != nil {
				t.Fatal(err)
			}
			var options []string
			for _, o := range got.Message.Options {
				options = append(options, o.String())
			}
			if d := cmp.Diff(tc.want, options); d != "" || string(got.Message.Payload) != tc.payload {
				t.Errorf("payload %q; options (-want +got):\n%s", got.Message.Payload, d)
			}
		})
	}
}

func TestACallerMakesItsKeyOfThePassword(t *testing.T) {
	const hash = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7" // of world
	raw, err := hex.DecodeString(hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"raw": raw, "hex": []byte(hash)} {
		t.Run(name, func(t *testing.T) {
			s := device(t, peer.Options{Security: &peer.Security{Identity: "hello", Key: key}}, peer.Answer(&coap.Message{Code: coap.Content}))
			c := stock.Caller{
				URL: "coaps://" + s.Local().String() + "/coap2http", User: "hello", Password: "world", PSK: true, HexKey: name == "hex",
			}
			if _, err := c.Call(within(t, patience), codes.GET, "https://p.example.org/live/a", ""); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACallerSendsNoProxyURIThatIsTooLong(t *testing.T) {
	s := device(t, peer.Options{}, peer.Answer(&coap.Message{Code: coap.Content}))
	c := stock.Caller{URL: "coap://" + s.Local().String() + "/coap2http", User: "hello", Password: "world"}
	base := "https://p.example.org/?a="
	room := 1034 - len(base) - len("&AuthToken=aGVsbG86d29ybGQ=")
	if _, err := c.Call(within(t, patience), codes.GET, base+strings.Repeat("x", room), ""); err != nil {
		t.Errorf("1034 bytes: %v", err)
	}
	_, err := c.Call(within(t, patience), codes.GET, base+strings.Repeat("x", room+1), "")
	if err == nil || !strings.Contains(err.Error(), "1034 are the most") || len(s.Requests()) != 1 {
		t.Errorf("1035 bytes: %v, %d requests", err, len(s.Requests()))
	}
}

func TestTheDeviceRefusesWhatItDoesNotUnderstand(t *testing.T) {
	s := serve(t, stock.Options{})
	c := scripted(t, s, nil)
	for name, tc := range map[string]struct {
		number coap.OptionNumber
		want   coap.Code
	}{
		"a critical option":  {65001, coap.BadOption},
		"an elective option": {65000, coap.Content},
		"a Proxy-Uri":        {coap.ProxyURI, coap.ProxyingNotSupported},
		"a Proxy-Scheme":     {coap.ProxyScheme, coap.ProxyingNotSupported},
	} {
		req := request(coap.GET, coap.Confirmable, "/hello", "")
		req.AddString(tc.number, "coap://x.example.org")
		out, err := c.Exchange(within(t, patience), req)
		if err != nil || out.Response.Code != tc.want {
			t.Errorf("%s: got %v, %v, want %s", name, out.Response, err, tc.want)
		}
	}
}
