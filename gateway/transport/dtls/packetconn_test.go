// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// A client may send requests as soon as it has the server's Finished. On a busy
// machine pion has not returned from the handshake by then, and would throw
// them away.
func TestWhatComesRightAfterTheHandshakeIsKept(t *testing.T) {
	c := &packetConn{mux: &mux{}, addr: &address{}, finished: true, changed: make(chan struct{}, 1)}
	const records = 8
	for i := range records {
		c.deliver([]byte{typeApplicationData, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, byte(i)}, udp.Path{})
	}
	b := make([]byte, 100)
	if n, _, err := c.next(b); n != 0 || err != nil {
		t.Fatalf("pion gets %d bytes (%v) before it has returned from the handshake, want none yet", n, err)
	}
	if err := c.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.next(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("past the deadline: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	c.release()
	for i := range records {
		if n, _, err := c.next(b); err != nil || n != recordHeader+1 || b[recordHeader] != byte(i) {
			t.Fatalf("record %d: %x, %v", i, b[:n], err)
		}
	}
}
