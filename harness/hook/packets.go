// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/coapstone/coapstone/coap"
)

// packetsAhead is how many packets a person may be behind; what comes on top of
// that is not shown to them.
const packetsAhead = 64

// Packets hands what arrives on to those who watch: its Watch is for that of a
// Runner. The zero value is ready, and safe for use by several goroutines.
type Packets struct {
	mu       sync.Mutex
	watching map[chan string]bool
}

// Add tells of a datagram that has come. It never waits.
func (p *Packets) Add(from netip.AddrPort, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watching) == 0 {
		return
	}
	line := fmt.Sprintf("%s: %s, %d bytes", from, kindOf(b), len(b))
	if len(b) == 1 {
		line = strings.TrimSuffix(line, "s")
	}
	for ch := range p.watching {
		select {
		case ch <- line:
		default:
		}
	}
}

// Watch shows each datagram that comes until ctx ends.
func (p *Packets) Watch(ctx context.Context, show func(line string)) {
	ch := make(chan string, packetsAhead)
	p.mu.Lock()
	if p.watching == nil {
		p.watching = map[chan string]bool{}
	}
	p.watching[ch] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watching, ch)
	}()
	for {
		select {
		case line := <-ch:
			show(line)
		case <-ctx.Done():
			return
		}
	}
}

// kindOf is what a datagram seems to be. Of what it says nothing is told: tokens
// stand there.
func kindOf(b []byte) string {
	const (
		header                                      = 13
		handshake, clientHello                      = 22, 1
		firstRecord, lastRecord, version1, version2 = 20, 26, 254, 0xfd
	)
	if len(b) >= header && b[0] >= firstRecord && b[0] <= lastRecord && b[1] == version1 && b[2] >= version2 {
		switch {
		case b[0] != handshake:
			return "DTLS"
		case len(b) > header && b[header] == clientHello:
			return "DTLS ClientHello"
		}
		return "DTLS handshake"
	}
	if m, err := coap.Decode(b); err == nil {
		return fmt.Sprintf("CoAP %s %s", m.Type, m.Code)
	}
	return "neither CoAP nor DTLS"
}
