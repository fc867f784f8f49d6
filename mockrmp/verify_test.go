// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-update writes it anew):\n%s", file, d)
	}
}

// story is a journal with one of everything.
func story() []Request {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	r := func(n, ms int, method, service, query string, change func(*Request)) Request {
		x := Request{
			Number: n, At: at(ms), Method: method, Customer: "acme", Host: "shop", Service: service, Query: query,
			Target: "/live/acme/host/shop/service/" + service + "?" + query, Matched: true, Answered: true, Status: 200,
		}
		if change != nil {
			change(&x)
		}
		return x
	}
	return []Request{
		r(4, 0, "POST", "orders", "P_mode=TEST", func(r *Request) {
			r.User, r.Authenticated, r.Status, r.Fault = "hello", true, 0, FaultReset
		}),
		r(5, 2, "POST", "orders", "P_mode=TEST", func(r *Request) { r.User, r.Authenticated = "hello", true }),
		r(6, 10, "GET", "orders", "P_mode=TEST", func(r *Request) {
			r.Status, r.Refused = 405, "method GET, want POST"
		}),
		r(7, 11, "GET", "order", "", func(r *Request) {
			r.Matched, r.Status, r.Near = false, 404, "/live/acme/host/shop/service/orders: service order, want orders"
		}),
		r(8, 12, "GET", "slow", "", func(r *Request) { r.Status, r.Answered = 0, false }),
		r(9, 13, "GET", "slow", "", func(r *Request) { r.Status, r.Gone = 0, true }),
		r(10, 1500, "PUT", "orders", "x="+strings.Repeat("y", 300), func(r *Request) {
			r.User, r.Status, r.Refused = "eve", 401, `wrong name or password for the user "eve"`
		}),
	}
}

func TestChecksOnTheJournal(t *testing.T) {
	posted := Call{Method: "POST", Customer: "acme", Host: "shop", Service: "orders", User: "hello"}
	slow := Call{Service: "slow"}
	for name, tc := range map[string]struct {
		err  error
		fits bool
	}{
		"twice-is-twice":       {CalledTimes(story(), posted, 2), true},
		"never-is-never":       {Never(story(), Call{Service: "other"}), true},
		"none-of-none":         {CalledTimes(nil, Call{}, 0), true},
		"once-but-twice":       {CalledTimes(story(), posted, 1), false},
		"once-but-never":       {CalledTimes(story()[2:4], posted, 1), false},
		"once-but-nothing":     {CalledTimes(nil, Call{}, 1), false},
		"thrice-but-once":      {CalledTimes(story()[1:], posted, 3), false},
		"never-but-once":       {Never(story(), Call{Method: "PUT"}), false},
		"query-and-user":       {CalledTimes(story()[6:], Call{Query: "P_mode=TEST", User: "hello"}, 1), false},
		"in-order":             {InOrder(story(), posted, Call{Method: "GET", Service: "orders"}, slow), true},
		"in-order-unsorted":    {InOrder([]Request{story()[4], story()[0]}, posted, slow), true},
		"in-order-twice":       {InOrder(story(), posted, posted), true},
		"not-in-order":         {InOrder(story(), slow, posted), false},
		"not-in-order-nothing": {InOrder(nil, slow), false},
		"all-matched":          {AllMatched(story()[:3]), true},
		"not-all-matched":      {AllMatched(story()), false},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.fits {
				if tc.err != nil {
					t.Error(tc.err)
				}
				return
			}
			var m *MismatchError
			if !errors.As(tc.err, &m) {
				t.Fatalf("error: %v", tc.err)
			}
			golden(t, name+".txt", fmt.Sprintln(tc.err))
		})
	}
}
