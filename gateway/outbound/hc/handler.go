// SPDX-License-Identifier: Apache-2.0

package hc

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/secret"
)

// Path is the path of the proxy, what RFC 8075 §5.1 calls the HC Proxy URI.
const Path = "/hc/"

// wellKnown is where a client learns of the proxy (RFC 6690 §4, RFC 8075 §5.5).
const wellKnown = "/.well-known/core"

// Defaults of Options.
const (
	// DefaultMaxRequests is how many requests wait for devices at once.
	DefaultMaxRequests = 100
	// DefaultMaxBody is the longest body of an HTTP request in bytes.
	DefaultMaxBody = request.MaxPayload
)

// Options is what the proxy needs to know. Without targets it refuses
// everything, and without users and Anonymous everybody.
type Options struct {
	// Caller makes the calls. It must be there.
	Caller *call.Caller
	// Template is the URI mapping template; "" means DefaultTemplate.
	Template string
	// Targets are what may be called.
	Targets []Target
	// Users are the names and passwords with which an HTTP client authenticates
	// itself (RFC 8075 §10, RFC 7617).
	Users map[string]secret.Text
	// Anonymous serves those too who do not authenticate themselves.
	Anonymous bool
	// MaxRequests is how many requests may wait for devices at once, 100 by
	// default; the next gets 503 (RFC 8075 §8.1).
	MaxRequests int
	// MaxBody is the longest body of a request in bytes; a longer one gets 413.
	// Zero means DefaultMaxBody.
	MaxBody int
	// Logger is told of requests, without query, credentials and payload. Nil
	// means no log.
	Logger *slog.Logger
}

// New is the proxy as a handler of /hc/, of request lines with a CoAP URI (RFC
// 7252 §10.2) and of /.well-known/core. What is for none of them goes to next. A
// template or a target that cannot be read is an error.
func New(o Options, next http.Handler) (http.Handler, error) {
	h := &handler{Options: o, next: next}
	if h.Template == "" {
		h.Template = DefaultTemplate
	}
	var err error
	if h.template, err = ParseTemplate(h.Template); err != nil {
		return nil, err
	}
	for _, t := range o.Targets {
		read, err := readTarget(t)
		if err != nil {
			return nil, err
		}
		h.targets = append(h.targets, read)
	}
	if h.MaxRequests <= 0 {
		h.MaxRequests = DefaultMaxRequests
	}
	if h.MaxBody <= 0 {
		h.MaxBody = DefaultMaxBody
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	h.places = make(chan struct{}, h.MaxRequests)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.WriteProblem(w, http.StatusForbidden, "the request comes from a web page of another origin")
	}))
	h.guarded = protection.Handler(http.HandlerFunc(h.proxy))
	return h, nil
}

type handler struct {
	Options

	template *Template
	targets  []target
	places   chan struct{}
	guarded  http.Handler
	next     http.Handler
}

// ServeHTTP tells what is for the proxy by the request line as it came: a
// ServeMux would take the // of an embedded URI for a mistake and redirect.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := originForm(r.RequestURI)
	path, _, _ := strings.Cut(line, "?")
	switch {
	case r.Method == http.MethodConnect, forward(r), strings.HasPrefix(line, Path):
		h.guarded.ServeHTTP(w, r)
	case path == wellKnown:
		h.discover(w, r)
	default:
		h.next.ServeHTTP(w, r)
	}
}

// originForm takes scheme and host off an absolute request target (RFC 9112 §3.2.2).
func originForm(target string) string {
	scheme, rest, absolute := strings.Cut(target, "://")
	if !absolute || strings.ContainsAny(scheme, "/?") || isCoAP(scheme) {
		return target
	}
	_, resource := splitAuthority(rest)
	return resource
}

// forward says whether the request line holds a CoAP URI: a request to a forward
// proxy (RFC 7252 §10.2).
func forward(r *http.Request) bool {
	scheme, _, absolute := strings.Cut(r.RequestURI, "://")
	return absolute && isCoAP(scheme)
}

// methods are those that CoAP has (RFC 7252 §10.2).
var methods = map[string]coap.Code{
	http.MethodGet: coap.GET, http.MethodHead: coap.GET, http.MethodPost: coap.POST,
	http.MethodPut: coap.PUT, http.MethodDelete: coap.DELETE,
}

// refusal is an answer of the proxy's own.
type refusal struct {
	status int
	detail string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// proxy serves one request for a device.
func (h *handler) proxy(w http.ResponseWriter, r *http.Request) {
	if !h.authenticated(r) {
		h.askForCredentials(w, r)
		return
	}
	send, refused := h.read(w, r)
	if refused != nil {
		h.Logger.Info("refused", "from", r.RemoteAddr, "method", r.Method, "status", refused.status)
		api.WriteProblem(w, refused.status, "%s", refused.detail)
		return
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		w.Header().Set("Retry-After", "1")
		api.WriteProblem(w, http.StatusServiceUnavailable, "%d requests wait for devices already", h.MaxRequests)
		return
	}
	result, err := h.Caller.Send(r.Context(), send)
	var failure *call.Error
	switch {
	case errors.As(err, &failure):
		api.WriteFailure(w, "", failure)
	case err != nil:
		api.WriteProblem(w, http.StatusInternalServerError, "%v", err)
	default:
		h.write(w, r, result)
	}
}

// authenticated says whether the client may use the proxy at all.
func (h *handler) authenticated(r *http.Request) bool {
	if h.Anonymous {
		return true
	}
	if forward(r) {
		// To a proxy a client authenticates itself in a field of its own (RFC 9110 §11.7.1).
		r = &http.Request{Header: http.Header{"Authorization": r.Header.Values("Proxy-Authorization")}}
	}
	name, password, ok := r.BasicAuth()
	want, known := h.Users[name]
	got, sum := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want.Reveal()))
	return subtle.ConstantTimeCompare(got[:], sum[:]) == 1 && ok && known
}

func (h *handler) askForCredentials(w http.ResponseWriter, r *http.Request) {
	field, status := "WWW-Authenticate", http.StatusUnauthorized
	if forward(r) {
		field, status = "Proxy-Authenticate", http.StatusProxyAuthRequired
	}
	w.Header().Set(field, `Basic realm="Coapstone HTTP-to-CoAP proxy", charset="UTF-8"`)
	h.Logger.Info("refused", "from", r.RemoteAddr, "method", r.Method, "status", status)
	api.WriteProblem(w, status, "the proxy serves those who authenticate themselves (RFC 8075 §10)")
}

// read is the CoAP request for an HTTP one.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (*request.Request, *refusal) {
	method, ok := methods[r.Method]
	if !ok {
		return nil, refuse(http.StatusNotImplemented, "CoAP has no method %s: want GET, HEAD, POST, PUT or DELETE (RFC 7252 §10.2)", r.Method)
	}
	url, unwilling := r.RequestURI, http.StatusNotImplemented // RFC 7252 §10.2
	if !forward(r) {
		unwilling = http.StatusForbidden
		if url, ok = h.template.Unpack(strings.TrimPrefix(originForm(r.RequestURI), Path)); !ok {
			return nil, refuse(http.StatusBadRequest, "there is no absolute CoAP URI in the URL: want %s%s with tu such as coap://host/path (RFC 8075 §5.3)", Path, h.Template)
		}
	}
	if many(url) {
		return nil, refuse(http.StatusForbidden, "the host is the address of many devices or of none (RFC 8075 §8.4)")
	}
	send, t, err := h.find(method, url)
	switch {
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "%v", err)
	case t == nil:
		return nil, refuse(unwilling, "the device, or the path, is none of the proxy's targets (RFC 8075 §10.4)")
	case send.Secure && r.TLS == nil && !t.OverHTTP:
		return nil, refuse(unwilling, "a coaps resource is for requests over https alone (RFC 8075 §10.3), unless its target says over-http")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.MaxBody)))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", h.MaxBody)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body did not come whole: %v", err)
	}
	return send, fill(send.Message, r, body)
}

// many says whether the host of a CoAP URL is the address of many devices.
func many(url string) bool {
	_, rest, _ := strings.Cut(url, "://")
	authority, _ := splitAuthority(rest)
	host := authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host = authority[:i]
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && !request.OneDevice(addr)
}
