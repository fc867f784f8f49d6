// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
	"github.com/coapstone/coapstone/harness/need"
)

// victim is a live session that nothing may harm.
type victim struct {
	*testing.T
	l    *dtls.Listener
	tap  *tap
	conn *pion.Conn
	id   byte
}

// alive wants an answer on the session, and a new session for another.
func (v *victim) alive() {
	v.Helper()
	v.id++
	ping(v.T, v.conn, v.id)
	c, err := newTap(v.T, v.l.Addr(), nil).handshake(within(v.T, patience), v.T, "hello", key)
	if err != nil {
		v.Errorf("a new handshake: %v", err)
		return
	}
	ping(v.T, c, v.id)
	_ = c.Close()
}

// noMore wants no more state than before.
func (v *victim) noMore(before dtls.Load) {
	v.Helper()
	if got := v.l.Load(); got.Handshakes > before.Handshakes || got.Sessions > before.Sessions {
		v.Errorf("it made state: %+v, then %+v", before, got)
	}
}

// inject sends the bytes from the address of the live session.
func (v *victim) inject(s string) {
	v.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		v.Fatal(err)
	}
	_, _ = v.tap.Write(b)
}

// hello sends a hello with a cookie of its own choice from a new address and
// returns the answer.
func (v *victim) hello(sequence uint64, cookie, suites []byte) (p *tap, answer []byte) {
	v.Helper()
	p = newTap(v.T, v.l.Addr(), nil)
	_, _ = p.Write(dtls.ClientHello(sequence, uint16(sequence), cookie, suites, nil))
	return p, p.answer(patience)
}

// answer waits for one datagram.
func (p *tap) answer(d time.Duration) []byte {
	b := make([]byte, 2000)
	_ = p.SetReadDeadline(time.Now().Add(d))
	n, _ := p.UDPConn.Read(b)
	return b[:n]
}

// refused wants the alert after a hello with these suites and its cookie, and
// no session.
func (v *victim) refused(change func(hello []byte), suites []byte, alert byte) {
	v.Helper()
	p := newTap(v.T, v.l.Addr(), nil)
	hello := dtls.ClientHello(0, 0, nil, suites, nil)
	change(hello)
	_, _ = p.Write(hello)
	b := p.answer(patience)
	if len(b) != 48 {
		v.Fatalf("answered with % x, want a HelloVerifyRequest", b)
	}
	// An alert is not sent again, so who hears nothing repeats its flight (RFC 6347 §4.2.4).
	const repeats = 5
	var got byte
	for i := range uint64(repeats) {
		hello = dtls.ClientHello(1+i, 1, b[28:], suites, nil)
		change(hello)
		_, _ = p.Write(hello)
		if got = p.alert(patience / repeats); got != 0 {
			break
		}
	}
	if got != alert {
		v.Errorf("got the alert %d, want %d", got, alert)
	}
}

var (
	psk8    = []byte{0xc0, 0xa8, 0x00, 0xff}
	same    = func([]byte) {}
	longest = strings.Repeat("n", 128)
)

// hostileDTLS is the cases D01 to D30: what must harm neither a session nor the
// next handshake.
var hostileDTLS = []struct {
	id, what string
	attack   func(v *victim)
}{
	{"D01", "a fragment that killed pion before v3.1.9", func(v *victim) {
		v.inject("16fefd0000000000000000000c010000000000000001000000")
		_, _ = newTap(v.T, v.l.Addr(), nil).Write(v.tap.last)
		s := begin(v.T, v.l)
		s.send(22, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
		s.send(22, []byte{16, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0})
	}},
	{"D02", "a fatal alert in the clear", func(v *victim) { v.inject("15fefd000000000000006300020228") }},
	{"D03", "a close_notify in the clear", func(v *victim) { v.inject("15fefd000000000000006200020100") }},
	{"D04", "application data in the clear", func(v *victim) { v.inject("17fefd000000000000006100074101004d4db161") }},
	{"D05", "application data with a wrong tag", func(v *victim) { v.inject("17fefd00010000000000610028" + strings.Repeat("00", 40)) }},
	{"D06", "an alert with a wrong tag", func(v *victim) { v.inject("15fefd0001000000000062001a" + strings.Repeat("00", 26)) }},
	{"D07", "a ChangeCipherSpec after the handshake", func(v *victim) { v.inject("14fefd0000000000000060000101") }},
	{"D07", "a record of an unknown type, over which pion v3.1.15 tells the client to close", func(v *victim) {
		v.inject("63fefd000000000000006000020101")
		v.inject("18fefd000000000000006000020101")
		v.inject("14fefd0000000000000061000102")
	}},
	{"D08", "a truncated header", func(v *victim) { v.inject("16fefd"); v.inject("16"); v.inject("17fefd0001000000000061ffff00") }},
	{"D09", "a good record, eleven times", func(v *victim) {
		v.id++
		ping(v.T, v.conn, v.id)
		again := v.tap.last
		for range 10 {
			_, _ = v.tap.Write(again)
		}
	}},
	{"D10", "a hello without a cookie", func(v *victim) {
		before := v.l.Load()
		if p, b := v.hello(0, nil, psk8); len(b) > len(p.last) || len(b) != 48 {
			v.Errorf("%d octets were answered with %d", len(p.last), len(b))
		}
		v.noMore(before)
	}},
	{"D11", "a hello from the address of the live session", func(v *victim) {
		_, _ = v.tap.Write(dtls.ClientHello(0, 0, nil, psk8, nil))
		_, _ = v.tap.Write(dtls.ClientHello(1, 1, make([]byte, 20), psk8, nil))
	}},
	{"D12", "a second hello with a wrong, a too long and no cookie", func(v *victim) {
		before := v.l.Load()
		for _, n := range []int{20, 255, 0, 19} {
			if _, b := v.hello(1, make([]byte, n), psk8); len(b) != 48 || b[13] != 3 {
				v.Errorf("a cookie of %d octets was answered with % x, want a HelloVerifyRequest", n, b)
			}
		}
		v.noMore(before)
	}},
	{"D13", "the right identity with a wrong key", func(v *victim) { v.silence("hello") }},
	{"D14", "an unknown identity", func(v *victim) { v.silence("nobody") }},
	{"D15", "identities of 0, 128, 129 and 1,000 octets, and one that ends too early", func(v *victim) {
		if _, err := newTap(v.T, v.l.Addr(), nil).handshake(within(v.T, patience), v.T, longest, key); err != nil {
			v.Errorf("an identity of 128 octets: %v", err)
		}
		for _, n := range []int{0, 129, 1000} {
			s := begin(v.T, v.l)
			cke := s.keyExchange(strings.Repeat("n", n))
			s.send(22, cke)
			s.note(cke)
			s.derive(key)
			s.send(20, changeCipherSpec)
			s.seal(22, s.finished())
			if s.established(hush) {
				v.Errorf("an identity of %d octets got a session", n)
			}
		}
		s := begin(v.T, v.l)
		s.send(22, s.handshakeMessage(16, []byte{0xff, 0xff, 'n'}))
	}},
	{"D16", "fragments of messages of 16 MiB", func(v *victim) {
		var before, after runtime.MemStats
		s := begin(v.T, v.l)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range byte(16) {
			s.send(22, []byte{16, 0xff, 0xff, 0xff, 0, 2 + i, 0, 0, 0, 0, 0, 0})
			v.inject(fmt.Sprintf("16fefd00000000000001%02x000c01ffffff00%02x000000000000", i, i))
		}
		v.alive()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			v.Errorf("they took %d octets of memory", grown)
		}
	}},
	{"D17", "fragments that disagree", func(v *victim) {
		s := begin(v.T, v.l)
		s.send(22, []byte{16, 0, 0, 7, 0, 2, 0, 0, 0, 0, 0, 1, 0})
		s.send(22, []byte{16, 0, 0, 9, 0, 2, 0, 0, 1, 0, 0, 1, 5})
		s.send(22, []byte{11, 0, 0, 7, 0, 2, 0, 0, 1, 0, 0, 1, 5})
		s.send(22, []byte{16, 0, 0, 7, 0, 2, 0, 0, 6, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	}},
	{"D18", "1,001 fragments of an octet each, many of them the same", func(v *victim) {
		s := begin(v.T, v.l)
		cke := s.keyExchange("hello")
		body := cke[12:]
		for i := range 1001 {
			at := byte(i % (len(body) - 1))
			s.send(22, append(bytes.Clone(cke[:6]), 0, 0, at, 0, 0, 1, body[at]))
			if i%50 == 0 { // a queue holds only so many
				v.id++
				ping(v.T, v.conn, v.id)
			}
		}
		last := byte(len(body) - 1)
		s.note(cke)
		s.end(append(bytes.Clone(cke[:6]), 0, 0, last-1, 0, 0, 2, body[last-1], body[last]))
	}},
	{"D19", "an odd length of the suites", func(v *victim) {
		p := newTap(v.T, v.l.Addr(), nil)
		_, _ = p.Write(dtls.ClientHello(0, 0, nil, psk8[:3], nil))
		if b := p.answer(hush); len(b) > 0 {
			v.Errorf("it was answered with % x", b)
		}
	}},
	{"D20", "a ChangeCipherSpec before the ClientKeyExchange", func(v *victim) {
		s := begin(v.T, v.l)
		s.send(20, changeCipherSpec)
		s.finish()
	}},
	{"D21", "a Finished before the ChangeCipherSpec", func(v *victim) {
		s := begin(v.T, v.l)
		cke := s.keyExchange("hello")
		s.send(22, cke)
		s.note(cke)
		s.derive(key)
		s.send(22, s.finished())
		if s.established(hush) {
			v.Error("a Finished in the clear made a session")
		}
	}},
	{"D21", "a Finished with wrong data", func(v *victim) {
		s := begin(v.T, v.l)
		cke := s.keyExchange("hello")
		s.send(22, cke)
		s.note(cke)
		s.derive(key)
		wrong := s.finished()
		wrong[len(wrong)-1] ^= 1
		s.send(20, changeCipherSpec)
		s.seal(22, wrong)
		if s.established(hush) {
			v.Error("a Finished with wrong data made a session")
		}
	}},
	{"D22", "a certificate that nobody asked for, without CertificateVerify", func(v *victim) {
		s := begin(v.T, v.l)
		certificate := s.handshakeMessage(11, []byte{0, 0, 0})
		s.send(22, certificate)
		s.note(certificate)
		cke := s.keyExchange("nobody")
		s.send(22, cke)
		s.note(cke)
		s.derive(key)
		s.send(20, changeCipherSpec)
		s.seal(22, s.finished())
		if s.established(hush) {
			v.Error("it made a session")
		}
	}},
	{"D23", "a hello within the session", func(v *victim) {
		s := begin(v.T, v.l)
		s.finish()
		before := v.l.Load()
		s.seal(22, dtls.ClientHello(0, 0, nil, psk8, nil)[13:])
		s.message = 4
		s.seal(22, s.handshakeMessage(1, dtls.ClientHello(0, 0, nil, psk8, nil)[25:]))
		if b := s.answer(hush); len(b) > 0 && b[0] == 22 && b[4] == 0 {
			v.Errorf("a renegotiation began: % x", b)
		}
		v.noMore(before)
	}},
	{"D24", "NULL, RSA and CBC suites alone", func(v *victim) {
		v.refused(same, []byte{0x00, 0x02, 0x00, 0x3b, 0x00, 0x2f, 0x00, 0x3c, 0xc0, 0x23, 0x00, 0x8c}, 71)
	}},
	{"D25", "version 1.0 in the hello", func(v *victim) {
		v.refused(func(hello []byte) { hello[26] = 0xff }, psk8, 70)
	}},
	{"D25", "version 1.0 in the record alone is right", func(v *victim) {
		p := newTap(v.T, v.l.Addr(), nil)
		hello := dtls.ClientHello(0, 0, nil, psk8, nil)
		hello[2] = 0xff
		_, _ = p.Write(hello)
		b := p.answer(patience)
		if len(b) != 48 {
			v.Fatalf("answered with % x, want a HelloVerifyRequest", b)
		}
		hello = dtls.ClientHello(1, 1, b[28:], psk8, nil)
		hello[2] = 0xff
		_, _ = p.Write(hello)
		if b = p.answer(patience); len(b) < 14 || b[13] != 2 {
			v.Errorf("answered with % x, want a ServerHello", b)
		}
	}},
	{"D26", "an unknown connection id", func(v *victim) {
		v.inject("19fefd0001000000000061" + "0102030405060708" + "0010" + strings.Repeat("00", 16))
		v.inject("19fefd0001000000000061" + "01020304")
		v.inject("19fefd0000000000000061" + "0102030405060708" + "0002" + "0101")
	}},
	{"D27", "CoAP in the clear", func(v *victim) { v.inject("40010001"); v.inject("40000001"); v.inject("4101004d4db161") }},
	{"D28", "other suites in the second hello", func(v *victim) {
		before := v.l.Load()
		p, b := v.hello(0, nil, []byte{0xc0, 0xac, 0xc0, 0xa8})
		_, _ = p.Write(dtls.ClientHello(1, 1, b[28:], psk8, nil))
		if b = p.answer(patience); len(b) != 48 || b[13] != 3 {
			v.Errorf("answered with % x, want a HelloVerifyRequest: the cookie was made for other suites", b)
		}
		v.noMore(before)
	}},
	{"D29", "a chain of 100 KiB that nobody asked for", func(v *victim) {
		s := begin(v.T, v.l)
		for i := range 100 {
			at := i << 10
			s.send(22, append([]byte{11, 1, 0x90, 0, 0, 2, byte(at >> 16), byte(at >> 8), 0, 0, 4, 0}, make([]byte, 1024)...))
		}
	}},
	{"D30", "bad records on one session, many", func(v *victim) {
		bad, _ := hex.DecodeString("17fefd00010000000000610028" + strings.Repeat("00", 40))
		for i := range need.Size(1000, 5000, 100_000) {
			binary.BigEndian.PutUint32(bad[7:], uint32(i))
			_, _ = v.tap.Write(bad)
			if i%50 == 0 { // so that none is lost before it is looked at
				v.id++
				ping(v.T, v.conn, v.id)
			}
		}
	}},
}

// silence wants nothing but silence after a handshake with a wrong key.
func (v *victim) silence(identity string) {
	v.Helper()
	s := begin(v.T, v.l)
	cke := s.keyExchange(identity)
	s.send(22, cke)
	s.note(cke)
	s.derive([]byte("the wrong key, sixteen or more"))
	s.send(20, changeCipherSpec)
	s.seal(22, s.finished())
	if b := s.answer(hush); len(b) > 0 {
		v.Errorf("the identity %q with a wrong key was answered with % x", identity, b)
	}
}

func TestHostileDTLS(t *testing.T) {
	t.Parallel() // it waits for what does not come
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{
		MaxFailures: -1,
		PSK: func(identity string) ([]byte, bool) {
			if identity == longest {
				return key, true
			}
			return users(identity)
		},
	})
	p := newTap(t, l.Addr(), nil)
	c, err := p.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	v := &victim{l: l, tap: p, conn: c}
	for _, h := range hostileDTLS {
		t.Run(h.id+" "+h.what, func(t *testing.T) {
			v.T = t
			v.alive()
			h.attack(v)
			v.alive()
		})
	}
}

func TestForgedRecordsEndNoneOfManySessions(t *testing.T) {
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	type live struct {
		*tap
		*pion.Conn
	}
	sessions := make([]live, need.Size(5, 20, 100))
	for i := range sessions {
		p := newTap(t, l.Addr(), nil)
		c, err := p.handshake(within(t, patience), t, "hello", key)
		if err != nil {
			t.Fatal(err)
		}
		sessions[i] = live{p, c}
		// At once, when the server may still be about to note that it has a session.
		_, _ = p.Write([]byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40})
	}
	for _, h := range hostileDTLS {
		if h.id < "D02" || h.id > "D08" {
			continue
		}
		for i := range sessions {
			h.attack(&victim{T: t, l: l, tap: sessions[i].tap, conn: sessions[i].Conn})
			ping(t, sessions[i].Conn, byte(i)) // also so that no socket has too much to hold
		}
	}
	for i := range sessions {
		ping(t, sessions[i].Conn, byte(i))
	}
	w.noneForgotten(t)
}

func TestGuesserBehindTheSameAddressLocksNoDeviceOut(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{MaxFailures: 3, PSK: func(identity string) ([]byte, bool) {
		return key, identity == "hello" || identity == "new"
	}})
	device := newTap(t, l.Addr(), nil)
	c, err := device.handshake(within(t, patience), t, "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	guess := func(identity string) *script {
		s := begin(t, l)
		cke := s.keyExchange(identity)
		s.send(22, cke)
		s.note(cke)
		s.derive([]byte("a guess"))
		s.send(20, changeCipherSpec)
		s.seal(22, s.finished())
		return s
	}
	for i := range 10 {
		guess(fmt.Sprint("somebody ", i))
	}
	if c, err = newTap(t, l.Addr(), nil).handshake(within(t, time.Second), t, "hello", key); err != nil {
		t.Fatalf("a device that has been there before: %v", err)
	}
	ping(t, c, 1)

	// Of those who are new there, even the right key waits its turn.
	if _, err := newTap(t, l.Addr(), nil).handshake(within(t, hush), t, "new", key); err == nil {
		t.Error("somebody new at the guesser's address did not wait")
	}
}

// A guesser must not learn from the time that passes whether an identity is
// known (research: S14). What can be timed is when a ping within the same
// datagrams' path is answered after the ClientKeyExchange, and the
// retransmission, which pion's timer decides.
func TestUnknownIdentityTakesAsLongAsAWrongKey(t *testing.T) {
	t.Parallel() // it waits for the server to repeat itself
	l, _ := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users, MaxFailures: -1, MaxHandshakesPerAddress: 1000})
	runs := need.Size(10, 25, 200)
	var mu sync.Mutex
	took := map[string][]time.Duration{}
	var waiting sync.WaitGroup
	for range runs {
		for _, identity := range []string{"hello", "nobody"} {
			s := begin(t, l)
			start := time.Now() // the server sends its flight again a second after the first
			cke := s.keyExchange(identity)
			s.send(22, cke)
			s.note(cke)
			s.derive([]byte("the wrong key, sixteen or more"))
			s.send(20, changeCipherSpec)
			s.seal(22, s.finished())
			waiting.Go(func() { // each by itself, or one would be timed with the one before it
				b := s.answer(3 * time.Second)
				elapsed := time.Since(start)
				answer := "nothing"
				if len(b) > 14 {
					answer = fmt.Sprintf("record %d, message %d", b[0], b[13])
				}
				if answer != "record 22, message 2" && answer != "nothing" {
					t.Errorf("the identity %q was answered with %s", identity, answer)
				}
				mu.Lock()
				defer mu.Unlock()
				took[identity] = append(took[identity], elapsed)
			})
		}
	}
	waiting.Wait()
	median := func(identity string) time.Duration {
		slices.Sort(took[identity])
		return took[identity][runs/2]
	}
	known, unknown := median("hello"), median("nobody")
	t.Logf("medians of %d runs: wrong key %v, unknown identity %v", runs, known, unknown)
	if diff := (known - unknown).Abs(); diff > known/20 {
		t.Errorf("they differ by %v, more than 5 %%", diff)
	}
}
