// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/coapstone/coapstone/gateway/secret"
)

// shortestForm is how long a form of a secret must be to be looked for within
// something longer.
const shortestForm = 4

// span is a part of some bytes.
type span struct{ from, to int }

// form is one way in which a secret is written.
type form struct {
	text []byte
	// alike says whether a byte that was read stands for one of text.
	alike func(read, want byte) bool
	// before and after say that Base64 digits next to it hold bits of the secret too.
	before, after bool
	base64        bool
}

// finder finds secrets. The zero value knows none.
type finder struct {
	whole []string        // the secrets themselves
	forms [256][]*form    // by the byte that a form can begin with
	known map[string]bool // what is in forms already
}

func newFinder(secrets []secret.Text) *finder {
	f := &finder{known: map[string]bool{}}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		plain := []byte(s.Reveal())
		f.whole = append(f.whole, string(plain))
		key := sha256.Sum256(plain) // the pre-shared key of a password
		for _, b := range [][]byte{plain, key[:], []byte(hex.EncodeToString(key[:]))} {
			f.add(b)
		}
	}
	return f
}

// add adds the forms of one secret.
func (f *finder) add(plain []byte) {
	f.form(&form{text: plain, alike: same})
	f.form(&form{text: []byte(hex.EncodeToString(plain)), alike: sameLetter})
	for offset := range 3 {
		padded := append(make([]byte, offset), plain...)
		digits := base64.RawStdEncoding.EncodeToString(padded)
		// The first digit that holds bits of the secret alone, and the end of them.
		from, to := (offset*8+5)/6, len(padded)*8/6
		f.form(&form{text: []byte(digits[from:to]), alike: sameDigit, before: offset*8%6 != 0, after: len(padded)*8%6 != 0, base64: true})
	}
}

func (f *finder) form(n *form) {
	key := fmt.Sprint(n.base64, " ", string(n.text))
	if f.known[key] || len(n.text) < shortestForm {
		return
	}
	f.known[key] = true
	for b := byte(0); ; b++ {
		if n.alike(b, n.text[0]) || b == '%' || b == '\\' || b == '+' && n.text[0] == ' ' {
			f.forms[b] = append(f.forms[b], n)
		}
		if b == 255 {
			return
		}
	}
}

// How a byte that was read stands for one that is looked for.
func same(read, want byte) bool { return read == want }

func sameLetter(read, want byte) bool {
	return read == want || read >= 'A' && read <= 'F' && read+'a'-'A' == want
}

func sameDigit(read, want byte) bool {
	return read == want || read == '-' && want == '+' || read == '_' && want == '/'
}

// isOne says whether a text is a secret, and nothing but it.
func (f *finder) isOne(s string) bool { return s != "" && slices.Contains(f.whole, s) }

// find is where secrets stand in b, from left to right, none within another.
func (f *finder) find(b []byte) []span {
	var all []span
	for i, c := range b {
		for _, n := range f.forms[c] {
			if end := n.match(b, i, n.text); end >= 0 {
				all = append(all, n.widen(b, span{i, end}))
			}
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var merged []span
	for _, s := range all {
		if n := len(merged); n > 0 && s.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// match is where text ends that begins at b[i], with any of its bytes escaped, or
// -1.
func (n *form) match(b []byte, i int, text []byte) int {
	for k, want := range text {
		if i >= len(b) {
			return -1
		}
		read, width := unescape(b[i:])
		plain := n.alike(b[i], want) || b[i] == '+' && want == ' '
		escaped := width > 1 && n.alike(read, want)
		switch {
		case plain && escaped: // a secret with the sign of an escape in it: try both
			if end := n.match(b, i+1, text[k+1:]); end >= 0 {
				return end
			}
			i += width
		case escaped:
			i += width
		case plain:
			i++
		default:
			return -1
		}
	}
	return i
}

// unescape is the byte at the head of b and how many bytes write it: %2F in a
// URI, \x2f or \" in quoted text.
func unescape(b []byte) (byte, int) {
	switch {
	case len(b) >= 3 && b[0] == '%':
		if d, err := hex.DecodeString(string(b[1:3])); err == nil {
			return d[0], 3
		}
	case len(b) >= 4 && b[0] == '\\' && b[1] == 'x':
		if d, err := hex.DecodeString(string(b[2:4])); err == nil {
			return d[0], 4
		}
	case len(b) >= 2 && b[0] == '\\':
		return b[1], 2
	}
	if len(b) == 0 {
		return 0, 0
	}
	return b[0], 1
}

// widen takes in the digits on both sides that hold bits of the secret, and the
// padding.
func (n *form) widen(b []byte, s span) span {
	if !n.base64 {
		return s
	}
	if n.before && s.from > 0 && isBase64(b[s.from-1]) {
		s.from--
	}
	if n.after && s.to < len(b) && isBase64(b[s.to]) {
		s.to++
	}
	for s.to < len(b) {
		c, width := unescape(b[s.to:])
		if c != '=' {
			break
		}
		s.to += width
	}
	return s
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}
