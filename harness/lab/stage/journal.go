// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// journalWait bounds a wait for requests when the step's context does not.
const journalWait = 30 * time.Second

// journalMargin is what a last look at the journal may take, past the wait.
const journalMargin = 2 * time.Second

// Requests is what reached the named Composite API so far, once at least n have
// been answered or ctx has ended.
func (s *stage) Requests(ctx context.Context, name string, n int) ([]mockrmp.Request, error) {
	if s.bench.Platform == nil {
		return nil, verdict.DoesNotApply("the target's platform has no journal that the harness could read")
	}
	f := mockrmp.Filter{Customer: s.customer, AtLeast: n, Wait: journalWait}
	if name != "" {
		f.Host, f.Service = host, slug(name)
	}
	if end, ok := ctx.Deadline(); ok {
		f.Wait = max(time.Until(end), 0)
	}
	if n == 0 {
		f.Wait = 0
	}
	rs, err := s.bench.Platform.Journal(ctx, f)
	if err != nil && ctx.Err() != nil {
		// The time is up, or the scenario was stopped: what came so far is the answer.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalMargin)
		defer cancel()
		f.AtLeast, f.Wait = 0, 0
		rs, err = s.bench.Platform.Journal(last, f)
	}
	if err != nil {
		return nil, s.bench.broken(err, "reading the platform's journal")
	}
	s.record(rs)
	return rs, nil
}

// stray records the rest of the journal in the trace, and is the finding about
// requests that matched no Composite API.
func (s *stage) stray(ctx context.Context) error {
	if s.bench.Platform == nil {
		return nil
	}
	rs, err := s.bench.Platform.Journal(ctx, mockrmp.Filter{Customer: s.customer})
	if err != nil {
		return s.bench.broken(err, "reading the platform's journal")
	}
	s.record(rs)
	s.recordUnanswered(rs)
	var lines []string
	for _, r := range rs {
		if !r.Matched {
			lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s (%s)", r.Method, r.Target, r.Near), " ()"))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &verdict.Finding{
		Verdict:  verdict.Fail,
		Expected: "that every request to the platform reaches a Composite API of the scenario",
		Got:      "requests that reached none: " + strings.Join(lines, "; "),
	}
}

// record puts answered requests into the trace, each once.
func (s *stage) record(rs []mockrmp.Request) {
	for _, r := range rs {
		if r.Answered {
			s.recordOne(r)
		}
	}
}

// recordUnanswered puts the others there too: the scenario is over.
func (s *stage) recordUnanswered(rs []mockrmp.Request) {
	for _, r := range rs {
		s.recordOne(r)
	}
}

func (s *stage) recordOne(r mockrmp.Request) {
	s.mu.Lock()
	done := s.traced[r.Number]
	s.traced[r.Number] = true
	s.mu.Unlock()
	if done {
		return
	}
	origin := s.bench.HTTP
	if r.Secure {
		origin = s.bench.HTTPS
	}
	from, _ := netip.ParseAddrPort(r.Remote)
	s.log.Add(trace.Event{
		At:    r.At,
		Layer: trace.HTTP,
		From:  trace.End{Name: "gateway", Addr: from},
		To:    trace.End{Name: "platform"},
		HTTP: &trace.HTTPExchange{
			Method:         r.Method,
			URL:            origin + r.Target,
			RequestHeader:  r.Header,
			RequestBody:    r.Body,
			Status:         r.Status,
			ResponseHeader: r.ResponseHeader,
			ResponseBody:   r.ResponseBody,
			Elapsed:        r.Elapsed,
			Fault:          string(r.Fault),
		},
	})
}
