// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"fmt"
	"math"
	"slices"

	"github.com/ccojocar/zxcvbn-go"

	"github.com/coapstone/coapstone/gateway/secret"
)

// longest is how much of a password is looked at, in characters: the estimate
// takes time that grows with the cube, and what is longer is not guessed anyway.
const longest = 64

// PasswordBits is how many bits of entropy a password has against somebody who
// guesses well: zxcvbn's estimate. known are words that such a person knows: the
// user's name, the vendor, the product.
func PasswordBits(password secret.Text, known ...string) float64 {
	runes := []rune(password.Reveal())
	if len(runes) > longest {
		runes = runes[:longest]
	}
	known = slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == "" })
	bits := zxcvbn.PasswordStrength(string(runes), known).Entropy
	if math.IsNaN(bits) || bits < 0 {
		return 0
	}
	return bits
}

// Weakness is what a level must not be read without when it was reached with a
// pre-shared key that is derived from the password of a user.
func Weakness(user string, bits float64) string {
	guesses := fmt.Sprintf("2^%.0f", bits)
	return fmt.Sprintf("the pre-shared key of %q is the unsalted SHA-256 of a password: whoever records one handshake can guess it "+
		"offline. The password used has an estimated %.0f bits of entropy (%s guesses); 128 would be a key's own", user, bits, guesses)
}
