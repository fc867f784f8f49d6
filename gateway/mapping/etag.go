// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"crypto/sha256"
	"strings"
)

// maxETag is the length of the longest ETag option (RFC 7252 §5.10).
const maxETag = 8

// ETagFromHTTP is the ETag option for an HTTP entity-tag. CoAP's are strong: a
// weak one has none (RFC 7252 §10.1.1). They are also at most eight bytes long: in
// place of a longer one stands a zero byte, which no entity-tag of HTTP has, and
// the beginning of its SHA-256. It can be compared, but not be turned back.
func ETagFromHTTP(tag string) ([]byte, bool) {
	opaque, ok := strings.CutPrefix(tag, `"`)
	if !ok {
		return nil, false
	}
	opaque, ok = strings.CutSuffix(opaque, `"`)
	if !ok || len(opaque) < 1 || !validTag(opaque) {
		return nil, false
	}
	if len(opaque) > maxETag {
		sum := sha256.Sum256([]byte(opaque))
		return append([]byte{0}, sum[:maxETag-1]...), true
	}
	return []byte(opaque), true
}

// ETagToHTTP is the HTTP entity-tag for an ETag or If-Match option. ok is false
// for bytes that no entity-tag is made of: ETagFromHTTP never made them, or made
// them of a longer one.
func ETagToHTTP(etag []byte) (tag string, ok bool) {
	return `"` + string(etag) + `"`, len(etag) > 0 && validTag(string(etag))
}

// validTag is the etagc of RFC 9110 §8.8.3.
func validTag(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}
