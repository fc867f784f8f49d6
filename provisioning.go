// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"cmp"
	"slices"
	"strings"
)

// provisioning is how a device must be set up for a scenario. The zero value is
// any way: nothing of the scenario depends on it.
type provisioning struct {
	// rank puts the ways into an order, simple ones first.
	rank int
	name string
}

// The ways to set a device up. Who the user is goes with the way.
var (
	byAny          = provisioning{}
	byPlain        = provisioning{1, "plain CoAP"}
	byCertificates = provisioning{2, "DTLS with certificates"}
	byPSK          = provisioning{3, "DTLS with a pre-shared key"}
	byHexPSK       = provisioning{4, "DTLS with a pre-shared key in hexadecimal"}
)

// provisioningOf reads out of the steps how a device must be set up: the words
// of the features say it.
func (j *job) provisioningOf() provisioning {
	p, user := byAny, ""
	for _, st := range j.result.Steps {
		if q := byWords(st.Text); q.rank > p.rank {
			p = q
		}
		if name := userOf(st.Text); name != "" {
			user = name
		}
	}
	if p.rank > 0 && user != "" {
		p.name += ", user " + user
	}
	return p
}

// byWords is what one step asks for.
func byWords(step string) provisioning {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(step, w) })
	}
	switch {
	case has("hexadecimal pre-shared key"):
		return byHexPSK
	case has("pre-shared key", "device's key", "device's identity"):
		return byPSK
	case has("certificate"):
		return byCertificates
	case has("serves coaps"):
		return byAny
	case has("scripted gateway", "serves coap "):
		return byPlain
	}
	return byAny
}

// userOf is the user for whom a step tells the device what it is to do.
func userOf(step string) string {
	if !strings.HasPrefix(step, "the device under test is to ") {
		return ""
	}
	_, rest, ok := strings.Cut(step, ` as "`)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// byProvisioning puts jobs that need the same provisioning behind each other,
// and in each such group what is over soon before what takes long: a device is
// set up as seldom as can be, and what is quick to mend is heard of early.
func byProvisioning(jobs []*job) {
	none := &Options{}
	of := make(map[*job]provisioning, len(jobs))
	for _, j := range jobs {
		of[j] = j.provisioningOf()
	}
	slices.SortStableFunc(jobs, func(a, b *job) int {
		p, q := of[a], of[b]
		switch {
		case p.rank != q.rank:
			return p.rank - q.rank
		case p.name != q.name:
			return strings.Compare(p.name, q.name)
		}
		return cmp.Compare(a.waits(none), b.waits(none))
	})
}
