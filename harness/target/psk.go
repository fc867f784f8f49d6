// SPDX-License-Identifier: Apache-2.0

package target

import (
	"crypto/sha256"
	"encoding/hex"
)

// PSK is the user's pre-shared key as bytes: SHA-256 of the password, raw or as
// 64 hex digits, or the explicit key (the document, §4.2).
func (u *User) PSK() ([]byte, error) {
	switch u.PSKKey {
	case "explicit":
		return decodeKey(u.Key.Value().Reveal())
	case "hex":
		sum := sha256.Sum256([]byte(u.Password.Value().Reveal()))
		return []byte(hex.EncodeToString(sum[:])), nil
	default:
		sum := sha256.Sum256([]byte(u.Password.Value().Reveal()))
		return sum[:], nil
	}
}
