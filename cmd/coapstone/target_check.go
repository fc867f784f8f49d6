// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/preflight"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

func newTargetCheck() *cobra.Command {
	var asJSON, disruptive bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Prove a target file step by step, before any verdict",
		Long: `Prove a target file step by step, before any verdict: that the bench's addresses
are this machine's, that the target answers, or that a datagram of the device is
seen once it is triggered, that every kind of handshake it declares comes about
and those it denies do not, that the hooks work. What is not well says what to do
next: which firewall rule is missing, which line of the file is not so.

Nothing is restarted unless --disruptive is given: then the hooks reset and
power-cycle run, and the time to be back is measured.

Exit codes: 0 ready · 1 the file is wrong · 3 something between here and the target
is in the way · 4 the target is not as its file says.`,
		Example: `  coapstone target check target.yaml
  coapstone target check target.yaml --disruptive
  coapstone target check target.yaml --json`,
		Args: exactly("FILE, the target file"),
		RunE: func(cmd *cobra.Command, args []string) error { return checkTarget(cmd, args[0], asJSON, disruptive) },
		ValidArgsFunction: cobra.FixedCompletions(
			[]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the steps as JSON, at the end")
	cmd.Flags().BoolVar(&disruptive, "disruptive", false, "reset the target and take its power away, where there are hooks for it")
	return cmd
}

func checkTarget(cmd *cobra.Command, file string, asJSON, disruptive bool) error {
	t, err := target.Open(file)
	if err != nil {
		return usageError{err}
	}
	o := preflight.Options{Disruptive: disruptive, Runner: &hook.Runner{Dir: t.Dir(), Secrets: t.Secrets()}}
	if terminal, err := hook.OpenTerminal(); err == nil {
		defer func() { _ = terminal.Close() }()
		o.Runner.Prompter = terminal
	}
	var writeErr error
	if !asJSON {
		o.Observer = func(s preflight.Step) {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), s)
			writeErr = errors.Join(writeErr, err)
		}
	}
	result, err := preflight.Run(cmd.Context(), t, o)
	if asJSON {
		writeErr = writeCheck(cmd, t, result)
	} else if err == nil {
		_, e := fmt.Fprintln(cmd.OutOrStdout(), result.Summary()+next(file, result))
		writeErr = errors.Join(writeErr, e)
	}
	if err := errors.Join(err, writeErr); err != nil {
		return environmentError{err}
	}
	if code := preflightCode(result); code != exitConformant {
		return exitStatus(code)
	}
	return nil
}

// next is what to type next.
func next(file string, r *preflight.Result) string {
	if r.Fault() != "" {
		return ""
	}
	return fmt.Sprintf(" Next: coapstone certify --target %s --out DIR", file)
}

// preflightCode is the exit code of a check.
func preflightCode(r *preflight.Result) int {
	switch r.Fault() {
	case preflight.Environment:
		return exitEnvironment
	case preflight.Statement:
		return exitFailed
	default:
		return exitConformant
	}
}

// checked is a check as JSON.
type checked struct {
	Target   string           `json:"target"`
	Role     verdict.Role     `json:"role"`
	Ready    bool             `json:"ready"`
	Fault    preflight.Fault  `json:"fault,omitempty"`
	ExitCode int              `json:"exitCode"`
	Steps    []preflight.Step `json:"steps"`
}

func writeCheck(cmd *cobra.Command, t *target.File, r *preflight.Result) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(checked{t.Title(), t.Role, r.Fault() == "", r.Fault(), preflightCode(r), r.Steps})
}
