// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/coapstone/coapstone/gateway/secret"
)

const hidden = "hunter2"

type account struct {
	Name     string      `json:"name" yaml:"name"`
	Password secret.Text `json:"password" yaml:"password"`
}

func TestNoVerbShowsASecret(t *testing.T) {
	s := secret.Text(hidden)
	for verb := 'A'; verb <= 'z'; verb++ {
		if verb == 'p' || verb == 'w' {
			continue // Not left to the operand by package fmt; go vet refuses both.
		}
		for _, flags := range []string{"", "+", "#", "20", " "} {
			format := "%" + flags + string(verb)
			for _, v := range []any{s, &s, account{"a", s}, &account{"a", s}, []secret.Text{s}, map[secret.Text]secret.Text{s: s}} {
				got := fmt.Sprintf(format, v)
				if strings.Contains(got, hidden) || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", hidden)) {
					t.Errorf("%s of a %T prints %s", format, v, got)
				}
			}
		}
	}
	for format, want := range map[string]string{"%v": secret.Mask, "%s": secret.Mask, "%q": `"•••"`, "%#v": `secret.Text("•••")`, "%d": secret.Mask} {
		if got := fmt.Sprintf(format, s); got != want {
			t.Errorf("%s prints %s, want %s", format, got, want)
		}
	}
	if got := fmt.Sprint(secret.Text("")); got != "" {
		t.Errorf("no secret prints as %q, want nothing", got)
	}
	if err := fmt.Errorf("login: %w", errors.New(s.String())); strings.Contains(err.Error(), hidden) {
		t.Error(err)
	}
}

func TestNoLogShowsASecret(t *testing.T) {
	var b bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("login", "password", secret.Text(hidden), "account", account{"a", hidden})
	}
	if strings.Contains(b.String(), hidden) || strings.Count(b.String(), secret.Mask) != 4 {
		t.Errorf("logged:\n%s\nwant the mask four times", &b)
	}
}

func TestSecretsAreReadAndWrittenAsMasks(t *testing.T) {
	for name, codec := range map[string]struct {
		unmarshal func([]byte, any) error
		marshal   func(any) ([]byte, error)
	}{
		"JSON": {json.Unmarshal, json.Marshal},
		"YAML": {func(b []byte, v any) error { return yaml.Unmarshal(b, v) }, func(v any) ([]byte, error) { return yaml.Marshal(v) }},
	} {
		t.Run(name, func(t *testing.T) {
			var a account
			if err := codec.unmarshal([]byte(`{"name": "a", "password": "`+hidden+`"}`), &a); err != nil {
				t.Fatal(err)
			}
			if a.Password.Reveal() != hidden {
				t.Errorf("read %q, want %q", a.Password.Reveal(), hidden)
			}
			out, err := codec.marshal(a)
			if err != nil || strings.Contains(string(out), hidden) || !strings.Contains(string(out), secret.Mask) {
				t.Errorf("written as %s, %v, want the mask", out, err)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	for _, tc := range []struct {
		a, b secret.Text
		want bool
	}{{"", "", true}, {hidden, hidden, true}, {hidden, "hunter3", false}, {hidden, "", false}, {hidden, hidden + "x", false}} {
		if got := tc.a.Equal(tc.b); got != tc.want {
			t.Errorf("%q and %q: %t", tc.a.Reveal(), tc.b.Reveal(), got)
		}
	}
}
