// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
)

// trial is what one handshake does with pre-shared keys.
type trial struct {
	guesses *guesses
	from    netip.Prefix
	config  ServerConfig
	log     *slog.Logger

	// identity is who the client says it is; settle awaits the end.
	identity []byte
	settle   func(proven bool)
}

// key is the key of the identity that the client names, once it is its turn to
// try it; else, or if nobody has that identity, a random one. It is called on the
// handshake's goroutine, once.
func (t *trial) key(ctx context.Context, identity []byte) []byte {
	t.identity = bytes.Clone(identity)
	key := t.config.key(identity)
	if t.settle != nil || t.config.MaxFailures < 0 {
		return key
	}
	settle, ok := t.guesses.admit(ctx, t.from, identity)
	if !ok {
		t.log.Warn("too many DTLS handshakes fail: this one does too", "identity", printable(identity), "per minute", t.config.MaxFailures)
		return randomKey()
	}
	t.settle = settle
	return key
}

// end says how the handshake has ended.
func (t *trial) end(proven bool) {
	if t.settle != nil {
		t.settle(proven)
	}
}
