// SPDX-License-Identifier: Apache-2.0

package device

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// Raw is a UDP socket on which everything that comes is handed to the test.
type Raw struct {
	Addr netip.AddrPort
	came chan *coap.Message
}

// patience is how long a test waits for a message that must come.
const patience = 10 * time.Second

// Next is the next message that comes, or came.
func (r *Raw) Next(t *testing.T) *coap.Message {
	t.Helper()
	select {
	case m := <-r.came:
		return m
	case <-time.After(patience):
		t.Fatalf("no message came to the device within %s", patience)
		return nil
	}
}

// ServeRaw answers every message with the datagrams that answer makes of it.
func ServeRaw(t *testing.T, answer func(*coap.Message) []coap.Message) *Raw {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	r := &Raw{c.LocalAddr().(*net.UDPAddr).AddrPort(), make(chan *coap.Message, 1000)}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	go func() {
		defer close(done)
		buffer := make([]byte, 65535)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			m, err := coap.Decode(buffer[:n])
			if err != nil {
				t.Errorf("the device received what is no CoAP message: %v", err)
				continue
			}
			m = m.Clone()
			r.came <- m
			for _, a := range answer(m) {
				if _, err := c.WriteToUDPAddrPort(coap.Frame{Message: a}.Bytes(), from); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	return r
}
