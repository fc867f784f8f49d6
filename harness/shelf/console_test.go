// SPDX-License-Identifier: Apache-2.0

package shelf_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// step is one command of a guide, and what the guide says that it prints.
type step struct {
	command string
	prints  []string
}

// steps is what stands in the console blocks of a Markdown text: commands behind
// "$ ", which a backslash goes on on the next line, each with its output.
func steps(text string) []step {
	var all []step
	for i, block := range strings.Split(text, "```") {
		lines, ok := strings.CutPrefix(block, "console\n")
		if i%2 == 0 || !ok {
			continue
		}
		goesOn := false
		for line := range strings.Lines(lines) {
			line = strings.TrimRight(line, "\n")
			command, is := strings.CutPrefix(line, "$ ")
			switch {
			case is:
				all = append(all, step{command: command})
			case goesOn:
				all[len(all)-1].command += "\n" + line
			case len(all) > 0 && strings.TrimSpace(line) != "":
				all[len(all)-1].prints = append(all[len(all)-1].prints, line)
			}
			goesOn = strings.HasSuffix(line, "\\") && (is || goesOn)
		}
	}
	return all
}

// section is the part of a Markdown file below a heading.
func section(t *testing.T, file, heading string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut("\n"+string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	if end := strings.Index(rest, "\n"+level+" "); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// follow runs the commands of a guide one after the other in one shell, and holds
// what they print against the guide: each line of the guide must be printed, in
// its order; "…" alone stands for any. A command that does not end with 0 must be
// followed by echo $?. replace is pairs of texts: in the guide, and here.
func follow(t *testing.T, dir string, shell []string, all []step, replace ...string) {
	t.Helper()
	if len(all) == 0 {
		t.Fatal("the guide has no commands")
	}
	script := new(strings.Builder)
	script.WriteString("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n")
	for i, s := range all {
		fmt.Fprintf(script, "%s\nrc=$?; printf '\\n@@ %d %%d\\n' $rc; (exit $rc)\n", strings.NewReplacer(replace...).Replace(s.command), i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell[0], shell[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(), lastOutput
	cmd.Stdin = strings.NewReader(script.String())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run() // its exit code is the last command's
	rest := out.String()
	for i, s := range all {
		said, after, ok := strings.Cut(rest, fmt.Sprintf("\n@@ %d ", i))
		if !ok {
			t.Fatalf("%v: the commands ended before %q; they said:\n%s", err, s.command, out.String())
		}
		digits, next, _ := strings.Cut(after, "\n")
		rest = next
		code, _ := strconv.Atoi(digits)
		if code != 0 && (i+1 == len(all) || all[i+1].command != "echo $?") {
			t.Errorf("$ %s\nended with %d, and the guide does not say so; it said:\n%s", s.command, code, said)
		}
		var back []string
		for p := 0; p+1 < len(replace); p += 2 {
			back = append(back, replace[p+1], replace[p])
		}
		if missing := differs(s.prints, strings.NewReplacer(back...).Replace(said)); missing != "" {
			t.Errorf("$ %s\ndoes not print what the guide says:\n%s\nit said:\n%s", s.command, missing, said)
		}
	}
}

var blanks = regexp.MustCompile(`\s+`)

// differs is the first line that is not printed in its turn.
func differs(want []string, said string) string {
	plain := func(s string) string {
		s = durations.ReplaceAllString(s, "…")
		for _, f := range fleeting {
			s = f.is.ReplaceAllString(s, "…")
		}
		return strings.TrimSpace(blanks.ReplaceAllString(elapsed.ReplaceAllString(s, ""), " "))
	}
	lines := strings.Split(said, "\n")
	p, skip := 0, false
	for _, w := range want {
		if strings.TrimSpace(w) == "…" {
			skip = true
			continue
		}
		for p < len(lines) && plain(lines[p]) != plain(w) && (skip || strings.TrimSpace(lines[p]) == "") {
			p++
		}
		if p == len(lines) || plain(lines[p]) != plain(w) {
			return w
		}
		p++
		skip = false
	}
	return ""
}

// durations is what differs with the machine: times, fingerprints, digests.
var durations = regexp.MustCompile(`\d+m\d+(\.\d+)?s|(under )?\d+(\.\d+)? ?(s|ms|µs)\b|SHA256:[A-Za-z0-9+/]{43}|seed \d+`)

// elapsed is how long a step of a check took, where that is told.
var elapsed = regexp.MustCompile(`\((…|\d+(\.\d+)? ?(s|ms|µs))\)$`)

// repository is the folder of a guide's reader: the repository's fixtures are there.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "fixtures"), filepath.Join(dir, "fixtures")); err != nil {
		t.Fatal(err)
	}
	return dir
}
