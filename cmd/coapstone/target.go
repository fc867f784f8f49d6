// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newTarget() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "target",
		Short: "Write and prove target files",
		Long: `A target file says what is under test, where it is, what it declares of itself and
what stands on the bench around it. new asks and writes one; check proves it step
by step before any verdict; schema is for editors.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTargetNew(), newTargetCheck(), newTargetSchema())
	return cmd
}
