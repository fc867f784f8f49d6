// SPDX-License-Identifier: Apache-2.0

package yamlplace

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// unprintable is a character that YAML does not allow in a file.
type unprintable struct {
	at   Place
	what string
}

func (u *unprintable) Error() string { return u.what }

// printable is nil, or the first character that no YAML file may hold (YAML 1.2
// §5.1). The YAML package lets them through.
func printable(b []byte) error {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		what := ""
		switch {
		case r == utf8.RuneError && size == 1:
			what = fmt.Sprintf("the byte %#02x is no UTF-8: save the file as UTF-8", b[i])
		case !allowed(r):
			what = fmt.Sprintf("the character %U cannot stand in a YAML file: leave it out, or write it as an escape between double quotes", r)
		}
		if what != "" {
			return &unprintable{placeOf(b, i), what}
		}
		i += size
	}
	return nil
}

func allowed(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

// placeOf is the place of the byte at i; columns count characters.
func placeOf(b []byte, i int) Place {
	start := bytes.LastIndexByte(b[:i], '\n') + 1
	return Place{Line: bytes.Count(b[:i], []byte("\n")) + 1, Column: utf8.RuneCount(b[start:i]) + 1}
}
