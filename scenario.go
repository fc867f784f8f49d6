// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cucumber/godog"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/steps"
)

// closeTimeout bounds what is taken down after a scenario, whatever became of it.
const closeTimeout = 10 * time.Second

// performance is one scenario being run.
type performance struct {
	*job
	opts  *Options
	run   context.Context // of the whole run: it ends when the operator has enough
	log   *trace.Log
	world *steps.World
	next  int // the step that godog is to call next
}

// errEnded tells godog that the scenario has its verdict.
var errEnded = errors.New("the scenario has its verdict")

// perform runs one scenario in a lab: makes its stage and its world, has godog
// run its steps, takes both down, and leaves the verdict in the job's result.
func perform(ctx context.Context, o *Options, j *job, where lab.Lab) {
	p := &performance{job: j, opts: o, run: ctx, log: &trace.Log{Live: o.KeyLog}}
	ctx, cancel := context.WithTimeout(ctx, o.scenarioTimeout(j.full))
	defer cancel()
	s := j.result
	s.Verdict = verdict.Pass

	stage, err := guarded(ctx, o.stepGrace, func(ctx context.Context) (lab.Stage, error) { return where.Stage(ctx, j.stageID(), p.log) })
	if err != nil {
		p.find(-1, verdict.Of(err), err, "the lab could not make a stage for the scenario")
	} else {
		p.world = steps.NewWorld(stage)
		p.runSteps(ctx)
		if !p.stuck { // else the step still uses them
			p.takeDown(ctx, "the scenario's peers could not be closed", p.world.Close)
		}
		p.takeDown(ctx, "the scenario's stage could not be taken down", stage.Close)
	}
	s.Trace, s.Keys, s.Drops = p.log.Events(), p.log.Keys(), p.log.Drops()
}

// runSteps has godog run the scenario, as a suite of its own.
func (p *performance) runSteps(ctx context.Context) {
	var output bytes.Buffer
	suite := godog.TestSuite{
		Name: p.result.ID,
		ScenarioInitializer: func(sc *godog.ScenarioContext) {
			known := map[string]bool{}
			for _, m := range p.words {
				if pattern := m.Pattern.String(); !known[pattern] {
					known[pattern] = true
					sc.Step(m.Pattern, p.step)
				}
			}
		},
		Options: &godog.Options{
			Format: "progress", Output: &output, NoColors: true, Strict: true, Concurrency: 1, DefaultContext: ctx,
			FeatureContents: []godog.Feature{{Name: p.result.File, Contents: p.isolated()}},
		},
	}
	code := suite.Run()
	if p.result.Verdict != verdict.Pass || code == 0 && p.next == len(p.words) {
		return
	}
	p.find(-1, verdict.Error, fmt.Errorf("godog ended with %d after %d of %d steps: %s", code, p.next, len(p.words), bytes.TrimSpace(output.Bytes())),
		"the scenario was not run to its end")
}

// step is the one handler that godog calls, for each step in turn.
func (p *performance) step(ctx context.Context) error {
	i := p.next
	p.next++
	st, m := p.result.Steps[i], p.words[i]
	p.log.Note(st.Keyword + " " + st.Text)
	st.StartedAt = time.Now()
	timeout := p.opts.stepTimeout(p.full)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := guard(ctx, p.opts.stepGrace, func(ctx context.Context) error { return m.Step.Run(ctx, p.world, m.Args) })
	st.Elapsed = time.Since(st.StartedAt)

	v := verdict.Of(err)
	if v == verdict.Pass && !errors.Is(p.run.Err(), context.Canceled) {
		st.Status = reports.Passed
		return nil
	}
	st.Status = reports.Failed
	if m.Step.Precondition && v == verdict.Fail {
		v = verdict.Inconclusive
	}
	p.stuck = errors.As(err, new(*hung))
	reason := "the step broke"
	switch {
	case errors.Is(p.run.Err(), context.Canceled):
		// What it was waiting for may still have come.
		v, reason = verdict.Skipped, "the run was interrupted"
		err = p.run.Err()
		p.stopped = true
	case ctx.Err() != nil && st.Elapsed >= timeout:
		reason = fmt.Sprintf("the step's time of %s was over", timeout)
	case ctx.Err() != nil:
		reason = fmt.Sprintf("the scenario's time of %s was over", p.opts.scenarioTimeout(p.full))
	}
	p.find(i, v, err, reason)
	return errEnded
}

// takeDown closes something of the scenario, even if its time is over.
func (p *performance) takeDown(ctx context.Context, broken string, fn func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := guard(ctx, p.opts.stepGrace, fn); err != nil {
		p.find(-1, verdict.Of(err), err, broken)
	}
}

// find records what stood against a pass at a step, or at no step (-1). The
// first finding is the scenario's; a later one is a note, and counts only if
// there was no verdict before. The reason is used where the error has no words
// of its own.
func (p *performance) find(step int, v verdict.Verdict, err error, reason string) {
	s := p.result
	f := &reports.Finding{Reason: reason, Cause: err.Error(), Step: step, At: time.Now()}
	var said *verdict.Finding
	var fell *panicked
	var stuck *hung
	switch {
	case errors.As(err, &said):
		f.Expected, f.Got, f.Reason, f.Cause = said.Expected, said.Got, said.Reason, ""
		if said.Err != nil {
			f.Cause = said.Err.Error()
		}
	case errors.As(err, &fell):
		f.Stack = fell.stack
	case errors.As(err, &stuck):
		f.Stack = stuck.stack
	}
	if s.Finding != nil {
		s.Notes = append(s.Notes, f.String())
		return
	}
	s.Finding, s.Verdict, p.tooLate = f, v, late(err)
}
