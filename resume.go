// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// Place is what a scenario is called from one sitting to the next, as long as the
// features are the same.
func Place(s *reports.Scenario) string { return s.Location() + " " + s.Title() }

// Settled says whether a scenario has a verdict that another sitting need not
// ask for again. One that the harness broke, that was left out, or whose
// precondition could not be made, is run again.
func Settled(s *reports.Scenario) bool {
	if !s.Ran() {
		return false
	}
	switch s.Verdict {
	case verdict.Pass, verdict.Warning, verdict.Fail, verdict.NotApplicable:
		return true
	case verdict.Skipped, verdict.Inconclusive, verdict.Error:
	}
	return false
}

// takeOver gives the job what an earlier sitting has seen of it, if one has, and
// says whether one has. What the operator leaves out now is left out.
func (r *runner) takeOver(j *job) bool {
	if j.excused || r.opts.DryRun {
		return false
	}
	was, ok := r.opts.Judged[Place(j.result)]
	if !ok || len(was.Steps) != len(j.result.Steps) {
		return false
	}
	j.judged = true
	s := j.result
	s.Verdict, s.Finding, s.Notes = was.Verdict, was.Finding, was.Notes
	s.StartedAt, s.Elapsed, s.Lag, s.Late, s.Drops = was.StartedAt, was.Elapsed, was.Lag, was.Late, was.Drops
	s.Trace, s.Keys = was.Trace, was.Keys
	for i, st := range was.Steps {
		s.Steps[i].Status, s.Steps[i].StartedAt, s.Steps[i].Elapsed = st.Status, st.StartedAt, st.Elapsed
	}
	s.Known = r.plan.known(s)
	return true
}

// left is the jobs that have no verdict yet.
func left(jobs []*job) []*job {
	var rest []*job
	for _, j := range jobs {
		if !j.excused && !j.judged {
			rest = append(rest, j)
		}
	}
	return rest
}

// record hands a scenario on that has its verdict for good, and ends the run if
// that cannot be kept: what is not on the record would be run for nothing.
func (r *runner) record(s *reports.Scenario) {
	if r.opts.Record == nil || !Settled(s) {
		return
	}
	r.recording.Lock()
	defer r.recording.Unlock()
	if err := r.opts.Record(s); err != nil && r.stop != nil {
		r.stop(fmt.Errorf("the verdict of %s could not be kept: %w", s.ID, err))
	}
}

// began notes that a job runs.
func (r *runner) began(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = map[*job]time.Time{}
	}
	r.ends[j] = time.Now().Add(j.waits(&r.opts))
}

// left is how long the rest of the run takes: what its steps wait for, and what
// else a scenario took so far.
func (r *runner) left() time.Duration {
	n := r.total - r.done
	if n <= 0 {
		return 0
	}
	each := usual + r.opts.Pause
	const trusted = 5 // scenarios, before which the foresight alone counts
	if r.done >= trusted {
		each = max(0, r.took-r.waited) / time.Duration(r.done)
	}
	rest := r.toWait - r.waited + time.Duration(n)*each
	rest = max(0, rest/time.Duration(min(r.opts.Workers, n)))
	for _, end := range r.ends {
		rest = max(rest, time.Until(end)) // nothing ends before what runs
	}
	return rest
}

// oneAtATime is a writer for several goroutines.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes p in one piece.
func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
