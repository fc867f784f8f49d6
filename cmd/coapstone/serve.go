// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// drainTimeout bounds how long a server that was told to end may take to finish
// what it does.
const drainTimeout = 10 * time.Second

// configFlag is the flag --config of a command that serves.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "", "the configuration `FILE`, in YAML")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml", "json")
}

// readConfig reads the file that --config names.
func readConfig(path string) ([]byte, error) {
	if path == "" {
		return nil, usagef("no configuration: give --config FILE")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("cannot read the configuration: %w", err)
	}
	return b, nil
}

// logger writes what a server has to say to the standard error.
func logger(cmd *cobra.Command, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}

// bound says where a server listens.
func bound(cmd *cobra.Command, what string, addr fmt.Stringer) {
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%-6s %s\n", what, addr)
}

// untilDone waits for the end of ctx, or of the server, and closes it.
func untilDone(ctx context.Context, failed <-chan error, closing func(context.Context) error) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err = errors.Join(err, closing(ctx)); err != nil {
		return environmentError{err}
	}
	return nil
}
