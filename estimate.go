// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coapstone/coapstone/features"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Preview is a run as it would be, before anything is run.
type Preview struct {
	// Scenarios are to be run, Judged were judged in an earlier sitting, Excused bind
	// the target and have their verdict without being run.
	Scenarios, Judged, Excused int
	// Groups are the scenarios that are to be run by what a device must be set up
	// for, in the order of the run; one group for a gateway.
	Groups []Group
	// Triggers is how often a device is to be made to send.
	Triggers int
	// Expected is how long it takes, as far as the scenarios tell.
	Expected time.Duration
}

// Group is scenarios for which a device is set up in the same way.
type Group struct {
	Name      string
	Scenarios int
	Triggers  int
	// Expected is how long they take one after the other.
	Expected time.Duration
}

// Foresee says what Run would do with these options, and runs nothing.
func Foresee(opts Options) (*Preview, error) {
	r, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	jobs := r.plan.jobs
	p := &Preview{}
	for _, j := range jobs {
		switch {
		case j.foreign:
		case j.excused:
			p.Excused++
		case r.takeOver(j):
			p.Judged++
		}
	}
	jobs = left(jobs)
	p.Scenarios = len(jobs)
	if r.opts.Grouped {
		byProvisioning(jobs)
	}
	for _, j := range jobs {
		p.add(&r.opts, j)
	}
	p.Expected = together(&r.opts, jobs)
	return p, nil
}

// together is how long some jobs take at once: no less than the longest.
func together(o *Options, jobs []*job) time.Duration {
	var sum, longest time.Duration
	for _, j := range jobs {
		t := j.expected(o)
		sum, longest = sum+t, max(longest, t)
	}
	return max(longest, sum/time.Duration(o.Workers))
}

// add adds a job to the last group, or begins a new one.
func (p *Preview) add(o *Options, j *job) {
	name := ""
	if o.Grouped {
		name = j.provisioningOf().name
	}
	if n := len(p.Groups); n == 0 || p.Groups[n-1].Name != name {
		p.Groups = append(p.Groups, Group{Name: name})
	}
	g := &p.Groups[len(p.Groups)-1]
	triggers := j.triggers()
	g.Scenarios++
	g.Triggers += triggers
	g.Expected += j.expected(o)
	p.Triggers += triggers
}

// triggers is how often the scenario has a device send.
func (j *job) triggers() int {
	n := 0
	for _, st := range j.result.Steps {
		if strings.Contains(st.Text, "is triggered") {
			n++
		}
	}
	return n
}

// usual is how long a scenario takes whose steps wait for nothing but answers.
const usual = 300 * time.Millisecond

// expected is how long the scenario takes, as far as its steps tell.
func (j *job) expected(o *Options) time.Duration { return usual + o.Pause + j.waits(o) }

// waits is how long the steps of the scenario wait, as they say, and how long a
// device takes to be made to send.
func (j *job) waits(o *Options) time.Duration {
	t := time.Duration(j.triggers()) * o.Trigger
	for _, st := range j.result.Steps {
		t += waitOf(st.Text)
	}
	return t
}

// What steps say of how long they wait.
var (
	spans = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?) (ms|s)\b`)
	times = regexp.MustCompile(`\b([2-5]) times\b`)
)

// maxTransmitWait is how long a step watches that wants no retransmission beyond
// the last (MAX_TRANSMIT_WAIT, RFC 7252 §4.8.2).
const maxTransmitWait = 93 * time.Second

// schedule is when a message has been sent so many times at the latest: by
// RFC 7252 §4.2, 3 s after the first time, and twice as long each time.
var schedule = []time.Duration{0, 0, 3 * time.Second, 9 * time.Second, 21 * time.Second, 45 * time.Second}

// waitOf is the longest time that a step speaks of.
func waitOf(step string) time.Duration {
	if strings.HasSuffix(step, "and no more") {
		return maxTransmitWait
	}
	if m := times.FindStringSubmatch(step); m != nil {
		n, _ := strconv.Atoi(m[1]) // one digit
		return schedule[n]
	}
	var most time.Duration
	for _, m := range spans.FindAllStringSubmatch(step, -1) {
		if d, err := time.ParseDuration(m[1] + m[2]); err == nil {
			most = max(most, d)
		}
	}
	return most
}

// Catalogue is the built-in requirements.
func Catalogue() (*verdict.Catalogue, error) {
	c, err := verdict.LoadCatalogue(features.FS, features.Requirements)
	if err != nil {
		return nil, &FeaturesError{[]Problem{{File: features.Requirements, Line: 1, Kind: Tag, Message: err.Error()}}}
	}
	return c, nil
}
