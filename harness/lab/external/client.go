// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// unaskedTimeout is how long a device that nobody can trigger may take to send by
// itself.
const unaskedTimeout = 2 * time.Minute

// client is a device that calls: the harness is its gateway.
type client struct {
	target *target.File
	hooks  *hook.Runner
	users  map[string]lab.User
	from   []netip.Addr // where its datagrams come from; none: the first that begins
	// keepers hold the addresses of the gateway while no scenario has them, by scheme.
	keepers map[string]*keeper
	// arrivals are shown to a person who is asked to trigger it.
	arrivals hook.Packets

	mu sync.Mutex
	// past are requests that belong to no scenario any more, by source and bytes, with
	// when they came first.
	past map[string]time.Time
	// astray says that the device went on with something of an earlier scenario.
	astray bool
	// known is where the device sent from last.
	known netip.Addr
}

// openClient makes the lab around a device that calls. It is ready when it has
// the addresses to which the device sends.
func (l *Lab) openClient(ctx context.Context) error {
	t := l.target
	c := &client{
		target: t, hooks: l.hooks, users: map[string]lab.User{}, from: t.Addresses(),
		keepers: map[string]*keeper{}, past: map[string]time.Time{},
	}
	for name, u := range t.Users {
		bound, err := bind(u)
		if err != nil {
			return fmt.Errorf("the user %q: %w", name, err)
		}
		c.users[name] = bound
	}
	b := &stage.Bench{
		Device: c, Elsewhere: true, Only: c.from,
		Addresses: &stage.Shared{V4: t.Bench.Addr(false), V6: t.Bench.Addr(true)},
		Gateway:   lab.Gateway{Name: c.host(), DefaultPorts: true},
		Issue:     issueNothing,
	}
	if dir := t.Bench.PKI; dir != "" {
		authority, err := pki.Open(dir)
		if err != nil {
			return err
		}
		b.Issue, b.Gateway.Roots = authority.Issue, authority.Roots()
	}
	for _, scheme := range c.schemes() {
		k := &keeper{at: c.listens(scheme), client: c, plain: scheme == "coap"}
		if err := k.hold(ctx); err != nil {
			return errors.Join(err, c.Close())
		}
		c.keepers[scheme] = k
	}
	l.bench = stage.New(b)
	return nil
}

// Close gives the addresses free.
func (c *client) Close() error {
	var errs []error
	for _, k := range c.keepers {
		errs = append(errs, k.release())
	}
	return errors.Join(errs...)
}

// About is what it is called, and where it sends.
func (c *client) About() string {
	if u := c.calls().URL; u != "" {
		return "calls " + u
	}
	return "calls what it is told"
}

// Serve is what it does not do.
func (c *client) Serve(context.Context, lab.Serving) (lab.Served, func() error, error) {
	return lab.Served{}, nil, verdict.DoesNotApply("the target file says role: device-client: nobody calls it")
}

func (c *client) calls() target.Calls {
	if c.target.Device == nil {
		return target.Calls{}
	}
	return c.target.Device.Calls
}

// schemes are those to which the device may send.
func (c *client) schemes() []string {
	if s := c.scheme(); s != "" {
		return []string{s}
	}
	return slices.DeleteFunc([]string{"coap", "coaps"}, func(s string) bool { return !c.target.Has(s) })
}

// scheme is that of the URL that is burnt in; "" where there is none.
func (c *client) scheme() string {
	scheme, _, _ := strings.Cut(c.calls().URL, ":")
	return scheme
}

// host is the host name that the gateway's certificate must be for; "" where the
// device knows it by an address.
func (c *client) host() string {
	if u, err := url.Parse(c.calls().URL); err == nil && u.Hostname() != "" {
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			return u.Hostname()
		}
		return ""
	}
	if cert := c.target.Bench.Certificate; cert != nil {
		return cert.Host
	}
	return ""
}

// listens is where the harness listens for a scheme: at the port of the file, or at
// the one that is burnt in.
func (c *client) listens(scheme string) netip.AddrPort {
	b := &c.target.Bench
	u, err := url.Parse(c.calls().URL)
	if err != nil {
		u = &url.URL{}
	}
	burnt, err := netip.ParseAddr(u.Hostname())
	v6 := err == nil && burnt.Is6() || !b.Addr(false).IsValid()
	at := b.Listen(scheme, v6)
	given := map[string]uint16{"coap": b.Ports.CoAP, "coaps": b.Ports.CoAPS}[scheme]
	if p, err := netip.ParseAddrPort("0.0.0.0:" + u.Port()); err == nil && given == 0 && u.Scheme == scheme {
		at = netip.AddrPortFrom(at.Addr(), p.Port())
	}
	return at
}

// url is where the device's messages go.
func (c *client) url(scheme string) string {
	if u := c.calls().URL; u != "" {
		return u
	}
	at := c.listens(scheme)
	port := at.Port()
	at = netip.AddrPortFrom(c.target.Bench.ReachedAs(at.Addr()), port)
	authority := at.String()
	if scheme == "coaps" && c.host() != "" {
		authority = fmt.Sprintf("%s:%d", c.host(), port)
	}
	usual := map[string]string{"coap": ":5683", "coaps": ":5684"}[scheme]
	return scheme + "://" + strings.TrimSuffix(authority, usual) + "/coap2http"
}

// Calling is what the target file says of it.
func (c *client) Calling() lab.Calling {
	b, told := c.calls(), c.tells
	method, _ := methodOf(b.Method)
	return lab.Calling{
		Secure: c.keepers["coap"] == nil, NoPSK: !c.target.Has("psk"),
		URL: b.URL, API: b.API, Method: method, Payload: b.Payload, Elsewhere: true, Patience: c.patience(),
		Untold: lab.Parts{
			URL:     b.URL != "" || !told("url"),
			API:     b.API != "" || !told("api", "proxy-uri"),
			Method:  b.Method != "" || !told("method"),
			Payload: b.Payload != "" || !told("payload"),
		},
	}
}

// methodOf is a method by its name.
func methodOf(name string) (coap.Code, bool) {
	for _, m := range []coap.Code{coap.GET, coap.PUT, coap.POST, coap.DELETE} {
		if strings.EqualFold(m.Name(), name) {
			return m, true
		}
	}
	return 0, false
}

// tells says whether the trigger tells one of the variables to the device: that it
// is there is not enough. A program has them in its environment, if it is told that
// there is anything to tell; a person reads them all.
func (c *client) tells(variables ...string) bool {
	h := c.target.Hooks.Trigger
	switch {
	case h == nil:
		return false
	case h.Person != "" || c.target.Has("told"):
		return true
	}
	texts := slices.Clone(h.Command)
	if h.HTTP != nil {
		texts = append(texts, h.HTTP.URL, h.HTTP.Body)
	}
	all := strings.Join(texts, "\n")
	return slices.ContainsFunc(variables, func(v string) bool { return strings.Contains(all, "{"+v+"}") })
}

// patience is how long the first datagram may take.
func (c *client) patience() time.Duration {
	h := c.target.Hooks.Trigger
	if h == nil {
		return unaskedTimeout
	}
	return h.Patience()
}

// Patience is what a step may take for the target's sake.
func (l *Lab) Patience() time.Duration {
	c, ok := l.bench.Device.(*client)
	if !ok {
		return 0
	}
	all := c.patience()
	if h := l.target.Hooks.Reset; h != nil {
		all += h.Patience() + l.target.Bench.BootTime()
	}
	return all
}

// User is the user that the device has: the one that is burnt in, or the one that
// is bound, or, where it can be told, any.
func (c *client) User(name, password string, form lab.PSKForm) (lab.User, error) {
	if burnt := c.calls().User; burnt != "" {
		return c.users[burnt], nil
	}
	if u, ok := c.users[name]; ok {
		return u, nil
	}
	if len(c.users) == 1 && !c.tells("user", "token", "proxy-uri", "identity") {
		for _, u := range c.users {
			return u, nil
		}
	}
	if !c.tells("user", "token", "proxy-uri", "identity") {
		return lab.User{}, verdict.CannotJudge(nil, "nobody knows which user the device has: bind it under users in the target file, and name it as device.calls.user")
	}
	return stage.Account{Name: name, Password: password, Form: form}.User(), nil
}

// Call resets the device if it went astray, and triggers it.
func (c *client) Call(ctx context.Context, e lab.Errand) (lab.Report, error) {
	if err := c.bringBack(ctx); err != nil {
		return lab.Report{Failure: err.Error()}, nil //nolint:nilerr // what the device sends, counts
	}
	h := c.target.Hooks.Trigger
	if h == nil {
		return lab.Report{}, nil
	}
	hooks := *c.hooks
	hooks.Watch = c.arrivals.Watch
	said, err := hooks.Run(ctx, "trigger", h, c.variables(e))
	r := lab.Report{Known: c.target.Has("says"), Said: strings.TrimSpace(said.Output)}
	if err != nil {
		r.Failure = err.Error()
	}
	return r, nil
}

// bringBack resets a device that went on with something of an earlier scenario, if
// the target file says how, and waits until it is back.
func (c *client) bringBack(ctx context.Context) error {
	c.mu.Lock()
	astray := c.astray
	c.astray = false
	c.mu.Unlock()
	h := c.target.Hooks.Reset
	if !astray || h == nil {
		return nil
	}
	if _, err := c.hooks.Run(ctx, "reset", h, nil); err != nil {
		return err
	}
	boot := time.NewTimer(c.target.Bench.BootTime()) // nothing of it can be asked whether it is back
	defer boot.Stop()
	select {
	case <-boot.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// variables are the errand, as hooks name it. What does not apply is empty.
func (c *client) variables(e lab.Errand) map[string]string {
	u := c.userOf(e)
	separator := "?"
	if strings.Contains(e.API, "?") {
		separator = "&"
	}
	v := map[string]string{
		"url": e.URL, "api": e.API, "method": e.Method.Name(), "payload": e.Payload,
		"user": u.Name, "password": u.Password, "token": u.Token,
		"proxy-uri": e.API + separator + "AuthToken=" + u.Token, "identity": "", "key": "",
	}
	if e.Method == 0 {
		v["method"] = ""
	}
	if e.PSK {
		v["identity"], v["key"] = u.Identity, keyText(u.Key)
	}
	return v
}

// userOf is the user of an errand, with its key.
func (c *client) userOf(e lab.Errand) lab.User {
	for _, u := range c.users {
		if u.Name == e.User && u.Password == e.Password {
			return u
		}
	}
	return stage.Account{Name: e.User, Password: e.Password, Form: e.Form}.User()
}

// keyText is a key as a provider's is typed: text, or bytes in hex behind "hex:".
func keyText(key []byte) string {
	for _, b := range key {
		if b < ' ' || b > '~' {
			return "hex:" + hex.EncodeToString(key)
		}
	}
	return string(key)
}
