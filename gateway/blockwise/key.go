// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// key tells block-wise operations apart: by the peer, the method and the options
// (RFC 7959 §2.4, §2.5; RFC 9175 §3.3), among them Request-Tag, and not by the
// token. It is a hash: options hold credentials and may be long.
type key struct {
	peer    endpoint.PeerKey
	request [sha256.Size]byte
}

// uploadKey is the key of the operation that a block of a request body belongs to.
func uploadKey(p endpoint.PeerKey, req *coap.Message) key {
	return makeKey(p, req, func(n coap.OptionNumber) bool {
		// It stands in the first block alone (RFC 7959 §2.10).
		return n == coap.IfNoneMatch
	})
}

// downloadKey is the key of the operation that a block of a response body belongs
// to. Beside what is left out for uploads, Observe is (RFC 7959 §2.6), and
// Content-Format: clients differ in whether they repeat it when the payload that
// it describes is not there any more. The ETag tells where that goes wrong.
func downloadKey(p endpoint.PeerKey, req *coap.Message) key {
	return makeKey(p, req, func(n coap.OptionNumber) bool {
		return n == coap.IfNoneMatch || n == coap.Observe || n == coap.ContentFormat
	})
}

func makeKey(p endpoint.PeerKey, req *coap.Message, out func(coap.OptionNumber) bool) key {
	b := make([]byte, 1, 512)
	b[0] = byte(req.Code)
	for _, o := range req.Options {
		if n := o.Number; n == coap.Block1 || n == coap.Block2 || !n.Critical() && n.NoCacheKey() || out(n) {
			continue
		}
		b = binary.BigEndian.AppendUint16(b, uint16(o.Number))
		b = binary.BigEndian.AppendUint32(b, uint32(len(o.Value))) //nolint:gosec // an option's length
		b = append(b, o.Value...)
	}
	return key{p, sha256.Sum256(b)}
}
