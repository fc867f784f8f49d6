// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/harness/lab/containers"
)

func newClean() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Take away containers that a crash left behind",
		Long: `Take away the containers and networks of container labs whose process is gone,
and images of more than a day ago. A lab that is at work is left alone.`,
		Example: `  coapstone clean
  coapstone clean --all   # what labs at work use, and all images, too`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			swept, err := containers.Sweep(cmd.Context(), all)
			for _, s := range []struct {
				kind  string
				names []string
			}{{"container", swept.Containers}, {"network", swept.Networks}, {"image", swept.Images}} {
				for _, name := range s.names {
					_, _ = fmt.Fprintf(cmd.OutOrStdout(), "removed %s %s\n", s.kind, name)
				}
			}
			if err != nil {
				return environmentError{err}
			}
			if len(swept.Containers)+len(swept.Networks)+len(swept.Images) == 0 {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), "nothing to clean")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "take away what labs at work use, and all images, too")
	return cmd
}
