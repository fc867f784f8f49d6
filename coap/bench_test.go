// SPDX-License-Identifier: Apache-2.0

package coap_test

import (
	"testing"

	"github.com/coapstone/coapstone/coap"
)

// typical is a request as a device sends it to coap2http: 102 bytes.
func typical() *coap.Message {
	m := &coap.Message{Code: coap.POST, MessageID: 0x1234, Token: []byte("12345678"), Payload: []byte(`{"open": 3}`)}
	m.AddPath("/coap2http")
	m.AddUint(coap.ContentFormat, uint32(coap.AppJSON))
	m.Add(coap.ProxyURI, []byte("https://live.runmyprocess.com/orders?AuthToken=aGVsbG86d29ybGQ="))
	return m
}

func BenchmarkDecode(b *testing.B) {
	raw, err := typical().MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var m coap.Message
	for b.Loop() {
		m = coap.Message{Options: m.Options[:0]} // as the endpoint does
		if err := m.Unmarshal(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := typical()
	raw, err := m.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.MarshalBinary(); err != nil {
			b.Fatal(err)
		}
	}
}
