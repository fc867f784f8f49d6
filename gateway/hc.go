// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"maps"
	"net/http"
	"slices"

	"github.com/coapstone/coapstone/gateway/inbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/secret"
)

// HC is the HTTP-to-CoAP proxy of RFC 8075, which is served under /hc/ beside
// the HTTP API. Without targets there is none.
type HC struct {
	// Targets are the devices, or parts of them, that HTTP clients may call.
	Targets []hc.Target `yaml:"targets,omitempty"`
	// Users are the names and passwords of those clients (HTTP Basic).
	Users map[string]secret.Text `yaml:"users,omitempty"`
	// Anonymous serves those too who do not authenticate themselves, which
	// RFC 8075 §10 leaves to an administrator to allow.
	Anonymous bool `yaml:"anonymous,omitempty"`
	// Template is the URI mapping template (RFC 8075 §5.4), {+tu} by default.
	Template string `yaml:"template,omitempty"`
	// Origin is where HTTP clients reach the proxy, such as
	// https://p.example.com: devices are told so that ask for rt=core.hc. Empty
	// means that they are not told.
	Origin string `yaml:"origin,omitempty"`
}

func (c *Config) readHC(*settings) error {
	if len(c.HC.Targets) == 0 {
		return nil
	}
	if c.Listen.API == "" {
		return at("hc").because("the proxy is served beside the HTTP API: give listen.api an address")
	}
	if len(c.HC.Users) == 0 && !c.HC.Anonymous {
		return at("hc").because("nobody may use the proxy: give users, or anonymous: true to serve everybody (RFC 8075 §10)")
	}
	for _, name := range slices.Sorted(maps.Keys(c.HC.Users)) {
		if password := c.HC.Users[name]; password == "" || password == secret.Mask {
			return at("hc", "users", name).because("the password is missing, or the mask that is shown in its place")
		}
	}
	for i, t := range c.HC.Targets {
		if err := t.Check(); err != nil {
			return at("hc", "targets", index(i)).because("%w", err)
		}
	}
	if c.HC.Template != "" {
		if _, err := hc.ParseTemplate(c.HC.Template); err != nil {
			return at("hc", "template").because("%w", err)
		}
	}
	if c.HC.Origin != "" {
		if err := inbound.CheckOrigin(c.HC.Origin); err != nil {
			return at("hc", "origin").because("%w", err)
		}
	}
	return nil
}

// link is what devices are told of the proxy; "" for nothing.
func (c HC) link() string {
	if len(c.Targets) == 0 || c.Origin == "" {
		return ""
	}
	return hc.Link(c.Template, c.Origin)
}

// withHC puts the proxy before the HTTP API, if there is one.
func (g *Gateway) withHC(c HC, caller *call.Caller, api http.Handler) (http.Handler, error) {
	if len(c.Targets) == 0 {
		return api, nil
	}
	return hc.New(hc.Options{
		Caller: caller, Template: c.Template, Targets: c.Targets, Users: c.Users, Anonymous: c.Anonymous,
		Logger: g.log.With("part", "hc"),
	}, api)
}
