// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"encoding/hex"
	"strings"
)

// A device's entity-tag is bytes of any value (RFC 7252 §5.10.6.1), an HTTP one
// is text. Towards HTTP it is written in hexadecimal digits, so that it comes
// back as it was.

// EntityTag is the HTTP entity-tag for a device's ETag.
func EntityTag(etag []byte) string { return `"` + hex.EncodeToString(etag) + `"` }

// EntityTags are the ETags of devices in a header field If-Match or
// If-None-Match (RFC 9110 §13.1). wild says that it is "*". Tags that are no
// device's, weak ones among them, are in other: they match nothing.
func EntityTags(values []string) (etags [][]byte, wild bool, other int) {
	for _, value := range values {
		for _, tag := range splitQuoted(value) {
			if tag == "*" {
				wild = true
				continue
			}
			if tag == "" {
				continue
			}
			digits, opened := strings.CutPrefix(tag, `"`)
			digits, closed := strings.CutSuffix(digits, `"`)
			etag, err := hex.DecodeString(digits)
			if !opened || !closed || err != nil || len(etag) < 1 || len(etag) > 8 || EntityTag(etag) != tag {
				other++
				continue
			}
			etags = append(etags, etag)
		}
	}
	return etags, wild, other
}
