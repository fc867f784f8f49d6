// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"fmt"
	"slices"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// Args is the values in the text of a step, and what stands below it. Asking
// for a value that is not there, or as the wrong type, is a fault of the step
// and panics.
type Args struct {
	expression, text   string
	values             []any
	table              [][]string
	docString, docType string
	hasDocString       bool
}

// NewArgs is arguments for trying a step by itself.
func NewArgs(values ...any) Args { return Args{values: values} }

// WithTable is a with a table below the step.
func (a Args) WithTable(rows [][]string) Args {
	a.table = rows
	return a
}

// WithDocString is a with a doc string below the step.
func (a Args) WithDocString(content, mediaType string) Args {
	a.docString, a.docType, a.hasDocString = content, mediaType, true
	return a
}

// Text is the step's text, as the feature has it.
func (a Args) Text() string { return a.text }

// Len is the number of values in the text.
func (a Args) Len() int { return len(a.values) }

// Value is the i-th value, from 0, as its parameter type parses it.
func (a Args) Value(i int) any {
	if i < 0 || i >= len(a.values) {
		panic(fmt.Sprintf("step %q: no value %d, it has %d", a.expression, i, len(a.values)))
	}
	return a.values[i]
}

// value is the i-th value as a T.
func value[T any](a Args, i int) T {
	v, ok := a.Value(i).(T)
	if !ok {
		panic(fmt.Sprintf("step %q: value %d is a %T, not a %T", a.expression, i, a.Value(i), v))
	}
	return v
}

// String is the i-th value, a {string} without its quotes or a {word}.
func (a Args) String(i int) string { return value[string](a, i) }

// Int is the i-th value, an {int}.
func (a Args) Int(i int) int { return value[int](a, i) }

// Duration is the i-th value, a {duration}.
func (a Args) Duration(i int) time.Duration { return value[time.Duration](a, i) }

// Type is the i-th value, a {type}.
func (a Args) Type(i int) coap.Type { return value[coap.Type](a, i) }

// Code is the i-th value, a {code}.
func (a Args) Code(i int) coap.Code { return value[coap.Code](a, i) }

// Method is the i-th value, a {method}.
func (a Args) Method(i int) coap.Code { return value[coap.Code](a, i) }

// Option is the i-th value, an {option}.
func (a Args) Option(i int) coap.OptionNumber { return value[coap.OptionNumber](a, i) }

// Table is the rows of cells below the step, or nil.
func (a Args) Table() [][]string {
	rows := slices.Clone(a.table)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	return rows
}

// HasDocString says whether a doc string stands below the step; it may be empty.
func (a Args) HasDocString() bool { return a.hasDocString }

// DocString is the text below the step, with the word behind its opening
// quotes: "json", or "".
func (a Args) DocString() (content, mediaType string) { return a.docString, a.docType }
