// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// inPlatformSteps are what a Composite API takes and answers, beyond one method
// and one answer, and what reached it.
func inPlatformSteps() []Step {
	return []Step{
		{
			Expression: `the Composite API {string} takes {string} alone`,
			Doc:        "The media type that the Composite API takes. The platform answers a body of another one with 415.",
			Example:    `And the Composite API "readings" takes "application/json" alone`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.changeAPI(ctx, a.String(0), func(api *mockrmp.API) { api.Accept = a.String(1) })
			},
		},
		{
			Expression: `the Composite API {string} answers in the mode {string} alone`,
			Doc:        "The value of P_mode that the Composite API answers to. The platform answers a request in another mode with 404.",
			Example:    `And the Composite API "orders" answers in the mode "ACCEPTANCE" alone`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.changeAPI(ctx, a.String(0), func(api *mockrmp.API) { api.Modes = []string{a.String(1)} })
			},
		},
		{
			Expression: `the Composite API {string} resets the connection from the second request on`,
			Doc:        "The platform answers one request, and resets the TCP connection instead of an answer to those after it.",
			Example:    `And the Composite API "orders" resets the connection from the second request on`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.changeAPI(ctx, a.String(0), func(api *mockrmp.API) {
					again := api.Answers[0]
					again.Fault = mockrmp.FaultReset
					api.Answers = append(api.Answers[:1:1], again)
				})
			},
		},
		{
			Expression: `the Composite API {string} was called`,
			Doc:        "At least one request has reached the Composite API.",
			Example:    `Then the Composite API "orders" was called`,
			Run: func(ctx context.Context, w *World, a Args) error {
				rs, err := w.calls(ctx, a.String(0), 1)
				if err == nil && len(rs) == 0 {
					err = verdict.Failed(fmt.Sprintf("a request to the Composite API %q", a.String(0)), "none")
				}
				return err
			},
		},
		{
			Expression: `the Composite API {string} was called {int} times`,
			Doc:        "Exactly so many requests have reached the Composite API.",
			Example:    `Then the Composite API "orders" was called 2 times`,
			Run: func(ctx context.Context, w *World, a Args) error {
				rs, err := w.calls(ctx, a.String(0), a.Int(1))
				if err == nil && len(rs) != a.Int(1) {
					err = verdict.Failed(fmt.Sprintf("%d requests to the Composite API %q", a.Int(1), a.String(0)),
						fmt.Sprintf("%d: %s", len(rs), requestLines(rs)))
				}
				return err
			},
		},
		{
			Expression: `the Composite API {string} was called once, with the body bytes {string}`,
			Doc:        "Exactly one request, with this body, as hexadecimal digits.",
			Example:    `Then the Composite API "readings" was called once, with the body bytes "63 61 66 e9"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				want, err := parseHex(a.String(1))
				if err != nil {
					return err
				}
				r, err := w.calledOnce(ctx, a.String(0))
				if err == nil && !bytes.Equal(r.Body, want) {
					err = verdict.Failed(fmt.Sprintf("a request with the body bytes %x", want), fmt.Sprintf("%x", r.Body))
				}
				return err
			},
		},
		{
			Expression: `the request was served as {string}, or refused with {code} and nothing was called`,
			Doc:        "One of two ways that are both right: the platform has seen this user and the device gets a success, or the device gets this code and no request reached the platform.",
			Example:    `Then the request was served as "hello", or refused with 4.01 Unauthorized and nothing was called`,
			Run: func(ctx context.Context, w *World, a Args) error {
				u, ok := w.users[a.String(0)]
				if !ok {
					return notNamed("user", a.String(0), maps.Keys(w.users))
				}
				out, err := w.finished(ctx)
				if err != nil {
					return err
				}
				w.device.response = out.Received
				rs, err := w.Stage.Requests(ctx, "", 0)
				if err != nil {
					return err
				}
				refused := out.Response.Code == a.Code(1) && len(rs) == 0
				served := out.Response.Code.Class() == 2 && len(rs) == 1 && rs[0].Authenticated && rs[0].User == u.Name
				if refused || served {
					return nil
				}
				got := describe(out.Received) + ", and no request to the platform"
				if len(rs) > 0 {
					got = fmt.Sprintf("%s, and to the platform %s: %s", describe(out.Received), authentication(rs[0]), requestLines(rs))
				}
				return verdict.Failed(fmt.Sprintf("a success and one request authenticated as %q, or %s and no request to the platform", u.Name, a.Code(1)), got)
			},
		},
	}
}

func (w *World) changeAPI(ctx context.Context, name string, change func(*mockrmp.API)) error {
	api, err := w.compositeAPI(name)
	if err != nil {
		return err
	}
	change(&api.spec)
	return w.put(ctx, name, api)
}

// calls is what reached the Composite API, once it is n requests or the time
// for them is over.
func (w *World) calls(ctx context.Context, name string, n int) ([]mockrmp.Request, error) {
	if _, err := w.compositeAPI(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	return w.Stage.Requests(ctx, name, n)
}
