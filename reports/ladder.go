// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
)

// A ladder is the exchange of one scenario as a text sequence diagram: devices
// to the left, the gateway, the platform to the right, times from the
// scenario's start, messages decoded, and the step that failed where it failed.

const (
	// timeWidth is the columns of the times.
	timeWidth = 11
	// ladderHead and ladderTail are how much of a long ladder is drawn.
	ladderHead, ladderTail = 30, 40
)

// rung is one row of the ladder, or several lines of it.
type rung struct {
	at       time.Time
	from, to string // the lanes; the same twice for a remark across all of them
	head     string
	details  []string
	style    style
	// lost draws an arrow that does not arrive, plain one without a direction.
	lost, plain bool
	// step says that a remark is a step that may be left out if nothing follows.
	step bool
}

// ladder draws the trace of a scenario; it is empty when nothing was on the wire.
func ladder(s *Scenario, width int) []line {
	rungs := rungsOf(s)
	if !slices.ContainsFunc(rungs, func(r rung) bool { return r.from != r.to }) {
		return nil
	}
	lanes := lanesOf(rungs)
	c := chart{start: s.StartedAt, width: width, lanes: lanes, x: map[string]int{}}
	gap := min(64, (width-timeWidth-1)/(len(lanes)-1))
	for i, name := range lanes {
		c.x[name] = timeWidth + i*gap
	}
	c.header()
	left := 0
	if len(rungs) > ladderHead+ladderTail {
		left = len(rungs) - ladderHead - ladderTail
	}
	for i, r := range rungs {
		switch {
		case left > 0 && i == ladderHead:
			c.remark(rung{head: fmt.Sprintf("… %d more are left out here; the capture has them all", left), style: faint}, false)
		case left > 0 && i > ladderHead && i < ladderHead+left:
		default:
			c.rung(r)
		}
	}
	return c.lines
}

// lanesOf is the lanes from left to right: devices, the gateway, and who
// speaks HTTP with it.
func lanesOf(rungs []rung) []string {
	var devices, others []string
	for _, r := range rungs {
		for _, name := range []string{r.from, r.to} {
			switch {
			case name == "" || name == gatewayLane || slices.Contains(devices, name) || slices.Contains(others, name):
			case name == platformLane || name == "application":
				others = append(others, name)
			default:
				devices = append(devices, name)
			}
		}
	}
	if len(devices) == 0 {
		devices = []string{"device"}
	}
	return slices.Concat(devices, []string{gatewayLane}, others)
}

const (
	gatewayLane  = "gateway"
	platformLane = "platform"
)

// rungsOf is the trace of a scenario as rungs, and the finding among them.
func rungsOf(s *Scenario) []rung {
	var rungs []rung
	dtls := newAssociations(s.Trace)
	seen := map[string]int{}
	next := 0 // the step whose note comes next
	for _, e := range s.Trace {
		switch e.Layer {
		case trace.Note:
			r := rung{at: e.At, head: e.Text, style: faint}
			if next < len(s.Steps) && e.Text == s.Steps[next].Keyword+" "+s.Steps[next].Text {
				r.step = true
				next++
			}
			rungs = append(rungs, r)
		case trace.HTTP:
			rungs = append(rungs, httpRungs(e)...)
		case trace.CoAP, trace.Datagram:
			if e.Layer == trace.Datagram && e.Secure {
				rungs = dtls.fold(rungs, e)
				continue
			}
			rungs = append(rungs, messageRung(e, seen))
		}
	}
	slices.SortStableFunc(rungs, func(a, b rung) int { return a.at.Compare(b.at) })
	rungs = slices.DeleteFunc(rungs, func(r rung) bool { return r.head == "" })
	return markFinding(withoutIdleSteps(rungs), s)
}

// withoutIdleSteps leaves out the steps that put nothing on the wire.
func withoutIdleSteps(rungs []rung) []rung {
	var kept []rung
	for i, r := range rungs {
		if r.step && (i+1 == len(rungs) || rungs[i+1].step) {
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// markFinding puts the finding of the step that failed among the rungs.
func markFinding(rungs []rung, s *Scenario) []rung {
	f := s.Finding
	if f == nil || f.At.IsZero() {
		return rungs
	}
	mark := rung{at: f.At, head: "✗ " + shortFinding(f), style: bad}
	if f.Step >= 0 && f.Step < len(s.Steps) {
		st := s.Steps[f.Step]
		mark.head = "✗ " + st.Keyword + " " + st.Text
		mark.details = findingLines(f)
		// The step's own note need not stand beside its mark.
		if i := len(rungs) - 1; i >= 0 && rungs[i].step && rungs[i].head == st.Keyword+" "+st.Text {
			rungs = rungs[:i]
		}
	}
	i, _ := slices.BinarySearchFunc(rungs, f.At, func(r rung, t time.Time) int {
		if r.at.After(t) {
			return 1
		}
		return -1
	})
	return slices.Insert(rungs, i, mark)
}

func findingLines(f *Finding) []string {
	if f.Expected == "" && f.Got == "" {
		return []string{shortFinding(f)}
	}
	return []string{"expected " + firstLine(f.Expected), "got      " + firstLine(f.Got)}
}

func shortFinding(f *Finding) string { return firstLine(f.String()) }

func firstLine(s string) string {
	first, rest, more := strings.Cut(s, "\n")
	if more && strings.TrimSpace(rest) != "" {
		return first + " …"
	}
	return first
}

// messageRung is a datagram or a message as a rung.
func messageRung(e trace.Event, seen map[string]int) rung {
	r := rung{at: e.At, from: e.From.Name, to: e.To.Name, lost: e.Lost}
	m, err := coap.Decode(e.Bytes)
	if err != nil {
		r.head = fmt.Sprintf("%d bytes, no CoAP message", len(e.Bytes))
		r.details = []string{err.Error(), excerptHex(e.Bytes)}
		if d := coap.Dissect(e.Bytes); len(e.Bytes) >= coap.HeaderLength && d.Version == coap.Version {
			r.head = headOf(&d.Message) + ", malformed"
		}
	} else {
		r.head = headOf(m)
		for _, o := range m.Options {
			r.details = append(r.details, o.String())
		}
		if len(m.Payload) > 0 {
			r.details = append(r.details, "| "+coap.Excerpt(m.Payload, 160))
		}
	}
	if e.Illegal {
		r.head += " (illegal on purpose)"
		r.style = warn
	}
	if e.Lost {
		r.head += " (lost)"
		r.style = warn
	}
	key := e.From.Name + e.From.Addr.String() + e.To.Name + e.To.Addr.String() + string(e.Bytes)
	seen[key]++
	if n := seen[key]; n > 1 {
		r.head += fmt.Sprintf(" (copy %d)", n)
		r.details = nil
	}
	return r
}

// headOf is a message's type, code, message id and token.
func headOf(m *coap.Message) string {
	s := fmt.Sprintf("%s %s [0x%04x]", m.Type, m.Code, m.MessageID)
	if len(m.Token) > 0 {
		s += fmt.Sprintf(" token %x", m.Token)
	}
	return s
}

// httpRungs is an HTTP exchange: the request and its answer.
func httpRungs(e trace.Event) []rung {
	x := e.HTTP
	if x == nil {
		return nil
	}
	request := rung{at: e.At, from: e.From.Name, to: e.To.Name, head: x.Method + " " + x.URL, details: httpDetails(x.RequestHeader, x.RequestBody)}
	answer := rung{at: e.At.Add(x.Elapsed), from: e.To.Name, to: e.From.Name, details: httpDetails(x.ResponseHeader, x.ResponseBody)}
	switch {
	case x.Fault != "":
		answer.head, answer.style, answer.details = faultText(x.Fault), warn, nil
	case x.Status == 0:
		answer.head, answer.style = "no answer yet", warn
	default:
		answer.head = strings.TrimSpace(fmt.Sprintf("%d %s", x.Status, http.StatusText(x.Status)))
	}
	return []rung{request, answer}
}

// faultText is what came instead of an answer.
func faultText(fault string) string {
	switch fault {
	case "reset":
		return "the connection is reset"
	case "garbage":
		return "bytes that are no HTTP"
	case "truncated":
		return "an answer that is cut off"
	case "never":
		return "no answer"
	}
	return fault
}

// excerptHex is the first bytes of a datagram that is no message.
func excerptHex(b []byte) string {
	const most = 48
	if len(b) > most {
		return fmt.Sprintf("0x%x… (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("0x%x", b)
}

// httpDetails is the headers that a reader of the document looks for, and the
// body. Of credentials only the user's name is told.
func httpDetails(h http.Header, body []byte) []string {
	var ds []string
	if a := h.Get("Authorization"); a != "" {
		ds = append(ds, "Authorization: "+nameOnly(a))
	}
	for _, name := range []string{"Accept", "Content-Type", "CoAP-Code", "Retry-After", "WWW-Authenticate"} {
		if v := h.Get(name); v != "" {
			ds = append(ds, name+": "+v)
		}
	}
	if len(body) > 0 {
		ds = append(ds, "| "+coap.Excerpt(body, 160))
	}
	return ds
}

func nameOnly(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
		if name, _, ok := strings.Cut(string(pair), ":"); ok {
			return fmt.Sprintf("Basic %s:•••", coap.Excerpt([]byte(name), 40))
		}
	}
	return scheme + " •••"
}
