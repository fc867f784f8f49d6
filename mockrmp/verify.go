// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Call is a pattern for requests in the journal. A field that is empty matches
// anything.
type Call struct {
	Method                  string
	Customer, Host, Service string
	Query                   string // byte for byte
	User                    string // who it authenticated as, rightly
}

// MismatchError is the error of a check on the journal.
type MismatchError struct {
	// Expected and Got are phrases that follow "expected" and "got". They may go on
	// over several lines, one for each call or request.
	Expected, Got string
}

// Error is both phrases.
func (m *MismatchError) Error() string {
	then := ", got "
	if strings.Contains(m.Expected, "\n") {
		then = "\ngot "
	}
	return "expected " + m.Expected + then + m.Got
}

// CalledTimes checks that exactly n of the requests are this call.
func CalledTimes(requests []Request, call Call, n int) error {
	var hits []Request
	for _, r := range requests {
		if call.differs(r) == "" {
			hits = append(hits, r)
		}
	}
	if len(hits) == n {
		return nil
	}
	expected := fmt.Sprintf("%s to be called %s", call, times(n))
	if len(hits) == 0 {
		return &MismatchError{expected, "no such call" + others(requests, call)}
	}
	got := fmt.Sprintf("%d calls:", len(hits))
	if len(hits) == 1 {
		got = "1 call:"
	}
	return &MismatchError{expected, got + lines(hits, nil) + repeats(hits)}
}

// Never checks that none of the requests is this call.
func Never(requests []Request, call Call) error { return CalledTimes(requests, call, 0) }

// InOrder checks that the requests hold these calls in this order. Other
// requests may stand between them.
func InOrder(requests []Request, calls ...Call) error {
	requests = slices.Clone(requests)
	sortByNumber(requests)
	rest := requests
	for i, call := range calls {
		at := slices.IndexFunc(rest, func(r Request) bool { return call.differs(r) == "" })
		if at >= 0 {
			rest = rest[at+1:]
			continue
		}
		var expected strings.Builder
		expected.WriteString("these calls in this order:")
		for k, c := range calls {
			mark := ""
			if k == i {
				mark = "   <- did not come"
				if i > 0 {
					mark += fmt.Sprintf(" after the call %d", i)
				}
			}
			fmt.Fprintf(&expected, "\n  %d. %s%s", k+1, c, mark)
		}
		got := "no requests at all"
		if len(requests) > 0 {
			got = "these requests:" + lines(requests, nil)
		}
		return &MismatchError{expected.String(), got}
	}
	return nil
}

// AllMatched checks that every request found a Composite API.
func AllMatched(requests []Request) error {
	var lost []Request
	for _, r := range requests {
		if !r.Matched {
			lost = append(lost, r)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return &MismatchError{
		"every request to find its Composite API",
		count(len(lost), "request") + " without one:" + lines(lost, func(r Request) string { return "nearest: " + r.Near }),
	}
}

// String is the call in words: `POST /live/…/service/orders as "hello"`.
func (c Call) String() string {
	part := func(s string) string {
		if s == "" {
			return "…"
		}
		return s
	}
	s := c.Method
	if s == "" {
		s = "any method"
	}
	switch at := (place{part(c.Customer), part(c.Host), part(c.Service)}); {
	case c.Customer+c.Host+c.Service == "":
		s += " to any path"
	default:
		s += " " + at.path()
	}
	if c.Query != "" {
		s += "?" + c.Query
	}
	if c.User != "" {
		s += fmt.Sprintf(" as %q", c.User)
	}
	return s
}

// differs names the fields in which a request is not this call.
func (c Call) differs(r Request) string {
	user := r.User
	if user != "" && !r.Authenticated {
		user += " (not authenticated)"
	}
	var fields []string
	for _, f := range []struct{ name, got, want string }{
		{"method", r.Method, c.Method},
		{"customer", r.Customer, c.Customer},
		{"host", r.Host, c.Host},
		{"service", r.Service, c.Service},
		{"query", r.Query, c.Query},
		{"user", user, c.User},
	} {
		if f.want != "" && f.got != f.want {
			got := shorten(f.got)
			if got == "" {
				got = "absent"
			}
			fields = append(fields, fmt.Sprintf("%s %s, want %s", f.name, got, f.want))
		}
	}
	return strings.Join(fields, "; ")
}

// others lists what came instead of a call.
func others(requests []Request, call Call) string {
	if len(requests) == 0 {
		return ", and no other request either"
	}
	return "; what came instead:" + lines(requests, call.differs)
}

// lines is a request on each line, with the time since the first.
func lines(requests []Request, remark func(Request) string) string {
	var b strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&b, "\n  #%d +%s %s %s", r.Number, r.At.Sub(requests[0].At).Round(time.Millisecond), r.Method, shorten(r.Target))
		if r.User != "" {
			fmt.Fprintf(&b, " as %q", r.User)
		}
		b.WriteString(" -> " + r.end())
		if remark != nil {
			if text := remark(r); text != "" {
				b.WriteString("\n      " + text)
			}
		}
	}
	return b.String()
}

// shorten cuts what would fill the screen.
func shorten(s string) string {
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}

// end is how a request ended, in words.
func (r Request) end() string {
	var s string
	switch {
	case r.Gone:
		s = "the client left"
	case r.Fault == FaultReset:
		s = "connection reset"
	case r.Fault == FaultGarbage:
		s = "garbage"
	case r.Fault == FaultNever:
		s = "never answered"
	case r.Fault == FaultTruncate:
		s = fmt.Sprintf("%d, broken off", r.Status)
	case !r.Answered:
		s = "not answered yet"
	default:
		s = fmt.Sprint(r.Status)
	}
	if r.Refused != "" {
		s += " (" + r.Refused + ")"
	}
	return s
}

// repeats explains a call that came more than once because the first broke:
// Go's HTTP client, for one, repeats what it takes for idempotent.
func repeats(hits []Request) string {
	for i := 1; i < len(hits); i++ {
		a, b := hits[i-1], hits[i]
		broke := a.Fault == FaultReset || a.Fault == FaultGarbage || a.Fault == FaultTruncate
		if broke && a.Method == b.Method && a.Target == b.Target && bytes.Equal(a.Body, b.Body) {
			return fmt.Sprintf("\n  #%d repeats #%d, whose connection broke: an HTTP client that repeats by itself does that", b.Number, a.Number)
		}
	}
	return ""
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
