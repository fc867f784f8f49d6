// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	cucumberexpressions "github.com/cucumber/cucumber-expressions/go/v18"
)

// Step is one word of the vocabulary: a sentence that features may use.
type Step struct {
	// Expression is a cucumber expression that matches the whole text of the
	// step: `the device sends a {type} {method} to {string}`.
	Expression string
	// Doc says what the step does, in a sentence or two.
	Doc string
	// Example is a line of Gherkin that uses it, with its table or doc string.
	Example string
	// Takes is what may stand below the step; nothing when absent.
	Takes Argument
	// Run does it. The context ends with the step's time. The error is a
	// *verdict.Finding, or a fault of the harness.
	Run func(ctx context.Context, w *World, a Args) error
	// Precondition says that the step only prepares: if the target fails in it
	// nothing was judged, and the verdict is inconclusive.
	Precondition bool
}

// Argument is what may stand below a step.
type Argument uint8

// What may stand below a step.
const (
	None Argument = iota
	Table
	DocString
	OptionalTable
	OptionalDocString
	// Optional is a table, a doc string or nothing.
	Optional
)

// Check says whether a step may have this below it; the error is a phrase for
// the author of the feature.
func (a Argument) Check(table, docString bool) error {
	switch {
	case a == Table && !table:
		return errors.New("needs a table below it")
	case a == DocString && !docString:
		return errors.New("needs a doc string below it")
	case table && a != Table && a != OptionalTable && a != Optional:
		return errors.New("takes no table")
	case docString && a != DocString && a != OptionalDocString && a != Optional:
		return errors.New("takes no doc string")
	}
	return nil
}

// Registry is a vocabulary. Filling it is not safe for concurrent use; matching is.
type Registry struct {
	types *cucumberexpressions.ParameterTypeRegistry
	parse map[string]func(string) (any, error)
	defs  []ParameterType
	words []*word
	errs  []error
}

// word is a step, compiled.
type word struct {
	step       Step
	expression cucumberexpressions.Expression
	pattern    *regexp.Regexp
	shape      []string
}

// New is a registry without steps that knows the parameter types of cucumber
// ({int}, {float}, {word}, {string}, …) and those of this package: {type},
// {method}, {code}, {option} and {duration}.
func New() *Registry {
	r := &Registry{
		types: cucumberexpressions.NewParameterTypeRegistry(),
		parse: map[string]func(string) (any, error){},
	}
	for _, t := range parameterTypes() {
		r.Define(t)
	}
	return r
}

// Add puts a step into the vocabulary. What is wrong with it is kept for Err.
func (r *Registry) Add(s Step) {
	if err := r.add(s); err != nil {
		r.errs = append(r.errs, fmt.Errorf("step %q: %w", s.Expression, err))
	}
}

func (r *Registry) add(s Step) error {
	if s.Run == nil {
		return errors.New("it has no Run")
	}
	if slices.ContainsFunc(r.words, func(w *word) bool { return w.step.Expression == s.Expression }) {
		return errors.New("it is there already")
	}
	e, err := cucumberexpressions.NewCucumberExpression(s.Expression, r.types)
	if err != nil {
		return err
	}
	p, err := withoutGroups(e.Regexp().String())
	if err != nil {
		return err
	}
	r.words = append(r.words, &word{step: s, expression: e, pattern: p, shape: shape(s.Expression)})
	return nil
}

// Err is everything that was wrong with what was added or defined.
func (r *Registry) Err() error { return errors.Join(r.errs...) }

// Steps is the vocabulary, in the order in which it was added.
func (r *Registry) Steps() []Step {
	steps := make([]Step, len(r.words))
	for i, w := range r.words {
		steps[i] = w.step
	}
	return steps
}

// Match is one step that matches a text.
type Match struct {
	Step Step
	// Pattern matches the texts of the step, anchored, without capture groups.
	Pattern *regexp.Regexp
	// Args are the values in the text.
	Args Args
	// Err says which value cannot be read, if one cannot.
	Err error
}

// Match is every step that matches the text of a step: none when the text is
// undefined, more than one when it is ambiguous.
func (r *Registry) Match(text string) []Match {
	var ms []Match
	for _, w := range r.words {
		if !w.pattern.MatchString(text) {
			continue
		}
		args, err := r.arguments(w, text)
		ms = append(ms, Match{Step: w.step, Pattern: w.pattern, Args: args, Err: err})
	}
	return ms
}

func (r *Registry) arguments(w *word, text string) (a Args, err error) {
	defer func() {
		if p := recover(); p != nil { // the library's transformers panic, on a number that is too large for one
			err = fmt.Errorf("%v", p)
		}
	}()
	a = Args{expression: w.step.Expression, text: text}
	found, err := w.expression.Match(text)
	if err != nil {
		return a, err
	}
	for _, f := range found {
		v := f.GetValue()
		name := f.ParameterType().Name()
		if parse := r.parse[name]; parse != nil {
			if v, err = parse(*f.Group().Value()); err != nil {
				return a, fmt.Errorf("{%s}: %w", name, err)
			}
		}
		a.values = append(a.values, v)
	}
	return a, nil
}

// Nearest is up to n expressions that are most like a text, the nearest first:
// what the author of an undefined step may have meant.
func (r *Registry) Nearest(text string, n int) []string {
	type near struct {
		expression string
		distance   int
	}
	words := shape(text)
	var all []near
	for _, w := range r.words {
		if d := distance(words, w.shape); 3*d <= 2*max(len(words), len(w.shape)) && d < len(words) {
			all = append(all, near{w.step.Expression, d})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, e := range all[:min(n, len(all))] {
		names = append(names, e.expression)
	}
	return names
}

var values = regexp.MustCompile(`\{[^}]*\}|"[^"]*"|'[^']*'|\d[\d.]*`)

// shape is a text as a row of words in which every value looks the same.
func shape(text string) []string {
	return strings.Fields(strings.ToLower(values.ReplaceAllString(text, "{}")))
}

// distance is the number of words to insert, delete or replace between a and b.
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// withoutGroups is a pattern whose groups no longer capture, so that the one
// who matches with it decides on the groups. It rewrites the text: to print a
// parsed pattern again takes regexp/syntax milliseconds, for each [^"].
func withoutGroups(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	escaped, class := false, false
	for i, r := range pattern {
		b.WriteRune(r)
		switch {
		case escaped:
			escaped = false
			continue
		case r == '\\':
			escaped = true
		case r == '[':
			class = true
		case r == ']':
			class = false
		case r == '(' && !class && !strings.HasPrefix(pattern[i+1:], "?"):
			b.WriteString("?:")
		}
	}
	return regexp.Compile(b.String())
}
