// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

// Edition is the newest edition of the suite that this program holds.
const Edition = "1"

// Profile is how much of the suite is run.
type Profile string

// The profiles.
const (
	// Smoke is one scenario for each flow and security mode: those tagged @smoke.
	Smoke Profile = "smoke"
	// Standard is all but those tagged @full, which take longer than 10 s each.
	Standard Profile = "standard"
	// Full is everything.
	Full Profile = "full"
)

// Options says what to run, where and how. The zero value runs the built-in
// suite, profile standard, against the embedded reference gateway.
type Options struct {
	// Features holds the feature files. Nil means the built-in ones, or, when
	// Paths are given, the disk.
	Features fs.FS
	// Paths are feature files, folders, or file:line for what stands at that
	// line: a scenario, a row, a rule. None means all of Features.
	Paths []string
	// Tags is a cucumber tag expression: "@inbound and not @dtls". Empty selects
	// everything.
	Tags string
	// Profile is Standard when empty.
	Profile Profile
	// Edition pins an edition of the suite: requirements of later ones do not
	// apply. Empty means the newest.
	Edition string
	// Shard is the part of the selected scenarios to run; the zero value is all.
	Shard reports.Shard
	// Expectations are the known failures of the target. A failure that is among
	// them does not fail the run; one of them that no longer fails, or never ran,
	// does.
	Expectations []verdict.Expectation
	// Skip leaves out the scenarios of a requirement: its id, with the reason.
	Skip map[string]string

	// Lab opens the lab that serves the run; nil is the embedded lab.
	Lab lab.Opener
	// OwnLab opens the lab of one scenario tagged @own-lab. Nil means: like Lab,
	// except that on an external target such scenarios are not applicable.
	OwnLab lab.Opener
	// Target is the name of what is under test; "reference gateway" when empty, and
	// "stock device" in the roles of devices.
	Target string
	// Role is the role in which it is judged; gateway when empty.
	Role verdict.Role
	// Capabilities are those that the target declares; nil means all.
	Capabilities []string

	// Workers is how many scenarios run at once; 0 means 32. They wait more than
	// they compute, so it does not depend on the number of cores.
	Workers int
	// Seed decides the order in which scenarios start; 0 picks one, and the
	// report says which.
	Seed uint64
	// FailFast starts no further scenario once one has failed or broken.
	FailFast bool
	// DryRun looks every step up and runs nothing.
	DryRun bool
	// ScenarioTimeout bounds a scenario with everything that belongs to it; 0
	// means 60 s, and 240 s for one tagged @full.
	ScenarioTimeout time.Duration
	// StepTimeout bounds a step; 0 means 20 s, and 150 s in a scenario tagged
	// @full: longer than MAX_TRANSMIT_WAIT (93 s, RFC 7252 §4.8.2).
	StepTimeout time.Duration
	// LagBudget is how long the harness may go without being scheduled during
	// a scenario; it may be late by 2½ times that in any 2 s, in all. Past either, a
	// failure is an error of the harness, since it may have come of its own
	// lateness; so it is when a socket of the harness lost a datagram. 0 means
	// 500 ms: a quarter of ACK_TIMEOUT.
	LagBudget time.Duration
	// Once leaves it at that. Otherwise a scenario that ended as an error because
	// the harness was late is run once more at the end, when little else runs.
	Once bool

	// Judged are scenarios that an earlier sitting has judged, by their Place. They
	// are taken over as they are, and not run.
	Judged map[string]*reports.Scenario
	// Record is handed each scenario that ran and has its verdict for good, one at a
	// time: what is left is run again in another sitting. An error ends the run.
	Record func(*reports.Scenario) error
	// Grouped runs scenarios behind each other for which a device is set up in the
	// same way.
	Grouped bool
	// Pause is left by the lab between two scenarios, and Trigger is how long it takes
	// to have a device send. They serve to foresee how long a run takes.
	Pause, Trigger time.Duration
	// KeyLog gets the keys of DTLS sessions as they are made, in the format of NSS.
	KeyLog io.Writer
	// Certify asks for the levels that a certification gives: a MUST that is left out
	// fails the run then, and so does a level Core that is not reached.
	Certify *reports.Certify

	// Vocabulary is the words of the features; nil means those of package steps.
	Vocabulary *steps.Registry
	// Catalogue is the requirements that tags refer to; nil means the built-in ones.
	Catalogue *verdict.Catalogue
	// Observer is told what happens, one event at a time; it should not block.
	Observer func(Event)

	// patience is what the lab's target may take beyond a step's time.
	patience time.Duration
	// stepGrace is how long a step whose time is over may take to notice.
	stepGrace time.Duration
}

// withDefaults is o with the zero values filled in, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	switch o.Profile {
	case "":
		o.Profile = Standard
	case Smoke, Standard, Full:
	default:
		return o, usage("profile %q: want smoke, standard or full", o.Profile)
	}
	switch o.Role {
	case "":
		o.Role = verdict.Gateway
	case verdict.Gateway, verdict.DeviceClient, verdict.DeviceServer:
	default:
		return o, usage("role %q: want gateway, device-client or device-server", o.Role)
	}
	if o.Workers < 0 {
		return o, usage("%d workers: want 1 or more, or 0 for the default", o.Workers)
	}
	for name, d := range map[string]time.Duration{"scenario timeout": o.ScenarioTimeout, "step timeout": o.StepTimeout, "lag budget": o.LagBudget} {
		if d < 0 {
			return o, usage("%s %s: want a time greater than zero, or 0 for the default", name, d)
		}
	}
	if o.Pause < 0 || o.Trigger < 0 {
		return o, usage("a pause of %s, a trigger of %s: want times of zero or more", o.Pause, o.Trigger)
	}
	if err := checkShard(o.Shard); err != nil {
		return o, err
	}
	for id, reason := range o.Skip {
		if reason == "" {
			return o, usage("skip %s: say the reason", id)
		}
	}
	if o.Workers == 0 {
		o.Workers = 32
	}
	if o.LagBudget == 0 {
		o.LagBudget = 500 * time.Millisecond
	}
	if o.Target == "" {
		o.Target = "reference gateway"
		if o.Role != verdict.Gateway {
			o.Target = "stock device"
		}
	}
	if o.KeyLog != nil {
		o.KeyLog = &oneAtATime{w: o.KeyLog}
	}
	if o.Vocabulary == nil {
		o.Vocabulary = steps.Vocabulary()
	}
	if err := o.Vocabulary.Err(); err != nil {
		return o, &UsageError{fmt.Errorf("the vocabulary is broken: %w", err)}
	}
	if o.stepGrace == 0 {
		o.stepGrace = 2 * time.Second
	}
	return o, nil
}

// stepTimeout is the time of one step.
func (o *Options) stepTimeout(full bool) time.Duration {
	return either(o.StepTimeout, full, 150*time.Second, 20*time.Second) + o.patience
}

// scenarioTimeout is the time of one scenario.
func (o *Options) scenarioTimeout(full bool) time.Duration {
	return either(o.ScenarioTimeout, full, 240*time.Second, 60*time.Second) + o.patience
}

func either(set time.Duration, full bool, long, short time.Duration) time.Duration {
	switch {
	case set != 0:
		return set
	case full:
		return long
	}
	return short
}
