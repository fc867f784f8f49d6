// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// idleTimeout is less than the 10 s after which the gateway closes a connection
// over which no request came: net/http opens some that it does not need, and
// does not repeat a request on one that is being closed.
const idleTimeout = 4 * time.Second

// NewTransport is how a lab speaks to its gateway's HTTP API: never through a
// proxy, with connections enough for all stages at once.
func NewTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: 45 * time.Second, // a call takes 30 s at most
	}
}

// Join writes addresses with spaces between them, for a report.
func Join(addrs []netip.AddrPort) string {
	s := make([]string, len(addrs))
	for i, a := range addrs {
		s[i] = a.String()
	}
	return strings.Join(s, " ")
}
