// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"net/http"
	"time"
)

// User is a user of the platform, as HTTP Basic authentication knows it.
type User struct {
	Name     string `json:"name" yaml:"name"`
	Password string `json:"password" yaml:"password"`
}

// API is one Composite API, at /live/{customer}/host/{host}/service/{service}.
type API struct {
	// Customer, Host and Service are the three names in its path. Everything
	// below one customer belongs to one scenario: its unmatched requests too.
	Customer string `json:"customer" yaml:"customer"`
	Host     string `json:"host" yaml:"host"`
	Service  string `json:"service" yaml:"service"`
	// Method is the only one it takes, GET when absent; another one is answered
	// 405 with Allow.
	Method string `json:"method" yaml:"method"`
	// Users may call it; none means: every user of the platform. Without, or
	// with wrong, credentials it answers 401, to any other user 403.
	Users []string `json:"users,omitempty" yaml:"users,omitempty"`
	// Public needs no credentials at all.
	Public bool `json:"public,omitempty" yaml:"public,omitempty"`
	// Accept is the media type that it takes; another one is answered 415. Empty
	// means any.
	Accept string `json:"accept,omitempty" yaml:"accept,omitempty"`
	// Modes are the values of P_mode that it answers; none means all three: TEST,
	// ACCEPTANCE and LIVE. A request in another mode is answered 404, one without
	// P_mode is in mode LIVE.
	Modes []string `json:"modes,omitempty" yaml:"modes,omitempty"`
	// Answers are given one after the other; the last one is repeated. None
	// means one 200 without a body.
	Answers []Answer `json:"answers,omitempty" yaml:"answers,omitempty"`
}

// Answer is one answer of a Composite API.
type Answer struct {
	Status int         `json:"status,omitempty" yaml:"status,omitempty"` // 200 when absent
	Header http.Header `json:"header,omitempty" yaml:"header,omitempty"`
	// ContentType is the result media type; a request whose Accept it cannot
	// meet is answered 406.
	ContentType string `json:"contentType,omitempty" yaml:"contentType,omitempty"`
	Body        []byte `json:"body,omitempty" yaml:"body,omitempty"`
	// Delay goes before the answer.
	Delay time.Duration `json:"delay,omitempty" yaml:"delay,omitempty"`
	// Fault is done instead of, or to, the answer.
	Fault Fault `json:"fault,omitempty" yaml:"fault,omitempty"`
}

// Fault is a way for an HTTP answer to go wrong.
type Fault string

// The faults.
const (
	FaultNone     Fault = ""
	FaultReset    Fault = "reset"     // the TCP connection is reset
	FaultGarbage  Fault = "garbage"   // bytes that are no HTTP
	FaultTruncate Fault = "truncated" // the body ends before its Content-Length
	FaultNever    Fault = "never"     // no answer, the connection stays open
)

// Request is one entry of the journal: a request that reached the platform.
type Request struct {
	// Number counts the journal's entries from 1, over all customers.
	Number   int         `json:"number"`
	At       time.Time   `json:"at"`
	Customer string      `json:"customer,omitempty"`
	Host     string      `json:"host,omitempty"`
	Service  string      `json:"service,omitempty"`
	Method   string      `json:"method"`
	Secure   bool        `json:"secure,omitempty"`   // came over HTTPS
	Target   string      `json:"target"`             // the request target, byte for byte
	Query    string      `json:"query,omitempty"`    // its query, byte for byte
	HostName string      `json:"hostName,omitempty"` // the Host header
	Remote   string      `json:"remote,omitempty"`
	Header   http.Header `json:"header,omitempty"`
	Body     []byte      `json:"body,omitempty"`
	// User is who the request authenticated as; Authenticated says whether the
	// credentials were right.
	User          string `json:"user,omitempty"`
	Authenticated bool   `json:"authenticated,omitempty"`
	// Matched says whether its path is a Composite API's, which then answered it.
	// If not, Near is the nearest one and what differed: "/live/…/service/orders:
	// service order, want orders".
	Matched bool   `json:"matched"`
	Near    string `json:"near,omitempty"`
	// Refused is why the Composite API answered 401, 403, 404, 405, 406 or 415 by
	// itself: "method GET, want POST". Empty when it gave one of its answers.
	Refused string `json:"refused,omitempty"`
	// Answered says that the answer is on its way, or that the fault was done.
	Answered bool `json:"answered,omitempty"`
	// Gone says that the client left before it had the answer, or before its own
	// body was complete.
	Gone bool `json:"gone,omitempty"`
	// Status, ResponseHeader, ResponseBody and Fault are the answer it got; 0
	// while it has none. Elapsed is how long that took.
	Status         int           `json:"status,omitempty"`
	ResponseHeader http.Header   `json:"responseHeader,omitempty"`
	ResponseBody   []byte        `json:"responseBody,omitempty"`
	Fault          Fault         `json:"fault,omitempty"`
	Elapsed        time.Duration `json:"elapsed,omitempty"`
}
