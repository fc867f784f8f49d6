// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is a line as a terminal may show it: what comes from a device could
// steer the terminal otherwise.
func visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0]), 16))
		case r == '\t':
			b.WriteByte(' ')
		case !unicode.IsGraphic(r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
