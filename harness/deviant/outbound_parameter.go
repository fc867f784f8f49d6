// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	requests "github.com/coapstone/coapstone/gateway/outbound/request"
)

// messageTypes is the values of the parameter message-type.
func messageTypes() []string { return []string{"CON", "NON", "ACK", "RST"} }

// parameterDeviants are wrong in what §2.2.2 asks of message-type and proxi-URI,
// and of how often a message is sent.
func parameterDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "sends NON for want of a message-type",
			Breaks: "RMP-2.2.2-01",
			Says:   "NON",
			// A NON is not sent again.
			Also: []string{"RMP-2.2.2-13", "RMP-2.2.2-15"},
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if _, ok := c.Parameters[requests.MessageType]; !ok {
					c.Parameters[requests.MessageType] = "NON"
				}
			}),
		},
		{
			Name:   "sends CON for NON",
			Breaks: "RMP-2.2.2-02",
			Says:   "CON",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, with *outbound.Call) {
				if c.Parameters[requests.MessageType] == "NON" {
					delete(c.Parameters, requests.MessageType)
				}
			}),
		},
		{
			Name:   "sends CON for ACK and RST",
			Breaks: "RMP-2.2.2-03",
			Says:   "200",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if t := c.Parameters[requests.MessageType]; t == "ACK" || t == "RST" {
					delete(c.Parameters, requests.MessageType)
				}
			}),
		},
		{
			Name:   "sends CON for a message-type that it does not know",
			Breaks: "RMP-2.2.2-04",
			Says:   "200",
			made: configuring(nil, parameters(func(p entry) {
				if t := text(p[requests.MessageType]); !strings.Contains(t, "${") && !slices.Contains(messageTypes(), strings.ToUpper(t)) {
					delete(p, requests.MessageType)
				}
			})),
		},
		{
			Name:   "leaves the Proxy-Uri out",
			Breaks: "RMP-2.2.2-05",
			Says:   "none",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				delete(c.Parameters, requests.ProxiURI)
			}),
		},
		{
			Name:   "does not know the name proxy-URI",
			Breaks: "RMP-2.2.2-06",
			Says:   "none",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				delete(c.Parameters, requests.ProxyURI)
			}),
		},
		{
			Name:   "takes proxi-URI when proxy-URI has another value",
			Breaks: "RMP-2.2.2-07",
			Says:   "200",
			made: configuring(nil, parameters(func(p entry) {
				if text(p[requests.ProxiURI]) != "" {
					delete(p, requests.ProxyURI)
				}
			})),
		},
		{
			Name:   "sends a CON again with another token",
			Breaks: "RMP-2.2.2-13",
			Says:   "then CON",
			Also:   []string{"RMP-2.2.2-15"},
			made: toCalled(func() pass {
				var seen transmissions
				return func(p endpoint.Peer, b []byte, next func([]byte)) {
					var m coap.Message
					if m.Unmarshal(b) == nil && m.Code.IsRequest() && seen.count(p, &m) > 1 && len(m.Token) > 0 {
						m.Token[0]++
						b = coap.Frame{Message: m}.Bytes()
					}
					next(b)
				}
			}),
		},
		{
			Name:   "sends a NON again after a second",
			Breaks: "RMP-2.2.2-14",
			Says:   "after",
			made: toCalled(again(time.Second, func(m *coap.Message) bool {
				return m.Type == coap.NonConfirmable && m.Code.IsRequest()
			})),
		},
		{
			Name:   "waits a second more for each retransmission but the first",
			Breaks: "RMP-2.2.2-15",
			Says:   "4 times",
			Full:   true,
			made: toCalled(func() pass {
				var seen transmissions
				return func(p endpoint.Peer, b []byte, next func([]byte)) {
					var m coap.Message
					if m.Unmarshal(b) != nil || !m.Code.IsRequest() {
						next(b)
						return
					}
					n := seen.count(p, &m)
					if n < 3 {
						next(b)
						return
					}
					b = slices.Clone(b)
					time.AfterFunc(time.Duration(n-2)*time.Second, func() { next(b) })
				}
			}),
		},
		{
			Name:   "takes no part of a URI for a whole one",
			Breaks: "RMP-2.2.2-18",
			Says:   "200",
			made: configuring(nil, parameters(func(p entry) {
				if uri := text(p[requests.ProxiURI]); uri != "" && !strings.Contains(uri, "://") {
					p[requests.ProxiURI] = "coap://" + strings.TrimLeft(uri, "/")
				}
			})),
		},
		{
			Name:   "leaves out of account a parameter that it does not know",
			Breaks: "RMP-2.2.2-19",
			Says:   "200",
			made: configuring(nil, parameters(func(p entry) {
				for name := range p {
					if !isParameter(name) {
						delete(p, name)
					}
				}
			})),
		},
		{
			Name:   "leaves out of account a message-type in other letters",
			Breaks: "RMP-2.2.2-23",
			Says:   "CON",
			made: configuring(nil, parameters(func(p entry) {
				for name, value := range p {
					lower, t := strings.ToLower(name), text(value)
					if lower == requests.MessageType && (name != lower || t != strings.ToUpper(t) && slices.Contains(messageTypes(), strings.ToUpper(t))) {
						delete(p, name)
					}
				}
			})),
		},
		{
			Name:   "does not read an empty acknowledgement",
			Breaks: "RMP-2.2.2-24",
			Says:   "the second after",
			made: fromCalled(rewritten(func(m *coap.Message) bool {
				return m.Type != coap.Acknowledgement || !m.Empty()
			})),
		},
		{
			Name:   "adds a Uri-Host to the Proxy-Uri",
			Breaks: "RMP-2.2.2-26",
			Says:   "Uri-Host",
			made: toCalled(rewritten(func(m *coap.Message) bool {
				if m.Has(coap.ProxyURI) {
					m.AddString(coap.URIHost, "proxy.example.org")
				}
				return true
			})),
		},
		{
			Name:   "sends an ACK or RST again after a second",
			Breaks: "RMP-2.2.2-27",
			Says:   "GET",
			made: toCalled(again(time.Second, func(m *coap.Message) bool {
				return m.Type >= coap.Acknowledgement && m.Code.IsRequest()
			})),
		},
		{
			Name:   "resolves the percent-encodings of a proxi-URI",
			Breaks: "RMP-2.2.2-28",
			Says:   "a/b",
			made: connector(func(_ *outbound.Provider, c *outbound.Connector, _ *outbound.Call) {
				if uri, ok := c.Parameters[requests.ProxiURI]; ok {
					c.Parameters[requests.ProxiURI] = strings.ReplaceAll(uri, "%2F", "/")
				}
			}),
		},
	}
}

// isParameter says whether there is an advanced parameter of this name, in
// whatever letters.
func isParameter(name string) bool {
	return slices.ContainsFunc([]string{requests.MessageType, requests.ProxiURI, requests.ProxyURI, requests.Timeout},
		func(known string) bool { return strings.EqualFold(known, name) })
}

// transmissions counts how often a message went to a peer. The zero value is ready.
type transmissions struct {
	mu   sync.Mutex
	seen map[transmitted]int
}

type transmitted struct {
	to endpoint.PeerKey
	id uint16
}

// count is how often the message went out, this time included.
func (t *transmissions) count(p endpoint.Peer, m *coap.Message) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[transmitted]int{}
	}
	k := transmitted{p.Key(), m.MessageID}
	t.seen[k]++
	return t.seen[k]
}

// again sends what matches once more after a time.
func again(after time.Duration, match func(*coap.Message) bool) func() pass {
	return func() pass {
		return func(_ endpoint.Peer, b []byte, next func([]byte)) {
			next(b)
			var m coap.Message
			if m.Unmarshal(b) == nil && match(&m) {
				b = slices.Clone(b)
				time.AfterFunc(after, func() { next(b) })
			}
		}
	}
}
