// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/internal/yamlplace"
	"github.com/coapstone/coapstone/reports"
)

// format is the version of what is said of a report in Claims. A reader that
// knows another one says so, and compares nothing.
const format = 1

// Claims is what a statement says of its report beyond in-toto's own fields. It
// follows from report.json alone.
type Claims struct {
	Format     int          `json:"format"`
	Role       verdict.Role `json:"role"`
	Profile    string       `json:"profile"`
	StartedAt  time.Time    `json:"startedAt"`
	Elapsed    string       `json:"elapsed"`
	ExitCode   int          `json:"exitCode"`
	ExitReason string       `json:"exitReason"`
	// Partial says that the run ended before its time.
	Partial bool            `json:"partial,omitempty"`
	Levels  []reports.Level `json:"levels,omitempty"`
	// Errors, Inconclusive and Skipped are the requirements among failedTests that
	// did not fail: nobody could judge them, or nobody wanted to.
	Errors       []string `json:"errors,omitempty"`
	Inconclusive []string `json:"inconclusive,omitempty"`
	Skipped      []string `json:"skipped,omitempty"`
	// Known are those with a failure that the operator expected.
	Known []string `json:"known,omitempty"`
	// Untested bind the target, and no scenario of the run stands for them.
	Untested []string `json:"untested,omitempty"`
	// Unproven are those at which the bench could not look.
	Unproven []reports.Unproven `json:"unproven,omitempty"`
	// NotApplicable are those that do not bind the target, by their reasons.
	NotApplicable []Excused `json:"notApplicable,omitempty"`
}

// Excused are requirements that do not apply for one reason.
type Excused struct {
	Reason       string   `json:"reason"`
	Requirements []string `json:"requirements"`
}

// Product is who was tested. All of it is the operator's own word.
type Product struct {
	Vendor   string   `json:"vendor,omitempty" yaml:"vendor"`
	Name     string   `json:"name" yaml:"name"`
	Version  string   `json:"version,omitempty" yaml:"version"`
	Hardware string   `json:"hardware,omitempty" yaml:"hardware"`
	Firmware Firmware `json:"firmware,omitzero" yaml:"firmware"`
	// Declared are the capabilities that it declares.
	Declared []string `json:"declared,omitempty" yaml:"-"`
}

// Firmware is what runs on it.
type Firmware struct {
	Version string `json:"version,omitempty" yaml:"version"`
	Digest  string `json:"digest,omitempty" yaml:"digest"`
}

// productOf reads who was tested from a target file.
func productOf(name string, text []byte) (*Product, error) {
	p := new(Product)
	if err := yamlplace.Guard(func() error { return yaml.Unmarshal(text, p) }); err != nil {
		return nil, yamlplace.Error(name, err)
	}
	if p.Name == "" {
		return nil, fmt.Errorf("%s: it does not name the product: want a key name", name)
	}
	return p, nil
}

// String is the product in one line, as its operator calls it.
func (p *Product) String() string {
	words := []string{strings.Join(strings.Fields(p.Vendor+" "+p.Name+" "+p.Version), " ")}
	if p.Hardware != "" {
		words = append(words, "hardware "+p.Hardware)
	}
	if p.Firmware.Version != "" {
		words = append(words, "firmware "+p.Firmware.Version)
	}
	if p.Firmware.Digest != "" {
		words = append(words, "its image "+p.Firmware.Digest)
	}
	return strings.Join(words, ", ")
}

// results are the requirements of a report as in-toto sorts them.
type results struct {
	passed, warned, failed []string
}

// claimsOf is what follows from a report.
func claimsOf(r *reports.Report) (*Claims, *results) {
	c := &Claims{
		Format: format, Role: r.Role, Profile: r.Profile, StartedAt: r.StartedAt.UTC(), Elapsed: r.Elapsed.Round(time.Millisecond).String(),
		ExitCode: r.ExitCode, ExitReason: r.ExitReason, Partial: r.Partial, Levels: r.Levels, Untested: r.Untested, Unproven: r.Unproven,
	}
	known := map[string]bool{}
	for _, s := range r.Scenarios {
		if s.Known != nil {
			known[s.Requirement] = true
		}
	}
	unproven := map[string]bool{}
	for _, u := range r.Unproven {
		for _, id := range u.Requirements {
			unproven[id] = true
		}
	}
	t := new(results)
	for _, q := range r.Requirements {
		switch q.Verdict {
		case verdict.Pass:
			t.passed = append(t.passed, q.ID)
		case verdict.Warning:
			t.warned = append(t.warned, q.ID)
		case verdict.NotApplicable:
			if !unproven[q.ID] {
				c.excuse(q)
			}
		case verdict.Error:
			c.Errors = append(c.Errors, q.ID)
		case verdict.Inconclusive:
			c.Inconclusive = append(c.Inconclusive, q.ID)
		case verdict.Skipped:
			c.Skipped = append(c.Skipped, q.ID)
		case verdict.Fail:
		}
		if q.Verdict > verdict.Warning {
			t.failed = append(t.failed, q.ID)
		}
		if known[q.ID] {
			c.Known = append(c.Known, q.ID)
		}
	}
	return c, t
}

func (c *Claims) excuse(q *reports.Requirement) {
	for i := range c.NotApplicable {
		if e := &c.NotApplicable[i]; e.Reason == q.Reason {
			e.Requirements = append(e.Requirements, q.ID)
			return
		}
	}
	c.NotApplicable = append(c.NotApplicable, Excused{q.Reason, []string{q.ID}})
}

// The results that in-toto knows.
const (
	passed = "PASSED"
	warned = "WARNED"
	failed = "FAILED"
)

// result is the one of the whole. Passed is only what was run to its end, did
// not fail anywhere, and reached its level.
func result(c *Claims, t *results) string {
	switch {
	case c.ExitCode != reports.ExitConformant, c.Partial, len(t.failed) > 0, len(c.Levels) > 0 && !c.Levels[0].Reached:
		return failed
	case len(t.warned) > 0:
		return warned
	case len(t.passed) == 0:
		return failed
	}
	return passed
}
