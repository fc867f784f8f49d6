// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/harness/stock"
)

// TestUnsafeOptionsAreNotForwarded: what a proxy does not know and must know is
// refused, though a server would ignore it (RFC 7252 §5.4.2, §5.7.1).
func TestUnsafeOptionsAreNotForwarded(t *testing.T) {
	b := start(t)
	url := "coap://" + b.Addresses().CoAP[0].String()
	own := message.Option{ID: message.ProxyURI, Value: []byte(url + "/.well-known/core")}
	const (
		elective, unsafe = 65000, 65002 // for experiments (RFC 7252 §12.2); both are elective
		noResponse       = 258
	)
	for name, c := range map[string]struct {
		path    string
		options message.Options
		want    codes.Code
	}{
		"unsafe, for the platform":             {"/coap2http", message.Options{b.proxyURI(), {ID: unsafe, Value: []byte{1}}}, codes.BadOption},
		"unsafe, with Proxy-Uri alone":         {"", message.Options{b.proxyURI(), {ID: unsafe}}, codes.BadOption},
		"unsafe, for the gateway itself":       {"/.well-known/core", message.Options{{ID: unsafe}}, codes.Content},
		"unsafe, the gateway's in Proxy-Uri":   {"", message.Options{own, {ID: unsafe}}, codes.Content},
		"safe, for the platform":               {"/coap2http", message.Options{b.proxyURI(), {ID: elective}}, codes.Content},
		"No-Response, which the gateway knows": {"/coap2http", message.Options{b.proxyURI(), {ID: noResponse, Value: []byte{26}}}, codes.Content},
		"No-Response of another length":        {"/coap2http", message.Options{b.proxyURI(), {ID: noResponse, Value: []byte{0, 26}}}, codes.BadOption},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := do(t, url+c.path, &stock.Message{Code: codes.GET, Options: c.options}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Code != c.want {
				t.Errorf("got %s, want %s", resp, c.want)
			}
		})
	}
}
