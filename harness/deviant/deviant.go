// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"context"
	"slices"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Deviant is an implementation that is right in all but one point.
type Deviant struct {
	// Name says what it does wrong, as what follows "a gateway that …" or
	// "a device that …". It is unique.
	Name string
	// Breaks is the id of the requirement that it does not meet.
	Breaks string
	// Also are the ids of other requirements that may turn red with it. Those
	// that are inconclusive because they lean on what is broken (@given) need not
	// stand here.
	Also []string
	// Says is a word that the failure must say of what was seen.
	Says string
	// Role is what it is; gateway when empty.
	Role verdict.Role
	// Full says that only scenarios tagged @full can see it, which run in a soak
	// alone.
	Full bool

	// made makes the lab that it stands in; called for every lab that is opened.
	made func() embedded.Options
}

// ID is what tells it from all others: its requirement, and its name.
func (d Deviant) ID() string { return d.Breaks + " " + d.Name }

// Is is the role, never empty.
func (d Deviant) Is() verdict.Role {
	if d.Role == "" {
		return verdict.Gateway
	}
	return d.Role
}

// All is every deviant, by subject. Nothing is started.
func All() []Deviant {
	return slices.Concat(inboundDeviants(), moreInboundDeviants(), coapDeviants(), outboundDeviants(), encryptionDeviants(), deviceDeviants())
}

// ByRequirement is the deviants of each requirement.
func ByRequirement() map[string][]Deviant {
	m := map[string][]Deviant{}
	for _, d := range All() {
		m[d.Breaks] = append(m[d.Breaks], d)
	}
	return m
}

// Opener opens labs with the deviant in them.
func (d Deviant) Opener() lab.Opener {
	return func(ctx context.Context) (lab.Lab, error) { return embedded.Open(d.made())(ctx) }
}
