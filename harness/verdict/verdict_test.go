// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
)

func TestAWholeIsAsBadAsItsWorstPart(t *testing.T) {
	all := verdict.All()
	if !slices.IsSorted(all) {
		t.Fatalf("%v: not from the least to the worst", all)
	}
	for i, a := range all {
		for j, b := range all {
			if got, want := verdict.Worst(a, b), all[max(i, j)]; got != want {
				t.Errorf("worst of %s and %s: %s, want %s", a, b, got, want)
			}
		}
	}
	if got := verdict.Worst(); got != verdict.NotApplicable {
		t.Errorf("worst of none: %s", got)
	}
}

func TestVerdictsReadAsTheyAreWritten(t *testing.T) {
	for _, v := range verdict.All() {
		b, err := json.Marshal(v)
		if err != nil || string(b) != `"`+v.String()+`"` {
			t.Errorf("%s is written as %s, %v", v, b, err)
		}
		var got verdict.Verdict
		if err := json.Unmarshal(b, &got); err != nil || got != v {
			t.Errorf("%s is read as %s, %v", b, got, err)
		}
	}
	for _, s := range []string{"", "PASS", "passed"} {
		if v, err := verdict.Parse(s); err == nil {
			t.Errorf("%q is read as %s", s, v)
		}
	}
	if got := verdict.Verdict(-1).String(); got != "Verdict(-1)" {
		t.Errorf("%q", got)
	}
}
