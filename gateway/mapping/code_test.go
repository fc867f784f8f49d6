// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

func TestStatusBecomesResponseCode(t *testing.T) {
	for _, tt := range []struct {
		method coap.Code
		status int
		want   coap.Code
	}{
		{coap.GET, 200, coap.Content}, // RFC 7252 §10.1.1
		{coap.GET, 203, coap.Content},
		{coap.GET, 204, coap.Content},
		{coap.GET, 304, coap.Valid},
		{coap.PUT, 201, coap.Created}, // §10.1.2
		{coap.PUT, 200, coap.Changed},
		{coap.PUT, 204, coap.Changed},
		{coap.DELETE, 200, coap.Deleted}, // §10.1.3
		{coap.DELETE, 204, coap.Deleted},
		{coap.DELETE, 404, coap.Deleted}, // "or if the resource does not exist"
		{coap.DELETE, 410, coap.Deleted},
		{coap.DELETE, 403, coap.Forbidden},
		{coap.POST, 200, coap.Changed}, // §10.1.4
		{coap.POST, 201, coap.Created},
		{coap.POST, 202, coap.Changed},
		{coap.POST, 304, coap.BadGateway},
		{coap.GET, 206, coap.BadGateway},
		{coap.GET, 301, coap.BadGateway},
		{coap.GET, 302, coap.BadGateway},
		{coap.POST, 307, coap.BadGateway},
		{coap.GET, 101, coap.BadGateway},
		{coap.GET, 400, coap.BadRequest},
		{coap.GET, 401, coap.Unauthorized},
		{coap.GET, 402, coap.BadRequest},
		{coap.GET, 403, coap.Forbidden},
		{coap.GET, 404, coap.NotFound},
		{coap.GET, 405, coap.MethodNotAllowed},
		{coap.GET, 406, coap.NotAcceptable},
		{coap.GET, 407, coap.BadGateway},
		{coap.GET, 408, coap.GatewayTimeout},
		{coap.GET, 409, coap.Conflict},
		{coap.GET, 410, coap.NotFound},
		{coap.PUT, 412, coap.PreconditionFailed},
		{coap.PUT, 413, coap.RequestEntityTooLarge},
		{coap.PUT, 415, coap.UnsupportedContentFormat},
		{coap.GET, 418, coap.BadRequest},
		{coap.POST, 422, coap.UnprocessableEntity},
		{coap.GET, 429, coap.TooManyRequests},
		{coap.GET, 451, coap.Forbidden},
		{coap.GET, 500, coap.InternalServerError},
		{coap.GET, 501, coap.NotImplemented},
		{coap.GET, 502, coap.BadGateway},
		{coap.GET, 503, coap.ServiceUnavailable},
		{coap.GET, 504, coap.GatewayTimeout},
		{coap.GET, 505, coap.BadGateway},
		{coap.GET, 511, coap.BadGateway},
		{coap.GET, 507, coap.InternalServerError},
		{coap.GET, 999, coap.BadGateway},
		{coap.GET, 0, coap.BadGateway},
	} {
		if got := mapping.CodeFromStatus(tt.method, tt.status); got != tt.want {
			t.Errorf("%s answered %d: got %s, want %s", tt.method, tt.status, got, tt.want)
		}
	}
}

func TestEveryStatusBecomesAResponse(t *testing.T) {
	for status := range 1000 {
		for _, method := range []coap.Code{coap.GET, coap.PUT, coap.POST, coap.DELETE} {
			if code := mapping.CodeFromStatus(method, status); !code.IsResponse() || code.Name() == "" {
				t.Errorf("%s answered %d: got %s, which is no response code", method, status, code)
			}
		}
	}
}

// RFC 8075 §7, Table 2.
func TestResponseCodeBecomesStatus(t *testing.T) {
	for _, tt := range []struct {
		code, method coap.Code
		payload      bool
		want         int
	}{
		{coap.Created, coap.POST, false, 201},
		{coap.Deleted, coap.DELETE, true, 200},
		{coap.Deleted, coap.DELETE, false, 204},
		{coap.Valid, coap.GET, false, 304},
		{coap.Valid, coap.POST, false, 502},
		{coap.Changed, coap.PUT, true, 200},
		{coap.Changed, coap.PUT, false, 204},
		{coap.Content, coap.GET, true, 200},
		{coap.Content, coap.GET, false, 200},
		{coap.Continue, coap.PUT, false, 502},
		{coap.BadRequest, coap.GET, false, 400},
		{coap.Unauthorized, coap.GET, false, 403},
		{coap.BadOption, coap.GET, false, 500},
		{coap.Forbidden, coap.GET, false, 403},
		{coap.NotFound, coap.GET, false, 404},
		{coap.MethodNotAllowed, coap.GET, false, 400},
		{coap.NotAcceptable, coap.GET, false, 406},
		{coap.RequestEntityIncomplete, coap.PUT, false, 502}, // note 10
		{coap.PreconditionFailed, coap.PUT, false, 412},
		{coap.RequestEntityTooLarge, coap.PUT, false, 413},
		{coap.UnsupportedContentFormat, coap.PUT, false, 415},
		{coap.TooManyRequests, coap.GET, false, 429},
		{coap.InternalServerError, coap.GET, false, 500},
		{coap.NotImplemented, coap.GET, false, 501},
		{coap.BadGateway, coap.GET, false, 502},
		{coap.ServiceUnavailable, coap.GET, false, 503},
		{coap.GatewayTimeout, coap.GET, false, 504},
		{coap.ProxyingNotSupported, coap.GET, false, 502},
		{coap.MakeCode(4, 31), coap.GET, false, 400}, // RFC 7252 §5.9: as x.00
		{coap.MakeCode(5, 31), coap.GET, false, 500},
		{coap.MakeCode(2, 30), coap.GET, false, 502},
	} {
		if got := mapping.StatusFromCode(tt.code, tt.method, tt.payload); got != tt.want {
			t.Errorf("%s to %s with payload %t: got %d, want %d", tt.code, tt.method, tt.payload, got, tt.want)
		}
	}
}
