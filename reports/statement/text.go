// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coapstone/coapstone/reports"
)

// TextOptions is what WriteText is told beside the statement.
type TextOptions struct {
	// Program is the digest of the program that prints, in hex; "" is unknown.
	Program string
	// Suite is the digest of its own suite; "" is unknown.
	Suite string
}

// column is how far text stands behind its heading.
const column = 15

// listed is how many ids of requirements are printed; the report has them all.
const listed = 12

// WriteText says what a verified statement claims, and what it does not.
func WriteText(w io.Writer, v *Verified, o TextOptions) error {
	p := &page{}
	p.verified(v)
	p.claimed(v, &o)
	p.unclaimed(v)
	_, err := w.Write(p.Bytes())
	return err
}

type page struct{ bytes.Buffer }

// row is a heading with a text, or one more line under it.
func (p *page) row(heading, format string, args ...any) {
	fmt.Fprintf(p, "%-*s%s\n", column, heading, printable(fmt.Sprintf(format, args...)))
}

func (p *page) title(s string) { fmt.Fprintf(p, "\n%s\n", s) }

func (p *page) point(format string, args ...any) {
	fmt.Fprintf(p, "  - %s\n", printable(fmt.Sprintf(format, args...)))
}

// printable is a text without what would move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e {
			return '?'
		}
		return r
	}, s)
}

func (p *page) verified(v *Verified) {
	p.row("statement", "%s", v.File)
	for _, k := range v.Signers {
		p.row("signed by", "%s, %s, from %s", k.Fingerprint(), k.Kind(), k.Name)
	}
	p.row("verified", "the signature, and %d files by their digests: %s", len(v.Files), strings.Join(v.Files, ", "))
}

func (p *page) claimed(v *Verified, o *TextOptions) {
	c := &v.Claims
	p.title("It claims that its signer saw this:")
	p.row("  tested", "%s", &v.Product)
	p.row("  as", "%s", c.Role)
	p.row("  with", "%s %s, edition %s, %s%s", v.Suite.Name, v.Suite.Version, v.Suite.Edition, v.Suite.Digest, same(v.Suite.Digest, "sha256:"+o.Suite, "suite"))
	p.row("  by", "program %s, sha256:%s%s", v.Program.Version, v.Program.Digest, same(v.Program.Digest, o.Program, "program"))
	p.row("  at", "%s, for %s, profile %s", c.StartedAt.Format(time.RFC3339), c.Elapsed, c.Profile)
	p.row("  result", "%s: %s (exit %d)", v.Result, c.ExitReason, c.ExitCode)
	if c.Partial {
		p.row("", "the run was interrupted: this is a part of it")
	}
	p.row("  judged", "%s passed, %d with a warning, %d did not", count(v.Passed), len(v.Warned), len(v.Failed))
	p.ids("failed", without(v.Failed, c.Errors, c.Inconclusive, c.Skipped))
	p.ids("error", c.Errors)
	p.ids("inconclusive", c.Inconclusive)
	p.ids("skipped", c.Skipped)
	p.ids("warning", v.Warned)
	p.ids("of these known failures", c.Known)
	for _, l := range c.Levels {
		p.level(&l)
	}
	if len(c.Levels) == 0 {
		p.row("  levels", "none: this was no certification")
	}
}

// same says whether something is this program's own.
func same(theirs, ours, what string) string {
	switch ours {
	case "", "sha256:":
		return ""
	case theirs:
		return " (this " + what + ")"
	}
	return " (another " + what + " than this one)"
}

func (p *page) level(l *reports.Level) {
	reached := "reached"
	if !l.Reached {
		reached = "not reached"
	}
	p.row("  level", "%s: %s", l.Name, reached)
	for i, b := range l.Blocks {
		if i == listed {
			p.row("", "  … and %d more", len(l.Blocks)-listed)
			break
		}
		p.row("", "  in its way: %s", b)
	}
	for _, n := range l.Notes {
		p.row("", "  not without this: %s", n)
	}
}

func (p *page) ids(what string, all []string) {
	if len(all) > 0 {
		p.row("", "%s: %s", what, some(all))
	}
}

// count is how many requirements there are, in words.
func count(ids []string) string {
	if len(ids) == 1 {
		return "1 requirement"
	}
	return fmt.Sprintf("%d requirements", len(ids))
}

// some are the first of a list of ids.
func some(ids []string) string {
	if len(ids) > listed {
		return fmt.Sprintf("%s … and %d more", strings.Join(ids[:listed], ", "), len(ids)-listed)
	}
	return strings.Join(ids, ", ")
}

// without is a list without what stands in others.
func without(all []string, others ...[]string) []string {
	drop := map[string]bool{}
	for _, other := range others {
		for _, id := range other {
			drop[id] = true
		}
	}
	var rest []string
	for _, id := range all {
		if !drop[id] {
			rest = append(rest, id)
		}
	}
	return rest
}

func (p *page) unclaimed(v *Verified) {
	p.title("It does not claim:")
	p.point("that anyone but the holder of the key stands behind it: no authority saw the run, and Coapstone's makers did not")
	p.point("that another product, hardware or firmware behaves so; which one it was is the signer's own word, and was not measured")
	if len(v.Product.Declared) > 0 {
		p.point("that what is declared is all that there is: the signer declared %s", strings.Join(v.Product.Declared, ", "))
	}
	for _, e := range v.Claims.NotApplicable {
		p.point("anything of %s that did not apply (%s): %s", count(e.Requirements), e.Reason, some(e.Requirements))
	}
	for _, u := range v.Claims.Unproven {
		p.point("anything of %s at which the bench could not look (%s): %s", count(u.Requirements), u.Why, some(u.Requirements))
	}
	if all := v.Claims.Untested; len(all) > 0 {
		p.point("anything of %s that no scenario of the run tested: %s", count(all), some(all))
	}
	p.point("that the product is safe to use, or without faults: it behaved so in this run")
	if len(v.Uncovered) > 0 {
		p.point("anything of what else lies beside it: %s", strings.Join(v.Uncovered, ", "))
	}
}
