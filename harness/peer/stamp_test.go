// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/trace"
)

func TestADatagramIsStampedWhenItCameNotWhenItWasRead(t *testing.T) {
	w, err := openWire(within(t, patience), Options{Name: "device", Remote: "gateway", Local: loopback, Trace: new(trace.Log)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.close() }()
	if !stamped(w.conn) {
		t.Skip("this system does not say when a datagram came: run it on Linux")
	}
	sender, err := openWire(within(t, patience), Options{Local: loopback})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.close() }()
	sent := time.Now()
	if err := sender.write([]byte{0x40, 0, 0, 1}, w.local, false); err != nil {
		t.Fatal(err)
	}
	const busy = 50 * time.Millisecond
	timer := time.NewTimer(busy)
	<-timer.C // nobody reads
	_, _, at, err := w.read(make([]byte, maxDatagram))
	if err != nil {
		t.Fatal(err)
	}
	if late := at.Sub(sent); late < -time.Millisecond || late > busy/2 {
		t.Errorf("stamped %s after it was sent, want the time at which it came", late)
	}
}
