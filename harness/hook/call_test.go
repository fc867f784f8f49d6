// SPDX-License-Identifier: Apache-2.0

package hook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/target"
)

// relay is a server that answers with status and body, and tells what it got.
func relay(t *testing.T, handler http.HandlerFunc) (url string, requests <-chan string) {
	t.Helper()
	got := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- fmt.Sprintf("%s %s\n%s\n%s", r.Method, r.RequestURI, r.Header.Get("X-Payload"), body)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestValuesAreEncodedAsTheirPlaceInACallWants(t *testing.T) {
	for _, tt := range []struct {
		name string
		call target.HTTPCall
		want string
	}{
		{
			name: "in a URL", call: target.HTTPCall{URL: "/send/{payload}?to={url}&mode=a+b"},
			want: "POST /send/%7B%22say%22%3A%20%22a%20%26%20b%22%7D?to=coaps%3A%2F%2F192.0.2.1%2Fcoap2http&mode=a+b\n\n",
		},
		{
			name: "in a header", call: target.HTTPCall{Method: "GET", Header: map[string]string{"X-Payload": "={payload}"}},
			want: "GET /\n={\"say\": \"a & b\"}\n",
		},
		{
			name: "in JSON", call: target.HTTPCall{Method: "PUT", Header: map[string]string{"content-type": "application/json; charset=utf-8"}, Body: `{"send": "{payload}"}`},
			want: `PUT /` + "\n\n" + `{"send": "{\"say\": \"a \u0026 b\"}"}`,
		},
		{
			name: "in a form", call: target.HTTPCall{Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, Body: "p={payload}"},
			want: "POST /\n\np=%7B%22say%22%3A%20%22a%20%26%20b%22%7D",
		},
		{name: "in another body", call: target.HTTPCall{Body: "{payload}\n"}, want: "POST /\n\n{\"say\": \"a & b\"}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, got := relay(t, answer(http.StatusAccepted, "on, with world\n"))
			tt.call.URL = url + tt.call.URL
			result, err := (&hook.Runner{}).Run(t.Context(), "power-cycle", &target.Hook{HTTP: &tt.call}, vars())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, <-got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if want := "on, with •••\n"; result.Output != want {
				t.Errorf("output %q, want %q", result.Output, want)
			}
		})
	}
}

func TestACallThatFailsTellsTheNextStepAndNoSecret(t *testing.T) {
	elsewhere, strayed := relay(t, answer(http.StatusOK, ""))
	closed := httptest.NewServer(nil)
	closed.Close()
	tests := []struct {
		name    string
		handler http.HandlerFunc
		url     string
	}{
		{name: "a status", handler: answer(http.StatusForbidden, "\n<p>no: world\x1b[2J\nmore")},
		{name: "a status alone", handler: answer(http.StatusInternalServerError, "")},
		{name: "another host", handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}},
		{name: "in circles", handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}},
		{name: "it breaks off", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
		}},
		{name: "nobody there", url: closed.URL},
	}
	var b strings.Builder
	for _, tt := range tests {
		url := tt.url
		if url == "" {
			url, _ = relay(t, tt.handler)
		}
		r := &hook.Runner{Secrets: []secret.Text{"hunter2"}}
		_, err := r.Run(t.Context(), "reset", &target.Hook{HTTP: &target.HTTPCall{URL: strings.Replace(url, "://", "://me:hunter2@", 1) + "/x?p={password}"}}, vars())
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		said := strings.NewReplacer(strings.TrimPrefix(url, "http://"), "RELAY", strings.TrimPrefix(elsewhere, "http://"), "ELSEWHERE").Replace(err.Error())
		fmt.Fprintf(&b, "%s:\n  %s\n\n", tt.name, said)
	}
	for _, s := range []string{"world", "hunter2"} {
		if strings.Contains(b.String(), s) {
			t.Errorf("the secret %q stands in an error", s)
		}
	}
	golden(t, "call-errors.golden", b.String())
	select {
	case got := <-strayed:
		t.Errorf("a host that the target file does not name was called: %s", got)
	default:
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	url, _ := relay(t, func(http.ResponseWriter, *http.Request) {
		close(called)
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	go func() {
		<-called
		cancel()
	}()
	_, err := (&hook.Runner{}).Run(ctx, "reset", &target.Hook{HTTP: &target.HTTPCall{URL: url}}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	slow, _ := relay(t, func(http.ResponseWriter, *http.Request) { <-release })
	_, err = (&hook.Runner{}).Run(t.Context(), "reset", &target.Hook{HTTP: &target.HTTPCall{URL: slow}, Timeout: target.Duration(50 * time.Millisecond)}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "hooks.reset.timeout") {
		t.Errorf("error %v, want one that says that the time is over", err)
	}
}
