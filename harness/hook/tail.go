// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"io"
	"strings"
)

const (
	// mostOutput is how much of an output is kept: the end of it.
	mostOutput = 64 << 10
	// longestSecret is more than a secret takes in any form.
	longestSecret = 4 << 10
	// lastLines is how many lines of it stand in an error.
	lastLines = 8
)

// tail keeps the end of what is written to it.
type tail struct {
	b   []byte
	cut bool
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*mostOutput {
		t.trim()
	}
	return len(p), nil
}

func (t *tail) trim() {
	if len(t.b) > mostOutput {
		t.b, t.cut = bytes.Clone(t.b[len(t.b)-mostOutput:]), true
	}
}

// String is what was kept. What was cut begins with a whole line: half of one may
// hold half of a secret, which nobody would know again.
func (t *tail) String() string {
	t.trim()
	b := t.b
	if t.cut {
		_, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			rest = b[longestSecret:]
		}
		b = rest
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// drain reads r to its end, and keeps the tail.
func drain(r io.Reader) (string, error) {
	var t tail
	_, err := io.Copy(&t, r)
	return t.String(), err
}

// saying is the last lines of an output, for an error; they are blotted already.
func saying(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return "; it printed nothing"
	}
	if len(lines) > lastLines {
		lines = lines[len(lines)-lastLines:]
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("\n    " + visible(strings.TrimRight(l, "\r \t")))
	}
	return "; its last lines:" + b.String()
}
