// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
)

// caller looks at a device that calls: the bench plays the gateway, has the device
// send its request, and looks at what comes.
func (c *check) caller(ctx context.Context) {
	c.pkiKept(ctx)
	for _, m := range c.modes() {
		c.about(m.scheme)
		c.hear(ctx, m)
	}
}

// mode is a way in which a device sends.
type mode struct {
	scheme string
	// with is psk or certificates where the device is told to use that; "" where it
	// has its own way.
	with string
}

func (m mode) String() string { return strings.TrimSpace(m.scheme + " " + m.with) }

// modes are those in which the device sends: the one that it has burnt in, or,
// where it can be told, each that it declares.
func (c *check) modes() []mode {
	if u, err := url.Parse(c.calls().URL); err == nil && u.Scheme != "" {
		return []mode{{u.Scheme, ""}}
	}
	var all []mode
	for _, with := range []string{"psk", "certificates"} {
		if c.declared["coaps"] && c.declared[with] {
			all = append(all, mode{"coaps", with})
		}
	}
	if c.declared["coap"] {
		all = append(all, mode{"coap", ""})
	}
	return all
}

// hearing is what the bench listens with, for one mode.
type hearing struct {
	mode
	servers []*peer.Server
	log     *trace.Log
	at      []netip.AddrPort
	// arrivals is what reached the machine, heard or not; nil where it cannot be
	// watched.
	arrivals *arrivals
	// certificate says that the bench shows one, expired that it is to be an expired
	// one and nothing else.
	certificate, expired bool
}

func (h *hearing) close() {
	for _, s := range h.servers {
		_ = s.Close()
	}
	h.servers = nil
	h.arrivals.stop()
}

// hear listens in one mode, triggers the device and judges what it sends.
func (c *check) hear(ctx context.Context, m mode) {
	h := &hearing{mode: m, log: &trace.Log{}}
	defer h.close()
	if !c.listen(ctx, h) {
		return
	}
	h.arrivals = watchArrivals()
	c.pause(ctx)
	run := c.trigger(ctx, h)
	var first trace.Event
	o := c.step(ctx, h.String()+" datagram", func(ctx context.Context) outcome {
		var o outcome
		first, o = c.first(ctx, h, run)
		return o
	})
	if o.state != OK {
		return
	}
	if h.scheme == "coap" {
		c.step(ctx, "coap request", func(ctx context.Context) outcome { return c.plainRequest(ctx, h, first) })
		return
	}
	if c.shakes(ctx, h, first) == suiteCertificate {
		h.close()
		c.clock(ctx, m)
	}
}

// listen binds the bench's ports for the scheme.
func (c *check) listen(ctx context.Context, h *hearing) bool {
	security, err := c.asGateway(h)
	for _, ipv6 := range []bool{false, true} {
		at := c.listening(h.scheme, ipv6)
		if !at.IsValid() || c.gone[ipv6] {
			continue
		}
		c.step(ctx, "listen "+h.scheme+" "+at.String(), func(ctx context.Context) outcome {
			if err != nil {
				return blocked("see that the target file names a user with its password or key, or bench.pki, or bench.certificate", "the bench has nothing to shake hands with: %v", err)
			}
			if why := bindable(ctx, at); why != "" {
				return blocked(fmt.Sprintf("end what listens at %s (`ss -lunp` shows it), or change bench.ports", at), "cannot be bound: %s", why)
			}
			s, err := peer.Listen(ctx, peer.Options{Name: "bench", Remote: "device", Local: at, Trace: h.log, Security: security})
			if err != nil {
				return blocked("look at what the error names", "%v", err)
			}
			s.Handle(peer.Answer(&coap.Message{Code: coap.Content}))
			h.servers, h.at = append(h.servers, s), append(h.at, at)
			return well("%s", c.reachedAs(at))
		})
	}
	return len(h.servers) > 0
}

func (c *check) reachedAs(at netip.AddrPort) string {
	if a := c.t.Bench.ReachedAs(at.Addr()); a != at.Addr() {
		return fmt.Sprintf("listening; the device reaches it at %s", netip.AddrPortFrom(a, at.Port()))
	}
	return "listening"
}

// listening is where the bench listens: at the port that the device has burnt in,
// if it has one and the file says no other.
func (c *check) listening(scheme string, ipv6 bool) netip.AddrPort {
	at := c.t.Bench.Listen(scheme, ipv6)
	given := map[string]uint16{"coap": c.t.Bench.Ports.CoAP, "coaps": c.t.Bench.Ports.CoAPS}[scheme]
	if u, err := url.Parse(c.calls().URL); err == nil && at.IsValid() && given == 0 && u.Scheme == scheme {
		if p, err := netip.ParseAddrPort("0.0.0.0:" + u.Port()); err == nil {
			return netip.AddrPortFrom(at.Addr(), p.Port())
		}
	}
	return at
}

// asGateway is the bench's DTLS as the gateway: the keys of the bound users and
// the certificate for the name in the firmware, or for the bench's addresses.
func (c *check) asGateway(h *hearing) (*peer.Security, error) {
	if h.scheme == "coap" {
		return nil, nil
	}
	keys := map[string][]byte{}
	for _, cred := range c.credentials() {
		if cred.err == nil {
			keys[cred.identity] = cred.key
		}
	}
	s := &peer.Security{HandshakeTimeout: or(c.o.Handshake, handshakeTimeout)}
	if len(keys) > 0 && !h.expired {
		s.PSK = func(identity string) ([]byte, bool) { key, ok := keys[identity]; return key, ok }
	}
	certificates, err := c.shown(h)
	if err != nil {
		return nil, err
	}
	s.Certificates, h.certificate = certificates, len(certificates) > 0
	if s.PSK == nil && !h.certificate {
		return nil, errors.New("neither a user with a key nor a certificate")
	}
	return s, nil
}

// trigger has the device send, and says how that went: an error alone does not
// mean that nothing was sent.
func (c *check) trigger(ctx context.Context, h *hearing) (run func() error) {
	t := c.t.Hooks.Trigger
	if t == nil || c.o.Runner == nil {
		return nil
	}
	var err error
	c.step(ctx, "hook trigger", func(ctx context.Context) outcome {
		var result hook.Result
		result, err = c.press(ctx, h)
		switch {
		case err == nil:
			return well("done in %s", brief(result.Elapsed))
		case len(datagrams(h.log)) > 0:
			return well("the device sent, and the hook ended so: %v", err)
		case errors.Is(err, hook.ErrDeclined):
			return blocked("say in hooks.trigger how it is made to send, or take the hook out: then it is waited for", "the person said that it cannot be done, so nothing is known of the device")
		default:
			return hookFailed("trigger", err)
		}
	})
	return func() error { return err }
}

// press runs the trigger, and shows what arrives to a person who is asked.
func (c *check) press(ctx context.Context, h *hearing) (hook.Result, error) {
	runner := *c.o.Runner
	runner.Watch = func(ctx context.Context, show func(string)) { watchLog(ctx, h.log, show) }
	return runner.Run(ctx, "trigger", c.t.Hooks.Trigger, c.variables(h))
}

// watchLog shows the datagrams as they arrive.
func watchLog(ctx context.Context, log *trace.Log, show func(string)) {
	for told := 0; ; {
		changed := log.Changed()
		all := datagrams(log)
		for _, e := range all[told:] {
			show(fmt.Sprintf("%s from %s", octets(len(e.Bytes)), e.From.Addr))
		}
		told = len(all)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// datagrams are those that came in.
func datagrams(log *trace.Log) []trace.Event {
	return slices.DeleteFunc(log.Events(), func(e trace.Event) bool {
		return e.Layer != trace.Datagram || e.From.Name != "device"
	})
}

// first waits for the first datagram.
func (c *check) first(ctx context.Context, h *hearing, run func() error) (trace.Event, outcome) {
	within := or(c.o.Reach, waitTimeout)
	switch {
	case run != nil && run() != nil && len(datagrams(h.log)) == 0:
		return trace.Event{}, skipped("the trigger did not work")
	case run != nil:
		within = or(c.o.Reach, triggeredTimeout)
	case c.t.Hooks.Trigger != nil:
		return trace.Event{}, skipped("hooks are not run here")
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		changed := h.log.Changed()
		all := datagrams(h.log)
		for _, e := range all {
			if known := c.t.Addresses(); len(known) == 0 || slices.Contains(known, e.From.Addr.Addr()) {
				return e, well("%s from %s", octets(len(e.Bytes)), e.From.Addr)
			}
		}
		look := time.NewTimer(probeInterval)
		select {
		case <-changed:
		case <-look.C:
			if o, dropped := c.dropped(h); dropped {
				return trace.Event{}, o
			}
		case <-bounded.Done():
			look.Stop()
			if len(all) > 0 {
				return all[0], well("%s from %s, which is no address of the device in the target file", octets(len(all[0].Bytes)), all[0].From.Addr)
			}
			return trace.Event{}, c.nothing(h, within, run != nil)
		}
		look.Stop()
	}
}

// triggeredTimeout is how long a device may take to send when its trigger is done.
const triggeredTimeout = 30 * time.Second

// nothing is the outcome when no datagram came.
func (c *check) nothing(h *hearing, within time.Duration, triggered bool) outcome {
	var from netip.Addr
	if addresses := c.t.Addresses(); len(addresses) > 0 {
		from = addresses[0]
	}
	after := "within " + seconds(within)
	if triggered {
		after += " of the trigger"
	}
	if o, known := c.dropped(h); known {
		return o
	}
	if o, known := c.astray(h, after); known {
		return o
	}
	never := ""
	if h.arrivals != nil {
		never = " Nothing from it reaches this machine, either: look at what is in between."
	}
	var where, rules []string
	for _, at := range h.at {
		where, rules = append(where, at.String()), append(rules, inRule(from, at))
	}
	check := "see that the device took the URL " + c.url(h)
	if burnt := c.calls().URL; burnt != "" {
		check = "see that " + burnt + ", which is burnt in, leads here"
	}
	next := strings.Join(append(rules, check), "\n")
	return blocked(next, "no datagram from the device %s at %s: a firewall swallows it, or it sends elsewhere.%s", after, strings.Join(where, " or "), never)
}

// plainRequest looks at the first request of a device that speaks plain CoAP.
func (c *check) plainRequest(ctx context.Context, h *hearing, first trace.Event) outcome {
	if looksSecure(first.Bytes) {
		return untrue("give it a coap URL, or write coap: false under declares", "sends DTLS records to the port for coap: %s", hexOf(first.Bytes))
	}
	r, err := c.request(ctx, h)
	if err != nil {
		return untrue("have it send a CoAP request (RFC 7252 §3)", "sends what is no CoAP request: %s", hexOf(first.Bytes))
	}
	return well("%s", r)
}

// request waits for a request at any of the servers.
func (c *check) request(ctx context.Context, h *hearing) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, or(c.o.Reach, reachTimeout))
	defer cancel()
	found := make(chan *peer.Request, len(h.servers))
	for _, s := range h.servers {
		go func() {
			r, err := s.AwaitRequest(bounded, 1)
			if err != nil {
				r = nil
			}
			found <- r
		}()
	}
	for range h.servers {
		if r := <-found; r != nil {
			return summary(r.Message), nil
		}
	}
	return "", errors.New("no request came")
}

// summary is a request on one line, without what is secret in it: options may hold
// an AuthToken.
func summary(m *coap.Message) string {
	s := fmt.Sprintf("%s %s", m.Type, m.Code)
	if path := m.Strings(coap.URIPath); len(path) > 0 {
		s += " to /" + strings.Join(path, "/")
	}
	if m.Has(coap.ProxyURI) {
		s += ", with a Proxy-Uri"
	}
	return s
}

// looksSecure says whether a datagram begins as a DTLS record does (RFC 6347 §4.1).
func looksSecure(b []byte) bool { return len(b) > 12 && b[0] >= 20 && b[0] <= 23 && b[1] == 0xfe }

// pkiKept looks whether the bench's PKI is there already: one that is made on the
// spot is trusted by nobody.
func (c *check) pkiKept(ctx context.Context) {
	dir := c.t.Bench.PKI
	if dir == "" || c.t.Bench.Certificate != nil {
		return
	}
	c.step(ctx, "bench pki", func(context.Context) outcome {
		fresh := !pkiThere(dir)
		if _, err := pki.Open(dir); err != nil {
			return blocked("correct bench.pki", "%v", err)
		}
		if fresh {
			return blocked("put root.pem or root.der from the folder of bench.pki into the device's trust store, and check again", "made just now, since there was none: the device cannot trust its root yet")
		}
		return well("its root is there for the device to trust")
	})
}
