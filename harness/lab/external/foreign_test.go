// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// Whatever a bench lacks, a conformant gateway does not fail for it.
func TestAConformantGatewayFailsNowhereForWantOfABench(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a good part of the suite: leave out -short")
	}
	own := ownPlatform(t)
	for _, tt := range []struct {
		name, file string
		// passes is a requirement that such a bench proves, unproven one that it cannot.
		// and why.
		passes, unproven, why string
	}{
		{
			"the bench's platform", "gateway: {coap: ['COAP'], coaps: ['COAPS']}\nplatform: {admin: 'http://ADMIN', http: 'http://HTTP'}\n",
			"RMP-3.1-05", "RMP-4.2-02", "writes out the credentials",
		},
		{
			"a platform of its own", "gateway: {coap: ['COAP'], coaps: ['COAPS']}\napis: {orders: '" + own + "/orders'}\n",
			"RMP-4.2-01", "RMP-3.1-05", "has no journal",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := build(t, own)
			f := s.target(t, users+"declares: {certificates: false}\n"+tt.file)
			r := judge(t, f, "@inbound or @security or (@dtls and not @outbound)")
			verdicts := map[string]verdict.Verdict{}
			for _, q := range r.Requirements {
				verdicts[q.ID] = q.Verdict
			}
			for _, sc := range r.Scenarios {
				if sc.Verdict != verdict.Pass && sc.Verdict != verdict.NotApplicable {
					t.Errorf("%s %s %s: %s: %s", sc.Requirement, sc.Location(), sc.Title(), sc.Verdict, sc.Finding)
				}
			}
			if verdicts[tt.passes] != verdict.Pass {
				t.Errorf("%s is %s: such a bench proves it", tt.passes, verdicts[tt.passes])
			}
			if !slices.ContainsFunc(r.Unproven, func(u reports.Unproven) bool {
				return strings.Contains(u.Why, tt.why) && slices.Contains(u.Requirements, tt.unproven)
			}) {
				t.Errorf("%s is not among what is unproven since %q: %v", tt.unproven, tt.why, r.Unproven)
			}
		})
	}
}
