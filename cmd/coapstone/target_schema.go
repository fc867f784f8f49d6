// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/harness/target"
)

func newTargetSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of target files",
		Long: `Print the JSON Schema (draft 2020-12) of target files. Editors complete and check a
target file by it: those that speak to yaml-language-server find it by the first
line that target new writes.`,
		Example: `  coapstone target schema > target.schema.json`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := cmd.OutOrStdout().Write(target.Schema()); err != nil {
				return environmentError{err}
			}
			return nil
		},
	}
}
