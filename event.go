// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"time"

	"github.com/coapstone/coapstone/reports"
)

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	// Planned: everything is parsed and looked up. Report holds the scenarios.
	Planned EventKind = "planned"
	// LabOpened: the shared lab is ready. Report holds its facts.
	LabOpened EventKind = "lab-opened"
	// ScenarioStarted and ScenarioEnded enclose each scenario that is run.
	ScenarioStarted EventKind = "scenario-started"
	// ScenarioEnded: the verdict may still be weighed down by others' at the end.
	ScenarioEnded EventKind = "scenario-ended"
	// Judged: the run is over and Report is complete.
	Judged EventKind = "judged"
)

// Event is one thing that happened in a run.
type Event struct {
	Kind EventKind
	// Scenario is the one that started or ended. It must not be changed, and of
	// one that has only started the verdict and the trace must not be read.
	Scenario *reports.Scenario
	// Done and Total count the scenarios that are to be run.
	Done, Total int
	// Left is how long the rest will take, as far as can be told; 0 at the end.
	Left time.Duration
	// Report is that of the run.
	Report *reports.Report
}
