// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A first signal ends everything cleanly; a second one ends it at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams is what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the program without its process: it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot() //nolint:contextcheck // cobra hands the context to the commands
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	return report(s.err, cmd, err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "coapstone",
		Short: "The touchstone for CoAP gateways and devices",
		Long: `Coapstone judges CoAP gateways and devices by the wire: it runs features, written
in Gherkin, against a gateway, a mock platform and devices, and says which
requirement holds, which does not, and what was seen instead.

Exit codes, everywhere the same:
` + exitCodes(),
		Example: `  coapstone run
  coapstone run --lab containers --out reports
  coapstone gateway --config gateway.yaml`,
		Args:          noCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(), newGateway(), newMockRMP(), newDevice(), newKey(), newVerify(), newTarget(), newRequirements(), newCertify(), newClean())
	return root
}

// noCommand takes no arguments: what stands there was meant as a command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("there is no command %q", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "coapstone "))
	}
	return nil
}

// exactly takes as many arguments as there are words for them.
func exactly(words ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(words) {
			return usagef("an argument is missing: %s", words[len(args)])
		}
		if len(args) > len(words) {
			return usagef("an argument too many: %q", args[len(words)])
		}
		return nil
	}
}
