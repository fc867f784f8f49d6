// SPDX-License-Identifier: Apache-2.0

package call_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

func TestRequestOfNoConnectorIsSent(t *testing.T) {
	d := device.Serve(t, "127.0.0.1:0", device.Security{}, hello)
	r, err := request.New(coap.GET, fmt.Sprintf("coap://%s/a%%2Fb/../c?d&e", d.Addr), nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := newCaller(t, call.Options{}).Send(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(result.Response.Payload); got != "hello" {
		t.Errorf("got %q", got)
	}
	if got := fmt.Sprint(d.Requests()[0].Strings(coap.URIPath), d.Requests()[0].Strings(coap.URIQuery)); got != "[c] [d e]" {
		t.Errorf("the device got %s", got)
	}
}

func TestNameOfManyDevicesIsRefused(t *testing.T) {
	for _, addr := range []string{"224.0.1.187", "ff02::fd", "::ffff:224.0.1.187", "0.0.0.0", "::", "255.255.255.255"} {
		c := newCaller(t, call.Options{Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(addr)}, nil
		}})
		_, err := c.Do(t.Context(), provider("coap://all.test", nil), get(nil), outbound.Call{})
		wantFailure(t, err, http.StatusForbidden, "all.test", "one device")
	}
}
