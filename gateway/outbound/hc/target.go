// SPDX-License-Identifier: Apache-2.0

package hc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

// Target is a device, or a part of one, that HTTP clients may call. What is no
// target is refused (RFC 8075 §10.4).
type Target struct {
	// URL is coap or coaps, a host, perhaps a port, and perhaps a path: then only
	// that path and those below it may be called. It allows /.well-known/core,
	// which tells of everything that is there, only when it is that path.
	URL string `json:"url" yaml:"url"`
	// Authentication is the pre-shared key for coaps; nil means certificates.
	Authentication *outbound.Authentication `json:"authentication,omitempty" yaml:"authentication,omitempty"`
	// OverHTTP lets a coaps target be called by a request that came without TLS,
	// which RFC 8075 §10.3 recommends against: where the HTTP side is protected
	// by other means.
	OverHTTP bool `json:"overHTTP,omitempty" yaml:"over-http,omitempty"`
}

// Check says what is wrong with a target.
func (t Target) Check() error {
	_, err := readTarget(t)
	return err
}

// target is a Target that was read.
type target struct {
	Target

	at   *request.Request // for its scheme, host and port
	path []string
}

func readTarget(t Target) (target, error) {
	at, err := request.New(coap.GET, t.URL, t.Authentication)
	if err != nil {
		return target{}, fmt.Errorf("the target %q: %w", t.URL, err)
	}
	if at.Message.Has(coap.URIQuery) || strings.Contains(t.URL, "?") {
		return target{}, fmt.Errorf("the target %q has a query: want scheme, host, perhaps port and path", t.URL)
	}
	path := at.Message.Strings(coap.URIPath)
	if n := len(path); n > 0 && path[n-1] == "" {
		path = path[:n-1]
	}
	return target{t, at, path}, nil
}

// allows says whether the request goes to this target. It compares what would
// be sent, not how the URL was spelt.
func (t *target) allows(r *request.Request) bool {
	path := r.Message.Strings(coap.URIPath)
	if len(path) < len(t.path) || !slices.Equal(path[:len(t.path)], t.path) {
		return false
	}
	if discovery := []string{".well-known", "core"}; len(path) >= 2 && slices.Equal(path[:2], discovery) && len(t.path) < 2 {
		return false
	}
	return r.Secure == t.at.Secure && r.Host == t.at.Host && r.Addr == t.at.Addr && r.Port == t.at.Port
}

// find is the most exact target for a CoAP URL. ok is false when no target
// allows it.
func (h *handler) find(method coap.Code, url string) (r *request.Request, t *target, err error) {
	r, err = request.New(method, url, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := range h.targets {
		if found := &h.targets[i]; found.allows(r) && (t == nil || len(found.path) > len(t.path)) {
			t = found
		}
	}
	if t != nil {
		r.PSK = t.at.PSK
	}
	return r, t, nil
}
