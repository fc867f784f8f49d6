// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/mockrmp"
)

func newMockRMP() *cobra.Command {
	var config string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "mockrmp --config FILE",
		Short: "Run the mock platform on its own",
		Long: `Run the mock of the RunMyProcess platform on its own: Composite APIs behind HTTP
and HTTPS, users, a journal, and an admin API. It says where it listens and runs
until it is interrupted. The admin API has no authentication: keep it on a
protected address.

A configuration:

  listen: {http: 127.0.0.1:8080, admin: 127.0.0.1:9000}
  users:
    - {name: hello, password: world}
  apis:
    - customer: acme
      host: plant
      service: orders
      method: GET
      answers: [{contentType: application/json, body: '{"open": 3}'}]`,
		Example: `  coapstone mockrmp --config mockrmp.yaml
  curl -u hello:world 'http://127.0.0.1:8080/live/acme/host/plant/service/orders?P_mode=LIVE'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveMockRMP(cmd, config, verbose)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

func serveMockRMP(cmd *cobra.Command, path string, verbose bool) error {
	ctx := cmd.Context()
	b, err := readConfig(path)
	if err != nil {
		return err
	}
	config, err := mockrmp.ParseConfig(path, b)
	if err != nil {
		return usageError{err}
	}
	config.Logger = logger(cmd, verbose)
	s, err := mockrmp.Start(context.WithoutCancel(ctx), config)
	if err != nil {
		return environmentError{err}
	}
	at := s.Addresses()
	if at.HTTP.IsValid() {
		bound(cmd, "http", at.HTTP)
	}
	if at.HTTPS.IsValid() {
		bound(cmd, "https", at.HTTPS)
	}
	if at.Admin.IsValid() {
		bound(cmd, "admin", at.Admin)
	}
	return untilDone(ctx, nil, s.Close)
}
