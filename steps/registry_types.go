// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	cucumberexpressions "github.com/cucumber/cucumber-expressions/go/v18"

	"github.com/coapstone/coapstone/coap"
)

// ParameterType is a kind of value that a step's text can hold.
type ParameterType struct {
	// Name is what an expression calls it: "duration" for {duration}.
	Name string
	// Pattern is a regular expression for its texts, without flags.
	Pattern string
	// Doc says what it is, with an example.
	Doc string
	// Parse reads a text that the pattern matches; nil leaves it a string.
	Parse func(text string) (any, error)
}

// Define makes a parameter type known to the steps added from now on. What is
// wrong with it is kept for Err.
func (r *Registry) Define(t ParameterType) {
	if err := r.define(t); err != nil {
		r.errs = append(r.errs, fmt.Errorf("parameter type {%s}: %w", t.Name, err))
	}
}

func (r *Registry) define(t ParameterType) error {
	pattern, err := withoutGroups(t.Pattern)
	if err != nil {
		return err
	}
	if r.types.LookupByTypeName(t.Name) != nil {
		return fmt.Errorf("the name is taken")
	}
	p, err := cucumberexpressions.NewParameterType(t.Name, []*regexp.Regexp{pattern}, t.Name, nil, false, false, false)
	if err != nil {
		return err
	}
	if err := r.types.DefineParameterType(p); err != nil {
		return err
	}
	if t.Parse == nil {
		t.Parse = func(text string) (any, error) { return text, nil }
	}
	r.parse[t.Name] = t.Parse
	r.defs = append(r.defs, t)
	return nil
}

// ParameterTypes is the types defined beyond those of cucumber.
func (r *Registry) ParameterTypes() []ParameterType { return slices.Clone(r.defs) }

// parameterTypes is the values that every vocabulary about CoAP needs.
func parameterTypes() []ParameterType {
	return []ParameterType{
		{
			Name:    "type",
			Pattern: `confirmable|non-confirmable|CON|NON|ACK|RST`,
			Doc:     "A message type: confirmable, non-confirmable, CON, NON, ACK or RST.",
			Parse:   func(s string) (any, error) { return coap.ParseType(s) },
		},
		{
			Name:    "method",
			Pattern: `GET|POST|PUT|DELETE|FETCH|PATCH|iPATCH|0\.[0-3][0-9]`,
			Doc:     "A method: GET, POST, PUT, DELETE, FETCH, PATCH or iPATCH, or any by its code: 0.31.",
			Parse:   func(s string) (any, error) { return coap.ParseCode(s) },
		},
		{
			Name:    "code",
			Pattern: `[0-7]\.[0-9][0-9](?: [A-Z][A-Za-z-]*)*`,
			Doc:     "A response code with its name, or without: 2.05 Content, 4.04.",
			Parse:   func(s string) (any, error) { return coap.ParseCode(s) },
		},
		{
			Name:    "option",
			Pattern: optionPattern(),
			Doc:     "An option by its name, or by its number: Uri-Path, Option 65001.",
			Parse:   func(s string) (any, error) { return coap.ParseOptionNumber(s) },
		},
		{
			Name:    "duration",
			Pattern: `[0-9]+(?:\.[0-9]+)? ?(?:ms|milliseconds?|s|seconds?|min|minutes?)`,
			Doc:     "A time: 500 ms, 2.5 s, 30 seconds, 4 minutes.",
			Parse:   func(s string) (any, error) { return ParseDuration(s) },
		},
	}
}

func optionPattern() string {
	names := []string{`Option [0-9]+`}
	for _, d := range coap.Definitions() {
		names = append(names, regexp.QuoteMeta(d.Name))
	}
	return strings.Join(names, "|")
}

// ParseDuration reads a time as features write it: a number and a unit, "500
// ms", "2.5 s", "30 seconds", "4 minutes".
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if i <= 0 {
		return 0, fmt.Errorf("time %q: want a number and a unit, such as 500 ms or 30 s", s)
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil {
		return 0, fmt.Errorf("time %q: %q is no number", s, s[:i])
	}
	var unit time.Duration
	switch strings.TrimSpace(s[i:]) {
	case "ms", "millisecond", "milliseconds":
		unit = time.Millisecond
	case "s", "second", "seconds":
		unit = time.Second
	case "min", "minute", "minutes":
		unit = time.Minute
	default:
		return 0, fmt.Errorf("time %q: want the unit ms, s or min", s)
	}
	const longest = 24 * time.Hour
	if n*float64(unit) > float64(longest) {
		return 0, fmt.Errorf("time %q: longer than %s", s, longest)
	}
	return time.Duration(n * float64(unit)), nil
}
