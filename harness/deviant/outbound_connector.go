// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	requests "github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// connectorDeviants are wrong in what §2.2.1 asks of connectors, and of what
// their callers get.
func connectorDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "sends POST for PUT",
			Breaks: "RMP-2.2.1-01",
			Says:   "POST",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if c.Method == http.MethodPut {
					c.Method = http.MethodPost
				}
			}),
		},
		{
			Name:   "leaves the query of a URL part out",
			Breaks: "RMP-2.2.1-02",
			Says:   "Uri-Path: a",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				c.URL, _, _ = strings.Cut(c.URL, "?")
			}),
		},
		{
			Name:   "leaves the Content-Format out",
			Breaks: "RMP-2.2.1-03",
			Says:   "Uri-Path: window",
			made:   connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) { c.Content = "" }),
		},
		{
			Name:   "leaves the Accept option out",
			Breaks: "RMP-2.2.1-04",
			Says:   "Uri-Path: temperature",
			made:   connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) { c.Accept = "" }),
		},
		{
			Name:   "leaves the variables of a body as they are",
			Breaks: "RMP-2.2.1-05",
			Says:   "${share}",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, with *outbound.Call) {
				for _, name := range variablesIn(c.Body) {
					with.Variables[name] = "${" + name + "}"
				}
			}),
		},
		{
			Name:   "sends to the provider what has a dynamic endpoint",
			Breaks: "RMP-2.2.1-06",
			Says:   "404",
			made:   connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) { c.DynamicEndpoint = "" }),
		},
		{
			Name:   "hands the caller 401 for 4.01",
			Breaks: "RMP-2.2.1-07",
			Says:   "401",
			made: answering(func(status int, h http.Header) int {
				if h.Get(api.CodeHeader) == coap.Unauthorized.Dotted() {
					return http.StatusUnauthorized
				}
				return status
			}),
		},
		{
			Name:   "does not tell the caller the CoAP-Code",
			Breaks: "RMP-2.2.1-07",
			Says:   "no such header",
			made: answering(func(status int, h http.Header) int {
				h.Del(api.CodeHeader)
				return status
			}),
		},
		{
			Name:   "hands the caller every payload as octets",
			Breaks: "RMP-2.2.1-08",
			Says:   "application/octet-stream",
			made: result(func(r *call.Result, err *call.Error) (*call.Result, *call.Error) {
				if err == nil && r.Response != nil && r.Response.Has(coap.ContentFormat) {
					changed := *r
					changed.Response = r.Response.Clone()
					changed.Response.Remove(coap.ContentFormat)
					changed.Response.AddUint(coap.ContentFormat, uint32(coap.AppOctetStream))
					return &changed, nil
				}
				return r, err
			}),
		},
		{
			Name:   "gives its own error as a response of the device",
			Breaks: "RMP-2.2.1-09",
			Says:   "CoAP-Code",
			made: result(func(r *call.Result, err *call.Error) (*call.Result, *call.Error) {
				if err != nil && errors.Is(err, endpoint.ErrReset) {
					return &call.Result{
						Request:  &requests.Request{Message: &coap.Message{Code: coap.GET}},
						Response: &coap.Message{Code: coap.BadGateway},
					}, nil
				}
				return r, err
			}),
		},
		{
			Name:   "does not acknowledge a separate response",
			Breaks: "RMP-2.2.1-10",
			Says:   "nothing",
			made: toCalled(rewritten(func(m *coap.Message) bool {
				return m.Type != coap.Acknowledgement || !m.Empty()
			})),
		},
		{
			Name:   "fills in a variable that nobody gives with nothing",
			Breaks: "RMP-2.2.1-11",
			Says:   "200",
			made: connector(func(p *outbound.Provider, c *outbound.Connector, with *outbound.Call) {
				for _, name := range variablesIn(c.URL) {
					if _, ok := p.Variables[name]; !ok && with.Variables[name] == "" {
						with.Variables[name] = ""
					}
				}
			}),
		},
		{
			Name:   "sends POST for a method that it does not know",
			Breaks: "RMP-2.2.1-12",
			Says:   "200",
			made: configuring(nil, func(c entry) {
				if m := text(c["method"]); !strings.Contains(m, "${") && !slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, m) {
					c["method"] = "POST"
				}
			}),
		},
		{
			Name:   "sends POST for a method that it does not know and that a variable brings",
			Breaks: "RMP-2.2.1-12",
			Says:   "200",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, with *outbound.Call) {
				for _, name := range variablesIn(c.Method) {
					if with.Variables[name] == http.MethodPatch {
						with.Variables[name] = http.MethodPost
					}
				}
			}),
		},
		{
			Name:   "puts a URL part with a slash in place of the provider's path",
			Breaks: "RMP-2.2.1-13",
			Says:   "Uri-Path: x",
			made: connector(func(p *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if !strings.HasPrefix(c.URL, "/") {
					return
				}
				for mode, e := range p.Environments {
					if scheme, rest, ok := strings.Cut(e.URL, "://"); ok {
						authority, _, _ := strings.Cut(rest, "/")
						e.URL = scheme + "://" + authority
						p.Environments[mode] = e
					}
				}
			}),
		},
		{
			Name:   "sends a body of an unknown media type as text",
			Breaks: "RMP-2.2.1-14",
			Says:   "Content-Format: 0",
			made:   configuring(nil, func(c entry) { known(c, "content", "text/plain") }),
		},
		{
			Name:   "leaves variables in media types out",
			Breaks: "RMP-2.2.1-15",
			Says:   "Uri-Path: window",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				for _, mediaType := range []*string{&c.Accept, &c.Content} {
					if strings.Contains(*mediaType, "${") {
						*mediaType = ""
					}
				}
			}),
		},
		{
			Name:   "reads the value of a variable as a piece of the URL",
			Breaks: "RMP-2.2.1-16",
			Says:   "Uri-Path: b",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, with *outbound.Call) {
				for _, name := range variablesIn(c.URL) {
					if value, ok := with.Variables[name]; ok {
						c.URL = strings.ReplaceAll(c.URL, "${"+name+"}", value)
					}
				}
			}),
		},
		{
			Name:   "accepts text for an unknown media type",
			Breaks: "RMP-2.2.1-17",
			Says:   "Accept: 0",
			made:   configuring(nil, func(c entry) { known(c, "accept", "text/plain") }),
		},
		{
			Name:   "sends Latin-1 under the Content-Format 0",
			Breaks: "RMP-2.2.1-18",
			Says:   "0x6772f6df65",
			made: seams(func() gateway.Seams {
				return gateway.Seams{
					API: stored(nil, func(c entry) {
						if strings.Contains(text(c["content"]), "iso-8859-1") {
							c["content"] = "text/plain"
						}
					}),
					Outbound: sent(rewritten(func(m *coap.Message) bool {
						if string(m.Payload) == "größe" {
							m.Payload = []byte("gr\xf6\xdfe")
						}
						return true
					})()),
				}
			}),
		},
		{
			Name:   "sends the first 1,024 bytes of a longer body",
			Breaks: "RMP-2.2.1-19",
			Says:   "1024",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				c.Body = c.Body[:min(len(c.Body), 1024)]
			}),
		},
		{
			Name:   "hands the caller the first block of an answer",
			Breaks: "RMP-2.2.1-19",
			Says:   "64",
			made: fromCalled(rewritten(func(m *coap.Message) bool {
				m.Remove(coap.Block2)
				return true
			})),
		},
	}
}

// known puts a media type in place of one that is not known to be anything.
func known(c entry, field, mediaType string) {
	if t := text(c[field]); strings.HasPrefix(t, "image/x-") || strings.HasPrefix(t, "application/x-") {
		c[field] = mediaType
	}
}

// answering changes the status and the header of what the HTTP API answers.
func answering(change func(status int, h http.Header) int) func() embedded.Options {
	return httpAPI(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&answerer{w, change}, r)
	})
}

type answerer struct {
	http.ResponseWriter

	change func(int, http.Header) int
}

// WriteHeader writes what the change made of it.
func (a *answerer) WriteHeader(status int) {
	a.ResponseWriter.WriteHeader(a.change(status, a.Header()))
}
