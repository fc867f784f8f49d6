// SPDX-License-Identifier: Apache-2.0

package verdict

import "slices"

// Level is how binding a requirement is.
type Level string

// The levels. A MUST not met is a fail, a SHOULD not met a warning. Profile
// requirements are the document's own, beyond any RFC, and count as MUST.
const (
	Must    Level = "MUST"
	Should  Level = "SHOULD"
	Profile Level = "profile"
)

// Role is what a target is.
type Role string

// The roles.
const (
	Gateway      Role = "gateway"
	DeviceClient Role = "device-client"
	DeviceServer Role = "device-server"
)

// Reason is why a requirement has no scenario. There are no others.
type Reason string

// The reasons.
const (
	// NotObservable: nothing outside of the target shows whether it holds.
	NotObservable Reason = "not observable from outside"
	// Superseded: a later source, or another requirement, has taken its place.
	Superseded Reason = "superseded"
	// OutOfRole: it binds somebody that the suite does not judge, such as a user.
	OutOfRole Reason = "out of role"
)

// Reasons are the reasons there are.
func Reasons() []Reason { return []Reason{NotObservable, Superseded, OutOfRole} }

// Requirement is one testable sentence.
type Requirement struct {
	// ID is the name for ever: "RMP-3.1-05", "RFC7252-4.2-03".
	ID string `yaml:"id" json:"id"`
	// Section is the section of the source: "3.1".
	Section string `yaml:"section" json:"section"`
	// Text is the requirement in our own words, one sentence.
	Text string `yaml:"text" json:"text"`
	// Level is MUST when absent.
	Level Level `yaml:"level,omitempty" json:"level"`
	// Binds is whom it binds; gateway when absent.
	Binds []Role `yaml:"binds,omitempty" json:"binds"`
	// Capability is what the target must declare for the requirement to apply.
	Capability string `yaml:"capability,omitempty" json:"capability,omitempty"`
	// Since is the suite edition that first had it; "1" when absent.
	Since string `yaml:"since,omitempty" json:"since"`
	// Note says where reading the source took a decision.
	Note string `yaml:"note,omitempty" json:"note,omitempty"`
	// Untested is why no scenario proves it; empty when one must. The note then
	// says more.
	Untested Reason `yaml:"untested,omitempty" json:"untested,omitempty"`
	// Source is the document's title; it stands once, at the head of the file.
	Source string `yaml:"-" json:"source"`
}

// Reference is the source with the section: "RFC 7252 §4.2".
func (r *Requirement) Reference() string { return r.Source + " §" + r.Section }

// Withdrawn is a requirement that there was once. Its id is not used again.
type Withdrawn struct {
	ID string `yaml:"id" json:"id"`
	// Why says why it is gone, and what stands in its place, if anything does.
	Why string `yaml:"why" json:"why"`
}

// Catalogue is requirements by id.
type Catalogue struct {
	order     []*Requirement
	byID      map[string]*Requirement
	withdrawn []Withdrawn
}

// Get is the requirement of this id.
func (c *Catalogue) Get(id string) (*Requirement, bool) {
	r, ok := c.byID[id]
	return r, ok
}

// All is every requirement, in the order of the files and their lines.
func (c *Catalogue) All() []*Requirement { return slices.Clone(c.order) }

// Withdrawn are the requirements that there were once.
func (c *Catalogue) Withdrawn() []Withdrawn { return slices.Clone(c.withdrawn) }
