// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// modes are the three environments that P_mode can name.
var modes = []string{"TEST", "ACCEPTANCE", "LIVE"}

// faults are the faults there are.
var faults = []Fault{FaultNone, FaultReset, FaultGarbage, FaultTruncate, FaultNever}

// Check says what is wrong with the user, or nil.
func (u User) Check() error {
	if u.Name == "" {
		return fmt.Errorf("name: is empty: give the user one")
	}
	// RFC 7617 §2: a user-id cannot hold a colon, and neither part a control character.
	if strings.Contains(u.Name, ":") {
		return fmt.Errorf("name: %q holds a colon, which Basic authentication cannot carry (RFC 7617 §2)", u.Name)
	}
	for _, part := range []struct{ field, text string }{{"name", u.Name}, {"password", u.Password}} {
		if strings.ContainsFunc(part.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%s: holds a control character, which Basic authentication cannot carry (RFC 7617 §2)", part.field)
		}
	}
	return nil
}

// Check says what is wrong with the Composite API, or nil. The error begins
// with the field: "answers[1].status: 42: want 200 to 599".
func (a API) Check() error {
	for _, part := range []struct{ field, text string }{
		{"customer", a.Customer}, {"host", a.Host}, {"service", a.Service},
	} {
		if !isName(part.text) {
			return fmt.Errorf("%s: %q: want letters, digits, '-', '.', '_' or '~', as it is one part of a path", part.field, part.text)
		}
	}
	if strings.ContainsFunc(a.Method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return fmt.Errorf("method: %q: want a method in capitals, such as GET, PUT, POST or DELETE", a.Method)
	}
	if a.Accept != "" {
		if _, _, err := mime.ParseMediaType(a.Accept); err != nil {
			return fmt.Errorf("accept: %q: want a media type such as application/json: %w", a.Accept, err)
		}
	}
	for i, m := range a.Modes {
		if !slices.Contains(modes, m) {
			return fmt.Errorf("modes[%d]: %q: want TEST, ACCEPTANCE or LIVE", i, m)
		}
	}
	for i, answer := range a.Answers {
		if err := answer.check(); err != nil {
			return fmt.Errorf("answers[%d].%w", i, err)
		}
	}
	return nil
}

func (a Answer) check() error {
	status := a.status()
	if status < 200 || status > 599 {
		return fmt.Errorf("status: %d: want 200 to 599", a.Status)
	}
	bodiless := status == http.StatusNoContent || status == http.StatusNotModified
	if bodiless && len(a.Body) > 0 {
		return fmt.Errorf("body: an answer with status %d has none (RFC 9110 §6.4.1): leave it out", status)
	}
	if bodiless && a.Fault == FaultTruncate {
		return fmt.Errorf("fault: an answer with status %d has no body to break off: take another status", status)
	}
	if a.ContentType != "" {
		if _, _, err := mime.ParseMediaType(a.ContentType); err != nil {
			return fmt.Errorf("contentType: %q: want a media type such as application/json: %w", a.ContentType, err)
		}
	}
	for name, values := range a.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("header: %q is no header name", name)
		}
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding":
			return fmt.Errorf("header: %s follows from the body: leave it out, or use the fault %q", name, FaultTruncate)
		case "Content-Type":
			return fmt.Errorf("header: %s stands in contentType: give it there", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("header: %s: %q is no header value", name, value)
			}
		}
	}
	if a.Delay < 0 {
		return fmt.Errorf("delay: %v: want zero or more", a.Delay)
	}
	if !slices.Contains(faults, a.Fault) {
		return fmt.Errorf("fault: %q: want reset, garbage, truncated or never", a.Fault)
	}
	return nil
}

// status is the answer's status, with its default.
func (a Answer) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

// isName says whether s can be one part of a Composite API's path: unreserved
// characters alone (RFC 3986 §2.3), so that a path has one spelling.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
	})
}
