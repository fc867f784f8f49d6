// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/target"
)

// hookFailed is a hook that did not do what it is for.
func hookFailed(name string, err error) outcome {
	said := strings.TrimPrefix(err.Error(), "hook "+name+": ")
	switch {
	case errors.Is(err, hook.ErrDeclined):
		return skipped("the person said that it cannot be done")
	case errors.Is(err, hook.ErrNobody):
		return blocked("run this in a terminal, or give hooks."+name+" a command or an HTTP call", "%s", said)
	default:
		return blocked("correct hooks."+name+" in the target file", "%s", said)
	}
}

// console reads what the target says.
func (c *check) console(ctx context.Context) {
	h := c.t.Hooks.Console
	if h == nil && !c.declared["console"] {
		return
	}
	c.about("console")
	c.step(ctx, "hook console", func(ctx context.Context) outcome {
		switch {
		case h == nil:
			return untrue("add hooks.console, or write console: false under declares", "declares a console, and the target file does not say how to read it")
		case c.o.Runner == nil:
			return skipped("hooks are not run here")
		}
		result, err := c.o.Runner.Run(ctx, "console", h, nil)
		if err != nil {
			return hookFailed("console", err)
		}
		lines := len(strings.Split(strings.TrimSpace(result.Output), "\n"))
		if strings.TrimSpace(result.Output) == "" {
			return well("read in %s; it is empty so far", brief(result.Elapsed))
		}
		return well("read in %s: lines: %d", brief(result.Elapsed), lines)
	})
}

// restarts tries the hooks that disturb the target, and names those that are not
// tried.
func (c *check) restarts(ctx context.Context) {
	for _, n := range c.t.Hooks.All() {
		switch n.Name {
		case "reset", "power-cycle":
			c.step(ctx, "hook "+n.Name, func(ctx context.Context) outcome { return c.restart(ctx, n) })
		case "factory-reset":
			c.step(ctx, "hook factory-reset", func(context.Context) outcome {
				return skipped("not tried: the target would forget what it was told")
			})
		case "provision":
			c.step(ctx, "hook provision", func(context.Context) outcome {
				return skipped("not tried: it would change what the device has")
			})
		}
	}
}

// restart runs a hook that restarts the target and measures how long it takes to
// be back.
func (c *check) restart(ctx context.Context, n target.NamedHook) outcome {
	switch {
	case !c.o.Disruptive:
		return skipped("not tried: --disruptive allows it")
	case c.o.Runner == nil:
		return skipped("hooks are not run here")
	}
	begun := time.Now()
	if _, err := c.o.Runner.Run(ctx, n.Name, n.Hook, nil); err != nil {
		return hookFailed(n.Name, err)
	}
	done := time.Since(begun)
	e := c.answering
	if e == nil || e.scheme != "coap" {
		return well("done in %s; when it is back cannot be seen: there is no plain CoAP to ping", brief(done))
	}
	if !c.goesAway(ctx, *e) {
		return well("done in %s; it answered all the time: no restart was seen", brief(done))
	}
	boot := c.t.Bench.BootTime()
	bounded, cancel := context.WithTimeout(ctx, patience*boot)
	defer cancel()
	if err := stage.AwaitPing(bounded, c.local(e.at), e.at); err != nil {
		return blocked(fmt.Sprintf("see that hooks.%s brings it back, or write a longer bench.boot", n.Name), "not back within %s: %v", seconds(patience*boot), err)
	}
	back := time.Since(begun)
	if back > boot {
		return untrue(fmt.Sprintf("write bench.boot: %s", (back+back/2).Round(time.Second)), "back after %s, and bench.boot says %s", seconds(back), seconds(boot))
	}
	return well("back after %s; bench.boot is %s", brief(back), seconds(boot))
}

// patience is how many times bench.boot a restart may take before it counts as
// lost.
const patience = 3

// goneTimeout is how long a target may take, once its hook is done, to stop
// answering.
const goneTimeout = 3 * time.Second

// goesAway waits until a ping is not answered, and says whether that was seen.
func (c *check) goesAway(ctx context.Context, e endpoint) bool {
	bounded, cancel := context.WithTimeout(ctx, goneTimeout)
	defer cancel()
	for id := uint16(1); bounded.Err() == nil; id++ {
		one, done := context.WithTimeout(ctx, probeInterval)
		s, _, _ := probe(one, c.local(e.at), e.at, binary.BigEndian.AppendUint16([]byte{0x40, 0}, id))
		done()
		if s != answer {
			return ctx.Err() == nil
		}
		wait(bounded, probeInterval/5)
	}
	return false
}
