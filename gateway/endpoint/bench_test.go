// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// wire is a peer that only tells that it was answered.
type wire struct {
	key      endpoint.PeerKey
	answered chan struct{}
}

func (w *wire) Key() endpoint.PeerKey { return w.key }
func (w *wire) Local() netip.AddrPort { return w.key.Local }

func (w *wire) Send([]byte) error {
	w.answered <- struct{}{}
	return nil
}

// BenchmarkGET is a confirmable GET through the endpoint and back, without
// sockets: from the datagram to the piggybacked response.
func BenchmarkGET(b *testing.B) {
	payload := []byte("here")
	e := endpoint.New(endpoint.Options{
		// Few enough that every record is used again within the run.
		MaxExchanges: 1 << 12,
		Handler: endpoint.HandlerFunc(func(_ context.Context, x *endpoint.Exchange) {
			x.Respond(&coap.Message{Code: coap.Content, Payload: payload})
		}),
	})
	defer func() { _ = e.Close(context.Background()) }()
	m := get(coap.Confirmable, 0)
	raw, err := m.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	w := &wire{answered: make(chan struct{}, 1), key: endpoint.PeerKey{
		Addr: netip.MustParseAddrPort("192.0.2.2:40000"), Local: netip.MustParseAddrPort("192.0.2.1:5683"),
	}}
	b.ReportAllocs()
	var id uint16
	for b.Loop() {
		id++
		binary.BigEndian.PutUint16(raw[2:], id)
		e.Receive(w, raw)
		<-w.answered
	}
}
