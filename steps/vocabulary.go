// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Vocabulary is all words of the built-in features, by subject.
func Vocabulary() *Registry {
	r := New()
	r.Define(ParameterType{
		Name:    "status",
		Pattern: `[1-5][0-9][0-9](?: or [1-5][0-9][0-9])*`,
		Doc:     "An HTTP status, or several that are allowed: 200, 502 or 504.",
		Parse:   func(s string) (any, error) { return parseStatuses(s) },
	})
	for _, s := range slices.Concat(
		platformSteps(), deviceSteps(), requestSteps(), receiveSteps(),
		servedSteps(), scheduleSteps(), slowSteps(), blockSteps(), providerSteps(), connectorSteps(), alternativeSteps(), wireSteps(),
		certificateSteps(), handshakeSteps(), secrecySteps(), consoleSteps(),
		scriptedGatewaySteps(), testedClientSteps(), testedServerSteps(),
	) {
		r.Add(s)
	}
	return r
}

func parseStatuses(s string) ([]int, error) {
	var statuses []int
	for part := range strings.SplitSeq(s, " or ") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("HTTP status %q: want three digits", part)
		}
		statuses = append(statuses, n)
	}
	return statuses, nil
}

// statusesOf is the i-th value, a {status}.
func statusesOf(a Args, i int) []int { return value[[]int](a, i) }
