// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
)

func does(context.Context, *World, Args) error { return nil }

// registry is a registry with these expressions.
func registry(t *testing.T, expressions ...string) *Registry {
	t.Helper()
	r := New()
	for _, e := range expressions {
		r.Add(Step{Expression: e, Run: does})
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestValuesComeWithTheirTypes(t *testing.T) {
	tests := []struct {
		expression, text string
		want             []any
	}{
		{`a {type} {method} to {string}`, `a confirmable GET to "/a b"`, []any{coap.Confirmable, coap.GET, "/a b"}},
		{`a {type} {method} to {string}`, `a non-confirmable iPATCH to ''`, []any{coap.NonConfirmable, coap.IPATCH, ""}},
		{`a {type} is sent`, `a RST is sent`, []any{coap.Reset}},
		{`it receives {code}`, `it receives 2.05 Content`, []any{coap.Content}},
		{`it receives {code}`, `it receives 4.15 Unsupported Content-Format`, []any{coap.UnsupportedContentFormat}},
		{`it receives {code} within {duration}`, `it receives 5.04 within 2.5 s`, []any{coap.GatewayTimeout, 2500 * time.Millisecond}},
		{`waits {duration}`, `waits 30 seconds`, []any{30 * time.Second}},
		{`waits {duration}`, `waits 500ms`, []any{500 * time.Millisecond}},
		{`waits {duration}`, `waits 4 minutes`, []any{4 * time.Minute}},
		{`the option {option} is {string}`, `the option Uri-Path is "a"`, []any{coap.URIPath, "a"}},
		{`the option {option} is absent`, `the option Option 65001 is absent`, []any{coap.OptionNumber(65001)}},
		{`{int} request(s)`, `1 request`, []any{1}},
		{`{int} request(s)`, `-3 requests`, []any{-3}},
		{`the user {word}`, `the user hello`, []any{"hello"}},
		{`the payload {string}`, `the payload '{"open": "it"}'`, []any{`{"open": "it"}`}},
		{`the payload {string}`, `the payload "say \"it\""`, []any{`say "it"`}},
		{`answers {method} with {int}`, `answers POST with 200`, []any{coap.POST, 200}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			ms := registry(t, tt.expression).Match(tt.text)
			if len(ms) != 1 || ms[0].Err != nil {
				t.Fatalf("matches %+v", ms)
			}
			var got []any
			for i := range ms[0].Args.Len() {
				got = append(got, ms[0].Args.Value(i))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if sub := ms[0].Pattern.FindStringSubmatch(tt.text); len(sub) != 1 || sub[0] != tt.text {
				t.Errorf("the pattern %s matches %q: want the whole text, no groups", ms[0].Pattern, sub)
			}
			if ms[0].Args.Text() != tt.text {
				t.Errorf("text %q", ms[0].Args.Text())
			}
		})
	}
}

func TestOnlyTheWholeTextMatches(t *testing.T) {
	r := registry(t, `it receives {code}`, `the user {string}`, `the user {string} exists`)
	for text, want := range map[string]int{
		"it receives 2.05 Content and more": 0, "so it receives 2.05": 0, "it receives 2.5": 0, "it receives 8.05": 0,
		`the user "a"`: 1, `the user "a" exists`: 1, `the user "a`: 0, "": 0,
	} {
		if got := len(r.Match(text)); got != want {
			t.Errorf("%q: %d matches, want %d", text, got, want)
		}
	}
}

func TestEveryMatchIsTold(t *testing.T) {
	if ms := registry(t, `{int} things`, `{word} things`).Match("3 things"); len(ms) != 2 {
		t.Errorf("%d matches, want 2", len(ms))
	}
}

func TestAValueThatCannotBeRead(t *testing.T) {
	for text, part := range map[string]string{
		"code 2.05 Contents": `2.05 is called "Content"`, "code 2.99": "dd from 00 to 31", "number 99999999999999999999": "out of range",
		"option Option 70000": "0 to 65535", "wait 9999999 min": "longer than",
	} {
		ms := registry(t, `code {code}`, `number {int}`, `option {option}`, `wait {duration}`).Match(text)
		if len(ms) != 1 || ms[0].Err == nil || !strings.Contains(ms[0].Err.Error(), part) {
			t.Errorf("%q: %+v: want an error with %q", text, ms, part)
		}
	}
}

func TestWhatIsWrongWithAStepIsKept(t *testing.T) {
	tests := map[string]func(*Registry){
		"no Run":                   func(r *Registry) { r.Add(Step{Expression: "a"}) },
		"there already":            func(r *Registry) { r.Add(Step{Expression: "a", Run: does}); r.Add(Step{Expression: "a", Run: does}) },
		"Undefined parameter type": func(r *Registry) { r.Add(Step{Expression: "a {toaster}", Run: does}) },
		"parameter type {bad}":     func(r *Registry) { r.Define(ParameterType{Name: "bad", Pattern: "("}) },
		"the name is taken":        func(r *Registry) { r.Define(ParameterType{Name: "code", Pattern: "a"}) },
	}
	for part, spoil := range tests {
		r := New()
		spoil(r)
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q in it", err, part)
		}
	}
}

func TestATypeOfOnesOwn(t *testing.T) {
	r := New()
	r.Define(ParameterType{Name: "mode", Pattern: `LIVE|TEST|(ACC(EPTANCE)?)`})
	r.Add(Step{Expression: "in mode {mode} of {int}", Run: does})
	ms := r.Match("in mode ACCEPTANCE of 3")
	if r.Err() != nil || len(ms) != 1 || ms[0].Args.String(0) != "ACCEPTANCE" || ms[0].Args.Int(1) != 3 {
		t.Errorf("%+v (%v)", ms, r.Err())
	}
}

func TestTheNearestWords(t *testing.T) {
	r := registry(t, `the device sends a {type} {method} to {string}`, `the device receives {code}`, `the user {string} with the password {string}`, `nothing happens`)
	for text, want := range map[string][]string{
		`the device sent a confirmable GET to "/x"`: {`the device sends a {type} {method} to {string}`},
		`the device gets 2.05`:                      {`the device receives {code}`},
		`a user "a" with password "b"`:              {`the user {string} with the password {string}`},
		`completely something else`:                 nil,
	} {
		got := r.Nearest(text, 1)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestWhatMayStandBelowAStep(t *testing.T) {
	tests := []struct {
		takes            Argument
		nothing, tab, ds bool
	}{
		{None, true, false, false},
		{Table, false, true, false},
		{DocString, false, false, true},
		{OptionalTable, true, true, false},
		{OptionalDocString, true, false, true},
		{Optional, true, true, true},
	}
	for _, tt := range tests {
		got := []bool{tt.takes.Check(false, false) == nil, tt.takes.Check(true, false) == nil, tt.takes.Check(false, true) == nil}
		if diff := cmp.Diff([]bool{tt.nothing, tt.tab, tt.ds}, got); diff != "" {
			t.Errorf("%d: nothing, table, doc string (-want +got):\n%s", tt.takes, diff)
		}
	}
}

func TestArgumentsOfAnotherTypePanic(t *testing.T) {
	for name, ask := range map[string]func(Args){
		"type": func(a Args) { a.Code(0) }, "index": func(a Args) { _ = a.String(1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			ask(NewArgs("a"))
		})
	}
}

func TestATableIsACopy(t *testing.T) {
	a := NewArgs().WithTable([][]string{{"a"}})
	a.Table()[0][0] = "b"
	if a.Table()[0][0] != "a" {
		t.Error("a step can change the feature")
	}
	if text, kind := a.WithDocString("x", "json").DocString(); text != "x" || kind != "json" || a.HasDocString() {
		t.Errorf("doc string %q of %q", text, kind)
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"500 ms", "2.5 s", "30 seconds", "", "1e9 s", "1..2 s", "99999999999999999999 min", "-1 s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil && (d < 0 || d > 24*time.Hour) {
			t.Errorf("%q is %s", s, d)
		}
	})
}
