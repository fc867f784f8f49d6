// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// coapDeviants are wrong in the message layer, towards devices that call.
func coapDeviants() []Deviant {
	return []Deviant{
		{
			Name:   "rejects another version of CoAP with a Reset",
			Breaks: "RFC7252-3-01",
			Says:   "RST",
			made: replying(func(b []byte) ([]byte, bool) {
				return header(coap.Reset, 0, b), len(b) >= 4 && b[0]>>6 != 1
			}),
		},
		{
			Name:   "answers a ping with an Acknowledgement",
			Breaks: "RFC7252-4.2-01",
			Says:   "ACK",
			made: fromDevices(func() pass {
				var first atomic.Int32 // the lab's own ping, by which it knows that the gateway is there
				return func(p endpoint.Peer, b []byte, next func([]byte)) {
					ping := len(b) == 4 && b[0] == 0x40 && b[1] == 0
					if ping {
						id := int32(binary.BigEndian.Uint16(b[2:])) + 1
						ping = !first.CompareAndSwap(0, id) && first.Load() != id
					}
					if !ping {
						next(b)
						return
					}
					_ = p.Send(header(coap.Acknowledgement, 0, b))
				}
			}),
		},
		{
			Name:   "ignores a Confirmable message with a format error",
			Breaks: "RFC7252-4.2-02",
			Says:   "nothing",
			made: dropping(func(b []byte) bool {
				return malformed(b) && b[0]>>4 == 4
			}),
		},
		{
			Name:   "answers a request in an Acknowledgement",
			Breaks: "RFC7252-4.2-03",
			Says:   "4.04",
			made: replying(func(b []byte) ([]byte, bool) {
				return header(coap.NonConfirmable, coap.NotFound, b), len(b) >= 4 && b[0]>>4 == 6 && coap.Code(b[1]).IsRequest()
			}),
		},
		{
			Name:   "rejects a request in a Reset",
			Breaks: "RFC7252-4.2-03",
			Says:   "RST",
			made: replying(func(b []byte) ([]byte, bool) {
				return header(coap.Reset, 0, b), len(b) >= 4 && b[0]>>4 == 7 && coap.Code(b[1]).IsRequest()
			}),
		},
		{
			Name:   "ignores a code of a reserved class",
			Breaks: "RFC7252-4.2-04",
			Says:   "nothing",
			made: dropping(func(b []byte) bool {
				class := b[1] >> 5
				return b[0]>>6 == 1 && (class == 1 || class > 5)
			}),
		},
		{
			Name:   "answers 4.00 to a Non-confirmable message with a format error",
			Breaks: "RFC7252-4.3-01",
			Says:   "4.00",
			made: replying(func(b []byte) ([]byte, bool) {
				return header(coap.NonConfirmable, coap.BadRequest, b), malformed(b) && b[0]>>4 == 5
			}),
		},
		{
			Name:   "answers a Non-confirmable request in a Confirmable message",
			Breaks: "RFC7252-5.2.3-01",
			Says:   "CON",
			made: toDevices(rewritten(func(m *coap.Message) bool {
				if m.Type == coap.NonConfirmable && m.Code == coap.NotFound {
					m.Type = coap.Confirmable
				}
				return true
			})),
		},
		{
			Name:   "answers without the token",
			Breaks: "RFC7252-5.3.1-01",
			Says:   "4.04",
			made: toDevices(rewritten(func(m *coap.Message) bool {
				if m.Code == coap.NotFound && bytes.Equal(m.Token, []byte{0, 0, 0, 0}) {
					m.Token = nil
				}
				return true
			})),
		},
		{
			Name:   "acknowledges a response that matches no request",
			Breaks: "RFC7252-5.3.2-01",
			Says:   "ACK",
			made: replying(func(b []byte) ([]byte, bool) {
				return header(coap.Acknowledgement, 0, b), len(b) >= 4 && b[0]>>4 == 4 && coap.Code(b[1]).IsResponse()
			}),
		},
		{
			Name:   "ignores critical options that it does not know",
			Breaks: "RFC7252-5.4.1-01",
			Says:   "4.04",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				m.Remove(9)
				m.Remove(65001)
				return true
			})),
		},
		{
			Name:   "refuses elective options that it does not know",
			Breaks: "RFC7252-5.4.1-02",
			Says:   "4.02",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				if m.Has(65000) {
					m.Remove(65000)
					m.Add(65001, nil)
				}
				return true
			})),
		},
		{
			Name:   "ignores critical options of a wrong length",
			Breaks: "RFC7252-5.4.3-01",
			Says:   "4.04",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				if port, ok := m.Get(coap.URIPort); ok && len(port) > 2 {
					m.Remove(coap.URIPort)
				}
				if accept, ok := m.Get(coap.Accept); ok && len(accept) > 2 {
					m.Remove(coap.Accept)
				}
				return true
			})),
		},
		{
			Name:   "takes the first of an option that must not be repeated",
			Breaks: "RFC7252-5.4.5-01",
			Says:   "4.04",
			made: fromDevices(rewritten(func(m *coap.Message) bool {
				if all := m.All(coap.Accept); len(all) > 1 {
					m.Remove(coap.Accept)
				}
				return true
			})),
		},
	}
}

// header is a message of a header alone, with the message id of b.
func header(t coap.Type, code coap.Code, b []byte) []byte {
	m := coap.Message{Type: t, Code: code}
	if len(b) >= 4 {
		m.MessageID = binary.BigEndian.Uint16(b[2:])
	}
	return coap.Frame{Message: m}.Bytes()
}

// malformed says whether a datagram of this version is no CoAP message.
func malformed(b []byte) bool {
	var m coap.Message
	return len(b) >= 4 && b[0]>>6 == 1 && m.Unmarshal(b) != nil
}

// replying answers datagrams of devices itself, those for which the function
// says so.
func replying(f func(b []byte) (answer []byte, ok bool)) func() embedded.Options {
	return fromDevices(func() pass {
		return func(p endpoint.Peer, b []byte, next func([]byte)) {
			if answer, ok := f(b); ok {
				_ = p.Send(answer)
				return
			}
			next(b)
		}
	})
}

// dropping drops datagrams of devices.
func dropping(drop func(b []byte) bool) func() embedded.Options {
	return fromDevices(func() pass {
		return func(_ endpoint.Peer, b []byte, next func([]byte)) {
			if len(b) < 4 || !drop(b) {
				next(b)
			}
		}
	})
}
