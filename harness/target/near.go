// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"
	"strings"
)

// wanted is what to write in place of a word that is none of the known ones: the
// nearest of them where the word is a slip of it, else all of them.
func wanted(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "want " + list(known)
}

// list is words with commas and an "or".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// nearest is the known word that a slip of the hand makes into this one; "" where
// none is that near.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, at := "", 0
	for _, k := range known {
		d := distance(plain(word), plain(k))
		if d <= max(1, (len(k)+1)/3) && (best == "" || d < at) {
			best, at = k, d
		}
	}
	return best
}

// plain is a word without what is often written otherwise.
func plain(s string) string {
	return strings.NewReplacer("_", "-", " ", "-", "/", "").Replace(strings.ToLower(s))
}

// distance is how many letters must be changed, put in, taken out or swapped with
// their neighbour to make a into b.
func distance(a, b string) int {
	var before []int // the row two above
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

// oneOf says whether a word is among the known ones, and else what to write.
func oneOf(p path, word string, known ...string) error {
	if slices.Contains(known, word) {
		return nil
	}
	return at(p, "%q: %s", word, wanted(word, known))
}
