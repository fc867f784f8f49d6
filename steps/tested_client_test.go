// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWaitsAreExplainedByOneFirstTimeoutThatDoubles(t *testing.T) {
	for name, tc := range map[string]struct {
		waits []float64
		right bool
	}{
		"the shortest":                   {[]float64{2, 4, 8, 16}, true},
		"the longest":                    {[]float64{3, 6, 12, 24}, true},
		"a coarse timer":                 {[]float64{2.2, 4.1, 8.2, 16.1}, true},
		"a late first transmission":      {[]float64{1.95, 4, 8}, true},
		"a busy machine":                 {[]float64{2.885, 4.932}, true},
		"one alone":                      {[]float64{2.5}, true},
		"one alone, too short":           {[]float64{1.5}, false},
		"one alone, too long":            {[]float64{3.5}, false},
		"even intervals":                 {[]float64{2, 2}, false},
		"long even intervals":            {[]float64{3, 3}, false},
		"half as much again":             {[]float64{2.5, 3.75, 5.6}, false},
		"three times as much":            {[]float64{2, 6.9}, false},
		"doubling that ends":             {[]float64{2, 4, 8, 8}, false},
		"a random factor for every wait": {[]float64{3, 4.2, 11.5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			at := []time.Time{time.Unix(0, 0)}
			for _, w := range tc.waits {
				at = append(at, at[len(at)-1].Add(time.Duration(w*float64(time.Second))))
			}
			if err := backsOff(at); (err == nil) != tc.right {
				t.Errorf("got %v, want right to be %t", err, tc.right)
			}
		})
	}
}

func TestTheAuthTokensOfAProxyURIAreTakenOutOfIt(t *testing.T) {
	for uri, want := range map[string][]string{
		"https://x/y":                           {"https://x/y"},
		"https://x/y?a=1":                       {"https://x/y?a=1"},
		"https://x/y?AuthToken=t":               {"https://x/y", "t"},
		"https://x/y?a=1&AuthToken=t&b":         {"https://x/y?a=1&b", "t"},
		"https://x/y?AuthToken=t&AuthToken=u=":  {"https://x/y", "t", "u="},
		"https://x/y?authtoken=t&XAuthToken=u=": {"https://x/y?authtoken=t&XAuthToken=u="},
	} {
		rest, tokens := splitToken(uri)
		if d := cmp.Diff(want, append([]string{rest}, tokens...)); d != "" {
			t.Errorf("%s (-want +got):\n%s", uri, d)
		}
	}
}
