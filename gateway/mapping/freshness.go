// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxAge is how long the representation in an HTTP answer may still be
// considered fresh, in seconds, for the option Max-Age (RFC 7252 §10.1.1). An
// answer that does not say is not fresh at all: without the option, CoAP would
// take it to be for a minute.
func MaxAge(h http.Header, now time.Time) uint32 {
	directives := cacheControl(h)
	for _, d := range []string{"no-store", "no-cache"} {
		if _, ok := directives[d]; ok {
			return 0
		}
	}
	var lifetime int64
	if v, ok := directives["max-age"]; ok {
		lifetime = seconds(v)
	} else if expires, err := http.ParseTime(h.Get("Expires")); err == nil {
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			date = now
		}
		lifetime = int64(expires.Sub(date) / time.Second)
	}
	return clamp(lifetime - seconds(h.Get("Age")))
}

// RetryAfter is the header Retry-After in seconds, for the option Max-Age of a
// 5.03 or 4.29 (RFC 7252 §5.9.3.4, RFC 8516 §4). ok is false without one.
func RetryAfter(h http.Header, now time.Time) (s uint32, ok bool) {
	v := h.Get("Retry-After")
	if at, err := http.ParseTime(v); err == nil {
		return clamp(int64(at.Sub(now) / time.Second)), true
	}
	if v == "" || strings.Trim(v, digits) != "" {
		return 0, false
	}
	return clamp(seconds(v)), true
}

func cacheControl(h http.Header) map[string]string {
	directives := map[string]string{}
	for _, line := range h.Values("Cache-Control") {
		for d := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
			directives[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	return directives
}

// seconds reads delta-seconds (RFC 9111 §1.2.2): what is no number counts as
// zero, and what is too great as the greatest.
func seconds(v string) int64 {
	if v == "" || strings.Trim(v, digits) != "" {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return math.MaxInt32
	}
	return min(n, math.MaxInt32)
}

func clamp(s int64) uint32 { return uint32(max(0, min(s, math.MaxUint32))) }
