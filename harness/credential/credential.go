// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// PSKKey is the pre-shared key of a password: the SHA-256 hash of its UTF-8
// bytes, as 64 hexadecimal digits. The key itself is the 32 bytes.
func PSKKey(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// AuthToken is Base64(user:password). A user name with a colon has none: Basic
// authentication ends the name at the first colon (RFC 7617 §2).
func AuthToken(user, password string) (string, error) {
	if strings.Contains(user, ":") {
		return "", fmt.Errorf("the user name %q holds a colon: Basic authentication cannot carry it; give the name alone", user)
	}
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password)), nil
}
