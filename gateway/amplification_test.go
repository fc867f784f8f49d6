// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/harness/stock"
)

// stranger is a source address that sends one datagram, whose answers are
// counted.
type stranger struct {
	name string
	sent []byte
	// accepted says that the platform accepts the request's AuthToken.
	accepted bool
	conn     *net.UDPConn
	got      int // bytes
}

// strangers are the hostile datagrams, and the requests that fetch the most
// bytes without credentials.
func strangers(t *testing.T, platform string) []*stranger {
	t.Helper()
	datagrams, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	var all []*stranger
	for _, d := range datagrams {
		all = append(all, &stranger{name: d.ID + " " + d.Name, sent: d.Bytes})
	}
	add := func(name string, code coap.Code, options ...coap.Option) *stranger {
		for _, typ := range []coap.Type{coap.NonConfirmable, coap.Confirmable} {
			m := coap.Message{Type: typ, Code: code, MessageID: 7}
			for _, o := range options {
				m.Add(o.Number, o.Value)
			}
			b, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &stranger{name: fmt.Sprintf("%s %s", typ, name), sent: b})
		}
		return all[len(all)-1]
	}
	path := func(segments ...string) (options []coap.Option) {
		for _, s := range segments {
			options = append(options, coap.Option{Number: coap.URIPath, Value: []byte(s)})
		}
		return options
	}
	proxy := func(uri string) coap.Option { return coap.Option{Number: coap.ProxyURI, Value: []byte(uri)} }
	add("the shortest request", coap.GET)
	add("an unknown method", coap.MakeCode(0, 31))
	add("discovery", coap.GET, path(".well-known", "core")...)
	add("discovery by another method", coap.POST, path(".well-known", "core")...)
	add("no Proxy-Uri", coap.GET, path("coap2http")...)
	add("an unknown option", coap.GET, coap.Option{Number: 65001})
	add("three unknown options", coap.GET, coap.Option{Number: 65001}, coap.Option{Number: 65003}, coap.Option{Number: 65005})
	add("a bad URI", coap.GET, proxy(":"))
	add("a bad scheme", coap.GET, proxy("x:"))
	add("another host", coap.GET, proxy("http://x"))
	add("no token", coap.GET, proxy(platform+"/"))
	add("a wrong token, and a long page about it", coap.GET, proxy(platform+"/long?AuthToken=YTpi"))
	add("a path that is not there, and a long page about it", coap.GET, proxy(platform+"/nothing?AuthToken=YTpi"))
	add("the right token", coap.GET, proxy(platform+"/right?"+token)).accepted = true
	all[len(all)-2].accepted = true
	return all
}

// TestNobodyIsFloodedInAStrangersName sends the hostile datagrams and others,
// each from an address of its own, and holds what each address gets until the
// gateway has ended against what it sent (RFC 7252 §11.3).
func TestNobodyIsFloodedInAStrangersName(t *testing.T) {
	long := strings.Repeat("a long page ", 500)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch user, _, _ := r.BasicAuth(); {
		case r.URL.Path == "/nothing":
			w.WriteHeader(http.StatusNotFound)
		case user != "hello":
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = fmt.Fprint(w, long)
	}))
	t.Cleanup(platform.Close)
	for name, most := range map[string]float64{"coap": 3, "coaps": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(c *gateway.Config) { c.Platform.Allow = []string{platform.URL} })
			to := b.Addresses().CoAP[0]
			if name == "coaps" {
				to = b.Addresses().CoAPS[0]
			}
			all := strangers(t, platform.URL)
			if name == "coaps" {
				all = append(all, &stranger{name: "ClientHello", sent: clientHello(t)})
			}
			for _, s := range all {
				s.send(t, to)
			}
			if name == "coap" {
				for _, s := range all {
					s.ping(t)
				}
			} else { // a device that comes after them is served: they have been read
				sum := sha256.Sum256([]byte("world"))
				if _, err := do(t, "coaps://"+to.String()+"/coap2http", &stock.Message{Code: codes.GET}, &stock.Security{Identity: "hello", Key: sum[:]}); err != nil {
					t.Fatal(err)
				}
			}
			// Whatever runs still answers before the gateway has ended.
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := b.Close(ctx); err != nil {
				t.Fatal(err)
			}
			worst, of := 0.0, "none"
			for _, s := range all {
				s.drain(t)
				ratio := float64(s.got) / float64(max(len(s.sent), 1))
				if s.accepted && name == "coap" {
					if s.got < len(s.sent)*3 {
						t.Errorf("%s: only %d bytes, so that this test proves nothing", s.name, s.got)
					}
					continue
				}
				if ratio > most {
					t.Errorf("%s: %d bytes bring forth %d: %.2f times, want at most %.0f", s.name, len(s.sent), s.got, ratio, most)
				}
				if ratio > worst {
					worst, of = ratio, s.name
				}
			}
			t.Logf("%s: the worst ratio of %d is %.2f: %s", name, len(all), worst, of)
		})
	}
}

// clientHello is the first datagram of a real client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{conn: conn}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = stock.Do(ctx, "coaps://"+conn.LocalAddr().String()+"/", &stock.Message{Code: codes.GET}, &stock.Security{Identity: "x", Key: []byte("x")}, nil)
	}()
	hello := s.read(t, patience)
	cancel()
	<-gone
	if hello == nil {
		t.Fatal("the client says nothing")
	}
	return hello
}

func (s *stranger) send(t *testing.T, to netip.AddrPort) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.conn = conn
	if _, err := conn.Write(s.sent); err != nil {
		t.Fatal(err)
	}
}

// pinged is the message id of pings.
const pinged = 0xfffe

// ping waits until the gateway has read the datagram, and counts what comes
// before the ping's Reset.
func (s *stranger) ping(t *testing.T) {
	t.Helper()
	b, err := (&coap.Message{MessageID: pinged}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.conn.Write(b); err != nil {
		t.Fatal(err)
	}
	for {
		got := s.read(t, patience)
		if got == nil {
			t.Fatalf("%s: no answer to a ping behind it", s.name)
		}
		if len(got) == 4 && got[0]&0x30 == byte(coap.Reset)<<4 && binary.BigEndian.Uint16(got[2:]) == pinged {
			return
		}
		s.got += len(got)
	}
}

// drain counts what else has come. The gateway has ended: it is in the socket
// already, or never comes.
func (s *stranger) drain(t *testing.T) {
	t.Helper()
	for {
		got := s.read(t, 10*time.Millisecond)
		if got == nil {
			return
		}
		s.got += len(got)
	}
}

// read is the next datagram; nil when none comes.
func (s *stranger) read(t *testing.T, within time.Duration) []byte {
	t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	n, err := s.conn.Read(b)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		t.Fatal(err)
	}
	return b[:n]
}
