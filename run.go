// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// labTimeout bounds how long a lab takes to open or to close.
const labTimeout = 2 * time.Minute

// Run runs a suite and judges it. A target that does not conform is no error:
// see the report's ExitCode.
//
// An error says that there was no run, or not to its end: *UsageError,
// *FeaturesError, *EnvironmentError or *NothingError; ExitCode tells the code
// of each. When scenarios had been selected by then, a report comes with it.
func Run(ctx context.Context, opts Options) (*reports.Report, error) {
	r, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	return r.run(ctx, r.plan.jobs)
}

// runner is one run.
type runner struct {
	opts   Options
	plan   *plan
	report *reports.Report

	shared lab.Lab
	lag    *lagWatch

	mu          sync.Mutex // guards the rest, and calls of the observer
	done, total int
	failed      *reports.Scenario // the first one that was not expected to
	// toWait is how long the steps of all scenarios wait, as they say, and waited those
	// of the scenarios that have ended; took is how long these really took.
	toWait, waited, took time.Duration
	// ends is when the scenarios that run will have waited as long as they say.
	ends map[*job]time.Time

	recording sync.Mutex // one record at a time
	stop      context.CancelCauseFunc
}

// prepare does all that can be done without a lab.
func prepare(opts Options) (*runner, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Catalogue == nil {
		if o.Catalogue, err = Catalogue(); err != nil {
			return nil, err
		}
	}
	if o.Lab == nil {
		o.Lab = embedded.Open(embedded.Options{})
	}
	if o.Edition == "" {
		o.Edition = newest(o.Catalogue)
	}
	if o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) + 1 //nolint:gosec // any order will do; short, so that it can be typed
	}
	r := &runner{opts: o}
	if r.plan, err = makePlan(&r.opts); err != nil {
		return nil, err
	}
	return r, nil
}

// run runs these jobs of the plan.
func (r *runner) run(ctx context.Context, jobs []*job) (*reports.Report, error) {
	o := &r.opts
	r.report = &reports.Report{
		Schema: reports.Schema,
		Suite:  reports.Suite{Name: "Coapstone", Version: version(), Edition: o.Edition, Digest: r.plan.digest},
		Role:   o.Role, Target: o.Target, Profile: string(o.Profile), Tags: o.Tags, Paths: o.Paths,
		Seed: o.Seed, Workers: o.Workers, DryRun: o.DryRun, StartedAt: time.Now(),
	}
	if o.Shard.Count > 0 {
		r.report.Shard = &o.Shard
	}
	for _, j := range jobs {
		r.report.Scenarios = append(r.report.Scenarios, j.result)
	}
	if o.DryRun {
		for _, j := range jobs {
			if !j.excused {
				j.excuse(verdict.Skipped, "dry run")
			}
		}
	}
	for _, j := range jobs {
		r.takeOver(j)
	}
	whole := jobs
	jobs = left(jobs)
	r.total = len(jobs)
	for _, j := range jobs {
		r.toWait += j.waits(o)
	}
	r.tell(Planned, nil)
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	err := r.inLab(ctx, jobs)
	r.report.Elapsed = time.Since(r.report.StartedAt)
	r.report.Partial = slices.ContainsFunc(whole, func(j *job) bool { return j.stopped })
	judge(r.report, r.plan)
	if err == nil && r.report.ExitCode == reports.ExitNothing {
		err = &NothingError{r.report.ExitReason}
	}
	if err != nil {
		r.report.ExitCode, r.report.ExitReason = ExitCode(err), err.Error()
	}
	r.tell(Judged, nil)
	return r.report, err
}

// inLab opens the shared lab, if any job needs it, performs the jobs, and closes it.
func (r *runner) inLab(ctx context.Context, jobs []*job) (err error) {
	shared := 0
	for _, j := range jobs {
		if !j.ownLab {
			shared++
		}
	}
	if shared > 0 {
		if r.shared, err = openLab(ctx, r.opts.Lab); err != nil {
			for _, j := range jobs {
				j.giveUp("the lab could not be opened")
			}
			return &EnvironmentError{fmt.Errorf("the lab could not be opened: %w", err)}
		}
		defer func() {
			if cerr := closeLab(ctx, r.shared); cerr != nil {
				err = errors.Join(err, &EnvironmentError{fmt.Errorf("the lab could not be closed: %w", cerr)})
			}
		}()
		if p, ok := r.shared.(lab.Patient); ok {
			r.opts.patience = p.Patience()
		}
		r.report.Lab.Kind = string(r.shared.Kind())
		for _, f := range r.shared.About() {
			r.report.Lab.Facts = append(r.report.Lab.Facts, reports.Fact(f))
		}
		r.tell(LabOpened, nil)
	}
	r.perform(ctx, jobs)
	if ctx.Err() != nil {
		return &EnvironmentError{fmt.Errorf("the run was interrupted: %w", context.Cause(ctx))}
	}
	return nil
}

// perform has the workers perform the jobs.
func (r *runner) perform(ctx context.Context, jobs []*job) {
	r.lag = watchLag(ctx)
	defer r.lag.stop()
	q := newQueue(jobs, r.opts.Seed, r.opts.Workers)
	if r.opts.Grouped {
		byProvisioning(q.jobs)
	}
	defer context.AfterFunc(ctx, q.stop)()
	var workers sync.WaitGroup
	var mu sync.Mutex
	var again []*job // guarded by mu
	for range min(r.opts.Workers, len(jobs)) {
		workers.Go(func() {
			for {
				j, ok := q.next()
				if !ok {
					return
				}
				r.one(ctx, j)
				if r.waits(ctx, j) {
					mu.Lock()
					again = append(again, j)
					mu.Unlock()
				}
				q.done(j)
				if r.opts.FailFast && r.firstFailed() != nil {
					q.stop()
				}
			}
		})
	}
	workers.Wait()
	r.judgeAgain(ctx, again)
	for _, j := range jobs {
		switch first := r.firstFailed(); {
		case j.result.Ran() || j.excused:
		case ctx.Err() != nil:
			j.giveUp("the run was interrupted before it")
		case first != nil:
			j.giveUp("fail-fast: %s (%s) had failed before it", nameOf(first), first.ID)
		}
	}
}

// one performs one job in the lab it needs.
func (r *runner) one(ctx context.Context, j *job) {
	s := j.result
	needs := "it needs a lab of its own, which an external target cannot give"
	external := func(l lab.Lab) bool { return r.opts.OwnLab == nil && l.Kind() == lab.External }
	if j.ownLab && r.shared != nil && external(r.shared) {
		j.excuse(verdict.NotApplicable, "%s", needs)
		return
	}
	s.StartedAt = time.Now()
	r.began(j)
	if !j.second {
		r.tell(ScenarioStarted, s)
	}
	defer r.ended(ctx, j)
	if !j.ownLab {
		perform(ctx, &r.opts, j, r.shared)
		return
	}
	open := r.opts.OwnLab
	if open == nil {
		open = r.opts.Lab
	}
	own, err := openLab(ctx, open)
	if err != nil {
		s.Verdict = verdict.Error
		s.Finding = &reports.Finding{Reason: "the scenario's own lab could not be opened", Cause: err.Error(), Step: -1, At: time.Now()}
		return
	}
	if external(own) {
		j.excuse(verdict.NotApplicable, "%s", needs)
	} else {
		perform(ctx, &r.opts, j, own)
	}
	if err := closeLab(ctx, own); err != nil {
		s.Notes = append(s.Notes, "the scenario's own lab could not be closed: "+err.Error())
	}
}

// ended looks at the harness's own health, and counts the scenario unless it is
// to be run again.
func (r *runner) ended(ctx context.Context, j *job) {
	s, now := j.result, time.Now()
	s.Elapsed = now.Sub(s.StartedAt)
	s.Lag, s.Late = r.lag.between(s.StartedAt, now)
	j.tooLate = (r.blame(s) || j.tooLate) && !j.stuck
	if !r.waits(ctx, j) {
		r.count(j)
	}
}

// count counts a scenario that has its verdict.
func (r *runner) count(j *job) {
	s := j.result
	if r.plan != nil {
		s.Known = r.plan.known(s)
	}
	r.mu.Lock()
	r.done++
	r.took += s.Elapsed
	r.waited += j.waits(&r.opts)
	delete(r.ends, j)
	if r.failed == nil && s.Known == nil && s.Verdict >= verdict.Fail {
		r.failed = s
	}
	r.mu.Unlock()
	r.record(s)
	r.tell(ScenarioEnded, s)
}

// ill is what the harness did not do in time while a scenario ran, past the
// budget: what the scenario found missing may have been there. "" is health.
func (r *runner) ill(s *reports.Scenario) string {
	switch budget := r.opts.LagBudget; {
	case s.Lag > budget:
		return fmt.Sprintf("the harness was not scheduled for %s, more than the %s it may", s.Lag.Round(time.Millisecond), budget)
	case s.Late > lateBudgets*budget/2:
		return fmt.Sprintf("the harness was late by %s within %s, more than the %s it may", s.Late.Round(time.Millisecond), lagWindow, lateBudgets*budget/2)
	case s.Drops > 0:
		return fmt.Sprintf("%d datagrams reached the harness and were thrown away unread", s.Drops)
	}
	return ""
}

// firstFailed is the first scenario that failed or broke, and was not expected
// to, or nil.
func (r *runner) firstFailed() *reports.Scenario {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// tell calls the observer.
func (r *runner) tell(kind EventKind, s *reports.Scenario) {
	if r.opts.Observer == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.Observer(Event{Kind: kind, Scenario: s, Done: r.done, Total: r.total, Left: r.left(), Report: r.report})
}

func openLab(ctx context.Context, open lab.Opener) (lab.Lab, error) {
	ctx, cancel := context.WithTimeout(ctx, labTimeout)
	defer cancel()
	return guarded(ctx, closeTimeout, func(ctx context.Context) (lab.Lab, error) {
		l, err := open(ctx)
		if err == nil && ctx.Err() != nil { // too late: nobody may be left to take it
			return nil, errors.Join(ctx.Err(), closeLab(ctx, l))
		}
		return l, err
	})
}

func closeLab(ctx context.Context, l lab.Lab) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), labTimeout)
	defer cancel()
	return guard(ctx, closeTimeout, l.Close)
}

// version is the module's version in this program, as far as it is known.
func version() string {
	const module = "github.com/coapstone/coapstone"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == module && info.Main.Version != "" {
		return info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return "(devel)"
}
