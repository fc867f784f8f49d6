// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"net/netip"
	"testing"

	"github.com/coapstone/coapstone/harness/trace"
)

func TestWhatTheKernelThrowsAwayIsCounted(t *testing.T) {
	const sent = 200
	log := new(trace.Log)
	w, err := openWire(within(t, patience), Options{Name: "device", Remote: "gateway", Local: loopback, Trace: log})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.close() }()
	if _, ok := drops(w.conn); !ok {
		t.Skip("this system does not say what a socket dropped: run it on Linux 4.12 or later")
	}
	if err := w.conn.SetReadBuffer(1); err != nil { // the least that there is
		t.Fatal(err)
	}
	sender, err := openWire(within(t, patience), Options{Local: loopback})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.close() }()
	for range sent { // and nobody reads
		if err := sender.write(make([]byte, 1000), w.local, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := log.Drops(); n != 0 {
		t.Errorf("%d drops before the socket is closed, want 0: it is the sum that counts", n)
	}
	for range 2 { // counted once, however often it is closed
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if n := log.Drops(); n < sent/2 || n >= sent {
			t.Errorf("%d drops of %d datagrams, want the most of them", n, sent)
		}
	}
}

func TestAClientThatReadsInTimeDropsNothing(t *testing.T) {
	for name, security := range map[string]*Security{"UDP": nil, "DTLS": {Identity: "hello", Key: []byte("key")}} {
		log := new(trace.Log)
		s := listen(t, Options{Trace: log, Security: security})
		c := dial(t, s, Options{Trace: log, Security: security})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := log.Drops(); n != 0 {
			t.Errorf("%s: %d drops, want 0", name, n)
		}
	}
}

func TestWhatADTLSServerThrowsAwayIsCounted(t *testing.T) {
	log := new(trace.Log)
	s := listen(t, Options{Trace: log, Security: &Security{Identity: "hello", Key: []byte("key")}})
	from := netip.MustParseAddrPort("127.0.0.1:40000")
	full := &association{server: s, remote: from, in: make(chan []byte)} // and nobody reads
	s.mu.Lock()
	s.sessions[from] = full
	s.mu.Unlock()
	s.demultiplex([]byte{23}, from)
	s.mu.Lock()
	delete(s.sessions, from)
	s.mu.Unlock()
	if n := log.Drops(); n != 1 {
		t.Errorf("%d drops, want 1", n)
	}
}
