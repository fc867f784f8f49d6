// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestPingIsAwaitedFromAGatewayThatIsNotYetThere(t *testing.T) {
	// A port that nobody has, for now.
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(c.LocalAddr().String())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { done <- AwaitPing(ctx, netip.Addr{}, at) }()

	c, err = net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 64)
	n, from, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if n != 4 || b[0] != 0x40 || b[1] != 0 {
		t.Fatalf("got % x, want an empty confirmable message", b[:n])
	}
	// Another message id and another type are no answer.
	for _, answer := range [][]byte{{0x70, 0, b[2] ^ 1, b[3]}, {0x60, 0, b[2], b[3]}} {
		if _, err := c.WriteTo(answer, from); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("took something else for an answer: %v", err)
	case <-time.After(2 * pingInterval): // long enough to have read both
	}
	if _, err := c.WriteTo([]byte{0x70, 0, b[2], b[3]}, from); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAPingThatNobodyAnswersEndsWithTheContextAndSaysWhere(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = AwaitPing(ctx, netip.Addr{}, netip.MustParseAddrPort(c.LocalAddr().String()))
	if err == nil || !strings.Contains(err.Error(), c.LocalAddr().String()) || ctx.Err() == nil {
		t.Errorf("got %v, want an error that names %s, at the end of the context", err, c.LocalAddr())
	}
}
