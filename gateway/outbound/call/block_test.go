// SPDX-License-Identifier: Apache-2.0

package call_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/internal/device"
)

// blockCaller is a Caller whose endpoint recognises blocks, as the gateway's does.
func blockCaller(t *testing.T) *call.Caller {
	t.Helper()
	e := endpoint.New(endpoint.Options{Recognized: blockwise.Recognized})
	c := call.New(call.Options{Endpoint: e})
	t.Cleanup(func() {
		_ = c.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// blocks answers a request for a block with what the function makes of it.
func blocks(t *testing.T, answer func(b coap.Block) *coap.Message) *device.Raw {
	t.Helper()
	return device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		v, _ := m.Get(coap.Block2)
		b, _ := coap.ParseBlock(v)
		resp := answer(b)
		if resp == nil {
			return nil
		}
		resp.Type, resp.MessageID, resp.Token = coap.Acknowledgement, m.MessageID, m.Token
		return []coap.Message{*resp}
	})
}

func block(b coap.Block, fill byte, length int, options ...coap.Option) *coap.Message {
	m := &coap.Message{Code: coap.Content, Payload: bytes.Repeat([]byte{fill}, length)}
	m.AddUint(coap.Block2, b.Uint())
	for _, o := range options {
		m.Add(o.Number, o.Value)
	}
	return m
}

func TestLongAnswersAreFetchedWhole(t *testing.T) {
	d := blocks(t, func(b coap.Block) *coap.Message {
		return block(coap.Block{Num: b.Num, More: b.Num < 2, SZX: 0}, 'a'+byte(b.Num), 16)
	})
	result, err := blockCaller(t).Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("a", 16) + strings.Repeat("b", 16) + strings.Repeat("c", 16)
	if got := result.Response; string(got.Payload) != want || got.Has(coap.Block2) {
		t.Errorf("got %s: %q", got, got.Payload)
	}
}

func TestBrokenBlockwiseTransfersAreTheDevicesFault(t *testing.T) {
	etags := byte(0)
	for name, tt := range map[string]struct {
		answer func(b coap.Block) *coap.Message
		words  string
	}{
		"the same block for ever": {func(coap.Block) *coap.Message { return block(coap.Block{More: true, SZX: 6}, 'a', 1024) }, "byte 0"},
		"ever another version": {func(b coap.Block) *coap.Message {
			etags++
			return block(coap.Block{Num: b.Num, More: true, SZX: 6}, 'a', 1024, coap.Option{Number: coap.ETag, Value: []byte{etags}})
		}, "ETag"},
	} {
		d := blocks(t, tt.answer)
		_, err := blockCaller(t).Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(nil), outbound.Call{})
		t.Log(name)
		wantFailure(t, err, http.StatusBadGateway, "block-wise", tt.words)
	}
}

func TestTheTimeoutBoundsTheWholeTransfer(t *testing.T) {
	for _, answered := range []uint32{0, 3} {
		d := blocks(t, func(b coap.Block) *coap.Message {
			if b.Num > answered {
				return nil
			}
			return block(coap.Block{Num: b.Num, More: true, SZX: 0}, 'a', 16)
		})
		start := time.Now()
		_, err := blockCaller(t).Do(t.Context(), provider("coap://"+d.Addr.String(), nil), get(map[string]string{"timeout": "300"}), outbound.Call{})
		wantFailure(t, err, http.StatusGatewayTimeout, "300 ms")
		if took := time.Since(start); took > 300*time.Millisecond+late {
			t.Errorf("after %d blocks it took %s", answered+1, took)
		}
	}
}

func TestLongBodyGoesOutInBlocks(t *testing.T) {
	whole := make(chan string, 1)
	var got []byte
	d := device.ServeRaw(t, func(m *coap.Message) []coap.Message {
		v, _ := m.Get(coap.Block1)
		b, _ := coap.ParseBlock(v)
		got = append(got, m.Payload...) // in order, or the body differs
		resp := coap.Message{Type: coap.Acknowledgement, Code: coap.Continue, MessageID: m.MessageID, Token: m.Token}
		if !b.More {
			resp.Code = coap.Changed
			whole <- string(got)
		}
		resp.AddUint(coap.Block1, b.Uint())
		return []coap.Message{resp}
	})
	var body strings.Builder
	for i := range 500 {
		fmt.Fprintf(&body, "line %d\n", i)
	}
	result, err := blockCaller(t).Do(t.Context(), provider("coap://"+d.Addr.String(), nil), outbound.Connector{
		Provider: "device", URL: "/test", Method: "PUT", Content: "text/plain", Body: body.String(),
	}, outbound.Call{})
	if err != nil || result.Response.Code != coap.Changed {
		t.Fatalf("got %v, %v", result, err)
	}
	if got := <-whole; got != body.String() {
		t.Errorf("the device got %d bytes, want %d", len(got), body.Len())
	}
}
