// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/harness/lab/embedded"
)

// A pass lets a datagram pass: as it is, changed, several times, later, or not at
// all. p is who sent it, or to whom it goes. next may be called when the pass
// has returned; b may not be used any more by then.
type pass func(p endpoint.Peer, b []byte, next func([]byte))

// fromDevices and toDevices are a gateway with a pass for what devices that call
// it send, and for what they get, over UDP and within DTLS.
func fromDevices(made func() pass) func() embedded.Options {
	return seams(func() gateway.Seams { return gateway.Seams{Inbound: received(made)} })
}

func toDevices(made func() pass) func() embedded.Options {
	return seams(func() gateway.Seams { return gateway.Seams{Inbound: sent(made())} })
}

// fromCalled and toCalled are the same for the devices that the gateway calls.
func fromCalled(made func() pass) func() embedded.Options {
	return seams(func() gateway.Seams { return gateway.Seams{Outbound: received(made)} })
}

func toCalled(made func() pass) func() embedded.Options {
	return seams(func() gateway.Seams { return gateway.Seams{Outbound: sent(made())} })
}

// rewritten is a pass that remembers nothing: it changes each message, or drops
// it by returning false. What is no CoAP message passes as it is.
func rewritten(change func(*coap.Message) bool) func() pass {
	return func() pass {
		return func(_ endpoint.Peer, b []byte, next func([]byte)) {
			var m coap.Message
			if m.Unmarshal(b) != nil {
				next(b)
				return
			}
			if change(&m) {
				next(coap.Frame{Message: m}.Bytes())
			}
		}
	}
}

// received is a pass of its own for every listener, or every way to a device.
func received(made func() pass) gateway.Datagrams {
	return gateway.Datagrams{Received: func(next endpoint.Receiver) endpoint.Receiver { return receiver{next, made()} }}
}

// sent is one pass for the whole gateway.
func sent(f pass) gateway.Datagrams {
	return gateway.Datagrams{Sent: func(next endpoint.Peer) endpoint.Peer { return peer{next, f} }}
}

type receiver struct {
	endpoint.Receiver

	pass pass
}

// Receive lets a datagram pass to the message layer.
func (r receiver) Receive(p endpoint.Peer, b []byte) {
	r.pass(p, b, func(b []byte) { r.Receiver.Receive(p, b) })
}

type peer struct {
	endpoint.Peer

	pass pass
}

// Send lets a datagram pass to the transport. What becomes of it there is not
// told: it may be sent later, or twice.
func (p peer) Send(b []byte) error {
	p.pass(p.Peer, b, func(b []byte) { _ = p.Peer.Send(b) })
	return nil
}
