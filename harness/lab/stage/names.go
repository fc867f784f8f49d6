// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// digest is a short name for s that no other s has.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

// slug is name as one segment of a path that needs no escaping. Names that
// would become the same slug are told apart by a digest.
func slug(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	if s := b.String(); s == name && s != "" {
		return s
	}
	return strings.Trim(b.String(), "-") + "-" + digest(name)
}
