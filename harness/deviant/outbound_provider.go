// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"encoding/hex"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	requests "github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// ported is a URL with its port.
var ported = regexp.MustCompile(`^(coaps?://[0-9.]+):\d+`)

// portless is a URL without one.
var portless = regexp.MustCompile(`^(coaps?://[0-9.]+)(/|$)`)

// closed is a port at which nobody is.
const closed = ":9"

// elsewhere calls another port, where nobody is, and waits 2 s at most: nobody will
// answer.
func elsewhere(scheme string, url *regexp.Regexp, instead string) func() embedded.Options {
	return connector(func(p *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
		for mode, e := range p.Environments {
			if to := url.ReplaceAllString(e.URL, instead); to != e.URL && strings.HasPrefix(e.URL, scheme) {
				e.URL = to
				p.Environments[mode] = e
				if _, ok := c.Parameters[requests.Timeout]; !ok {
					c.Parameters[requests.Timeout] = "2000"
				}
			}
		}
	})
}

// providerDeviants are wrong in what §2.1 to §2.1.2 ask of providers.
func providerDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "sends plain requests to another port than the provider's",
			Breaks: "RMP-2.1-01",
			Says:   "504",
			made:   elsewhere("coap:", ported, "$1"+closed),
		},
		{
			Name:   "sends every request to the mode TEST",
			Breaks: "RMP-2.1-02",
			Says:   `"0"`,
			made: connector(func(p *outbound.Provider, _ *outbound.Connector, with *outbound.Call) {
				if _, ok := p.Environments[outbound.Test]; ok && len(p.Environments) > 1 {
					with.Mode = outbound.Test
				}
			}),
		},
		{
			Name:   "fills in a variable within a provider's URL with nothing",
			Breaks: "RMP-2.1-03",
			Says:   "400",
			made: connector(func(p *outbound.Provider, _ *outbound.Connector, with *outbound.Call) {
				for _, e := range p.Environments {
					if strings.HasPrefix(e.URL, "${") {
						continue
					}
					for _, name := range variablesIn(e.URL) {
						with.Variables[name] = ""
					}
				}
			}),
		},
		{
			Name:   "takes any environment when the mode's own is missing",
			Breaks: "RMP-2.1-04",
			Says:   "200",
			made: connector(func(p *outbound.Provider, _ *outbound.Connector, with *outbound.Call) {
				if _, ok := p.Environments[with.Mode]; !ok && with.Mode != "" {
					with.Mode, _ = anyOf(p.Environments)
				}
			}),
		},
		{
			Name:   "reads a variable that is the whole URL as a host",
			Breaks: "RMP-2.1-05",
			Says:   "400",
			made: connector(everywhere(func(e *outbound.Environment) {
				if strings.HasPrefix(e.URL, "${") {
					e.URL = "coap://" + e.URL
				}
			})),
		},
		{
			Name:   "takes every URL for one of coap",
			Breaks: "RMP-2.1-06",
			Says:   "200",
			made: configuring(environments(func(e entry) {
				if scheme, rest, ok := strings.Cut(text(e["url"]), "://"); ok && !strings.HasPrefix(scheme, "coap") {
					e["url"] = "coap://" + rest
				}
			}), nil),
		},
		{
			Name:   "takes every URL that a variable brings for one of coap",
			Breaks: "RMP-2.1-06",
			Says:   "200",
			made: connector(func(p *outbound.Provider, _ *outbound.Connector, with *outbound.Call) {
				for _, e := range p.Environments {
					for _, name := range variablesIn(e.URL) {
						if scheme, rest, ok := strings.Cut(with.Variables[name], "://"); ok && !strings.HasPrefix(scheme, "coap") {
							with.Variables[name] = "coap://" + rest
						}
					}
				}
			}),
		},
		{
			Name:   "uses the credentials of the mode LIVE in every mode",
			Breaks: "RMP-2.1-07",
			Says:   "502",
			made: connector(func(p *outbound.Provider, _ *outbound.Connector, _ *outbound.Call) {
				live, ok := p.Environments[outbound.Live]
				for mode, e := range p.Environments {
					if ok {
						e.Authentication = live.Authentication
						p.Environments[mode] = e
					}
				}
			}),
		},
		{
			Name:   "sends a line end behind each message, to keep the way open",
			Breaks: "RMP-2.1.1-01",
			Says:   "a datagram from gateway",
			made: toCalled(func() pass {
				return func(p endpoint.Peer, b []byte, next func([]byte)) {
					next(b)
					var m coap.Message
					if m.Unmarshal(b) == nil && m.Path() == "/temperature" && !p.Key().Secure() {
						next([]byte("\r\n"))
					}
				}
			}),
		},
		{
			Name:   "takes 5685 for the default port of coap",
			Breaks: "RMP-2.1.1-02",
			Says:   "504",
			made:   elsewhere("coap:", portless, "$1:5685$2"),
		},
		{
			Name:   "sends in the clear what has an identity and a key",
			Breaks: "RMP-2.1.1-03",
			Says:   "200",
			made: configuring(environments(func(e entry) {
				if url := text(e["url"]); strings.HasPrefix(url, "coap:") || strings.HasPrefix(url, "${") {
					delete(e, "authentication")
				}
			}), nil),
		},
		{
			Name:   "invents a key where there is no authentication",
			Breaks: "RMP-2.1.2-01",
			Says:   "502",
			Also:   []string{"RMP-4.1-04"},
			made: connector(everywhere(func(e *outbound.Environment) {
				if strings.HasPrefix(e.URL, "coaps:") && e.Authentication == nil {
					e.Authentication = &outbound.Authentication{Identity: "anonymous", Key: "anonymous"}
				}
			})),
		},
		{
			Name:   "gives devices an identity of its own",
			Breaks: "RMP-2.1.2-02",
			Says:   "502",
			made: connector(everywhere(func(e *outbound.Environment) {
				if e.Authentication != nil {
					e.Authentication.Identity = "coapstone"
				}
			})),
		},
		{
			Name:   "takes 5685 for the default port of coaps",
			Breaks: "RMP-2.1.2-03",
			Says:   "504",
			made:   elsewhere("coaps:", portless, "$1:5685$2"),
		},
		{
			Name:   "takes the prefix hex for a part of the key",
			Breaks: "RMP-2.1.2-04",
			Says:   "504",
			made: connector(everywhere(func(e *outbound.Environment) {
				if e.Authentication != nil {
					e.Authentication.Key = secret.Text("hex:" + hex.EncodeToString([]byte(e.Authentication.Key.Reveal())))
				}
			})),
		},
		{
			Name:   "says 204 when the device has another key",
			Breaks: "RMP-2.1.2-05",
			Says:   "204",
			// It cannot tell another key from a device that is silent.
			Also: []string{"RMP-2.1.2-09", "RMP-2.2.2-12", "RMP-2.2.2-21"},
			made: result(func(r *call.Result, err *call.Error) (*call.Result, *call.Error) {
				if err != nil && strings.Contains(err.Detail, "another key") {
					return &call.Result{
						Request:  &requests.Request{Message: &coap.Message{Code: coap.POST}, Secure: true},
						Response: &coap.Message{Code: coap.Changed},
					}, nil
				}
				return r, err
			}),
		},
		{
			Name:   "fills in a missing identity or key",
			Breaks: "RMP-2.1.2-06",
			Says:   "504",
			made: configuring(environments(func(e entry) {
				if a, ok := e["authentication"].(entry); ok {
					for _, half := range []string{"identity", "key"} {
						if text(a[half]) == "" {
							a[half] = "anonymous"
						}
					}
				}
			}), nil),
		},
		{
			Name:   "takes a typed key for Latin-1",
			Breaks: "RMP-2.1.2-07",
			Says:   "504",
			made: connector(everywhere(func(e *outbound.Environment) {
				if e.Authentication == nil || strings.HasPrefix(e.Authentication.Key.Reveal(), "hex:") {
					return
				}
				var key []byte
				for _, r := range e.Authentication.Key.Reveal() {
					key = append(key, byte(r)) //nolint:gosec // what is lost is what is wrong with it
				}
				e.Authentication.Key = secret.Text("hex:" + hex.EncodeToString(key))
			})),
		},
		{
			Name:   "takes for text what is wrong behind the prefix hex",
			Breaks: "RMP-2.1.2-08",
			Says:   "504",
			made: configuring(environments(func(e entry) {
				a, _ := e["authentication"].(entry)
				digits, isHex := strings.CutPrefix(text(a["key"]), "hex:")
				if _, err := hex.DecodeString(digits); isHex && (err != nil || digits == "") {
					a["key"] = "hex:" + hex.EncodeToString([]byte(text(a["key"])))
				}
			}), nil),
		},
		{
			Name:   "uses a session with a device for whoever knows its identity",
			Breaks: "RMP-2.1.2-09",
			Says:   "204",
			made: seams(func() gateway.Seams {
				var mu sync.Mutex
				first := map[string]*outbound.Authentication{} // by URL and identity
				return gateway.Seams{Calls: func(next api.Caller) api.Caller {
					return caller(func(ctx context.Context, p outbound.Provider, c outbound.Connector, with outbound.Call) (*call.Result, error) {
						p.Environments = maps.Clone(p.Environments)
						mu.Lock()
						for mode, e := range p.Environments {
							if e.Authentication == nil {
								continue
							}
							device := e.URL + " " + e.Authentication.Identity
							if known := first[device]; known != nil {
								e.Authentication = known
							} else {
								first[device] = e.Authentication
							}
							p.Environments[mode] = e
						}
						mu.Unlock()
						return next.Do(ctx, p, c, with)
					})
				}}
			}),
		},
	}
}
