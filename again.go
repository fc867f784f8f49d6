// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// againWorkers is how many scenarios are run again at once: few, so that they do
// not make each other late.
const againWorkers = 4

// judgeAgain runs those scenarios once more that the harness was too late to
// judge, when nothing else runs any more. Only an error of the harness's own
// lateness is taken back by it, never a fail.
func (r *runner) judgeAgain(ctx context.Context, jobs []*job) {
	q := make(chan *job, len(jobs))
	for _, j := range jobs {
		q <- j
	}
	close(q)
	var workers sync.WaitGroup
	for range min(againWorkers, len(jobs)) {
		workers.Go(func() {
			for j := range q {
				if ctx.Err() == nil {
					j.renew()
					r.one(ctx, j)
				} else {
					r.count(j)
				}
			}
		})
	}
	workers.Wait()
}

// waits says whether the job's verdict waits for a second run of the scenario,
// since the harness was too late to judge it.
func (r *runner) waits(ctx context.Context, j *job) bool {
	return j.tooLate && !j.second && !r.opts.Once && ctx.Err() == nil
}

// renew makes the job as it was before it was run, but for a note.
func (j *job) renew() {
	s := j.result
	note := "run a second time, since the harness was too late to judge the first: " + s.Finding.String()
	j.second, j.tooLate = true, false
	s.Verdict, s.Finding, s.Trace, s.Keys, s.Drops = verdict.Pass, nil, nil, nil, 0
	s.Notes = []string{note}
	for _, st := range s.Steps {
		st.Status, st.StartedAt, st.Elapsed = reports.NotRun, time.Time{}, 0
	}
}

// stageID is the name of the scenario's stage: its own for each run, so that
// nothing of the first is there in the second.
func (j *job) stageID() string {
	if j.second {
		return j.result.ID + "-again"
	}
	return j.result.ID
}

// blame takes the blame from the target where the harness was ill while the
// scenario ran, and says whether the verdict is an error for that reason.
func (r *runner) blame(s *reports.Scenario) (tooLate bool) {
	ill := r.ill(s)
	switch s.Verdict {
	case verdict.Fail, verdict.Inconclusive:
		if ill == "" {
			return false
		}
		s.Notes = append(s.Notes, fmt.Sprintf("%s before that: %s, so it cannot blame the target", s.Verdict, ill))
		s.Verdict = verdict.Error
		return true
	case verdict.Error:
		return ill != ""
	default:
		return false
	}
}

// late says whether a step said of itself that the harness was too late.
func late(err error) bool { return errors.Is(err, verdict.ErrLate) }
