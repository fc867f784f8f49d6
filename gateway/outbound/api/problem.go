// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/coapstone/coapstone/gateway/outbound/call"
)

// Problem is problem details (RFC 9457): the form of every error of the
// gateway's own.
type Problem struct {
	// Type is "about:blank": the status says what kind of problem it is.
	Type string `json:"type"`
	// Title is the status in words.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says what is wrong and what to do.
	Detail string `json:"detail,omitempty"`
}

// Error is the status and the detail.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

func problem(status int, format string, args ...any) *Problem {
	return &Problem{"about:blank", http.StatusText(status), status, fmt.Sprintf(format, args...)}
}

const problemType = "application/problem+json"

func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // fails only when the client is gone
}

// WriteFailure answers with what became of a call that brought no response;
// prefix stands before what is wrong.
func WriteFailure(w http.ResponseWriter, prefix string, failure *call.Error) {
	if failure.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(failure.RetryAfter))
	}
	problem(failure.Status, "%s%s", prefix, failure.Detail).write(w)
}

// WriteProblem answers with problem details: for what is served beside the API.
func WriteProblem(w http.ResponseWriter, status int, format string, args ...any) {
	problem(status, format, args...).write(w)
}
