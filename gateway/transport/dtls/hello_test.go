// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/gateway/transport/udp"
)

// clientHello is the record of a ClientHello with a cookie, made by hand.
func clientHello(sequence uint64, message uint16, cookie, suites, extensions []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, version12)
	body = append(body, bytes.Repeat([]byte{0x5a}, randomLength)...)
	body = append(body, 0, byte(len(cookie)))
	body = append(body, cookie...)
	body = binary.BigEndian.AppendUint16(body, uint16(len(suites)))
	body = append(body, suites...)
	body = append(body, 1, 0)
	body = append(body, extensions...)
	r := append([]byte{typeHandshake, 0xfe, 0xfd}, make([]byte, recordHeader+handshakeHeader-3)...)
	setSequence(r, sequence)
	binary.BigEndian.PutUint16(r[11:], uint16(handshakeHeader+len(body)))
	r[13] = handshakeClientHello
	putUint24(r[14:], len(body))
	binary.BigEndian.PutUint16(r[17:], message)
	putUint24(r[22:], len(body))
	return append(r, body...)
}

var psk8 = []byte{0xc0, 0xa8, 0x00, 0xff}

func TestHelloIsReadAndMadeWithoutItsCookie(t *testing.T) {
	extensions := []byte{0, 4, 0, 23, 0, 0}
	cookie := []byte(strings.Repeat("c", cookieLength))
	h, ok := parseHello(clientHello(7, 1, cookie, psk8, extensions))
	if !ok || !bytes.Equal(h.cookie, cookie) || h.sequence != 7 || h.message != 1 || h.random[0] != 0x5a {
		t.Fatalf("got %+v, %v", h, ok)
	}
	if got, want := h.first(), clientHello(6, 0, nil, psk8, extensions); !bytes.Equal(got, want) {
		t.Errorf("without its cookie:\n% x, want\n% x", got, want)
	}
	if _, ok := parseHello(clientHello(0, 0, nil, psk8, nil)); !ok {
		t.Error("a hello without extensions is not read")
	}
	for what, broken := range map[string]func(r []byte) []byte{
		"an odd length of suites":   func([]byte) []byte { return clientHello(0, 0, nil, psk8[:3], nil) },
		"no suites":                 func([]byte) []byte { return clientHello(0, 0, nil, nil, nil) },
		"too long extensions":       func([]byte) []byte { return clientHello(0, 0, nil, psk8, []byte{0, 9, 0}) },
		"something behind":          func([]byte) []byte { return clientHello(0, 0, nil, psk8, []byte{0, 0, 0}) },
		"a fragment":                func(r []byte) []byte { r[24]--; return r },
		"a fragment's offset":       func(r []byte) []byte { r[21]++; return r },
		"another length":            func(r []byte) []byte { r[16]++; return r },
		"a ServerHello":             func(r []byte) []byte { r[13]++; return r },
		"epoch 1":                   func(r []byte) []byte { r[4]++; return r },
		"TLS":                       func(r []byte) []byte { r[1] = 3; return r },
		"a session id of 33 octets": func(r []byte) []byte { r[59] = 33; return r },
	} {
		if _, ok := parseHello(broken(clientHello(0, 0, nil, psk8, nil))); ok {
			t.Errorf("%s: taken for a hello", what)
		}
	}
}

func TestCookieIsGoodForItsClientAndForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := udp.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000"), Local: netip.MustParseAddrPort("192.0.2.9:5684")}
		c := newCookies()
		hello := func(cookie, suites []byte) hello {
			h, ok := parseHello(clientHello(1, 1, cookie, suites, nil))
			if !ok {
				t.Fatal("no hello")
			}
			return h
		}
		cookie := c.fresh(hello(nil, psk8), path)
		if !c.good(hello(cookie, psk8), path) {
			t.Error("a cookie is not good for the client that it was made for")
		}
		elsewhere, here := path, path
		elsewhere.Remote = netip.MustParseAddrPort("192.0.2.1:1001")
		here.Local = netip.MustParseAddrPort("192.0.2.8:5684")
		for what, good := range map[string]bool{
			"another port":         c.good(hello(cookie, psk8), elsewhere),
			"another of our own":   c.good(hello(cookie, psk8), here),
			"other suites":         c.good(hello(cookie, []byte{0xc0, 0xae}), path),
			"another secret":       newCookies().good(hello(cookie, psk8), path),
			"none":                 c.good(hello(nil, psk8), path),
			"half a cookie":        c.good(hello(cookie[:10], psk8), path),
			"one of 255 octets":    c.good(hello(append(slices.Clone(cookie), make([]byte, 235)...), psk8), path),
			"one octet is another": c.good(hello(append([]byte{cookie[0] ^ 1}, cookie[1:]...), psk8), path),
		} {
			if good {
				t.Errorf("%s: the cookie is good", what)
			}
		}
		time.Sleep(cookiePeriod)
		if !c.good(hello(cookie, psk8), path) {
			t.Error("a cookie is not good any more after one period")
		}
		time.Sleep(cookiePeriod)
		if c.good(hello(cookie, psk8), path) {
			t.Error("a cookie is good still after two periods")
		}
	})
}

// FuzzHello is the pre-filter: what a stranger's datagram makes of it.
func FuzzHello(f *testing.F) {
	f.Add(clientHello(0, 0, nil, psk8, nil))
	f.Add(clientHello(1, 1, make([]byte, cookieLength), psk8, []byte{0, 4, 0, 23, 0, 0}))
	d01, _ := hex.DecodeString("16fefd0000000000000000000c010000000000000001000000")
	f.Add(d01)
	c := newCookies()
	path := udp.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000"), Local: netip.MustParseAddrPort("192.0.2.9:5684")}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = sift(b, idLength)
		if len(b) == 0 {
			return
		}
		r, _, _ := record(b, idLength)
		h, ok := parseHello(r)
		if !ok {
			return
		}
		cookie := c.fresh(h, path)
		if answer := h.verifyRequest(cookie); len(answer) > len(r) {
			t.Errorf("%d octets answer %d: % x", len(answer), len(r), r)
		} else if !isVerifyRequest(answer) {
			t.Errorf("not a HelloVerifyRequest: % x", answer)
		}
		if c.good(h, path) {
			t.Errorf("a guessed cookie: % x", r)
		}
		first, ok := parseHello(h.first())
		if !ok || len(first.cookie) != 0 || first.random != h.random || first.message != 0 {
			t.Errorf("without its cookie % x became % x", r, h.first())
		}
		if !bytes.Equal(c.bake(first, path, 1), c.bake(h, path, 1)) {
			t.Errorf("without its cookie another cookie is due: % x", r)
		}
	})
}
