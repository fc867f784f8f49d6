// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// maxResult is the longest answer to a call that is read, in bytes.
const maxResult = 16 << 20

// Call has the gateway call a connector, and puts the call into the trace.
func (s *stage) Call(ctx context.Context, connector string, c outbound.Call) (lab.Result, error) {
	if s.bench.API == nil && s.bench.Proxy != nil {
		return s.throughProxy(ctx, connector, c)
	}
	if s.bench.API == nil {
		return lab.Result{}, s.noConnectors("called")
	}
	begin := time.Now()
	e := trace.Event{
		At:    begin,
		Layer: trace.HTTP,
		From:  trace.End{Name: "application"},
		To:    trace.End{Name: "gateway"},
		HTTP:  &trace.HTTPExchange{Method: "POST", URL: "/connectors/" + connector + "/call"},
	}
	r, err := s.call(ctx, connector, c)
	r.Elapsed = time.Since(begin)
	e.HTTP.Elapsed = r.Elapsed
	e.HTTP.Status, e.HTTP.ResponseHeader, e.HTTP.ResponseBody = r.Status, r.Header, r.Body
	if err != nil {
		e.HTTP.Fault = err.Error()
		err = s.bench.broken(err, "calling the connector %q", connector)
	}
	s.log.Add(e)
	return r, err
}

func (s *stage) call(ctx context.Context, connector string, c outbound.Call) (lab.Result, error) {
	resp, err := s.bench.API.Call(ctx, s.own(connector), c)
	if err != nil {
		return lab.Result{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResult))
	return lab.Result{Status: resp.StatusCode, Header: resp.Header, Body: body}, err
}

// noConnectors is the finding that a connector can be neither configured nor
// called.
func (s *stage) noConnectors(how string) error {
	if names := slices.Sorted(maps.Values(s.bench.Bound.Connectors)); len(names) > 0 {
		return verdict.DoesNotApply("the target has the connectors %s, but nobody can see whether they are configured as the scenario needs: give gateway.api or gateway.proxy in the target file", strings.Join(names, ", "))
	}
	return verdict.DoesNotApply("there is no way by which a connector could be %s: give gateway.api or gateway.proxy in the target file", how)
}
