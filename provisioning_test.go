// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/verdict"
)

// foreseen is what a full run of the built-in suite in a role would do.
func foreseen(t *testing.T, role verdict.Role) *Preview {
	t.Helper()
	p, err := Foresee(Options{Role: role, Profile: Full, Grouped: true, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestADeviceIsProvisionedAsSeldomAsCanBe(t *testing.T) {
	p := foreseen(t, verdict.DeviceClient)
	var names []string
	scenarios, triggers := 0, 0
	var expected time.Duration
	for _, g := range p.Groups {
		names = append(names, g.Name)
		scenarios, triggers, expected = scenarios+g.Scenarios, triggers+g.Triggers, expected+g.Expected
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
		t.Errorf("a provisioning comes twice: %q", names)
	}
	if scenarios != p.Scenarios || triggers != p.Triggers || expected != p.Expected {
		t.Errorf("the groups are of %d scenarios, %d triggers, %s; the whole is of %d, %d, %s", scenarios, triggers, expected, p.Scenarios, p.Triggers, p.Expected)
	}
	for _, want := range []string{
		"plain CoAP, user hello", "plain CoAP, user gate", "DTLS with certificates, user hello",
		"DTLS with a pre-shared key, user hello", "DTLS with a pre-shared key in hexadecimal, user texty",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no group %q among %q", want, names)
		}
	}
	if p.Triggers < 20 || p.Expected < 2*time.Minute || p.Expected > time.Hour {
		t.Errorf("%d triggers, %s", p.Triggers, p.Expected)
	}
}

func TestGroupsRunBehindEachOtherAndShortOnesFirst(t *testing.T) {
	var jobs []*job
	for _, at := range []struct {
		text string
		full bool
	}{
		{"a scripted gateway that speaks DTLS with the pre-shared key of", true},
		{"a scripted gateway", true},
		{"a scripted gateway that shows an expired certificate", false},
		{"a scripted gateway", false},
		{"a scripted gateway that speaks DTLS with the pre-shared key of", false},
		{"nothing happens", false},
	} {
		j := jobOf(at.text)
		if j.full = at.full; j.full {
			j = jobOf(at.text, "the scripted gateway receives nothing more for 50 s")
			j.full = true
		}
		jobs = append(jobs, j)
	}
	byProvisioning(jobs)
	var got []string
	for _, j := range jobs {
		name := j.provisioningOf().name
		if j.full {
			name += " (long)"
		}
		got = append(got, name)
	}
	want := []string{
		"", "plain CoAP", "plain CoAP (long)", "DTLS with certificates", "DTLS with a pre-shared key", "DTLS with a pre-shared key (long)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestTheRunKeepsToTheGroups(t *testing.T) {
	o := manyOptions(t, 12)
	o.Grouped, o.Workers, o.Profile = true, 1, Full
	if got := order(t, o); len(got) != 12 {
		t.Errorf("%q", got)
	}
}
