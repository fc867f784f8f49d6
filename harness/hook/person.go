// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coapstone/coapstone/gateway/secret"
)

// Prompter asks a person to do something, and waits until it is done. It returns
// ErrDeclined when the person cannot do it, ErrNobody when there is nobody, and
// ctx.Err() when that ends first.
type Prompter interface {
	Ask(ctx context.Context, p Prompt) error
}

// Prompt is what a person is asked. What they must type may be secret, so Text and
// the values of Facts are to be revealed to that person alone.
type Prompt struct {
	// Name is the hook's: "trigger".
	Name string
	// Text says what to do.
	Text secret.Text
	// Facts are what it takes: URI, options, credentials.
	Facts []Fact
	// Timeout is how long they have.
	Timeout time.Duration
	// Watch is the Runner's.
	Watch func(ctx context.Context, show func(line string))
}

// Fact is a name with a value.
type Fact struct {
	Name  string
	Value secret.Text
}

// person asks somebody.
func (o *occasion) person(ctx context.Context) (string, error) {
	if o.Prompter == nil {
		return "", o.nobody()
	}
	text, err := o.expand(o.hook.Person, asText)
	if err != nil {
		return "", err
	}
	err = o.Prompter.Ask(ctx, Prompt{
		Name: o.name, Text: secret.Text(text), Facts: facts(o.vars), Timeout: o.hook.Patience(), Watch: o.Watch,
	})
	if errors.Is(err, ErrNobody) {
		err = o.nobody()
	}
	return "", err
}

func (o *occasion) nobody() error {
	return fmt.Errorf("it asks a person, and %w: run it in a terminal, or give hooks.%s a command or an HTTP call", ErrNobody, o.name)
}

// factNames are what people call the variables, in the order in which they type
// them.
func factNames() [][2]string {
	return [][2]string{
		{"url", "URL"},
		{"method", "method"},
		{"api", "Composite API"},
		{"proxy-uri", "Proxy-Uri"},
		{"payload", "payload"},
		{"connector", "connector"},
		{"user", "user"},
		{"password", "password"},
		{"token", "AuthToken"},
		{"identity", "PSK identity"},
		{"key", "PSK key"},
	}
}

// facts are the variables for people.
func facts(vars map[string]string) []Fact {
	rest := maps.Clone(vars)
	var all []Fact
	for _, n := range factNames() {
		if value, ok := rest[n[0]]; ok {
			all = append(all, Fact{n[1], secret.Text(value)})
			delete(rest, n[0])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		all = append(all, Fact{name, secret.Text(rest[name])})
	}
	return all
}
