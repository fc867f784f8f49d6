// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/inbound"
	"github.com/coapstone/coapstone/harness/need"
)

// seeds are what fuzzing begins with: the hostile datagrams, and good requests of
// several kinds.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	hostile, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, d := range hostile {
		if len(d.Bytes) <= longestRecord {
			all = append(all, d.Bytes)
		}
	}
	for i, typ := range []coap.Type{coap.Confirmable, coap.NonConfirmable} {
		for k, method := range []coap.Code{coap.GET, coap.PUT, coap.POST, coap.DELETE} {
			m := get(typ, "/a%20b?x=1&y&")
			m.Code, m.MessageID, m.Token = method, uint16(1000+10*i+k), []byte{1, 2, 3, 4}
			if method == coap.POST {
				m.AddUint(coap.ContentFormat, uint32(coap.AppJSON))
				m.AddUint(coap.Accept, 0)
				m.AddUint(coap.Block1, coap.Block{Num: 0, More: true, SZX: 0}.Uint())
				m.Payload = []byte("sixteen bytes...")
			}
			if b, err := m.MarshalBinary(); err == nil {
				all = append(all, b)
			}
		}
	}
	return all
}

// listener is a device in memory that keeps what the gateway sends to it.
type listener struct {
	key  endpoint.PeerKey
	mu   sync.Mutex
	sent [][]byte
}

// Key implements endpoint.Peer.
func (l *listener) Key() endpoint.PeerKey { return l.key }

// Local implements endpoint.Peer.
func (l *listener) Local() netip.AddrPort { return l.key.Local }

// Send implements endpoint.Peer.
func (l *listener) Send(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, slices.Clone(b))
	return nil
}

// transportFunc is a function as an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzDatagrams hands two datagrams of one device to the message layer, the
// block-wise layer and the proxy, and holds what comes out against what may.
func FuzzDatagrams(f *testing.F) {
	all := seeds(f)
	for i, b := range all {
		f.Add(b, all[(i*7+3)%len(all)])
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first) > longestDatagram || len(second) > longestDatagram {
			return
		}
		// What makes the gateway slow does so each time; a busy machine does not.
		took := handDatagrams(t, first, second)
		for n := 0; took > time.Second && n < 3; n++ {
			took = min(took, handDatagrams(t, first, second))
		}
		if took > time.Second {
			t.Errorf("it took %s, want at most 1 s", took)
		}
	})
}

// handDatagrams hands one datagram each of two devices to a gateway, and says how
// long it took to serve them.
func handDatagrams(t *testing.T, first, second []byte) time.Duration {
	t.Helper()
	calls := 0
	var mu sync.Mutex
	handler, err := inbound.New(inbound.Options{Allow: []string{origin}, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		calls++
		mu.Unlock()
		if r.URL.Host != "platform.test" || strings.Contains(r.URL.RequestURI(), "AuthToken=") || r.Header.Get("Authorization") == "" {
			t.Errorf("the platform was called as %s at %s, authorized %q", r.URL.RequestURI(), r.URL.Host, r.Header.Get("Authorization"))
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("yes"))}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	blocks := blockwise.NewHandler(handler, blockwise.Options{})
	defer blocks.Close()
	e := endpoint.New(endpoint.Options{Handler: blocks, Recognized: blockwise.Recognized, MaxPayload: blockwise.DefaultMaxBody})
	// Two devices: what one says must not turn on the other.
	for i, b := range [][]byte{first, second} {
		l := &listener{key: endpoint.PeerKey{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), 40000), Local: gatewayAddr}}
		defer func() { checkAnswers(t, b, l.sent) }() // when all have been served
		e.Receive(l, bytes.Clone(b))
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	took := time.Since(begun)
	if calls > 2 {
		t.Errorf("two datagrams made %d calls", calls)
	}
	return took
}

// longestDatagram is the longest datagram there is.
const longestDatagram = 65535

// checkAnswers holds what one datagram got against what any datagram may get.
func checkAnswers(t *testing.T, b []byte, sent [][]byte) {
	t.Helper()
	if len(sent) == 0 {
		return
	}
	if len(sent) > 1 {
		t.Fatalf("%x got %d datagrams: %x", b, len(sent), sent)
	}
	if len(b) < 4 || b[0]>>6 != coap.Version {
		t.Fatalf("%x, which is no CoAP, got %x", b, sent[0])
	}
	m, err := coap.Decode(sent[0])
	if err != nil {
		t.Fatalf("%x got %x: %v", b, sent[0], err)
	}
	typ, id := coap.Type(b[0]>>4&3), binary.BigEndian.Uint16(b[2:])
	switch {
	case typ == coap.Acknowledgement || typ == coap.Reset:
		t.Errorf("%x, an %s, got %s", b, typ, m)
	case m.Type == coap.Reset:
		if typ != coap.Confirmable || m.MessageID != id || !m.Empty() {
			t.Errorf("%x got %s", b, m)
		}
	case typ == coap.Confirmable && (m.Type != coap.Acknowledgement || m.MessageID != id),
		typ == coap.NonConfirmable && m.Type != coap.NonConfirmable,
		!m.Code.IsResponse():
		t.Errorf("%x got %s, want a response piggybacked to a CON, in a NON to a NON", b, m)
	default:
		if q := coap.Dissect(b).Message; !bytes.Equal(m.Token, q.Token) {
			t.Errorf("%x got %s, want the token %x", b, m, q.Token)
		}
	}
}

// mutate makes another datagram of one: a few bytes changed, lost or doubled,
// cut short, or joined with another.
func mutate(r *rand.Rand, all [][]byte) []byte {
	b := bytes.Clone(all[r.IntN(len(all))])
	for range 1 + r.IntN(6) {
		if len(b) == 0 {
			return []byte{byte(r.Uint32())}
		}
		at := r.IntN(len(b))
		end := min(len(b), at+1+r.IntN(8))
		switch r.IntN(7) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			b = slices.Delete(b, at, end)
		case 3:
			b = slices.Insert(b, at, b[at:end]...)
		case 4:
			b = b[:at]
		case 5:
			other := all[r.IntN(len(all))]
			b = append(b[:at], other[min(len(other), at):]...)
		case 6:
			b = slices.Insert(b, at, byte(r.Uint32()), byte(r.Uint32()))
		}
	}
	return b[:min(len(b), longestRecord)]
}

// S04: the gateway outlives any number of changed datagrams, and serves good
// requests in between.
func TestMutatedDatagrams(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, n := range map[string]int{"UDP": need.Size(2000, 10000, 1_000_000), "DTLS": need.Size(500, 2000, 100_000)} {
		const seed = 4
		t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
			all, r := seeds(t), rand.New(rand.NewPCG(seed, 0))
			w := newWitness(t, b, transports[name])
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for sent := 0; sent < n; {
				attacker := b.device(t, transports[name])
				for range min(n, 10_000) {
					if err := attacker.SendBytes(mutate(r, all), true); err != nil {
						t.Fatal(err)
					}
					sent++
					if sent%16 == 0 {
						ping(t, attacker)
					}
					if sent%1000 == 0 {
						w.testify(t, fmt.Sprintf("%d datagrams", sent))
					}
				}
				_ = attacker.Close()
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("%d datagrams; the heap went from %d to %d KiB", n, before.HeapAlloc>>10, after.HeapAlloc>>10)
		})
	}
}
