// SPDX-License-Identifier: Apache-2.0

package dtls

import "context"

// What tests from outside need of the inside.
var ClientHello = clientHello //nolint:gochecknoglobals // for tests

// Load is how much a listener keeps.
type Load struct{ Handshakes, Sessions, Routes, IDs, Addresses int }

// Load tells how much the listener keeps.
func (l *Listener) Load() Load {
	m := l.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	return Load{m.waiting.Len(), m.sessions, len(m.routes), len(m.ids), len(m.perAddress)}
}

// OnHandshake has f called with the context of every handshake that begins from
// now on.
func (l *Listener) OnHandshake(f func(context.Context)) {
	l.mux.mu.Lock()
	defer l.mux.mu.Unlock()
	accept := l.mux.accept
	l.mux.accept = func(ctx context.Context, c *packetConn) {
		f(ctx)
		accept(ctx, c)
	}
}
