// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

// connector is a connector as the gateway took it, or refused it.
type connector struct {
	refused *lab.Refused
}

// callOutcome is what the caller of a connector got.
type callOutcome struct {
	result lab.Result
	// configured says that the gateway refused the connector's configuration, so
	// that it was never called.
	configured bool
	// late is how late the harness was during the call.
	late lateness
}

func connectorSteps() []Step {
	return []Step{
		{
			Expression: `a provider {string} for the device {string}`,
			Doc:        "A provider whose Live environment is the device's URL, without authentication.",
			Example:    `Given a provider "greenhouse" for the device "sensor"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.provider(ctx, a.String(0), [][]string{{string(outbound.Live), "{" + a.String(1) + "}"}}, nil)
			},
		},
		{
			Expression: `a provider {string} for the device {string} with the identity {string} and the key {string}`,
			Doc:        "The same with the authentication scheme Identity / Key.",
			Example:    `Given a provider "locks" for the device "lock" with the identity "door-7" and the key "open sesame"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.provider(ctx, a.String(0), [][]string{{string(outbound.Live), "{" + a.String(1) + "}"}},
					&outbound.Authentication{Identity: a.String(2), Key: secret.Text(a.String(3))})
			},
		},
		{
			Expression: `a provider {string} with the environments`,
			Doc:        "A provider with the URLs of its environments, by mode: TEST, ACCEPTANCE, LIVE.",
			Example:    "Given a provider \"greenhouse\" with the environments\n  | TEST | {bench}  |\n  | LIVE | {sensor} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.provider(ctx, a.String(0), a.Table(), nil)
			},
		},
		{
			Expression: `a provider {string} with the identity {string}, the key {string} and the environments`,
			Doc:        "The same with the authentication scheme Identity / Key in each environment.",
			Example:    "Given a provider \"greenhouse\" with the identity \"i\", the key \"k\" and the environments\n  | LIVE | {lock} |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.provider(ctx, a.String(0), a.Table(), &outbound.Authentication{Identity: a.String(1), Key: secret.Text(a.String(2))})
			},
		},
		{
			Expression: `a connector {string} of the provider {string}`,
			Doc:        "A connector. Rows: method, url, accept, content, body (or bytes of body, for a long one), dynamic endpoint; every other row is an advanced parameter, such as message-type, proxi-URI and timeout.",
			Example:    "And a connector \"temperature\" of the provider \"greenhouse\"\n  | method  | GET          |\n  | url     | /temperature |\n  | timeout | 2500         |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				err := w.connector(ctx, a.String(0), a.String(1), a.Table())
				var refused *lab.Refused
				if errors.As(err, &refused) {
					return verdict.CannotJudge(err, "the gateway does not take the connector %q", a.String(0))
				}
				return err
			},
		},
		{
			Expression: `a connector {string} of the provider {string} that may be refused`,
			Doc:        "The same for a connector that a gateway may refuse when it is configured as well as when it is called.",
			Example:    "Given a connector \"x\" of the provider \"greenhouse\" that may be refused\n  | method  | GET |\n  | timeout | 0   |",
			Takes:      Table,
			Run: func(ctx context.Context, w *World, a Args) error {
				err := w.connector(ctx, a.String(0), a.String(1), a.Table())
				var refused *lab.Refused
				if errors.As(err, &refused) {
					w.connectors[a.String(0)] = &connector{refused: refused}
					return nil
				}
				return err
			},
		},
		callStep(`the connector {string} is called`, "An application on the platform calls the connector, in no mode and without variables.", None,
			func(Args) (outbound.Mode, [][]string) { return "", nil }),
		callStep(`the connector {string} is called without a mode`, "The same, said aloud.", None,
			func(Args) (outbound.Mode, [][]string) { return "", nil }),
		callStep(`the connector {string} is called in mode {string}`, "A call in a mode: TEST, ACCEPTANCE or LIVE.", None,
			func(a Args) (outbound.Mode, [][]string) { return outbound.Mode(a.String(1)), nil }),
		callStep(`the connector {string} is called with the variables`, "A call that gives values to variables.", Table,
			func(a Args) (outbound.Mode, [][]string) { return "", a.Table() }),
		{
			Expression: `the caller gets {status}`,
			Doc:        "The HTTP status of the call's result. Several can be allowed: 400 or 500.",
			Example:    `Then the caller gets 200`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.callerGets(statusesOf(a, 0))
			},
		},
		{
			Expression: `the caller gets {status} with the body {string}`,
			Doc:        "The status, and the body as text.",
			Example:    `Then the caller gets 200 with the body "21.5"`,
			Run: func(_ context.Context, w *World, a Args) error {
				if err := w.callerGets(statusesOf(a, 0)); err != nil {
					return err
				}
				if got := string(w.outcome.result.Body); got != a.String(1) {
					return verdict.Failed("the body "+quoted([]byte(a.String(1))), quoted([]byte(got)))
				}
				return nil
			},
		},
		{
			Expression: `the caller gets the header {string} {string}`,
			Doc:        "A header field of the result. Media types are compared as such.",
			Example:    `And the caller gets the header "CoAP-Code" "2.05"`,
			Run: func(_ context.Context, w *World, a Args) error {
				if w.outcome == nil {
					return errNotCalled
				}
				r := w.outcome.result
				if r.Proxied && http.CanonicalHeaderKey(a.String(0)) == codeHeader && r.Header.Get(codeHeader) == "" {
					return verdict.DoesNotApply("an HTTP-to-CoAP proxy (RFC 8075) need not give the header %s; the status was right", a.String(0))
				}
				return sameHeader(r.Header, a.String(0), a.String(1))
			},
		},
		{
			Expression: `the caller gets {status} as the gateway's own error`,
			Doc:        "A problem detail (RFC 9457) without the header CoAP-Code: it cannot be taken for an answer of the device.",
			Example:    `Then the caller gets 502 as the gateway's own error`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.ownError(statusesOf(a, 0))
			},
		},
		{
			Expression: `the caller gets {status} as the gateway's own error after {duration} to {duration}`,
			Doc:        "The same, with bounds for the time that the call took.",
			Example:    `Then the caller gets 504 as the gateway's own error after 400 ms to 900 ms`,
			Run: func(_ context.Context, w *World, a Args) error {
				if err := w.ownError(statusesOf(a, 0)); err != nil {
					return err
				}
				return w.took(a.Duration(1), a.Duration(2))
			},
		},
		{
			Expression: `the gateway refuses, and names {string}`,
			Doc:        "The gateway has refused the connector, when it was configured or when it was called, with a status from 400 to 499 and a text that has this word in it.",
			Example:    `Then the gateway refuses, and names "30000"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.refuses(a.String(0))
			},
		},
		{
			Expression: `the gateway refuses, and names {string}, {string}, {string} and {string}`,
			Doc:        "The same with four words.",
			Example:    `Then the gateway refuses, and names "CON", "NON", "ACK" and "RST"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.refuses(a.String(0), a.String(1), a.String(2), a.String(3))
			},
		},
		{
			Expression: `the caller gets {status} and the device {string} received a {type} {method} to {string}, or the gateway refuses the type`,
			Doc:        "The two ways in which a gateway may treat a message type that the RFC gives no request.",
			Example:    `Then the caller gets 202 and the device "sensor" received a ACK GET to "/x", or the gateway refuses the type`,
			Run: func(ctx context.Context, w *World, a Args) error {
				if w.outcome != nil && w.outcome.result.Status >= 400 {
					return w.refuses(a.Type(2).String())
				}
				if err := w.callerGets(statusesOf(a, 0)); err != nil {
					return err
				}
				return w.receivedTyped(ctx, a.String(1), a.Type(2), a.Method(3), a.String(4))
			},
		},
	}
}

var errNotCalled = verdict.Broken(nil, "no step has called a connector yet")

func callStep(expression, doc string, takes Argument, read func(Args) (outbound.Mode, [][]string)) Step {
	example := strings.NewReplacer("{string} is", `"temperature" is`, "mode {string}", `mode "TEST"`).Replace("When " + expression)
	if takes == Table {
		example += "\n  | where | {sensor} |"
	}
	return Step{
		Expression: expression, Doc: doc, Takes: takes, Example: example,
		Run: func(ctx context.Context, w *World, a Args) error {
			mode, rows := read(a)
			variables := map[string]string{}
			for _, row := range rows {
				if len(row) != 2 {
					return verdict.Broken(nil, "a row of %d cells: want the variable and its value", len(row))
				}
				value, err := w.expand(row[1])
				if err != nil {
					return err
				}
				variables[row[0]] = value
			}
			return w.call(ctx, a.String(0), outbound.Call{Mode: mode, Variables: variables})
		},
	}
}

func (w *World) provider(ctx context.Context, name string, rows [][]string, auth *outbound.Authentication) error {
	environments := map[outbound.Mode]outbound.Environment{}
	for _, row := range rows {
		if len(row) != 2 {
			return verdict.Broken(nil, "a row of %d cells: want the mode and the URL", len(row))
		}
		url, err := w.expand(row[1])
		if err != nil {
			return err
		}
		environments[outbound.Mode(row[0])] = outbound.Environment{URL: url, Authentication: auth}
	}
	return w.acceptedProvider(ctx, name, environments)
}

func (w *World) connector(ctx context.Context, name, provider string, rows [][]string) error {
	if refused, ok := w.refusedProviders[provider]; ok {
		w.connectors[name] = &connector{refused: refused}
		return nil
	}
	c := outbound.Connector{Title: name, Provider: provider, Parameters: map[string]string{}}
	fields := map[string]*string{
		"method": &c.Method, "url": &c.URL, "accept": &c.Accept, "content": &c.Content, "body": &c.Body,
		"dynamic endpoint": &c.DynamicEndpoint,
	}
	for _, row := range rows {
		if len(row) != 2 {
			return verdict.Broken(nil, "a row of %d cells: want the field and its value", len(row))
		}
		value, err := w.expand(row[1])
		if err != nil {
			return err
		}
		if field, ok := fields[row[0]]; ok {
			*field = value
		} else if row[0] == "bytes of body" {
			n, err := strconv.Atoi(value)
			if err != nil {
				return verdict.Broken(err, "the bytes of body %q", value)
			}
			c.Body = string(longText(n))
		} else {
			c.Parameters[row[0]] = value
		}
	}
	err := w.Stage.Connector(ctx, name, c)
	if err == nil {
		w.connectors[name] = &connector{}
	}
	return err
}

func (w *World) call(ctx context.Context, name string, c outbound.Call) error {
	known, ok := w.connectors[name]
	if !ok {
		return notNamed("connector", name, maps.Keys(w.connectors))
	}
	if known.refused != nil {
		w.outcome = &callOutcome{result: known.refused.Result, configured: true}
		return nil
	}
	waiting, cancel := patience(ctx, callTimeout)
	defer cancel()
	begun, watched := time.Now(), watchLateness()
	result, err := w.Stage.Call(waiting, name, c)
	late := watched()
	switch {
	case err == nil:
		w.outcome = &callOutcome{result: result, late: late}
	case ctx.Err() == nil && errors.Is(waiting.Err(), context.DeadlineExceeded):
		return verdict.Failed("a result for the caller", "none after "+within(time.Since(begun).Round(time.Millisecond)))
	}
	return err
}

func (w *World) callerGets(want []int) error {
	if w.outcome == nil {
		return errNotCalled
	}
	if r := w.outcome.result; !slices.Contains(want, r.Status) {
		return verdict.Failed(statuses(want)+" for the caller", resultText(r))
	}
	return nil
}

// codeHeader is the header in which a gateway with connectors tells the device's
// code, in canonical form.
const codeHeader = "Coap-Code"

func (w *World) ownError(want []int) error {
	if w.outcome != nil && w.outcome.result.Proxied && !isProblem(w.outcome.result) {
		return verdict.DoesNotApply("an HTTP-to-CoAP proxy (RFC 8075) need not tell its own errors from a device's, and this one did not: %s", resultText(w.outcome.result))
	}
	if err := w.callerGets(want); err != nil {
		return err
	}
	r := w.outcome.result
	if !isProblem(r) {
		return verdict.Failed("a problem detail: Content-Type application/problem+json", resultText(r))
	}
	if code := r.Header.Get("CoAP-Code"); code != "" {
		return verdict.Failed("no header CoAP-Code in the gateway's own error", "CoAP-Code: "+code)
	}
	return nil
}

// isProblem says whether the caller got problem details (RFC 9457).
func isProblem(r lab.Result) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "application/problem+json"
}

// took says whether the call took a time within these bounds.
func (w *World) took(least, most time.Duration) error {
	if w.outcome.result.Proxied {
		return verdict.DoesNotApply("an HTTP-to-CoAP proxy (RFC 8075) has no timeout of a connector; the result came after %s", within(w.outcome.result.Elapsed.Round(time.Millisecond)))
	}
	took := w.outcome.result.Elapsed
	// What is late before the gateway has begun delays the end, and so does what is
	// late when its time is up; between the two it only waits.
	slack := most - least
	late := w.outcome.late.between(0, min(slack, least)) + w.outcome.late.between(least, took)
	if took > most && took-late <= most {
		return verdict.Broken(verdict.ErrLate, "the result came after %s, and the harness was late by %s meanwhile: it cannot say whether that is more than %s",
			within(took.Round(time.Millisecond)), within(late.Round(time.Millisecond)), within(most))
	}
	if took < least || took > most {
		return verdict.Failed(fmt.Sprintf("the result after %s to %s", within(least), within(most)), "it after "+within(took.Round(time.Millisecond)))
	}
	return nil
}

func (w *World) refuses(words ...string) error {
	if w.outcome == nil {
		return errNotCalled
	}
	r := w.outcome.result
	want := "a refusal (400 to 499) that names " + strings.Join(words, ", ")
	if r.Proxied {
		want = "a refusal (400 to 499)" // which need not say why
	}
	if r.Status < 400 || r.Status > 499 || r.Header.Get("CoAP-Code") != "" {
		return verdict.Failed(want, resultText(r))
	}
	for _, word := range words {
		if !r.Proxied && !strings.Contains(string(r.Body), word) {
			return verdict.Failed(want, resultText(r))
		}
	}
	return nil
}

func resultText(r lab.Result) string {
	s := fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))
	if code := r.Header.Get("CoAP-Code"); code != "" {
		s += " (CoAP-Code " + code + ")"
	}
	if len(r.Body) > 0 {
		s += ": " + quoted(r.Body)
	}
	return s
}

func statuses(want []int) string {
	texts := make([]string, len(want))
	for i, s := range want {
		texts[i] = strconv.Itoa(s)
	}
	return strings.Join(texts, " or ")
}
