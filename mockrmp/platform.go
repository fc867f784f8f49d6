// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/jarcoal/httpmock"
)

// platform is the users and the Composite APIs. httpmock's transport finds the
// API of a request by method and path, which are exact keys: ten thousand APIs
// cost no more than one.
type platform struct {
	ctx context.Context // ends with the server

	mu        sync.RWMutex
	users     map[string][sha256.Size]byte // the passwords, hashed to one length
	tenants   map[string]*tenant           // those that have an API, by customer
	transport *httpmock.MockTransport
}

// tenant is one customer's Composite APIs.
type tenant struct {
	ctx    context.Context // ends with the customer
	cancel context.CancelFunc
	apis   map[place]*api
}

// api is one Composite API at work.
type api struct {
	API
	ctx context.Context // the tenant's

	mu   sync.Mutex
	next int // the answer to give next
}

func (a *api) place() place { return place{a.Customer, a.Host, a.Service} }

// visit is what one request is and comes to, on its way through the platform.
type visit struct {
	request Request
	path    string // of the target, byte for byte
	place   place
	isPlace bool // whether path has the shape of a Composite API's

	matched bool
	near    string
	refused string
	api     *api   // the one that gives an answer; nil when refused or unmatched
	answer  Answer // the one that it gives
}

type visitKey struct{}

func visitOf(r *http.Request) *visit { return r.Context().Value(visitKey{}).(*visit) }

func newPlatform(ctx context.Context) *platform {
	p := &platform{
		ctx:       ctx,
		users:     map[string][sha256.Size]byte{},
		tenants:   map[string]*tenant{},
		transport: httpmock.NewMockTransport(),
	}
	p.transport.RegisterNoResponder(p.refuseMethod)
	return p
}

func (p *platform) putUser(u User) error {
	if err := u.Check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[u.Name] = sha256.Sum256([]byte(u.Password))
	return nil
}

func (p *platform) deleteUser(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.users, name)
}

// authentic says whether these are a user's name and password. How long it
// takes tells nothing of the password.
func (p *platform) authentic(name, password string) bool {
	p.mu.RLock()
	want, known := p.users[name]
	p.mu.RUnlock()
	got := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known
}

// putAPI puts up a Composite API in the place of any at the same path.
func (p *platform) putAPI(def API) error {
	if err := def.Check(); err != nil {
		return err
	}
	if def.Method == "" {
		def.Method = http.MethodGet
	}
	def.Users = slices.Clone(def.Users)
	def.Modes = slices.Clone(def.Modes)
	def.Answers = slices.Clone(def.Answers)
	for i := range def.Answers {
		def.Answers[i].Header = def.Answers[i].Header.Clone()
		def.Answers[i].Body = slices.Clone(def.Answers[i].Body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tenants[def.Customer]
	if t == nil {
		t = &tenant{apis: map[place]*api{}}
		t.ctx, t.cancel = context.WithCancel(p.ctx)
		p.tenants[def.Customer] = t
	}
	a := &api{API: def, ctx: t.ctx}
	if old := t.apis[a.place()]; old != nil {
		p.transport.RegisterResponder(old.Method, old.place().path(), nil)
	}
	t.apis[a.place()] = a
	p.transport.RegisterResponder(def.Method, a.place().path(), p.responder(a))
	return nil
}

// deleteCustomer takes down a customer's Composite APIs and ends the answers
// under way.
func (p *platform) deleteCustomer(customer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tenants[customer]
	if t == nil {
		return
	}
	for at, a := range t.apis {
		p.transport.RegisterResponder(a.Method, at.path(), nil)
	}
	delete(p.tenants, customer)
	t.cancel()
}

// route finds what v's request is answered with. It waits for nothing: delays
// and faults are the listener's.
func (p *platform) route(v *visit, r *http.Request) (*http.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	t := p.tenants[v.place.customer]
	if !v.isPlace || t == nil || t.apis[v.place] == nil {
		// httpmock would look for a hint among all its responders, and find none
		// that says which part of the path differs.
		v.near = p.nearest(v.path, v.place, v.isPlace)
		return httpmock.NewStringResponse(http.StatusNotFound, "No Composite API here. Nearest: "+v.near+"\n"), nil
	}
	v.matched = true
	// A context without an end keeps httpmock from running the responder in
	// goroutines of its own; a request with nothing but the path is found by its
	// first key.
	req := r.WithContext(context.WithValue(context.WithoutCancel(r.Context()), visitKey{}, v))
	req.URL = &url.URL{Path: v.place.path()}
	return p.transport.RoundTrip(req)
}

// refuseMethod answers a request to a Composite API that takes another method.
func (p *platform) refuseMethod(r *http.Request) (*http.Response, error) {
	v := visitOf(r)
	a := p.tenants[v.place.customer].apis[v.place] // the caller of the transport holds mu
	resp := v.refuse(http.StatusMethodNotAllowed, "method %s, want %s", r.Method, a.Method)
	resp.Header.Set("Allow", a.Method) // RFC 9110 §15.5.6
	return resp, nil
}

// responder answers for one Composite API: what the platform checks before it
// runs one, and then the next of its answers.
func (p *platform) responder(a *api) httpmock.Responder {
	return func(r *http.Request) (*http.Response, error) {
		v := visitOf(r)
		if mode := modeOf(v.request.Query); !slices.Contains(a.modes(), mode) {
			return v.refuse(http.StatusNotFound, "P_mode %s, want %s", mode, strings.Join(a.modes(), " or ")), nil
		}
		if !a.Public {
			if !v.request.Authenticated {
				resp := v.refuse(http.StatusUnauthorized, "%s", credentials(r))
				resp.Header.Set("WWW-Authenticate", `Basic realm="RunMyProcess", charset="UTF-8"`) // RFC 7617 §2
				return resp, nil
			}
			if len(a.Users) > 0 && !slices.Contains(a.Users, v.request.User) {
				return v.refuse(http.StatusForbidden, "user %s, want %s", v.request.User, strings.Join(a.Users, " or ")), nil
			}
		}
		if why := a.cannotTake(r, v.request.Body); why != "" {
			return v.refuse(http.StatusUnsupportedMediaType, "%s", why), nil
		}
		answer, why := a.answer(r.Header)
		if why != "" {
			return v.refuse(http.StatusNotAcceptable, "%s", why), nil
		}
		v.api, v.answer = a, answer
		resp := httpmock.NewBytesResponse(answer.status(), answer.Body)
		for name, values := range answer.Header {
			resp.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		if answer.ContentType != "" {
			resp.Header.Set("Content-Type", answer.ContentType)
		}
		return resp, nil
	}
}

func (a *api) modes() []string {
	if len(a.Modes) == 0 {
		return modes
	}
	return a.Modes
}

// cannotTake says why the request's body is of no media type that the API
// takes, or "". A body without a media type is of none (RFC 9110 §8.3 lets us
// take it for bytes).
func (a *api) cannotTake(r *http.Request, body []byte) string {
	got := r.Header.Get("Content-Type")
	if a.Accept == "" || got == "" && len(body) == 0 || inRange(a.Accept, got) {
		return ""
	}
	if got == "" {
		got = "absent"
	}
	return fmt.Sprintf("Content-Type %s, want %s", got, a.Accept)
}

// answer is the API's next answer, or why the request's Accept cannot be met,
// which leaves the answers where they are.
func (a *api) answer(h http.Header) (answer Answer, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.Answers) > 0 {
		answer = a.Answers[min(a.next, len(a.Answers)-1)]
	}
	accept := h.Values("Accept")
	if answer.ContentType != "" && len(accept) > 0 && !acceptable(accept, answer.ContentType) {
		return Answer{}, fmt.Sprintf("Accept %s, want %s", strings.Join(accept, ", "), answer.ContentType)
	}
	a.next = min(a.next+1, len(a.Answers))
	return answer, ""
}

// refuse is an answer that the platform gives before the Composite API runs.
func (v *visit) refuse(status int, format string, args ...any) *http.Response {
	v.refused = fmt.Sprintf(format, args...)
	resp := httpmock.NewStringResponse(status, v.refused+"\n")
	resp.Header.Set("Content-Type", "text/plain; charset=utf-8")
	return resp
}

// modeOf is the environment that a query names; LIVE when it names none.
func modeOf(query string) string {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name == "P_mode" {
			if mode, err := url.QueryUnescape(value); err == nil {
				return mode
			}
			return value
		}
	}
	return "LIVE"
}

// credentials says what is wrong with a request's credentials, and shows none.
func credentials(r *http.Request) string {
	switch n := len(r.Header.Values("Authorization")); {
	case n == 0:
		return "Authorization absent, want Basic credentials"
	case n > 1:
		return fmt.Sprintf("Authorization given %d times, want Basic credentials once", n)
	}
	user, _, ok := r.BasicAuth()
	if !ok {
		return "Authorization is not Basic, or not to be read"
	}
	return fmt.Sprintf("wrong name or password for the user %q", user)
}
