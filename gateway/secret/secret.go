// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Mask is what a secret prints as.
const Mask = "•••"

// Text is a secret. It prints as a mask with every verb and in every log, and
// is written out by JSON and YAML as a mask; it is read from them as it stands.
// No secret at all is "" everywhere.
//
// Two things package fmt does not ask how they want to look: the operands of %p
// and %w, which go vet refuses for a Text, and unexported fields of a struct that
// is printed. Keep a Text out of those.
type Text string

// String is the mask, or "" for no secret.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return Mask
}

// Format writes the mask whatever the verb and the flags: a wrong verb, too,
// must not show what it is given.
func (t Text) Format(f fmt.State, verb rune) {
	s := t.String()
	switch {
	case verb == 'v' && f.Flag('#'):
		s = `secret.Text("` + s + `")`
	case verb == 'q':
		s = `"` + s + `"`
	}
	_, _ = io.WriteString(f, s)
}

// MarshalText is the mask.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the secret itself.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Text(b)
	return nil
}

// Reveal is the secret itself.
func (t Text) Reveal() string { return string(t) }

// Equal compares in constant time, the lengths aside.
func (t Text) Equal(u Text) bool { return subtle.ConstantTimeCompare([]byte(t), []byte(u)) == 1 }
