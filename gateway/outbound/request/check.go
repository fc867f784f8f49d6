// SPDX-License-Identifier: Apache-2.0

package request

import (
	"maps"
	"slices"

	"github.com/coapstone/coapstone/gateway/outbound"
)

// maxIdentity is the longest PSK identity: its length has two bytes in the
// handshake (RFC 4279 §2).
const maxIdentity = 65535

// CheckProvider refuses a provider with which no call could succeed. What
// depends on variables is judged at the call.
func CheckProvider(p outbound.Provider) error {
	if len(p.Environments) == 0 {
		return refuse("environments", "there is none: want at least one of TEST, ACCEPTANCE and LIVE")
	}
	for _, mode := range slices.Sorted(maps.Keys(p.Environments)) {
		where := "environments." + string(mode)
		if !slices.Contains(modes, mode) {
			return refuse(where, "no environment: want TEST, ACCEPTANCE or LIVE")
		}
		if err := checkEnvironment(where, p.Environments[mode]); err != nil {
			return err
		}
	}
	return nil
}

func checkEnvironment(where string, e outbound.Environment) error {
	if e.URL == "" {
		return refuse(where+".url", "it is missing: want coap://host or coaps://host, or a variable")
	}
	secure := true
	if hasVariables(e.URL) {
		if _, err := split(where+".url", e.URL); err != nil {
			return err
		}
	} else {
		to, err := parseTarget(where+".url", e.URL)
		if err != nil {
			return err
		}
		secure = to.secure
	}
	if e.Authentication == nil {
		return nil
	}
	if n := len(e.Authentication.Identity); n == 0 || n > maxIdentity {
		return refuse(where+".authentication.identity", "%d bytes long: want 1 to %d (RFC 4279 §2)", n, maxIdentity)
	}
	if _, err := credentials(e.Authentication, secure); err != nil {
		return within(where, err)
	}
	return nil
}

// within says of which environment an error speaks.
func within(where string, err error) error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // our own, never wrapped
		return &Error{where + "." + e.Where, e.What}
	}
	return err
}

// CheckConnector refuses a connector with which no call could succeed. What
// depends on variables is judged at the call.
func CheckConnector(c outbound.Connector) error {
	if c.Provider == "" {
		return refuse("provider", "it is missing: want the name of a provider")
	}
	if c.URL != "" && c.DynamicEndpoint != "" {
		return refuse("dynamicEndpoint", "it is the whole URL, so url must not stand beside it")
	}
	for _, part := range []struct{ where, text string }{
		{"method", c.Method},
		{"url", c.URL},
		{"dynamicEndpoint", c.DynamicEndpoint},
		{"accept", c.Accept},
		{"content", c.Content},
		{"body", c.Body},
	} {
		if _, err := split(part.where, part.text); err != nil {
			return err
		}
	}
	if err := checkConnectorURL(c); err != nil {
		return err
	}
	if err := checkConnectorMessage(c); err != nil {
		return err
	}
	_, err := readParameters(c.Parameters, variables{}, false)
	return err
}

func checkConnectorURL(c outbound.Connector) error {
	if c.DynamicEndpoint != "" && !hasVariables(c.DynamicEndpoint) {
		_, err := parseTarget("dynamicEndpoint", c.DynamicEndpoint)
		return err
	}
	if c.URL != "" && !hasVariables(c.URL) {
		url, err := join("url", "coap://host", c.URL)
		if err == nil {
			_, err = parseTarget("url", url)
		}
		return err
	}
	return nil
}

func checkConnectorMessage(c outbound.Connector) error {
	for _, part := range []struct{ where, mediaType string }{{"accept", c.Accept}, {"content", c.Content}} {
		if hasVariables(part.mediaType) {
			continue
		}
		if _, _, err := readMediaType(part.where, part.mediaType); err != nil {
			return err
		}
	}
	if hasVariables(c.Method) {
		return nil
	}
	method, err := readMethod(c.Method)
	if err != nil || hasVariables(c.Body) {
		return err
	}
	return checkBody(method, len(c.Body))
}
