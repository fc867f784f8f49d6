// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coapstone/coapstone/reports"
)

// ExitCode is the exit code that an error of Run stands for: what its
// ExitCode method says, 0 for nil, and 3 (environment) for any other error.
func ExitCode(err error) int {
	if err == nil {
		return reports.ExitConformant
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return reports.ExitEnvironment
}

// UsageError is a mistake in the options.
type UsageError struct{ Err error }

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Error is the mistake.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// ExitCode is 1.
func (e *UsageError) ExitCode() int { return reports.ExitUsage }

// FeaturesError is everything that keeps the feature files from being run.
type FeaturesError struct{ Problems []Problem }

// Problem is one mistake in a feature file.
type Problem struct {
	File string
	// Line and Column count from 1; a Column of 0 is unknown.
	Line, Column int
	Kind         ProblemKind
	// Message says what is wrong and what to do.
	Message string
}

// ProblemKind is what sort of mistake it is.
type ProblemKind string

// The kinds of problems.
const (
	Syntax    ProblemKind = "syntax"
	Undefined ProblemKind = "undefined"
	Ambiguous ProblemKind = "ambiguous"
	Argument  ProblemKind = "argument" // a value, a table or a doc string is missing or wrong
	Tag       ProblemKind = "tag"
	Empty     ProblemKind = "empty" // nothing would run
)

// String is file:line:column: message.
func (p Problem) String() string {
	at := fmt.Sprintf("%s:%d", p.File, p.Line)
	if p.Column > 0 {
		at += fmt.Sprintf(":%d", p.Column)
	}
	return at + ": " + p.Message
}

// Error is every problem on a line of its own.
func (e *FeaturesError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is 2.
func (e *FeaturesError) ExitCode() int { return reports.ExitFeatures }

// EnvironmentError is a run that could not be made, or not to its end.
type EnvironmentError struct{ Err error }

// Error is the cause.
func (e *EnvironmentError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *EnvironmentError) Unwrap() error { return e.Err }

// ExitCode is 3.
func (e *EnvironmentError) ExitCode() int { return reports.ExitEnvironment }

// NothingError is a run in which no scenario was selected, or none was run.
type NothingError struct{ Reason string }

// Error is the reason.
func (e *NothingError) Error() string { return e.Reason }

// ExitCode is 5.
func (e *NothingError) ExitCode() int { return reports.ExitNothing }
