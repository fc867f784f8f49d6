// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

func providerSteps() []Step {
	return []Step{
		{
			Expression: `a provider {string} with the environments, identities and keys`,
			Doc:        "A provider with the authentication scheme Identity / Key, each environment with its own. Rows: mode, URL, identity, key.",
			Example:    "Given a provider \"locks\" with the environments, identities and keys\n  | TEST | {bench} | bench-1 | barley |\n  | LIVE | {lock}  | door-7  | sesame |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				environments := map[outbound.Mode]outbound.Environment{}
				for _, row := range a.Table() {
					if len(row) != 4 {
						return verdict.Broken(nil, "a row of %d cells: want the mode, the URL, the identity and the key", len(row))
					}
					url, err := w.expand(row[1])
					if err != nil {
						return err
					}
					environments[outbound.Mode(row[0])] = outbound.Environment{
						URL: url, Authentication: &outbound.Authentication{Identity: row[2], Key: secret.Text(row[3])},
					}
				}
				return w.acceptedProvider(ctx, a.String(0), environments)
			},
		},
		{
			Expression: `a provider {string} with the URL {string} that may be refused`,
			Doc:        "A provider with this URL in its Live environment, without authentication. A gateway may refuse it when it is configured as well as when a connector of it is called.",
			Example:    `Given a provider "greenhouse" with the URL "http://{address of sensor}" that may be refused`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.refusableProvider(ctx, a.String(0), a.String(1), nil)
			},
		},
		{
			Expression: `a provider {string} with the URL {string}, the identity {string} and the key {string} that may be refused`,
			Doc:        "The same with the authentication scheme Identity / Key. The two may be empty.",
			Example:    `Given a provider "locks" with the URL "{lock}", the identity "door-7" and the key "" that may be refused`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.refusableProvider(ctx, a.String(0), a.String(1), &outbound.Authentication{Identity: a.String(2), Key: secret.Text(a.String(3))})
			},
		},
	}
}

// acceptedProvider configures a provider that the gateway has to take.
func (w *World) acceptedProvider(ctx context.Context, name string, environments map[outbound.Mode]outbound.Environment) error {
	err := w.Stage.Provider(ctx, name, outbound.Provider{Title: name, Environments: environments})
	var refused *lab.Refused
	if errors.As(err, &refused) {
		return verdict.CannotJudge(err, "the gateway does not take the provider %q", name)
	}
	return err
}

// refusableProvider configures a provider, and remembers its refusal for the
// connectors that need it.
func (w *World) refusableProvider(ctx context.Context, name, url string, auth *outbound.Authentication) error {
	url, err := w.expand(url)
	if err != nil {
		return err
	}
	err = w.Stage.Provider(ctx, name, outbound.Provider{
		Title: name, Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url, Authentication: auth}},
	})
	var refused *lab.Refused
	if errors.As(err, &refused) {
		w.refusedProviders[name] = refused
		return nil
	}
	return err
}
