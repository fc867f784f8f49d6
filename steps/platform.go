// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// compositeAPI is a Composite API as the scenario has put it up so far.
type compositeAPI struct {
	spec   mockrmp.API
	secure bool
	bound  lab.CompositeAPI
}

func (w *World) compositeAPI(name string) (*compositeAPI, error) {
	api, ok := w.apis[name]
	if !ok {
		return nil, notNamed("Composite API", name, maps.Keys(w.apis))
	}
	return api, nil
}

// put puts the Composite API up, or changes it.
func (w *World) put(ctx context.Context, name string, api *compositeAPI) (err error) {
	if api.secure {
		api.bound, err = w.Stage.SecureCompositeAPI(ctx, name, api.spec)
	} else {
		api.bound, err = w.Stage.CompositeAPI(ctx, name, api.spec)
	}
	if err == nil {
		w.apis[name] = api
	}
	return err
}

func platformSteps() []Step {
	return append([]Step{
		{
			Expression: `the user {string} with the password {string}`,
			Doc:        "A user of the platform. The gateway knows the user as well: the PSK identity is the name, the key the SHA-256 hash of the password.",
			Example:    `Given the user "hello" with the password "world"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.addUser(ctx, a.String(0), a.String(1), lab.Raw)
			},
		},
		{
			Expression: `the user {string} with the password {string}, whose key is in hex form`,
			Doc:        "A user whose pre-shared key is the 64 hexadecimal digits of the hash, for devices that take text alone.",
			Example:    `Given the user "texty" with the password "world", whose key is in hex form`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.addUser(ctx, a.String(0), a.String(1), lab.Hex)
			},
		},
		{
			Expression: `a Composite API {string} that answers {method} with {int}`,
			Doc:        "A Composite API on the platform, called over http. Its URL stands for its name in braces: {orders}.",
			Example:    `Given a Composite API "orders" that answers DELETE with 204`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.addAPI(ctx, a, false, nil, "")
			},
		},
		{
			Expression: `a Composite API {string} that answers {method} with {int} and`,
			Doc:        "The same with a body. Its media type stands behind the opening quotes: json, xml, cbor, text, or in full.",
			Example:    "Given a Composite API \"orders\" that answers GET with 200 and\n  \"\"\"application/json\n  {\"open\": 3}\n  \"\"\"",
			Takes:      DocString,
			Run: func(ctx context.Context, w *World, a Args) error {
				body, mediaType := a.DocString()
				return w.addAPI(ctx, a, false, []byte(body), mediaType)
			},
		},
		{
			Expression: `a Composite API {string} that needs no credentials, and answers {method} with {int} and`,
			Doc:        "A Composite API that answers whoever calls it.",
			Example:    "Given a Composite API \"weather\" that needs no credentials, and answers GET with 200 and\n  \"\"\"text\n  rain\n  \"\"\"",
			Takes:      DocString,
			Run: func(ctx context.Context, w *World, a Args) error {
				body, mediaType := a.DocString()
				api := apiOf(a, []byte(body), mediaType)
				api.Public = true
				return w.put(ctx, a.String(0), &compositeAPI{spec: api})
			},
		},
		{
			Expression: `a Composite API {string} over https that answers {method} with {int} and`,
			Doc:        "A Composite API that is called over https.",
			Example:    "Given a Composite API \"invoices\" over https that answers GET with 200 and\n  \"\"\"text/plain\n  none\n  \"\"\"",
			Takes:      DocString,
			Run: func(ctx context.Context, w *World, a Args) error {
				body, mediaType := a.DocString()
				return w.addAPI(ctx, a, true, []byte(body), mediaType)
			},
		},
		{
			Expression: `a Composite API {string} that answers {method} with {int} and the bytes {string} of {string}`,
			Doc:        "A body that is no text, as hexadecimal digits, with its content type.",
			Example:    `Given a Composite API "greeting" that answers GET with 200 and the bytes "63 61 66 e9" of "text/plain; charset=iso-8859-1"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				body, err := parseHex(a.String(3))
				if err != nil {
					return err
				}
				return w.addAPI(ctx, a, false, body, a.String(4))
			},
		},
		{
			Expression: `the Composite API {string} waits {duration} before it answers`,
			Doc:        "Makes a Composite API slow.",
			Example:    `And the Composite API "orders" waits 3 s before it answers`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.changeAnswer(ctx, a.String(0), func(answer *mockrmp.Answer) { answer.Delay = a.Duration(1) })
			},
		},
		faultStep("resets the connection", "The platform resets the TCP connection instead of an answer.", mockrmp.FaultReset),
		faultStep("answers with garbage", "The platform sends bytes that are no HTTP.", mockrmp.FaultGarbage),
		faultStep("breaks off within the body", "The platform closes the connection before the end of the body that it announced.", mockrmp.FaultTruncate),
		{
			Expression: `the Composite API {string} was called once`,
			Doc:        "Exactly one request has reached the Composite API.",
			Example:    `Then the Composite API "orders" was called once`,
			Run: func(ctx context.Context, w *World, a Args) error {
				_, err := w.calledOnce(ctx, a.String(0))
				return err
			},
		},
		{
			Expression: `the Composite API {string} was called once, authenticated as {string}`,
			Doc:        "Exactly one request, with the right credentials of this user.",
			Example:    `Then the Composite API "orders" was called once, authenticated as "hello"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.calledOnce(ctx, a.String(0))
				if err != nil {
					return err
				}
				u, ok := w.users[a.String(1)]
				if !ok {
					return notNamed("user", a.String(1), maps.Keys(w.users))
				}
				if !r.Authenticated || r.User != u.Name {
					return verdict.Failed(fmt.Sprintf("a request authenticated as %q", u.Name), authentication(r))
				}
				return nil
			},
		},
		{
			Expression: `the Composite API {string} was called once, with the query {string}`,
			Doc:        "Exactly one request, whose query is this, byte for byte.",
			Example:    `Then the Composite API "orders" was called once, with the query "P_mode=TEST"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				want, err := w.expand(a.String(1))
				if err != nil {
					return err
				}
				r, err := w.calledOnce(ctx, a.String(0))
				if err == nil && r.Query != want {
					err = verdict.Failed(fmt.Sprintf("a request with the query %q", want), fmt.Sprintf("the query %q", r.Query))
				}
				return err
			},
		},
		{
			Expression: `the Composite API {string} was called once, with the method {method}`,
			Doc:        "Exactly one request, with this HTTP method.",
			Example:    `Then the Composite API "orders" was called once, with the method PUT`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.calledOnce(ctx, a.String(0))
				if want := a.Method(1).Name(); err == nil && r.Method != want {
					err = verdict.Failed("a request with the method "+want, "the method "+r.Method)
				}
				return err
			},
		},
		{
			Expression: `the Composite API {string} was called once, with the header {string} {string}`,
			Doc:        "Exactly one request, with this header. Media types are compared as such: case and white space do not matter.",
			Example:    `Then the Composite API "orders" was called once, with the header "Accept" "application/json"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.calledOnce(ctx, a.String(0))
				if err != nil {
					return err
				}
				return sameHeader(r.Header, a.String(1), a.String(2))
			},
		},
		{
			Expression: `the Composite API {string} was called once, with the body {string}`,
			Doc:        "Exactly one request, with this body.",
			Example:    `Then the Composite API "readings" was called once, with the body "21.5"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.calledOnce(ctx, a.String(0))
				if want := []byte(a.String(1)); err == nil && !bytes.Equal(r.Body, want) {
					err = verdict.Failed("a request with the body "+quoted(want), "the body "+quoted(r.Body))
				}
				return err
			},
		},
		{
			Expression: `no request reached the platform`,
			Doc:        "Nothing of this scenario has reached the platform, neither a Composite API nor any other path.",
			Example:    `Then no request reached the platform`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				rs, err := w.Stage.Requests(ctx, "", 0)
				if err == nil && len(rs) > 0 {
					err = verdict.Failed("no request to the platform", requestLines(rs))
				}
				return err
			},
		},
	}, inPlatformSteps()...)
}

func faultStep(words, doc string, fault mockrmp.Fault) Step {
	return Step{
		Expression: `the Composite API {string} ` + words,
		Doc:        doc,
		Example:    `And the Composite API "orders" ` + words,
		Run: func(ctx context.Context, w *World, a Args) error {
			return w.changeAnswer(ctx, a.String(0), func(answer *mockrmp.Answer) {
				answer.Fault = fault
				if len(answer.Body) == 0 {
					answer.Body = []byte("a body that the platform does not send to its end")
				}
			})
		},
	}
}

func (w *World) addUser(ctx context.Context, name, password string, form lab.PSKForm) error {
	u, err := w.Stage.User(ctx, name, password, form)
	if err != nil {
		return err
	}
	w.users[name] = u
	delete(w.bound, name)
	if otherwise(u, name, password, form) {
		w.bound[name] = tokenBegins(name, password)
	}
	return nil
}

// addAPI puts up the Composite API of a step whose first three arguments are
// its name, its method and its status.
func (w *World) addAPI(ctx context.Context, a Args, secure bool, body []byte, mediaType string) error {
	return w.put(ctx, a.String(0), &compositeAPI{secure: secure, spec: apiOf(a, body, mediaType)})
}

func apiOf(a Args, body []byte, mediaType string) mockrmp.API {
	return mockrmp.API{
		Method:  a.Method(1).Name(),
		Answers: []mockrmp.Answer{{Status: a.Int(2), Body: body, ContentType: fullMediaType(mediaType)}},
	}
}

// fullMediaType is a media type for the short name that a doc string may have:
// "json" is application/json.
func fullMediaType(name string) string {
	switch name {
	case "json", "xml", "cbor":
		return "application/" + name
	case "text":
		return "text/plain"
	}
	return name
}

func (w *World) changeAnswer(ctx context.Context, name string, change func(*mockrmp.Answer)) error {
	api, err := w.compositeAPI(name)
	if err != nil {
		return err
	}
	change(&api.spec.Answers[0])
	return w.put(ctx, name, api)
}

// calledOnce is the one request that reached the Composite API.
func (w *World) calledOnce(ctx context.Context, name string) (mockrmp.Request, error) {
	if _, err := w.compositeAPI(name); err != nil {
		return mockrmp.Request{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	rs, err := w.Stage.Requests(ctx, name, 1)
	if err != nil {
		return mockrmp.Request{}, err
	}
	want := fmt.Sprintf("one request to the Composite API %q", name)
	switch len(rs) {
	case 1:
		return rs[0], nil
	case 0:
		all, err := w.Stage.Requests(ctx, "", 0)
		if err != nil || len(all) == 0 {
			return mockrmp.Request{}, verdict.Failed(want, "none")
		}
		return mockrmp.Request{}, verdict.Failed(want, "none, but "+requestLines(all))
	default:
		return mockrmp.Request{}, verdict.Failed(want, fmt.Sprintf("%d: %s", len(rs), requestLines(rs)))
	}
}

// requestLines is requests on one line each.
func requestLines(rs []mockrmp.Request) string {
	lines := make([]string, len(rs))
	for i, r := range rs {
		lines[i] = fmt.Sprintf("%s %s", r.Method, r.Target)
		if r.Status != 0 {
			lines[i] += fmt.Sprintf(" (answered %d)", r.Status)
		}
		if r.Near != "" {
			lines[i] += ", nearest: " + r.Near
		}
	}
	return strings.Join(lines, "\n")
}

func authentication(r mockrmp.Request) string {
	switch {
	case r.User == "" && r.Header.Get("Authorization") == "":
		return "a request without credentials"
	case r.Authenticated:
		return fmt.Sprintf("a request authenticated as %q", r.User)
	default:
		return fmt.Sprintf("a request with wrong credentials for %q", r.User)
	}
}

// sameHeader compares one header field. What reads as a media type is compared
// as one.
func sameHeader(h http.Header, name, want string) error {
	got := h.Get(name)
	if got == want {
		return nil
	}
	t1, p1, err1 := mime.ParseMediaType(want)
	t2, p2, err2 := mime.ParseMediaType(got)
	if err1 == nil && err2 == nil && strings.Contains(t1, "/") && t1 == t2 && maps.EqualFunc(p1, p2, strings.EqualFold) {
		return nil
	}
	if len(h.Values(name)) == 0 {
		return verdict.Failed(fmt.Sprintf("the header %s: %s", name, want), "no such header")
	}
	return verdict.Failed(fmt.Sprintf("the header %s: %s", name, want), strings.Join(h.Values(name), ", "))
}

// parseHex reads hexadecimal digits, with white space anywhere between bytes.
func parseHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil, verdict.Broken(err, "the bytes %q: want pairs of hexadecimal digits", s)
	}
	return b, nil
}

// quoted is bytes as findings show them.
func quoted(b []byte) string {
	if len(b) == 0 {
		return "(empty)"
	}
	return `"` + coap.Excerpt(b, 200) + `"`
}

// within says a bound as findings write it.
func within(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
