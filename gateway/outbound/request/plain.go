// SPDX-License-Identifier: Apache-2.0

package request

import (
	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
)

// New is a confirmable request without payload to a coap or coaps URL, as no
// connector describes it: the caller may add options and a payload. The
// authentication is that of an environment; nil with coaps means certificates.
func New(method coap.Code, url string, authentication *outbound.Authentication) (*Request, error) {
	to, err := parseTarget("url", url)
	if err != nil {
		return nil, err
	}
	r := &Request{
		Message: &coap.Message{Type: coap.Confirmable, Code: method},
		Secure:  to.secure, Host: to.host, Addr: to.addr, Port: to.port, Timeout: MaxTimeout,
	}
	if r.PSK, err = credentials(authentication, to.secure); err != nil {
		return nil, err
	}
	to.addOptions(r.Message)
	if problems := r.Message.CheckOptions(nil); len(problems) > 0 {
		return nil, refuse("url", "%s", problems[0])
	}
	return r, nil
}
