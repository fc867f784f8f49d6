// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// TestDatagramsBeyond8KiBAreDropped holds what docs/adr/0002 says of pion: it
// reads datagrams into 8192 bytes, and drops what was longer without a word.
// When this fails, pion has become better: mend the page, and dtls.maxPlaintext.
func TestDatagramsBeyond8KiBAreDropped(t *testing.T) {
	const (
		header  = 4 + 8 + 1  // of the CoAP message: with a token of eight bytes, and the payload marker
		record  = 13 + 8 + 8 // header, explicit nonce and tag of a record with AES_128_CCM_8
		longest = 8192 - record - header
	)
	l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
	w.drain(t)
	e := client(t)
	conn, err := dtls.Dial(within(t, patience), l.Addr(), e, dtls.ClientConfig{PSK: &dtls.PSK{Identity: "hello", Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := e.Do(within(t, patience), conn, &coap.Message{Code: coap.PUT, Payload: make([]byte, longest)}); err != nil {
		t.Errorf("a datagram of 8192 bytes got no answer: %v", err)
	}
	if resp, err := e.Do(within(t, hush), conn, &coap.Message{Code: coap.PUT, Payload: make([]byte, longest+1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a datagram of 8193 bytes got %v, %v; want none", resp, err)
	}
	exchange(t, e, conn) // the session goes on
}
