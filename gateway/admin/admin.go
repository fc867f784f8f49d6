// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
)

// Options is what the pages are made of. The zero value has no metrics and is
// always ready.
type Options struct {
	// Metrics is the page /metrics; nil means that there is none.
	Metrics http.Handler
	// Ready says what keeps the gateway from serving; nil means nothing does.
	Ready func() error
}

// New is the pages as a handler. It goes by what it is given and never by
// http.DefaultServeMux, where package pprof puts itself as well.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if o.Ready != nil {
			if err := o.Ready(); err != nil {
				say(w, http.StatusServiceUnavailable, fmt.Sprintf("not ready: %v", err))
				return
			}
		}
		say(w, http.StatusOK, "ready")
	})
	// Index serves every profile that has no handler of its own: heap, goroutine…
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	// The command line is left out: nobody needs it, and it is typed by people.
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	return http.NewCrossOriginProtection().Handler(mux)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
