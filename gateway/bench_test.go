// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
)

// BenchmarkUDP is one exchange after the other over UDP on the loopback: a bare
// echo, what the gateway answers by itself, and what the platform answers. The
// first is what the other two are held against.
func BenchmarkUDP(b *testing.B) {
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "here")
	}))
	defer platform.Close()
	g, err := gateway.Start(b.Context(), &gateway.Config{
		Listen:   gateway.Listen{CoAP: []string{"127.0.0.1:0"}},
		Platform: gateway.Platform{Allow: []string{platform.URL}},
	}, gateway.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = g.Close(context.WithoutCancel(b.Context())) }()
	to := net.UDPAddrFromAddrPort(g.Addresses().CoAP[0])

	local := coap.Message{Type: coap.NonConfirmable, Code: coap.GET, Token: []byte("12345678")}
	local.AddPath("/.well-known/core")
	proxied := coap.Message{Type: coap.NonConfirmable, Code: coap.GET, Token: []byte("12345678")}
	proxied.AddPath("/coap2http")
	proxied.Add(coap.ProxyURI, []byte(platform.URL+"/orders?"+token))

	b.Run("echo", func(b *testing.B) { ask(b, echoServer(b), &local) })
	b.Run("get", func(b *testing.B) { ask(b, to, &local) })
	b.Run("coap2http", func(b *testing.B) { ask(b, to, &proxied) })
}

// echoServer sends every datagram back.
func echoServer(b *testing.B) *net.UDPAddr {
	b.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr)
}

// ask sends the request again and again, each with a message id of its own, and
// waits for each answer. It takes a new port before its message ids come round.
func ask(b *testing.B, to *net.UDPAddr, m *coap.Message) {
	b.Helper()
	raw, err := m.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	var conn *net.UDPConn
	defer func() { _ = conn.Close() }()
	b.ReportAllocs()
	for id := 0; b.Loop(); id++ {
		if id%0xffff == 0 {
			if conn != nil {
				_ = conn.Close()
			}
			if conn, err = net.DialUDP("udp4", nil, to); err != nil {
				b.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		}
		binary.BigEndian.PutUint16(raw[2:], uint16(id%0xffff))
		if _, err := conn.Write(raw); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
