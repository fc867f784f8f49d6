// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// form is one way in which a text can be read.
type form struct {
	// how is a phrase: " in Base64".
	how, text string
	// fold says that upper and lower case are the same.
	fold bool
}

// forms are the ways in which a text can be read: as it stands, escaped, in
// hexadecimal digits, as numbers, and in Base64 at any of the three places that
// it may have in it.
func forms(text string) []form {
	all := []form{
		{"", text, false},
		{" percent-encoded", url.QueryEscape(text), false},
		{" in hexadecimal digits", hex.EncodeToString([]byte(text)), true},
		{" in hexadecimal digits with spaces", fmt.Sprintf("% x", text), true},
		{" as a list of numbers", strings.Trim(fmt.Sprint([]byte(text)), "[]"), false},
	}
	for shift := range 3 {
		whole := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		// Of the characters at the seams some bits are the neighbours'.
		whole = whole[[]int{0, 2, 3}[shift]:]
		if (shift+len(text))%3 != 0 {
			whole = whole[:len(whole)-1]
		}
		for _, alphabet := range []string{whole, strings.NewReplacer("+", "-", "/", "_").Replace(whole)} {
			all = append(all, form{" in Base64", alphabet, false})
		}
	}
	// What is too short is found by chance.
	return slices.DeleteFunc(all, func(f form) bool { return len(f.text) < 5 })
}

// readable says how and where in a place a text can be read.
func readable(text, in string) (how string, at int, ok bool) {
	lower := lowerASCII(in)
	for _, f := range forms(text) {
		at := strings.Index(in, f.text)
		if f.fold {
			at = strings.Index(lower, f.text)
		}
		if at >= 0 {
			return f.how, at, true
		}
	}
	return "", 0, false
}

// lowerASCII keeps every byte in its place, which strings.ToLower does not in
// what is no UTF-8.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// secretText is a text that must not be read, and how a finding calls it: as the
// feature does, because a report is no place for a token either.
type secretText struct{ name, text string }

// texts is the cells of a table, expanded.
func (w *World) texts(rows [][]string) ([]secretText, error) {
	var all []secretText
	for _, row := range rows {
		for _, cell := range row {
			text, err := w.expand(cell)
			if err != nil {
				return nil, err
			}
			if len(text) < 5 {
				return nil, verdict.Broken(nil, "%s is so short that it is found by chance: give five characters or more", cell)
			}
			all = append(all, secretText{cell, text})
		}
	}
	return all, nil
}

// hidden fails when one of the texts can be read in one of the places. where
// names place i, up to the byte at which the text begins, for a finding.
func hidden(texts []secretText, places []string, where func(i, at int) string) error {
	for _, t := range texts {
		for i, place := range places {
			if how, at, ok := readable(t.text, place); ok {
				return verdict.Failed(fmt.Sprintf("nothing that can be read as %s", t.name),
					fmt.Sprintf("%s%s at byte %d of %s", t.name, how, at, where(i, at)))
			}
		}
	}
	return nil
}

// requestText is everything of an HTTP request.
func requestText(r mockrmp.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, r.Target, r.HostName)
	for name, values := range r.Header {
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	b.WriteString("\n")
	b.Write(r.Body)
	return b.String()
}

func secrecySteps() []Step {
	return []Step{
		{
			Expression: `nothing that reached the platform can be read as`,
			Doc:        "None of these texts stands in any HTTP request of the scenario, neither in its URL nor in a header nor in its body, as it is or encoded. There must be a request.",
			Example:    "And nothing that reached the platform can be read as\n  | {key of hello} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				texts, err := w.texts(a.Table())
				if err != nil {
					return err
				}
				waiting, cancel := patience(ctx, arrivalTimeout)
				defer cancel()
				rs, err := w.Stage.Requests(waiting, "", 1)
				if err != nil {
					return err
				}
				if len(rs) == 0 {
					return verdict.CannotJudge(nil, "no request reached the platform: there is nothing to judge")
				}
				places := make([]string, len(rs))
				for i, r := range rs {
					places[i] = requestText(r)
				}
				return hidden(texts, places, func(i, _ int) string {
					path, _, _ := strings.Cut(rs[i].Target, "?")
					return fmt.Sprintf("the request %s %s", rs[i].Method, path)
				})
			},
		},
	}
}
