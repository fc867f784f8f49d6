// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/reports"
)

// The exit codes, everywhere the same: those of a run are package reports'.
const (
	exitConformant  = reports.ExitConformant
	exitUsage       = reports.ExitUsage
	exitFeatures    = reports.ExitFeatures
	exitEnvironment = reports.ExitEnvironment
	exitFailed      = reports.ExitFailed
	exitNothingRan  = reports.ExitNothing
	exitStale       = reports.ExitStale
	exitUnverified  = reports.ExitUnverified
)

// exitCodes is the table of them, for the help.
func exitCodes() string {
	var b strings.Builder
	for _, c := range []struct {
		code    int
		meaning string
	}{
		{exitConformant, "conformant"},
		{exitUsage, "usage or configuration"},
		{exitFeatures, "features do not parse, or have undefined or ambiguous steps"},
		{exitEnvironment, "the harness or its environment broke, or the run was interrupted"},
		{exitFailed, "an applicable requirement failed, or a MUST is inconclusive"},
		{exitNothingRan, "nothing was selected or nothing ran (a shard that is rightly empty: 0)"},
		{exitStale, "stale expectations: a known failure no longer fails, or never ran"},
		{exitUnverified, "a statement that does not verify, or whose signer is unknown"},
	} {
		fmt.Fprintf(&b, "  %d  %s\n", c.code, c.meaning)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// exitCoder is an error that knows its exit code. Package coapstone's are.
type exitCoder interface{ ExitCode() int }

// usageError is the caller's mistake: flags, arguments, configuration.
type usageError struct{ error }

func (e usageError) ExitCode() int { return exitUsage }
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// environmentError is what surrounds us: no Docker, a busy port.
type environmentError struct{ error }

func (e environmentError) ExitCode() int { return exitEnvironment }
func (e environmentError) Unwrap() error { return e.error }

// exitStatus ends a command with a code when all was said already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
func (e exitStatus) ExitCode() int { return int(e) }

// report says what went wrong, in one sentence, and gives the exit code.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	if err == nil {
		return exitConformant
	}
	var said exitStatus
	if errors.As(err, &said) {
		return int(said)
	}
	_, _ = fmt.Fprintf(w, "coapstone: %v\n", err)
	var coder exitCoder
	if !errors.As(err, &coder) {
		// Cobra's own: an unknown command, a wrong number of arguments.
		coder = usageError{err}
	}
	var usage usageError
	if errors.As(err, &usage) || coder.ExitCode() == exitUsage {
		_, _ = fmt.Fprintf(w, "See: %s --help\n", cmd.CommandPath())
	}
	return coder.ExitCode()
}
