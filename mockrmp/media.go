// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"mime"
	"strconv"
	"strings"
)

// inRange says whether a media type lies in a media range (RFC 9110 §12.5.1):
// "*/*", "text/*" or "text/plain". A parameter sets them apart only where both
// have it: an API that says text/plain meets text/plain;charset=utf-8.
func inRange(mediaRange, mediaType string) bool {
	want, wantParams, err := mime.ParseMediaType(mediaRange)
	if err != nil {
		return false
	}
	got, gotParams, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return false
	}
	if main, ok := strings.CutSuffix(want, "/*"); ok {
		if main != "*" && !strings.HasPrefix(got, main+"/") {
			return false
		}
	} else if want != got {
		return false
	}
	for name, value := range wantParams {
		if other, both := gotParams[name]; both && !strings.EqualFold(value, other) {
			return false
		}
	}
	return true
}

// acceptable says whether an Accept header takes a media type (RFC 9110
// §12.5.1). The most specific range that fits decides; q=0 means no.
func acceptable(accept []string, mediaType string) bool {
	best, ok := -1, false
	for mediaRange := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, err := mime.ParseMediaType(mediaRange)
		if err != nil {
			continue
		}
		weight, err := strconv.ParseFloat(params["q"], 64)
		if _, given := params["q"]; !given || err != nil {
			weight = 1
		}
		delete(params, "q")
		specific := len(params) + 2
		if name == "*/*" {
			specific = 0
		} else if strings.HasSuffix(name, "/*") {
			specific = 1
		}
		if specific > best && inRange(mime.FormatMediaType(name, params), mediaType) {
			best, ok = specific, weight > 0
		}
	}
	return ok
}
