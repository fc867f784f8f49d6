// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"net/http"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

// What RFC 8075 asks of nobody is not asked of a gateway that has a proxy alone;
// what it asks is.
func TestAProxyIsAskedForWhatItsRFCAsks(t *testing.T) {
	plain := http.Header{"Content-Type": {"text/html"}}
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	header := func(w *World) error { return run(t, w, `the caller gets the header "CoAP-Code" "2.05"`) }
	own := func(w *World) error { return w.ownError([]int{502}) }
	took := func(w *World) error { return w.took(time.Second, 2*time.Second) }
	refuses := func(w *World) error { return w.refuses("image/x-none") }
	for _, tt := range []struct {
		name          string
		result        lab.Result
		judge         func(*World) error
		proxy, direct verdict.Verdict
	}{
		{"no header CoAP-Code", lab.Result{Status: 200}, header, verdict.NotApplicable, verdict.Fail},
		{"another CoAP-Code", lab.Result{Status: 200, Header: http.Header{"Coap-Code": {"2.04"}}}, header, verdict.Fail, verdict.Fail},
		{"an error page", lab.Result{Status: 502, Header: plain}, own, verdict.NotApplicable, verdict.Fail},
		{"an error of another status", lab.Result{Status: 504, Header: plain}, own, verdict.NotApplicable, verdict.Fail},
		{"a problem", lab.Result{Status: 502, Header: problem}, own, verdict.Pass, verdict.Pass},
		{"a problem of another status", lab.Result{Status: 504, Header: problem}, own, verdict.Fail, verdict.Fail},
		{"too late", lab.Result{Elapsed: time.Minute}, took, verdict.NotApplicable, verdict.Fail},
		{"a refusal that names nothing", lab.Result{Status: 415}, refuses, verdict.Pass, verdict.Fail},
		{"no refusal", lab.Result{Status: 500}, refuses, verdict.Fail, verdict.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for proxied, want := range map[bool]verdict.Verdict{true: tt.proxy, false: tt.direct} {
				r := tt.result
				r.Proxied = proxied
				if err := tt.judge(&World{outcome: &callOutcome{result: r}}); verdict.Of(err) != want {
					t.Errorf("through a proxy %t: got %v, want %s", proxied, err, want)
				}
			}
		})
	}
}

// run runs the one step that these words match.
func run(t *testing.T, w *World, words string) error {
	t.Helper()
	ms := Vocabulary().Match(words)
	if len(ms) != 1 {
		t.Fatalf("%q matches %d steps", words, len(ms))
	}
	return ms[0].Step.Run(t.Context(), w, ms[0].Args)
}
