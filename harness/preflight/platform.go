// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// platform looks at what a gateway needs beside itself: its API, its proxy, the
// mock platform.
func (c *check) platform(ctx context.Context) {
	if g := c.t.Gateway; g != nil && c.t.Role == verdict.Gateway {
		if g.API != "" {
			c.step(ctx, "gateway api "+g.API, func(ctx context.Context) outcome { return c.answers(ctx, g.API+"/ready", "gateway.api") })
		}
		if u, err := url.Parse(g.Proxy); g.Proxy != "" && err == nil {
			origin := u.Scheme + "://" + u.Host
			c.step(ctx, "gateway proxy "+origin, func(ctx context.Context) outcome { return c.answers(ctx, origin, "gateway.proxy") })
		}
	}
	p := c.t.Platform
	if p == nil {
		return
	}
	if p.Admin == "" {
		c.startable(ctx, "platform.http", p.HTTP, "80")
		c.startable(ctx, "platform.https", p.HTTPS, "443")
		return
	}
	c.step(ctx, "platform admin "+p.Admin, func(ctx context.Context) outcome {
		bounded, cancel := context.WithTimeout(ctx, or(c.o.Reach, reachTimeout))
		defer cancel()
		client := mockrmp.NewClient(p.Admin)
		defer client.Close()
		if err := client.Ready(bounded); err != nil {
			return blocked("start it: coapstone mockrmp --config FILE; or correct platform.admin", "%v", err)
		}
		return well("the mock platform is ready")
	})
	for _, origin := range []string{p.HTTP, p.HTTPS} {
		if origin == "" {
			continue
		}
		c.step(ctx, "platform "+origin, func(ctx context.Context) outcome {
			o := c.answers(ctx, origin, "platform")
			if o.state == Failed { // the target may see more than this machine
				return skipped("not reached from here (%s); what counts is whether the target reaches it", o.detail)
			}
			return o
		})
	}
}

// startable looks whether the mock platform can be started on the bench, at the
// port of an origin.
func (c *check) startable(ctx context.Context, key, origin, usual string) {
	u, err := url.Parse(origin)
	if origin == "" || err != nil {
		return
	}
	port := u.Port()
	if port == "" {
		port = usual
	}
	own := c.t.Bench.Addr(false)
	if !own.IsValid() {
		own = c.t.Bench.Addr(true)
	}
	for _, s := range c.t.Bench.Addresses {
		if a, err := netip.ParseAddr(s); err == nil && c.t.Bench.ReachedAs(a).String() == u.Hostname() {
			own = a
		}
	}
	c.step(ctx, "platform "+origin, func(ctx context.Context) outcome {
		at := net.JoinHostPort(own.String(), port)
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", at)
		if err != nil {
			return blocked("end what listens there (`ss -ltnp` shows it), or give another port in "+key+", or the platform.admin of a mock platform that runs already",
				"the mock platform cannot be started at %s: %v", at, err)
		}
		_ = l.Close()
		return well("the mock platform can be started at %s", at)
	})
}

// skew is how far the target's clock may be off before its certificates are in
// doubt.
const skew = 5 * time.Minute

// answers looks whether an HTTP server answers, whatever it says, and compares its
// date with the bench's.
func (c *check) answers(ctx context.Context, at, key string) outcome {
	bounded, cancel := context.WithTimeout(ctx, or(c.o.Reach, reachTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodGet, at, http.NoBody)
	if err != nil {
		return blocked("correct "+key, "%v", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return blocked("see that it runs and is reached from here, or correct "+key, "no answer: %v", err)
	}
	_ = resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return well("answers with %s", resp.Status)
	}
	if off := time.Since(date).Abs(); off > skew && c.declared["clock"] {
		return untrue("set its clock, or write clock: false under declares", "declares a clock, and its clock is off by %s", off.Round(time.Second))
	}
	c.about("clock")
	return well("answers with %s; its clock agrees with ours", resp.Status)
}
