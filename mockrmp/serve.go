// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxBody is the longest body that a request may have, in bytes: 8 MiB. A
// longer one is answered 413 and cut in the journal.
const MaxBody = 8 << 20

// garbage is what FaultGarbage sends: no HTTP, in any version.
const garbage = "\x00\xffthis is no HTTP\r\n\r\n"

// front is the platform's face towards the gateway.
type front struct {
	platform *platform
	journal  *journal
}

// ServeHTTP answers one request, and keeps it in the journal from its arrival.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := connOf(r.Context())
	c.take()
	defer c.take()
	v := f.newVisit(c, r)
	e := f.journal.open(v.request)

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	v.request.Body = body
	f.journal.update(e, func(entry *Request) { entry.Body = body })
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		c.deafen()
		f.settle(e, func(entry *Request) {
			entry.Refused = fmt.Sprintf("body longer than %d bytes", MaxBody)
			entry.Matched = true
			entry.Status = http.StatusRequestEntityTooLarge
		})
		http.Error(w, fmt.Sprintf("the body is longer than %d bytes", MaxBody), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		c.deafen()
		f.settle(e, func(entry *Request) { entry.Gone = true })
		panic(http.ErrAbortHandler)
	}

	resp, err := f.platform.route(v, r)
	if err != nil {
		// The transport has a responder for everything: this is our own fault.
		resp = v.refuse(http.StatusInternalServerError, "mockrmp: %v", err)
	}
	defer resp.Body.Close()
	f.answer(w, r, c, v, e, resp)
}

// newVisit is what can be told of a request before its body has come.
func (f *front) newVisit(c *conn, r *http.Request) *visit {
	// The target is taken as it was on the wire: r.URL has been parsed, and what
	// is parsed can't be put together again byte for byte.
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.IsAbs() {
		// The absolute form of RFC 9112 §3.2.2, which a proxy gets.
		if _, rest, ok := strings.Cut(path, "://"); ok {
			_, rest, _ = strings.Cut(rest, "/")
			path = "/" + rest
		}
	}
	v := &visit{path: path}
	v.place, v.isPlace = placeOf(path)
	v.request = Request{
		At: time.Now(), Secure: c.secure, Remote: r.RemoteAddr,
		Customer: v.place.customer, Host: v.place.host, Service: v.place.service,
		Method: r.Method, Target: r.RequestURI, Query: query, HostName: r.Host,
		Header: r.Header.Clone(),
	}
	if len(r.TransferEncoding) > 0 { // net/http takes it out of the header
		v.request.Header["Transfer-Encoding"] = slices.Clone(r.TransferEncoding)
	}
	if user, password, ok := r.BasicAuth(); ok && len(r.Header.Values("Authorization")) == 1 {
		v.request.User = user
		v.request.Authenticated = f.platform.authentic(user, password)
	}
	return v
}

// settle closes an entry: what it says now is how the request ended. That
// happens before the last byte leaves, so that whoever has the answer finds it in
// the journal.
func (f *front) settle(e *entry, change func(*Request)) {
	f.journal.update(e, func(r *Request) {
		change(r)
		r.Answered = true
		r.Elapsed = time.Since(r.At)
	})
}

// answer waits, sends the answer or does the fault.
func (f *front) answer(w http.ResponseWriter, r *http.Request, c *conn, v *visit, e *entry, resp *http.Response) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		body = []byte(err.Error()) // cannot be: the body is bytes in memory
	}
	ended := make(<-chan struct{})
	if v.api != nil {
		ended = v.api.ctx.Done()
	}
	f.journal.update(e, func(entry *Request) {
		entry.Matched, entry.Near, entry.Refused = v.matched, v.near, v.refused
	})
	if v.answer.Delay > 0 {
		timer := time.NewTimer(v.answer.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ended:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			f.leave(e, ended)
		}
	}

	switch v.answer.Fault {
	case FaultNever:
		f.settle(e, func(entry *Request) { entry.Fault = FaultNever })
		select {
		case <-ended:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			f.leave(e, ended)
		}
	case FaultReset:
		f.settle(e, func(entry *Request) { entry.Fault = FaultReset })
		c.reset()
		panic(http.ErrAbortHandler)
	case FaultGarbage:
		f.settle(e, func(entry *Request) { entry.Fault = FaultGarbage })
		c.deafen()
		raw, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(raw, garbage)
		_ = raw.Close()
		return
	case FaultNone, FaultTruncate:
	}

	h := w.Header()
	maps.Copy(h, resp.Header)
	if _, given := h["Content-Type"]; !given {
		h["Content-Type"] = nil // net/http would guess one
	}
	send, length := body, len(body)
	if v.answer.Fault == FaultTruncate {
		if length == 0 {
			length = 16 // there must be something to break off
		}
		send = body[:len(body)/2]
	}
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(length))
	}
	f.settle(e, func(entry *Request) {
		entry.Status = resp.StatusCode
		entry.ResponseHeader = resp.Header
		entry.ResponseBody = send
		entry.Fault = v.answer.Fault
	})
	w.WriteHeader(resp.StatusCode)
	if _, err := w.Write(send); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		f.journal.update(e, func(entry *Request) { entry.Gone = true })
	}
	if v.answer.Fault == FaultTruncate {
		_ = http.NewResponseController(w).Flush()
		c.deafen()
		panic(http.ErrAbortHandler)
	}
}

// leave ends an answer whose connection has ended: by its client, or by the
// server or the customer, which end together with it.
func (f *front) leave(e *entry, ended <-chan struct{}) {
	select {
	case <-ended:
	case <-f.platform.ctx.Done():
	default:
		f.settle(e, func(entry *Request) { entry.Gone = true })
	}
	panic(http.ErrAbortHandler)
}
