// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// keeper holds an address of the gateway between two scenarios. It acknowledges
// what the device still sends, so that the device comes to an end with it, and
// remembers it, so that no scenario is judged by it. Nobody who sends in between
// gets an ICMP error, which some stacks take for the end of their gateway.
type keeper struct {
	at     netip.AddrPort
	plain  bool
	client *client

	socket *net.UDPConn
	done   chan struct{} // closed when nobody reads the socket any more
}

// hold binds the address.
func (k *keeper) hold(ctx context.Context) error {
	socket, err := new(net.ListenConfig).ListenPacket(ctx, "udp", k.at.String())
	if err != nil {
		return k.busy(err)
	}
	udp, ok := socket.(*net.UDPConn)
	if !ok {
		return errors.Join(fmt.Errorf("the socket at %s is a %T", k.at, socket), socket.Close())
	}
	k.socket, k.done = udp, make(chan struct{})
	go func() {
		defer close(k.done)
		k.read(udp)
	}()
	return nil
}

// busy says who is to blame for an address that cannot be had.
func (k *keeper) busy(err error) error {
	const where = "cannot play the gateway at %s/udp: %w: "
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf(where+"another program listens there, and the device would speak to that: end it (ss -lunp shows it), or name another port under bench.ports", k.at, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf(where+"no interface of this machine has the address: bring it up, or mend bench.addresses", k.at, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf(where+"ports below 1024 are not for everybody: name another one under bench.ports", k.at, err)
	}
	return fmt.Errorf(where+"see bench.addresses and bench.ports", k.at, err)
}

// release gives the address free.
func (k *keeper) release() error {
	if k.socket == nil {
		return nil
	}
	err := k.socket.Close()
	<-k.done
	k.socket = nil
	return err
}

func (k *keeper) read(socket *net.UDPConn) {
	b := make([]byte, 65535)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if k.plain && k.client.remember(from, b[:n]) {
			if answer := goodbye(b[:n]); answer != nil {
				_, _ = socket.WriteToUDPAddrPort(answer, from)
			}
		}
	}
}

// remember notes a request that belongs to no scenario, and says whether it is the
// device's.
func (c *client) remember(from netip.AddrPort, b []byte) bool {
	m, err := coap.Decode(b)
	if err != nil || !m.Code.IsRequest() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := fingerprint(from, b); c.past[key].IsZero() || time.Since(c.past[key]) >= transmitWait {
		c.past[key] = time.Now()
	}
	if len(c.from) == 0 {
		return from.Addr() == c.known
	}
	return c.isFrom(from.Addr())
}

// isFrom says whether the target file has an address for the device.
func (c *client) isFrom(a netip.Addr) bool {
	return slices.ContainsFunc(c.from, func(known netip.Addr) bool { return known.WithZone("") == a.Unmap().WithZone("") })
}

// goodbye is what ends the exchange of a confirmable request.
func goodbye(b []byte) []byte {
	m, err := coap.Decode(b)
	if err != nil || m.Type != coap.Confirmable {
		return nil
	}
	return coap.Frame{Message: coap.Message{
		Type: coap.Acknowledgement, Code: coap.Content, MessageID: m.MessageID, Token: m.Token,
	}}.Bytes()
}

// issueNothing issues what nobody has to trust, for a bench without a test PKI.
func issueNothing(leaf pki.Leaf) (tls.Certificate, error) {
	if !leaf.SelfSigned && !leaf.Stranger {
		return tls.Certificate{}, verdict.DoesNotApply("there is no test PKI whose root the device trusts: name its folder as bench.pki in the target file")
	}
	nobody, err := pki.Create(nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	return nobody.Issue(leaf)
}
