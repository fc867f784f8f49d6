// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// resource is a kind of thing that is configured by name.
type resource[T any] struct {
	kind   string // "provider"; its path is /providers/{name}
	put    func(name string, v T) (created bool, err error)
	get    func(name string) (T, bool)
	list   func() map[string]T
	remove func(name string) bool
}

// serve puts up GET of all, and PUT, GET and DELETE of one.
func serve[T any](mux *http.ServeMux, o Options, res resource[T]) {
	plural := res.kind + "s"
	mux.Handle("/"+plural, methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		all := res.list()
		if all == nil {
			all = map[string]T{}
		}
		writeJSON(w, http.StatusOK, map[string]map[string]T{plural: all})
	}})
	missing := func(w http.ResponseWriter, name string) {
		problem(http.StatusNotFound, "there is no %s %q", res.kind, name).write(w)
	}
	mux.Handle("/"+plural+"/{name}", methods{
		http.MethodPut: func(w http.ResponseWriter, r *http.Request) {
			name := r.PathValue("name")
			var v T
			if p := readJSON(w, r, &v, false); p != nil {
				p.write(w)
				return
			}
			created, err := res.put(name, v)
			if err != nil {
				problem(http.StatusBadRequest, "%v", err).write(w)
				return
			}
			o.Logger.Info("configured", "kind", res.kind, "name", name, "new", created)
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			writeJSON(w, status, v)
		},
		http.MethodGet: func(w http.ResponseWriter, r *http.Request) {
			v, ok := res.get(r.PathValue("name"))
			if !ok {
				missing(w, r.PathValue("name"))
				return
			}
			writeJSON(w, http.StatusOK, v)
		},
		http.MethodDelete: func(w http.ResponseWriter, r *http.Request) {
			name := r.PathValue("name")
			if !res.remove(name) {
				missing(w, name)
				return
			}
			o.Logger.Info("deleted", "kind", res.kind, "name", name)
			w.WriteHeader(http.StatusNoContent)
		},
	})
}

// maxBody is the longest request body, in bytes: a connector with the longest
// body, escaped.
const maxBody = 8 << 20

// readJSON reads one JSON value without unknown fields. Where it may be absent,
// an empty body leaves v as it is.
func readJSON(w http.ResponseWriter, r *http.Request, v any, optional bool) *Problem {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxBody)
	case err != nil:
		return problem(http.StatusBadRequest, "the body could not be read: %v", err)
	case len(body) == 0 && optional:
		return nil
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "the Content-Type is %q: want application/json", r.Header.Get("Content-Type"))
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return problem(http.StatusBadRequest, "the body is not what is wanted: %s", jsonFault(err, decoder.InputOffset()))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return problem(http.StatusBadRequest, "the body goes on behind the JSON value, at byte %d", decoder.InputOffset())
	}
	return nil
}

// jsonFault is an error of encoding/json in the terms of the sender.
func jsonFault(err error, offset int64) string {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("byte %d: %v", syntax.Offset, syntax)
	case errors.As(err, &wrong):
		return fmt.Sprintf("byte %d: %s is a %s, not what belongs there", wrong.Offset, wrong.Field, wrong.Value)
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends in the middle of the JSON value"
	}
	return fmt.Sprintf("byte %d: %s", offset, strings.TrimPrefix(err.Error(), "json: "))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client is gone
}

func (m methods) allowed() string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }
