// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/gateway"
)

func newGateway() *cobra.Command {
	var config, keyLog string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "gateway --config FILE",
		Short: "Run the reference gateway on its own",
		Long: `Run the reference gateway on its own. It says where it listens and runs until it
is interrupted. The HTTP API has no authentication: keep it on a protected
address.

A configuration:

  listen:
    coap: [127.0.0.1:5683]
    coaps: [127.0.0.1:5684]
    api: 127.0.0.1:8081
  platform:
    allow: [http://127.0.0.1:8080]
  users:
    - {name: hello, password: world}`,
		Example: `  coapstone gateway --config gateway.yaml
  coapstone gateway --config gateway.yaml --key-log keys.txt   # for Wireshark`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveGateway(cmd, config, keyLog, verbose)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&keyLog, "key-log", "", "append the secrets of DTLS sessions to `FILE`: it opens recordings of them")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

func serveGateway(cmd *cobra.Command, path, keyLog string, verbose bool) error {
	ctx := cmd.Context()
	b, err := readConfig(path)
	if err != nil {
		return err
	}
	config, err := gateway.ParseConfig(path, b)
	if err != nil {
		return usageError{err}
	}
	var keys io.Writer
	if keyLog != "" {
		f, err := os.OpenFile(keyLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return usagef("cannot write the key log: %w", err)
		}
		defer func() { _ = f.Close() }()
		keys = f
	}
	g, err := gateway.Start(context.WithoutCancel(ctx), config, gateway.Options{Logger: logger(cmd, verbose), KeyLog: keys})
	if err != nil {
		return environmentError{err}
	}
	at := g.Addresses()
	for _, a := range at.CoAP {
		bound(cmd, "coap", a)
	}
	for _, a := range at.CoAPS {
		bound(cmd, "coaps", a)
	}
	if at.API.IsValid() {
		bound(cmd, "api", at.API)
	}
	if at.Admin.IsValid() {
		bound(cmd, "admin", at.Admin)
	}
	failed := make(chan error, 1)
	go func() { failed <- g.Wait() }()
	return untilDone(ctx, failed, g.Close)
}
