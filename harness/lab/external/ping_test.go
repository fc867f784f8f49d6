// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/target"
)

// closed is a UDP address at which nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	c := bound(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return c.LocalAddr().String()
}

func bound(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answering is where every datagram is answered with b.
func answering(t *testing.T, b []byte) string {
	t.Helper()
	c := bound(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := make([]byte, 1500)
		for {
			_, from, err := c.ReadFrom(in)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b, from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c.LocalAddr().String()
}

func TestATargetThatDoesNotAnswerIsToldFromOneThatIsNotThere(t *testing.T) {
	for _, tt := range []struct {
		name, gateway string
		want          []string
	}{
		{
			"a closed port", "{coap: ['" + closed(t) + "']}",
			[]string{"/udp (gateway.coap) answers no CoAP ping", "from 127.0.0.1 in", "ICMP port unreachable: nothing listens there. Start the target"},
		},
		{
			"silence", "{coap: ['" + bound(t).LocalAddr().String() + "']}",
			[]string{"nothing came back at all: the address is wrong, or a firewall drops it. Let udp pass from 127.0.0.1 to 127.0.0.1:"},
		},
		{
			"no CoAP", "{coap: ['" + answering(t, []byte{0x15, 0xfe, 0xfd}) + "']}",
			[]string{"what came back is 15fefd, which is no Reset", "A DTLS port belongs under coaps"},
		},
		{
			"no DTLS", "{coaps: ['" + closed(t) + "'], roots: ROOTS}",
			[]string{"no DTLS session with", "/udp (gateway.coaps), trusting gateway.roots: nothing listens there, for ICMP port unreachable came back"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := "name: The toaster\ngateway: " + tt.gateway + "\nbench: {addresses: [127.0.0.1], boot: 600ms}\n"
			f, err := target.Parse("t.yaml", []byte(strings.Replace(file, "ROOTS", "../../target/testdata/roots.pem", 1)))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err = external.Open(f)(ctx)
			if err == nil {
				t.Fatal("the lab opened")
			}
			for _, want := range append(tt.want, "The toaster: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		})
	}
}

func TestATargetThatAcknowledgesAPingIsThere(t *testing.T) {
	c := bound(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(in)
			if err != nil {
				return
			}
			in[0] = 0x60
			_, _ = c.WriteTo(in[:n], from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	f, err := target.Parse("t.yaml", []byte("name: X\ngateway: {coap: ['"+c.LocalAddr().String()+"']}\nbench: {addresses: [127.0.0.1]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := external.Open(f)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
