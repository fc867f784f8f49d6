// SPDX-License-Identifier: Apache-2.0

package target

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// Secrets are all that must not stand in what is shared: passwords, keys as they
// were typed and as bytes, and AuthTokens. Open has found them; a file that was
// only parsed has none. Other encodings of them are for whoever looks.
func (f *File) Secrets() []secret.Text {
	var all []secret.Text
	add := func(s secret.Text) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	addKey := func(typed secret.Text, key func() ([]byte, error)) {
		add(typed)
		if digits, isHex := strings.CutPrefix(typed.Reveal(), "hex:"); isHex {
			add(secret.Text(digits))
		}
		if b, err := key(); err == nil {
			add(secret.Text(b))
		}
	}
	for _, name := range sorted(f.Users) {
		u := f.Users[name]
		password := u.Password.Value()
		add(password)
		if password != "" {
			add(u.AuthToken())
			sum := sha256.Sum256([]byte(password.Reveal())) // the derived key, whatever key the user has here
			add(secret.Text(sum[:]))
		}
		addKey(u.Key.Value(), u.PSK)
	}
	if d := f.Device; d != nil {
		addKey(d.Key.Value(), d.PSK)
	}
	return all
}

// AuthToken is the user's token on the platform: Base64 of name and password (the
// document, §3.1).
func (u *User) AuthToken() secret.Text {
	return secret.Text(base64.StdEncoding.EncodeToString([]byte(u.Name + ":" + u.Password.Value().Reveal())))
}
