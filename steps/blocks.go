// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

// servedBlock is the block size of devices: 64 bytes, so that a transfer takes
// many blocks.
var servedBlock = coap.Block{SZX: 2}

func blockSteps() []Step {
	return []Step{
		{
			Expression: `the device {string} takes bodies block by block and answers with {code}`,
			Doc:        "The device puts the blocks of a request's body together (RFC 7959), and answers the last one with this code.",
			Example:    `Given the device "sensor" takes bodies block by block and answers with 2.04 Changed`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.takeBlocks(a.String(0), a.Code(1))
			},
		},
		{
			Expression: `the device {string} received a body of {int} bytes`,
			Doc:        "The blocks that the device put together are the long body of the connector, to the last byte.",
			Example:    `Then the device "sensor" received a body of 3000 bytes`,
			Run: func(_ context.Context, w *World, a Args) error {
				d, err := w.servedDevice(a.String(0))
				if err != nil {
					return err
				}
				return sameLong(d.body(), a.Int(1))
			},
		},
		{
			Expression: `the device {string} answers every request block by block with {int} bytes`,
			Doc:        "The device answers with 2.05 Content and a payload that is longer than a block (RFC 7959).",
			Example:    `Given the device "sensor" answers every request block by block with 3000 bytes`,
			Run: func(_ context.Context, w *World, a Args) error {
				text := longText(a.Int(1))
				return w.answer(a.String(0), 0, "", peer.AnswerWith(func(r *peer.Request) *coap.Message { return blockOf(text, r.Message) }))
			},
		},
		{
			Expression: `the caller gets {status} with a body of {int} bytes`,
			Doc:        "The status, and the device's long payload, to the last byte.",
			Example:    `Then the caller gets 200 with a body of 3000 bytes`,
			Run: func(_ context.Context, w *World, a Args) error {
				if err := w.callerGets(statusesOf(a, 0)); err != nil {
					return err
				}
				return sameLong(w.outcome.result.Body, a.Int(1))
			},
		},
	}
}

// longText is a text of n bytes in which no stretch comes twice.
func longText(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%06d ", i)
	}
	return []byte(b.String()[:n])
}

func sameLong(got []byte, n int) error {
	want := longText(n)
	if bytes.Equal(got, want) {
		return nil
	}
	same := 0
	for same < len(got) && same < len(want) && got[same] == want[same] {
		same++
	}
	return verdict.Failed(fmt.Sprintf("a body of %d bytes", n), fmt.Sprintf("%d bytes, of which the first %d are right", len(got), same))
}

// assembly is the body of a request that came block by block.
type assembly struct {
	mu   sync.Mutex
	body []byte
}

// body is what has been put together so far.
func (d *servedDevice) body() []byte {
	if d.assembly == nil {
		return nil
	}
	d.assembly.mu.Lock()
	defer d.assembly.mu.Unlock()
	return bytes.Clone(d.assembly.body)
}

func (w *World) takeBlocks(name string, code coap.Code) error {
	d, err := w.servedDevice(name)
	if err != nil {
		return err
	}
	d.assembly = new(assembly)
	return w.answer(name, 0, "", peer.AnswerWith(func(r *peer.Request) *coap.Message { return d.assembly.take(r.Message, code) }))
}

// take adds a block and answers it: 2.31 when more follow, 4.08 when one is
// missing (RFC 7959 §2.9).
func (a *assembly) take(m *coap.Message, code coap.Code) *coap.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := m.Get(coap.Block1)
	block, valid := coap.ParseBlock(v)
	switch {
	case !ok:
		a.body = bytes.Clone(m.Payload)
		return &coap.Message{Code: code}
	case !valid || block.SZX == 7:
		return &coap.Message{Code: coap.BadOption}
	case block.Num == 0:
		a.body = nil
	case int(block.Num)*block.Size() != len(a.body):
		return &coap.Message{Code: coap.RequestEntityIncomplete}
	}
	a.body = append(a.body, m.Payload...)
	answer := &coap.Message{Code: code}
	if block.More {
		answer.Code = coap.Continue
	}
	if block.Num == 0 && block.SZX > servedBlock.SZX { // it wants smaller ones, of which it has taken several now
		block.SZX = servedBlock.SZX
	}
	answer.AddUint(coap.Block1, block.Uint())
	return answer
}

// blockOf is the block of a text that a request asks for, the first one when it
// does not ask.
func blockOf(text []byte, m *coap.Message) *coap.Message {
	block := servedBlock
	if v, ok := m.Get(coap.Block2); ok {
		if asked, ok := coap.ParseBlock(v); ok {
			block.Num, block.SZX = asked.Num, min(block.SZX, asked.SZX)
		}
	}
	from := int(block.Num) * block.Size()
	if from >= len(text) {
		return &coap.Message{Code: coap.BadOption}
	}
	to := min(from+block.Size(), len(text))
	block.More = to < len(text)
	answer := &coap.Message{Code: coap.Content, Payload: text[from:to]}
	answer.AddUint(coap.ContentFormat, uint32(coap.TextPlain))
	answer.AddUint(coap.Block2, block.Uint())
	return answer
}
