// SPDX-License-Identifier: Apache-2.0

package need_test

import (
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coapstone/coapstone/harness/need"
)

// recorder is a test that notes how it was ended instead of ending the real one.
type recorder struct {
	testing.TB
	fatal, skip string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = strings.TrimSpace(format)
	for _, a := range args {
		r.fatal += " " + a.(string)
	}
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	r.skip = args[0].(string)
	runtime.Goexit()
}

// record runs f as a test of its own and returns how it was ended.
func record(t *testing.T, f func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestAMissingProgramSkipsOrFails(t *testing.T) {
	for _, tc := range []struct {
		name, env        string
		wantSkip, wantIt bool
	}{
		{"nothing is required", "", true, false},
		{"something else is required", "containers", true, false},
		{"strangers are required", "strangers", false, true},
		{"strangers among others are required", "containers, strangers", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(need.Env, tc.env)
			r := record(t, func(tb testing.TB) {
				tb.Helper()
				need.Program(tb, "no-such-program", "apt-get install no-such")
			})
			if got := strings.Contains(r.skip, "apt-get install no-such"); got != tc.wantSkip {
				t.Errorf("skipped: %t (%q), want %t, saying what to install", got, r.skip, tc.wantSkip)
			}
			if got := strings.Contains(r.fatal, "apt-get install no-such"); got != tc.wantIt {
				t.Errorf("failed: %t (%q), want %t, saying what to install", got, r.fatal, tc.wantIt)
			}
		})
	}
}

func TestAProgramThatIsThereIsFound(t *testing.T) {
	t.Setenv(need.Env, need.Strangers)
	var path string
	r := record(t, func(tb testing.TB) {
		tb.Helper()
		path = need.Program(tb, "go", "see go.dev")
	})
	if r.fatal != "" || r.skip != "" || !filepath.IsAbs(path) {
		t.Errorf("fatal %q, skip %q, path %q: want just an absolute path", r.fatal, r.skip, path)
	}
}

func TestDockerIsAnAnsweringDaemon(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "docker.sock")
	t.Setenv("DOCKER_HOST", "unix://"+sock)
	t.Setenv(need.Env, need.Containers)
	if r := record(t, need.Docker); !strings.Contains(r.fatal, sock) {
		t.Errorf("without a daemon: fatal %q, want one that names %s", r.fatal, sock)
	}

	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" || broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	if r := record(t, need.Docker); r.fatal != "" || r.skip != "" {
		t.Errorf("with a daemon: fatal %q, skip %q, want neither", r.fatal, r.skip)
	}
	broken.Store(true)
	if r := record(t, need.Docker); !strings.Contains(r.fatal, "500") {
		t.Errorf("with a broken daemon: fatal %q, want one that names 500", r.fatal)
	}
}
