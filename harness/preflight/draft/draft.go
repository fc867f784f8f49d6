// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Machine is what is known of the machine that the bench is on.
type Machine struct {
	// Networks are its addresses with their networks and interfaces.
	Networks []Network
	// Towards is its address from which the system would reach another; nil knows
	// none.
	Towards func(netip.Addr) netip.Addr
}

// Network is an address with its network and its interface.
type Network struct {
	Interface string
	Prefix    netip.Prefix
}

// Draft is a target file in the making.
type Draft struct {
	machine Machine
	answers map[string]string
	order   []string // of the keys that are not those of questions
}

// New is a draft with no answers yet.
func New(m Machine) *Draft { return &Draft{machine: m, answers: map[string]string{}} }

// Role is the role that was answered; the zero Role before that.
func (d *Draft) Role() verdict.Role { return verdict.Role(d.answers["role"]) }

// Set takes an answer. Keys that no question has are places in the file too:
// "bench.ports.coaps". An empty value takes an answer back.
func (d *Draft) Set(key, value string) error {
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if value == "" {
		delete(d.answers, key)
		return nil
	}
	if err := d.valid(key, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if _, known := d.answers[key]; !known && !slices.ContainsFunc(questions(), func(q Question) bool { return q.Key == key }) {
		d.order = append(d.order, key)
	}
	d.answers[key] = value
	return nil
}

// open is the question that comes next, for what is known so far. Those in asked
// have been asked already.
func (d *Draft) open(asked map[string]bool) (Question, bool) {
	for _, q := range questions() {
		if d.answers[q.Key] == "" && !asked[q.Key] && d.asks(q) {
			return q, true
		}
	}
	return Question{}, false
}

// asks says whether a question means something for what was answered so far.
func (d *Draft) asks(q Question) bool {
	switch first, _, _ := strings.Cut(q.Key, "."); {
	case q.when != nil:
		return q.when(d)
	case first == "gateway", first == "platform":
		return d.Role() == verdict.Gateway
	case first == "device" && strings.HasPrefix(q.Key, "device.calls"), q.Key == "hooks.trigger":
		return d.Role() == verdict.DeviceClient
	case first == "device":
		return d.Role() == verdict.DeviceServer
	}
	return true
}

// Complete takes what is offered for each question that is open and required,
// and names the keys that nobody can answer but the caller.
func (d *Draft) Complete() (missing []string) {
	asked := map[string]bool{}
	for {
		q, more := d.open(asked)
		if !more {
			return missing
		}
		asked[q.Key] = true
		if !q.required(d) {
			continue
		}
		if q.offer == nil || q.offer(d) == "" || d.Set(q.Key, q.offer(d)) != nil {
			missing = append(missing, strings.TrimPrefix(q.instead+" or "+q.Key, " or "))
		}
	}
}

// address is the target's, where an answer names one; the zero Addr otherwise.
func (d *Draft) address() netip.Addr {
	for _, key := range []string{"gateway.coaps", "gateway.coap", "device.coaps", "device.coap"} {
		for _, s := range words(d.answers[key]) {
			if a, err := netip.ParseAddrPort(s); err == nil {
				return a.Addr()
			}
		}
	}
	return netip.Addr{}
}

// sibling offers the addresses of another answer with another port.
func sibling(key, port, other string) func(*Draft) string {
	return func(d *Draft) string {
		var all []string
		for _, s := range words(d.answers[key]) {
			if before, ok := strings.CutSuffix(s, ":"+port); ok {
				all = append(all, before+":"+other)
			}
		}
		return strings.Join(all, " ")
	}
}

// benchOffer is the address of this machine that the target most likely reaches.
func benchOffer(d *Draft) string {
	if a := d.address(); a.IsValid() && d.machine.Towards != nil {
		if own := d.machine.Towards(a); own.IsValid() {
			return own.String()
		}
	}
	if u, err := url.Parse(d.answers["device.calls.url"]); err == nil {
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && d.owns(a) {
			return a.String() // what is burnt in is this machine
		}
	}
	for _, n := range d.machine.Networks {
		if a := n.Prefix.Addr(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return a.String()
		}
	}
	return ""
}

func (d *Draft) owns(a netip.Addr) bool {
	return slices.ContainsFunc(d.machine.Networks, func(n Network) bool {
		return n.Prefix.Addr() == a || a.IsLoopback() && n.Prefix.Contains(a)
	})
}

// benchHelp lists what this machine has.
func benchHelp(d *Draft) string {
	var parts []string
	for _, n := range d.machine.Networks {
		a := n.Prefix.Addr()
		if a.IsLinkLocalUnicast() {
			continue
		}
		part := a.String() + " on " + n.Interface
		if t := d.address(); t.IsValid() && n.Prefix.Contains(t) {
			part += " (in one network with " + t.String() + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "This machine has " + strings.Join(parts, ", ") + "."
}

// capabilities lists those that can be asked for, with what they say.
func capabilities(d *Draft, byDefault bool) string {
	var b strings.Builder
	for _, c := range d.askable(byDefault) {
		fmt.Fprintf(&b, "\n  %-22s  %s", c.Name, c.Doc)
	}
	return b.String()
}

// words are those of an answer that is a list.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}

// File is the target file: it is written, and read again to see that it can be.
func (d *Draft) File(name string) ([]byte, error) {
	b := d.write(name)
	if _, err := target.Parse(name, b); err != nil {
		return b, fmt.Errorf("the answers do not go together: %w", &fileError{err})
	}
	return b, nil
}

// fileError is what is wrong with the file as a whole.
type fileError struct{ error }

func (e *fileError) Unwrap() error { return e.error }
