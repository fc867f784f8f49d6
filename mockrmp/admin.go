// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAdminBody is the longest body that the admin API reads: a Composite API
// whose answers are some megabytes in Base64.
const maxAdminBody = 64 << 20

// maxWait is how long one request for the journal may wait; a client that
// wants to wait longer asks again.
const maxWait = 30 * time.Second

// admin is the admin API (see the package's documentation).
type admin struct {
	platform *platform
	journal  *journal
}

// journalBody is what GET /journal gives.
type journalBody struct {
	Requests []Request `json:"requests"`
	Dropped  int       `json:"dropped,omitempty"`
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

func newAdmin(p *platform, j *journal) http.Handler {
	a := &admin{p, j}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", a.ready)
	mux.HandleFunc("PUT /users", a.putUser)
	mux.HandleFunc("DELETE /users", a.deleteUser)
	mux.HandleFunc("PUT /apis", a.putAPI)
	mux.HandleFunc("DELETE /customers", a.deleteCustomer)
	mux.HandleFunc("GET /journal", a.read)
	return mux
}

func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) putUser(w http.ResponseWriter, r *http.Request) {
	var u User
	if take(w, r, &u) {
		conclude(w, a.platform.putUser(u))
	}
}

func (a *admin) deleteUser(w http.ResponseWriter, r *http.Request) {
	if name, ok := named(w, r); ok {
		a.platform.deleteUser(name)
		conclude(w, nil)
	}
}

func (a *admin) putAPI(w http.ResponseWriter, r *http.Request) {
	var def API
	if take(w, r, &def) {
		conclude(w, a.platform.putAPI(def))
	}
}

func (a *admin) deleteCustomer(w http.ResponseWriter, r *http.Request) {
	if name, ok := named(w, r); ok {
		a.platform.deleteCustomer(name)
		a.journal.forget(name)
		conclude(w, nil)
	}
}

func (a *admin) read(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	f.Wait = min(f.Wait, maxWait)
	requests, dropped := a.journal.read(r.Context(), f)
	if requests == nil {
		requests = []Request{}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(journalBody{requests, dropped}) // fails only when the client has gone
}

// query is the filter as GET /journal takes it.
func (f Filter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"customer": f.Customer, "host": f.Host, "service": f.Service} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, value := range map[string]int{"after": f.After, "atLeast": f.AtLeast} {
		if value != 0 {
			q.Set(name, strconv.Itoa(value))
		}
	}
	if f.Wait > 0 {
		q.Set("wait", f.Wait.String())
	}
	return q
}

// filterOf reads the query of GET /journal. A parameter that it does not know
// is an error: a filter with a typo would pick too much.
func filterOf(query string) (f Filter, err error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return f, fmt.Errorf("the query cannot be read: %w", err)
	}
	for name, values := range q {
		value := values[len(values)-1]
		switch name {
		case "customer":
			f.Customer = value
		case "host":
			f.Host = value
		case "service":
			f.Service = value
		case "after":
			f.After, err = strconv.Atoi(value)
		case "atLeast":
			f.AtLeast, err = strconv.Atoi(value)
		case "wait":
			f.Wait, err = time.ParseDuration(value)
		default:
			return f, fmt.Errorf("%s: no such parameter: want customer, host, service, after, atLeast or wait", name)
		}
		if err != nil {
			return f, fmt.Errorf("%s: %q: want a number, or for wait a duration such as 5s", name, value)
		}
	}
	return f, nil
}

// named is the name in the query of a DELETE; it has answered when there is none.
func named(w http.ResponseWriter, r *http.Request) (name string, ok bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if name = q.Get("name"); err != nil || name == "" || len(q) > 1 {
		refuse(w, http.StatusBadRequest, "the query must be ?name= and a name, and nothing else")
		return "", false
	}
	return name, true
}

// take reads a JSON body, strictly; it has answered when it returns false.
func take(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON object")
		}
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxAdminBody))
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body is not the JSON that is wanted here: "+err.Error())
	}
	return err == nil
}

func conclude(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{http.StatusText(status), status, detail})
}
