// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// style is how a piece of text stands out on a terminal.
type style byte

const (
	normal style = iota
	faint
	strong
	good
	warn
	bad
)

var escapes = [...]string{normal: "", faint: "\x1b[2m", strong: "\x1b[1m", good: "\x1b[32m", warn: "\x1b[33m", bad: "\x1b[31m"}

// cell is one column of a line.
type cell struct {
	r     rune
	style style
}

// line is one line of text whose pieces have styles.
type line []cell

func newLine(width int) line {
	l := make(line, width)
	for i := range l {
		l[i].r = ' '
	}
	return l
}

// put writes text from a column on, as far as the line goes.
func (l line) put(x int, text string, s style) int {
	for _, r := range text {
		if x >= 0 && x < len(l) {
			l[x] = cell{r, s}
		}
		x++
	}
	return x
}

// render is the line without blanks at its end, with colours if asked for.
func (l line) render(colour bool) string {
	end := len(l)
	for end > 0 && l[end-1].r == ' ' {
		end--
	}
	var b strings.Builder
	last := normal
	for _, c := range l[:end] {
		if colour && c.style != last && c.r != ' ' {
			if last != normal {
				b.WriteString("\x1b[0m")
			}
			b.WriteString(escapes[c.style])
			last = c.style
		}
		b.WriteRune(c.r)
	}
	if last != normal {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// chart draws rungs between lanes.
type chart struct {
	start time.Time
	width int
	lanes []string
	x     map[string]int
	lines []line
}

// blank is a new line with the lanes on it.
func (c *chart) blank() line {
	l := newLine(c.width)
	for _, name := range c.lanes {
		l.put(c.x[name], "│", faint)
	}
	c.lines = append(c.lines, l)
	return l
}

// header names the lanes: the first from its column on, the last up to it, the
// others around it.
func (c *chart) header() {
	l := newLine(c.width)
	c.lines = append(c.lines, l)
	for i, name := range c.lanes {
		n, x := utf8.RuneCountInString(name), c.x[name]
		switch i {
		case 0:
		case len(c.lanes) - 1:
			x -= n - 1
		default:
			x -= n / 2
		}
		l.put(x, name, strong)
	}
}

func (c *chart) time(l line, at time.Time) {
	if !at.IsZero() {
		l.put(0, fmt.Sprintf("%7.3f s", at.Sub(c.start).Seconds()), faint)
	}
}

func (c *chart) rung(r rung) {
	if r.from == r.to {
		c.remark(r, true)
		return
	}
	from, to := c.x[r.from], c.x[r.to]
	left, right := min(from, to), max(from, to)
	l := c.blank()
	c.time(l, r.at)
	stroke := "─"
	if r.plain {
		stroke = "┄"
	}
	for x := left + 1; x < right; x++ {
		l.put(x, stroke, r.style)
	}
	label, rest := fit(r.head, right-left-7)
	l.put(left+3, " "+label+" ", r.style)
	switch {
	case r.plain:
	case r.lost && to == right:
		l.put(right-3, "✗  ", bad)
	case r.lost:
		l.put(left+1, "  ✗", bad)
	case to == right:
		l.put(right-1, "▶", r.style)
	default:
		l.put(left+1, "◀", r.style)
	}
	if rest != "" {
		for _, part := range wrap(rest, right-left-8) {
			c.blank().put(left+6, part, r.style)
		}
	}
	for _, d := range r.details {
		for i, part := range wrap(d, right-left-6) {
			c.blank().put(left+detailIndent(i), part, r.style)
		}
	}
}

// detailIndent is how far the i-th line of a detail stands in.
func detailIndent(i int) int {
	if i > 0 {
		return 6
	}
	return 4
}

// remark is a line across the lanes.
func (c *chart) remark(r rung, timed bool) {
	l := c.blank()
	if timed {
		c.time(l, r.at)
	}
	x := timeWidth
	text := r.head
	if r.style != bad {
		x += 2
	}
	l.put(x, ellipsis(text, c.width-x)+" ", r.style)
	for _, d := range r.details {
		for i, part := range wrap(d, c.width-timeWidth-6) {
			c.blank().put(timeWidth+detailIndent(i)-2, "  "+part+" ", r.style)
		}
	}
}

// fit splits text at a space so that the first part is at most n columns wide.
func fit(text string, n int) (first, rest string) {
	r := []rune(text)
	if len(r) <= n {
		return text, ""
	}
	for i := n; i > n/2; i-- {
		if r[i] == ' ' {
			return string(r[:i]), strings.TrimSpace(string(r[i:]))
		}
	}
	cut := breakAt(r, n)
	return string(r[:cut]), string(r[cut:])
}

// wrap splits text into lines of at most n columns, further lines of n-2.
func wrap(text string, n int) []string {
	var parts []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		r := []rune(strings.TrimRight(paragraph, " "))
		for width := n; ; width = n - 2 {
			if len(r) <= width {
				parts = append(parts, string(r))
				break
			}
			cut := breakAt(r, width)
			parts = append(parts, strings.TrimRight(string(r[:cut]), " "))
			r = []rune(strings.TrimLeft(string(r[cut:]), " "))
		}
	}
	return parts
}

// breakAt is where text is best broken to be at most n columns wide: behind a
// space, or before a character that begins a part of a URI, or anywhere.
func breakAt(r []rune, n int) int {
	n = max(n, 1)
	for i := n; i > n/2; i-- {
		if r[i] == ' ' {
			return i
		}
	}
	for i := n; i > n/2; i-- {
		if strings.ContainsRune("/?&#=,;", r[i]) {
			return i
		}
	}
	return n
}

// ellipsis is text cut to n columns.
func ellipsis(text string, n int) string {
	if r := []rune(text); len(r) > n && n > 0 {
		return string(r[:n-1]) + "…"
	}
	return text
}
