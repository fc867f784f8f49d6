// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// scriptedGateway is the gateway that a device under test calls: a scripted
// peer. It answers 2.05 at once until a step says otherwise.
type scriptedGateway struct {
	stand    lab.Stand
	scheme   string
	security func(netip.Addr) (*peer.Security, error) // nil is plain CoAP
	server   *peer.Server                             // from the trigger on
	script   peer.Script
	// ends an exchange that the script leaves open; nil: it leaves none.
	ends func(*peer.Request) error
}

// testedCaller is the device under test that calls.
type testedCaller struct {
	errand lab.Errand
	key    []byte // the pre-shared key of the errand's user
	run    *errandRun
}

// errandRun is an errand, done beside the steps.
type errandRun struct {
	cancel context.CancelFunc
	done   chan struct{}
	report lab.Report
	err    error
}

func (c *testedCaller) close() {
	if c.run != nil {
		c.run.cancel()
		<-c.run.done
	}
}

// scripted is the scripted gateway from now on; it listens once the device is
// triggered. The scheme is the device's own where it is "", coap if that has none.
func (w *World) scripted(ctx context.Context, port uint16, scheme string, security func(netip.Addr) (*peer.Security, error)) error {
	if w.gateway != nil {
		return verdict.Broken(nil, "the scenario has a scripted gateway already")
	}
	device := w.Stage.DeviceCalling()
	burnt, _, _ := strings.Cut(device.URL, ":")
	switch {
	case scheme == "" && device.Secure:
		scheme, security = "coaps", w.withAnything
	case scheme == "":
		scheme = "coap"
	case burnt != "" && burnt != scheme:
		return verdict.DoesNotApply("the device under test sends to %s alone", device.URL)
	}
	stand, err := w.Stage.GatewayStand(ctx, scheme == "coaps", port)
	if err != nil {
		return err
	}
	if u, err := url.Parse(stand.URL); err == nil && u.Port() != "" && port != 0 {
		return verdict.DoesNotApply("the URL of the gateway, %s, names its port", stand.URL)
	}
	w.gateway = &scriptedGateway{
		stand: stand, scheme: scheme, security: security, script: peer.Answer(&coap.Message{Code: coap.Content}),
	}
	return nil
}

// open has the gateway listen.
func (g *scriptedGateway) open(ctx context.Context, w *World) error {
	o := peer.Options{Name: "gateway", Remote: deviceUnderTest, Local: g.stand.Local, Trace: w.Stage.Trace(), Screen: g.stand.Screen}
	if g.security != nil {
		var err error
		if o.Security, err = g.security(g.stand.Reached); err != nil {
			return err
		}
		o.Security.HandshakeTimeout = w.byDevice(handshakeTimeout)
	}
	if g.stand.Take != nil {
		if err := g.stand.Take(ctx); err != nil {
			return verdict.Broken(err, "taking the address of the gateway")
		}
	}
	server, err := peer.Listen(ctx, o)
	if err != nil {
		err = verdict.Broken(err, "starting the scripted gateway at %s", g.stand.Local)
		if g.stand.Leave != nil {
			err = errors.Join(err, g.stand.Leave(nil))
		}
		return err
	}
	server.Handle(func(ctx context.Context, r *peer.Request) error { return g.script(ctx, r) })
	g.server = server
	if g.stand.URL == "" {
		at, usual := server.Local().String(), map[string]string{"coap": ":5683", "coaps": ":5684"}[g.scheme]
		g.stand.URL = g.scheme + "://" + strings.TrimSuffix(at, usual) + "/coap2http"
	}
	return nil
}

// close ends the gateway. A device that goes on afterwards is first answered what
// the script has left open: else the next scenario finds it busy.
func (g *scriptedGateway) close() error {
	if g.server == nil {
		return nil
	}
	if g.stand.Leave == nil {
		return g.server.Close()
	}
	var open []lab.Sent
	if g.ends != nil {
		for _, r := range g.server.Requests() {
			_ = g.ends(r) // it may be gone
			open = append(open, lab.Sent{From: r.Peer, Bytes: r.Raw})
		}
	}
	return errors.Join(g.server.Close(), g.stand.Leave(open))
}

// answerNow ends the exchange of a request that nobody has acknowledged, and
// answerLate that of one which was.
func answerNow(r *peer.Request) error { return r.Respond(&coap.Message{Code: coap.Content}) }

func answerLate(r *peer.Request) error {
	return r.SendFrame(coap.Frame{Message: coap.Message{
		Type: coap.NonConfirmable, Code: coap.Content, MessageID: r.NextMessageID(), Token: r.Message.Token,
	}})
}

// byDevice is a time in which the stock device does something, or the longer one
// that a device of its own may take, on a small processor.
func (w *World) byDevice(d time.Duration) time.Duration {
	if w.Stage.DeviceCalling().Elsewhere {
		return max(d, smallDeviceTimeout)
	}
	return d
}

// smallDeviceTimeout is how long a device of its own may take for a handshake, or
// for a request after its first datagram.
const smallDeviceTimeout = 12 * time.Second

// deviceUnderTest is what traces and findings call it.
const deviceUnderTest = "device under test"

// withKeyOf takes whatever identity the device gives, so that identity and key
// are judged one by one.
func (w *World) withKeyOf(name string, form lab.PSKForm) func(netip.Addr) (*peer.Security, error) {
	return func(netip.Addr) (*peer.Security, error) {
		u, err := w.user(name)
		if err != nil {
			return nil, err
		}
		w.caller.errand.PSK, w.caller.errand.Form = true, form
		return &peer.Security{PSK: func(string) ([]byte, bool) { return u.Key, true }}, nil
	}
}

// withAnything is what the device may use: the key of the errand's user, and the
// certificate that a gateway shows.
func (w *World) withAnything(addr netip.Addr) (*peer.Security, error) {
	s := &peer.Security{}
	if key := w.caller.key; key != nil && !w.Stage.DeviceCalling().NoPSK {
		w.caller.errand.PSK = true
		s.PSK = func(string) ([]byte, bool) { return key, true }
	}
	c, err := w.rightCertificate(addr)
	switch {
	case err == nil:
		s.Certificates = c.Certificates
	case s.PSK == nil || verdict.Of(err) != verdict.NotApplicable:
		return nil, err
	}
	return s, nil
}

// rightCertificate is the one that the device must accept.
func (w *World) rightCertificate(addr netip.Addr) (*peer.Security, error) {
	if c := w.gateway.stand.Certificate; c != nil {
		s := &peer.Security{}
		s.Certificates = append(s.Certificates, *c)
		return s, nil
	}
	return w.withCertificate(w.gatewayLeaf)(addr)
}

// wrongDates is the gateway's certificate with other dates.
func (w *World) wrongDates(addr netip.Addr, dates pki.Leaf) pki.Leaf {
	leaf := w.gatewayLeaf(addr)
	leaf.NotBefore, leaf.NotAfter = dates.NotBefore, dates.NotAfter
	return leaf
}

// gatewayLeaf is a right certificate for the scripted gateway.
func (w *World) gatewayLeaf(addr netip.Addr) pki.Leaf {
	leaf := pki.Leaf{Addrs: []netip.Addr{addr}}
	if name := w.Stage.Gateway().Name; name != "" {
		leaf.Names = []string{name}
	}
	return leaf
}

// fromStranger is a certificate for the gateway from an authority that nobody
// trusts.
func (w *World) fromStranger(addr netip.Addr) (*peer.Security, error) {
	stranger, err := pki.Create(nil)
	if err != nil {
		return nil, verdict.Broken(err, "making another test PKI")
	}
	c, err := stranger.Issue(w.gatewayLeaf(addr))
	if err != nil {
		return nil, verdict.Broken(err, "issuing a certificate of another test PKI")
	}
	s := &peer.Security{}
	s.Certificates = append(s.Certificates, c)
	return s, nil
}

// errand says what the device under test is to do.
func (w *World) errand(method coap.Code, api, user, payload string) error {
	u, err := w.user(user)
	if err != nil {
		return err
	}
	e := &w.caller.errand
	e.Method, e.User, e.Password = method, u.Name, u.Password
	w.caller.key = u.Key
	if e.Payload, err = w.expand(payload); err != nil {
		return err
	}
	if e.API, err = w.expand(api); err != nil {
		return err
	}
	*e = w.Stage.DeviceCalling().Effective(*e)
	return nil
}

// trigger has the device under test do its errand.
func (w *World) trigger(ctx context.Context) error {
	switch {
	case w.gateway == nil:
		return verdict.Broken(nil, "there is no scripted gateway: a Given must start it first")
	case w.caller.errand.User == "":
		return verdict.Broken(nil, "the device under test has nothing to do: a Given must say it first")
	case w.caller.run != nil:
		return verdict.Broken(nil, "the device under test was triggered already")
	}
	if err := w.gateway.open(ctx, w); err != nil {
		return err
	}
	e := w.caller.errand
	g := w.Stage.Gateway()
	e.URL, e.ServerName, e.Roots = w.gateway.stand.URL, g.Name, g.Roots
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	wait, err := w.Stage.DeviceCalls(running, e)
	if err != nil {
		cancel()
		return err
	}
	x := &errandRun{cancel: cancel, done: make(chan struct{})}
	w.caller.run = x
	go func() {
		defer close(x.done)
		x.report, x.err = wait()
	}()
	return nil
}

// called is the first request of the device under test.
func (w *World) called(ctx context.Context) (*peer.Request, error) {
	if w.caller.run == nil {
		return nil, verdict.Broken(nil, "the device under test has not been triggered")
	}
	if err := w.awaken(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := patience(ctx, w.byDevice(triggerTimeout))
	defer cancel()
	r, err := w.gateway.server.AwaitRequest(ctx, 1)
	return r, w.inItsWords(err)
}

// awaken waits until anything of the device has come. Where nothing does it cannot
// be judged: a firewall may stand between, or nobody has triggered it.
func (w *World) awaken(ctx context.Context) error {
	stand := w.gateway.stand
	if stand.Heard == nil {
		return nil
	}
	ctx, cancel := patience(ctx, w.Stage.DeviceCalling().Patience)
	defer cancel()
	done, over := w.caller.run.done, ctx.Done()
	for {
		select {
		case <-stand.Heard:
			return nil
		case <-done:
			done = nil
			if x := w.caller.run; x.err != nil || x.report.Failure != "" {
				late, cancel := context.WithTimeout(ctx, arrivalTimeout) // it may be on its way
				defer cancel()
				over = late.Done()
			}
		case <-over:
			if done != nil {
				return verdict.CannotJudge(nil, "%s", stand.Unheard())
			}
			return w.untriggered(stand.Unheard())
		}
	}
}

// untriggered is the finding of a device of which nothing came, once its trigger
// has come to an end.
func (w *World) untriggered(why string) error {
	x := w.caller.run
	switch {
	case x.err != nil:
		return x.err
	case x.report.Failure != "":
		return verdict.CannotJudge(errors.New(x.report.Failure), "the device under test could not be triggered")
	}
	return verdict.CannotJudge(nil, "%s", why)
}

// inItsWords adds to a failure what the device under test says itself.
func (w *World) inItsWords(err error) error {
	var f *verdict.Finding
	if !errors.As(err, &f) || f.Verdict != verdict.Fail {
		return err
	}
	select {
	case <-w.caller.run.done:
	default:
		return err
	}
	if w.caller.run.err != nil {
		return w.caller.run.err
	}
	if said := w.caller.run.report.Failure; said != "" {
		return verdict.Failed(f.Expected, f.Got+"; the device says: "+said)
	}
	return err
}

// shaken is the device's first handshake with the scripted gateway.
func (w *World) shaken(ctx context.Context) (peer.Handshake, error) {
	if w.caller.run == nil {
		return peer.Handshake{}, verdict.Broken(nil, "the device under test has not been triggered")
	}
	if err := w.awaken(ctx); err != nil {
		return peer.Handshake{}, err
	}
	ctx, cancel := patience(ctx, w.byDevice(triggerTimeout)+w.byDevice(0))
	defer cancel()
	h, err := w.gateway.server.AwaitHandshake(ctx, 1)
	return h, w.inItsWords(err)
}

// report is what the device says of its errand.
func (w *World) report(ctx context.Context) (lab.Report, error) {
	if w.caller.run == nil {
		return lab.Report{}, verdict.Broken(nil, "the device under test has not been triggered")
	}
	if err := w.awaken(ctx); err != nil {
		return lab.Report{}, err
	}
	return w.reported(ctx)
}

// reported is report of a device that need not have sent anything.
func (w *World) reported(ctx context.Context) (lab.Report, error) {
	ctx, cancel := patience(ctx, w.byDevice(triggerTimeout))
	defer cancel()
	x := w.caller.run
	select {
	case <-x.done:
	case <-ctx.Done():
		return lab.Report{}, verdict.Failed("the end of the errand of the device under test", "none within "+within(w.byDevice(triggerTimeout)))
	}
	if x.err == nil && !x.report.Known {
		return x.report, verdict.DoesNotApply("the device under test does not say what it received")
	}
	return x.report, x.err
}

// proxyURI is the one Proxy-Uri of the device's request.
func (w *World) proxyURI(ctx context.Context) (string, error) {
	r, err := w.called(ctx)
	if err != nil {
		return "", err
	}
	var all []string
	for _, o := range r.Message.Options {
		if o.Number == coap.ProxyURI {
			all = append(all, string(o.Value))
		}
	}
	if len(all) != 1 {
		return "", verdict.Failed("one Proxy-Uri", fmt.Sprintf("%d: %s", len(all), r.Message))
	}
	return all[0], nil
}

const authToken = "AuthToken="

// splitToken is a Proxy-Uri without its AuthTokens, and these.
func splitToken(uri string) (rest string, tokens []string) {
	base, query, has := strings.Cut(uri, "?")
	if !has {
		return uri, nil
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		if token, ok := strings.CutPrefix(part, authToken); ok {
			tokens = append(tokens, token)
		} else {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return base, tokens
	}
	return base + "?" + strings.Join(kept, "&"), tokens
}

// hasToken fails unless the device's AuthToken is the Base64 form of the user's
// name and password. The document's own example ends it with a line feed.
func (w *World) hasToken(ctx context.Context, name string) error {
	u, err := w.user(name)
	if err != nil {
		return err
	}
	uri, err := w.proxyURI(ctx)
	if err != nil {
		return err
	}
	_, tokens := splitToken(uri)
	want := fmt.Sprintf("one AuthToken: %s", u.Token)
	if len(tokens) != 1 {
		return verdict.Failed(want, fmt.Sprintf("%d in %q", len(tokens), uri))
	}
	text, err := url.PathUnescape(tokens[0])
	if err != nil {
		return verdict.Failed(want, fmt.Sprintf("%q, whose percent-encoding is broken", tokens[0]))
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return verdict.Failed(want, fmt.Sprintf("%q, which is no Base64: %v", tokens[0], err))
	}
	plain := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if plain != u.Name+":"+u.Password {
		return verdict.Failed(want, fmt.Sprintf("%q, which is the Base64 form of %q", tokens[0], b))
	}
	if plain != string(b) {
		w.Stage.Trace().Note("the AuthToken ends with a line end, as the one that the document prints")
	}
	return nil
}

// transmissions is when the request came, each time the same bytes.
func (w *World) transmissions(r *peer.Request) ([]time.Time, error) {
	var at []time.Time
	for _, in := range w.gateway.server.Received() {
		if in.From != r.Peer || in.Fault != nil || in.Message.MessageID != r.Message.MessageID || !in.Message.Code.IsRequest() {
			continue
		}
		if !bytes.Equal(in.Raw, r.Raw) {
			return nil, verdict.Failed("the same message again: "+r.Message.String(), in.String())
		}
		at = append(at, in.At)
	}
	return at, nil
}

// repeats waits until the request has come n times, and fails when another
// request comes instead.
func (w *World) repeats(ctx context.Context, n int, patient time.Duration) ([]time.Time, error) {
	r, err := w.called(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := patience(ctx, patient)
	defer cancel()
	if _, err := r.AwaitCopies(ctx, n-1); err != nil {
		if rs := w.gateway.server.Requests(); len(rs) > 1 {
			return nil, verdict.Failed("the same message again: "+r.Message.String(), rs[1].Message.String())
		}
		return nil, w.inItsWords(err)
	}
	return w.transmissions(r)
}

// harnessSlack is what the harness allows for its own clock, and for a device that
// is late with the first of two transmissions; timerSlack what it allows for a
// device's timer, which may be coarse: it fires late, never early.
const (
	harnessSlack = 100 * time.Millisecond
	timerSlack   = 250 * time.Millisecond
)

// backsOff fails unless there is a first timeout of 2 to 3 s that, doubled each
// time, explains the waits between transmissions, give or take a twentieth of each.
func backsOff(at []time.Time) error {
	var waits []string
	least, most := 2*time.Second, 3*time.Second // what the first timeout may have been
	for i := 1; i < len(at); i++ {
		wait, doubled := at[i].Sub(at[i-1]), time.Duration(1)<<(i-1)
		waits = append(waits, within(wait.Round(time.Millisecond)))
		least = max(least, (wait-timerSlack-wait/20)/doubled)
		most = min(most, (wait+harnessSlack+wait/20)/doubled)
	}
	if least > most {
		return verdict.Failed("waits of 2 s to 3 s, doubling each time", strings.Join(waits, ", "))
	}
	return nil
}

// quietAfter fails when another copy, or another request, comes within d.
func (w *World) quietAfter(ctx context.Context, d time.Duration) error {
	r, err := w.called(ctx)
	if err != nil {
		return err
	}
	before := len(r.Copies())
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	want := "no further transmission within " + within(d)
	if copies, err := r.AwaitCopies(waiting, before+1); err == nil {
		last := copies[len(copies)-1]
		return verdict.Failed(want, fmt.Sprintf("%s again, %s after it came first", r.Message, within(last.Sub(r.At).Round(time.Millisecond))))
	}
	if ctx.Err() != nil {
		return verdict.Broken(ctx.Err(), "listening for silence")
	}
	if rs := w.gateway.server.Requests(); len(rs) > 1 {
		return verdict.Failed(want, rs[1].Message.String())
	}
	return nil
}

// otherID acknowledges with a message id that is not the request's.
func otherID() peer.Script {
	return func(_ context.Context, r *peer.Request) error {
		return r.SendFrame(coap.Frame{Message: coap.Message{Type: coap.Acknowledgement, MessageID: r.Message.MessageID ^ 0x5555}})
	}
}

func scriptedGatewaySteps() []Step {
	plain := func(port uint16) func(context.Context, *World, Args) error {
		return func(ctx context.Context, w *World, _ Args) error {
			scheme := ""
			if port != 0 {
				scheme = "coap"
			}
			return w.scripted(ctx, port, scheme, nil)
		}
	}
	certificate := func(leaf func(w *World, a Args, addr netip.Addr) pki.Leaf) func(context.Context, *World, Args) error {
		return func(ctx context.Context, w *World, a Args) error {
			return w.scripted(ctx, 0, "coaps", w.withCertificate(func(addr netip.Addr) pki.Leaf { return leaf(w, a, addr) }))
		}
	}
	leaves := func(ends func(*peer.Request) error, script func(Args) peer.Script) func(context.Context, *World, Args) error {
		return func(_ context.Context, w *World, a Args) error {
			if w.gateway == nil {
				return verdict.Broken(nil, "there is no scripted gateway: a Given must start it first")
			}
			w.gateway.script, w.gateway.ends = script(a), ends
			return nil
		}
	}
	answers := func(script func(Args) peer.Script) func(context.Context, *World, Args) error {
		return leaves(nil, script)
	}
	return []Step{
		{
			Expression: `the lab has the default ports to give`,
			Doc:        "The scenario applies where the harness can listen on ports 5683 and 5684.",
			Example:    `Given the lab has the default ports to give`,
			Run: func(_ context.Context, w *World, _ Args) error {
				if !w.Stage.Gateway().DefaultPorts {
					return verdict.DoesNotApply("the lab cannot listen on the ports 5683 and 5684 here")
				}
				return nil
			},
		},
		{
			Expression: `a scripted gateway`,
			Doc:        "A gateway that the harness plays for a device under test, over plain CoAP, or over DTLS for a device that speaks nothing else. It answers every request with 2.05 Content until a step says otherwise, and calls nothing.",
			Example:    `Given a scripted gateway`,
			Run:        plain(0),
		},
		{
			Expression: `a scripted gateway on the default port`,
			Doc:        "The same on port 5683, which its URL does not name.",
			Example:    `Given a scripted gateway on the default port`,
			Run:        plain(coap.DefaultPort),
		},
		{
			Expression: `a scripted gateway that speaks DTLS with the pre-shared key of {string}`,
			Doc:        "A scripted gateway that has this user's key, in the form in which the user has it, and takes any identity: a later step judges that.",
			Example:    `Given a scripted gateway that speaks DTLS with the pre-shared key of "hello"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.scripted(ctx, 0, "coaps", w.withKeyOf(a.String(0), lab.Raw))
			},
		},
		{
			Expression: `a scripted gateway that speaks DTLS with the hexadecimal pre-shared key of {string}`,
			Doc:        "The same for a device that takes the key as text: the 64 hexadecimal digits of the hash.",
			Example:    `Given a scripted gateway that speaks DTLS with the hexadecimal pre-shared key of "texty"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.scripted(ctx, 0, "coaps", w.withKeyOf(a.String(0), lab.Hex))
			},
		},
		{
			Expression: `a scripted gateway on the default port that speaks DTLS with the pre-shared key of {string}`,
			Doc:        "The same on port 5684, which its URL does not name.",
			Example:    `Given a scripted gateway on the default port that speaks DTLS with the pre-shared key of "hello"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				return w.scripted(ctx, coap.DefaultSecurePort, "coaps", w.withKeyOf(a.String(0), lab.Raw))
			},
		},
		{
			Expression: `a scripted gateway that shows a certificate for its name`,
			Doc:        "A scripted gateway that speaks DTLS and shows a chain that leads to the root in the device's trust store.",
			Example:    `Given a scripted gateway that shows a certificate for its name`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.scripted(ctx, 0, "coaps", w.rightCertificate)
			},
		},
		{
			Expression: `a scripted gateway that shows a certificate for {string} alone`,
			Doc:        "The same with a certificate for another host name.",
			Example:    `Given a scripted gateway that shows a certificate for "another.example.org" alone`,
			Run: certificate(func(_ *World, a Args, _ netip.Addr) pki.Leaf {
				return pki.Leaf{Names: []string{a.String(0)}}
			}),
		},
		{
			Expression: `a scripted gateway that shows a self-signed certificate`,
			Doc:        "A scripted gateway whose certificate no authority has signed.",
			Example:    `Given a scripted gateway that shows a self-signed certificate`,
			Run: certificate(func(w *World, _ Args, addr netip.Addr) pki.Leaf {
				leaf := w.gatewayLeaf(addr)
				leaf.SelfSigned = true
				return leaf
			}),
		},
		{
			Expression: `a scripted gateway that shows a certificate of an unknown authority`,
			Doc:        "A scripted gateway whose chain leads to a root that is not in the device's trust store.",
			Example:    `Given a scripted gateway that shows a certificate of an unknown authority`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				return w.scripted(ctx, 0, "coaps", w.fromStranger)
			},
		},
		{
			Expression: `a scripted gateway that shows an expired certificate`,
			Doc:        "A scripted gateway whose certificate was good until yesterday.",
			Example:    `Given a scripted gateway that shows an expired certificate`,
			Run: certificate(func(w *World, _ Args, addr netip.Addr) pki.Leaf {
				return w.wrongDates(addr, pki.ExpiredFor())
			}),
		},
		{
			Expression: `a scripted gateway that shows a certificate that is not yet valid`,
			Doc:        "A scripted gateway whose certificate is good from tomorrow on.",
			Example:    `Given a scripted gateway that shows a certificate that is not yet valid`,
			Run: certificate(func(w *World, _ Args, addr netip.Addr) pki.Leaf {
				return w.wrongDates(addr, pki.NotYetValidFor())
			}),
		},
		{
			Expression: `the scripted gateway answers every request with {code} and the payload {string}`,
			Doc:        "A piggybacked response with text.",
			Example:    `And the scripted gateway answers every request with 2.05 Content and the payload "three"`,
			Run:        answers(func(a Args) peer.Script { return peer.Answer(textMessage(a.Code(0), coap.TextPlain, a.String(1))) }),
		},
		{
			Expression: `the scripted gateway acknowledges every request at once and answers it after {duration} with {code} and the payload {string}`,
			Doc:        "A separate response: an empty acknowledgement first, then the response in a confirmable message of its own.",
			Example:    `And the scripted gateway acknowledges every request at once and answers it after 300 ms with 2.05 Content and the payload "three"`,
			Run: answers(func(a Args) peer.Script {
				return peer.AnswerSeparately(textMessage(a.Code(1), coap.TextPlain, a.String(2)), a.Duration(0))
			}),
		},
		{
			Expression: `the scripted gateway acknowledges every request and never answers`,
			Doc:        "An empty acknowledgement, and no response.",
			Example:    `And the scripted gateway acknowledges every request and never answers`,
			Run:        leaves(answerLate, func(Args) peer.Script { return peer.AcknowledgeOnly() }),
		},
		{
			Expression: `the scripted gateway acknowledges every request with another message id`,
			Doc:        "An empty acknowledgement of a message that the device has not sent.",
			Example:    `And the scripted gateway acknowledges every request with another message id`,
			Run:        leaves(answerNow, func(Args) peer.Script { return otherID() }),
		},
		{
			Expression: `the scripted gateway is silent`,
			Doc:        "It takes every request and sends nothing.",
			Example:    `And the scripted gateway is silent`,
			Run:        leaves(answerNow, func(Args) peer.Script { return peer.Silent() }),
		},
	}
}

func testedClientSteps() []Step {
	return []Step{
		{
			Expression: `the device under test is to {method} {string} as {string}`,
			Doc:        "What the device under test will do when it is triggered: call the Composite API at this URL, by this method, with the credentials of this user.",
			Example:    `Given the device under test is to GET "https://platform.example.com/live/a/host/b/service/c?P_mode=TEST" as "hello"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.errand(a.Method(0), a.String(1), a.String(2), "")
			},
		},
		{
			Expression: `the device under test is to {method} {string} as {string} with the payload {string}`,
			Doc:        "The same with a payload of text.",
			Example:    `Given the device under test is to POST "https://platform.example.com/live/a/host/b/service/c" as "hello" with the payload "21.5"`,
			Run: func(_ context.Context, w *World, a Args) error {
				return w.errand(a.Method(0), a.String(1), a.String(2), a.String(3))
			},
		},
		{
			Expression: `the device under test is triggered`,
			Doc:        "The device under test is told to do what a Given has said. It is left alone with it: later steps see what it sends.",
			Example:    `When the device under test is triggered`,
			Run:        func(ctx context.Context, w *World, _ Args) error { return w.trigger(ctx) },
		},
		{
			Expression: `the scripted gateway receives the errand in a {type} message`,
			Doc:        "The device's first request: the type of its message, and the method of its errand.",
			Example:    `Then the scripted gateway receives the errand in a confirmable message`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.called(ctx)
				if err != nil {
					return err
				}
				method := w.caller.errand.Method
				if method == 0 { // nobody knows what is burnt in
					method = r.Message.Code
				}
				if r.Message.Type != a.Type(0) || r.Message.Code != method {
					err = verdict.Failed(fmt.Sprintf("a %s %s", a.Type(0), method), r.Message.String())
				}
				return err
			},
		},
		{
			Expression: `the scripted gateway receives a request to {string}`,
			Doc:        "The Uri-Path of the device's first request.",
			Example:    `Then the scripted gateway receives a request to "/coap2http"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.called(ctx)
				if err == nil && r.Message.Path() != a.String(0) {
					err = verdict.Failed("a request to "+a.String(0), fmt.Sprintf("one to %q: %s", r.Message.Path(), r.Message))
				}
				return err
			},
		},
		{
			Expression: `the scripted gateway receives a request`,
			Doc:        "A request of the device has arrived, whatever is in it.",
			Example:    `Then the scripted gateway receives a request`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				_, err := w.called(ctx)
				return err
			},
		},
		{
			Expression: `the scripted gateway receives one Proxy-Uri, which names the Composite API of the errand beside the AuthToken`,
			Doc:        "The device's request has one Proxy-Uri, and without its AuthToken that is the URL that the device was told, or that its target file says is burnt in, byte for byte.",
			Example:    `Then the scripted gateway receives one Proxy-Uri, which names the Composite API of the errand beside the AuthToken`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				uri, err := w.proxyURI(ctx)
				if err != nil {
					return err
				}
				want := w.caller.errand.API
				if want == "" {
					return verdict.DoesNotApply("nobody knows which Composite API the device has burnt in: write its URL as device.calls.api in the target file")
				}
				if got, _ := splitToken(uri); got != want {
					return verdict.Failed("a Proxy-Uri that names "+want, uri)
				}
				return nil
			},
		},
		{
			Expression: `the scripted gateway receives the AuthToken of {string}`,
			Doc:        "The query of the Proxy-Uri has one AuthToken: the Base64 form of this user's name, a colon and the password. A line end behind the password is let pass, as in the document's own example, and noted; so is percent-encoding.",
			Example:    `Then the scripted gateway receives the AuthToken of "hello"`,
			Run:        func(ctx context.Context, w *World, a Args) error { return w.hasToken(ctx, a.String(0)) },
		},
		{
			Expression: `the scripted gateway receives no Proxy-Uri of more than {int} bytes`,
			Doc:        "None of the device's requests has a longer one. It may send none at all, once it has said why.",
			Example:    `Then the scripted gateway receives no Proxy-Uri of more than 1034 bytes`,
			Run:        func(ctx context.Context, w *World, a Args) error { return w.noLongerThan(ctx, a.Int(0)) },
		},
		{
			Expression: `the scripted gateway receives the request again after {duration} to {duration}`,
			Doc:        "The same message once more, byte for byte, after a time within these bounds. It may come 100 ms early, for clocks, and 250 ms late, for coarse timers.",
			Example:    `Then the scripted gateway receives the request again after 2 s to 3 s`,
			Run: func(ctx context.Context, w *World, a Args) error {
				at, err := w.repeats(ctx, 2, a.Duration(1)+2*time.Second)
				if err != nil {
					return err
				}
				if wait := at[1].Sub(at[0]); wait < a.Duration(0)-harnessSlack || wait > a.Duration(1)+timerSlack {
					return verdict.Failed(fmt.Sprintf("the request again after %s to %s", within(a.Duration(0)), within(a.Duration(1))),
						"it after "+within(wait.Round(time.Millisecond)))
				}
				return nil
			},
		},
		{
			Expression: `the scripted gateway receives the request {int} times, each wait twice as long as the one before`,
			Doc:        "The schedule of RFC 7252 §4.2: the first wait is 2 s to 3 s, and every further one double. Coarse timers are allowed for.",
			Example:    `Then the scripted gateway receives the request 3 times, each wait twice as long as the one before`,
			Run: func(ctx context.Context, w *World, a Args) error {
				patient := (3*time.Second)<<(a.Int(0)-1) + time.Second
				at, err := w.repeats(ctx, a.Int(0), patient)
				if err != nil {
					return err
				}
				return backsOff(at)
			},
		},
		{
			Expression: `the scripted gateway receives the request {int} times`,
			Doc:        "The same message so many times, byte for byte, whatever the waits between them.",
			Example:    `Then the scripted gateway receives the request 5 times`,
			Run: func(ctx context.Context, w *World, a Args) error {
				_, err := w.repeats(ctx, a.Int(0), (3*time.Second)<<(a.Int(0)-1)+time.Second)
				return err
			},
		},
		{
			Expression: `the scripted gateway receives nothing more for {duration}`,
			Doc:        "Neither the request again nor another one comes.",
			Example:    `And the scripted gateway receives nothing more for 4 s`,
			Run:        func(ctx context.Context, w *World, a Args) error { return w.quietAfter(ctx, a.Duration(0)) },
		},
		{
			Expression: `nothing of the errand can be read on the wire between device and gateway`,
			Doc:        "Neither the path coap2http nor path or query of the Composite API, the AuthToken or the payload stands in any datagram of the scenario, as it is or encoded. What is shorter than six characters is not looked for: it is found by chance.",
			Example:    `And nothing of the errand can be read on the wire between device and gateway`,
			Run:        func(_ context.Context, w *World, _ Args) error { return w.errandUnreadable() },
		},
		{
			Expression: `the device under test acknowledges the separate response`,
			Doc:        "An empty acknowledgement with the message id of the scripted gateway's confirmable response.",
			Example:    `Then the device under test acknowledges the separate response`,
			Run: func(ctx context.Context, w *World, _ Args) error {
				r, err := w.called(ctx)
				if err != nil {
					return err
				}
				waiting, cancel := patience(ctx, acknowledgeTimeout)
				defer cancel()
				err = r.Wait(waiting) // the script ends with the acknowledgement
				const want = "an acknowledgement of the separate response"
				switch {
				case ctx.Err() == nil && waiting.Err() != nil:
					err = w.inItsWords(verdict.Failed(want, "none within "+within(acknowledgeTimeout)))
				case verdict.Of(err) == verdict.Error && r.Session.Secure(): // there is nobody to send it to
					err = w.inItsWords(verdict.Failed(want, "none, and the end of the device's DTLS session"))
				}
				return err
			},
		},
		{
			Expression: `the device under test says that it received {code} with the payload {string}`,
			Doc:        "What the device took for the response, in its own words. It does not apply to devices that say nothing.",
			Example:    `Then the device under test says that it received 2.05 Content with the payload "three"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.report(ctx)
				if err != nil {
					return err
				}
				want := fmt.Sprintf("%s with the payload %s, in the device's words", a.Code(0), quoted([]byte(a.String(1))))
				switch {
				case r.Said != "":
					return saysIt(r.Said, a.Code(0), a.String(1), want)
				case r.Failure != "":
					return verdict.Failed(want, "no response: "+r.Failure)
				case r.Code != a.Code(0) || string(r.Payload) != a.String(1):
					return verdict.Failed(want, fmt.Sprintf("%s with the payload %s", r.Code, quoted(r.Payload)))
				}
				return nil
			},
		},
		{
			Expression: `the device under test offers the cipher suite {string}`,
			Doc:        "The cipher suite is among those of the device's ClientHello, by its IANA name.",
			Example:    `Then the device under test offers the cipher suite "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				h, err := w.shaken(ctx)
				if err == nil && !slices.Contains(h.Session.Offered, a.String(0)) {
					err = verdict.Failed("an offer of "+a.String(0), orNone(strings.Join(h.Session.Offered, ", ")))
				}
				return err
			},
		},
		{
			Expression: `the device under test and the scripted gateway have negotiated {string}`,
			Doc:        "The cipher suite that the two have agreed on, by its IANA name, whatever became of the handshake for other reasons.",
			Example:    `Then the device under test and the scripted gateway have negotiated "TLS_PSK_WITH_AES_128_CCM_8"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				h, err := w.shaken(ctx)
				switch {
				case err != nil:
					return err
				case h.Err != nil && h.Session.CipherSuite == "":
					return w.inItsWords(h.Err)
				case h.Session.CipherSuite != a.String(0):
					return verdict.Failed("a session with "+a.String(0), orNone(h.Session.CipherSuite))
				}
				return nil
			},
		},
		{
			Expression: `the device under test identifies itself as {string}`,
			Doc:        "The PSK identity that the device gave in its handshake.",
			Example:    `Then the device under test identifies itself as "hello"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				r, err := w.called(ctx)
				if err != nil {
					return err
				}
				u, err := w.user(a.String(0))
				if err == nil && r.Session.Identity != u.Name {
					err = verdict.Failed(fmt.Sprintf("the PSK identity %q", u.Name), fmt.Sprintf("%q", r.Session.Identity))
				}
				return err
			},
		},
		{
			Expression: `the device under test refuses the scripted gateway`,
			Doc:        "The device began a handshake, and sends no request in it: it ends it with an alert, does not complete it, or leaves at once.",
			Example:    `Then the device under test refuses the scripted gateway`,
			Run:        func(ctx context.Context, w *World, _ Args) error { return w.refusesGateway(ctx) },
		},
	}
}

// spokenCode is a response code in words of a device's own: "2.05".
var spokenCode = regexp.MustCompile(`\b[245]\.[0-3][0-9]\b`)

// saysIt fails unless the device's own words have the payload, and no other code
// than this one. Many tools print the payload alone.
func saysIt(said string, code coap.Code, payload, want string) error {
	named := spokenCode.FindString(said)
	if !strings.Contains(said, payload) || named != "" && named != code.Dotted() {
		return verdict.Failed(want, quoted([]byte(said)))
	}
	return nil
}

// errandUnreadable fails when a part of the errand can be read on the wire.
func (w *World) errandUnreadable() error {
	datagrams, err := w.datagrams()
	if err != nil {
		return err
	}
	e := w.caller.errand
	texts := []secretText{
		{"coap2http", "coap2http"},
		{"the payload", e.Payload},
		{"the AuthToken", base64.StdEncoding.EncodeToString([]byte(e.User + ":" + e.Password))},
	}
	if u, err := url.Parse(e.API); err == nil {
		texts = append(texts, secretText{"the path of the Composite API", u.EscapedPath()}, secretText{"the query of the Composite API", u.RawQuery})
	}
	texts = slices.DeleteFunc(texts, func(t secretText) bool { return len(t.text) < shortestSought })
	places := make([]string, len(datagrams))
	for i, d := range datagrams {
		places[i] = string(d.Bytes)
	}
	return hidden(texts, places, func(i, _ int) string {
		return fmt.Sprintf("a datagram of %d bytes from %s", len(datagrams[i].Bytes), datagrams[i].From.Name)
	})
}

// shortestSought is how long a text is at least that is looked for: shorter ones are
// found by chance.
const shortestSought = 6

// noLongerThan fails when a request of the device has a Proxy-Uri of more than n
// bytes. A device that does not report is waited for.
func (w *World) noLongerThan(ctx context.Context, n int) error {
	if w.caller.run == nil {
		return verdict.Broken(nil, "the device under test has not been triggered")
	}
	waiting, cancel := patience(ctx, max(triggerTimeout, w.Stage.DeviceCalling().Patience))
	defer cancel()
	go func() { // once it has given up nothing more comes
		select {
		case <-w.caller.run.done:
			cancel()
		case <-waiting.Done():
		}
	}()
	_, _ = w.gateway.server.AwaitRequest(waiting, 1)
	if ctx.Err() != nil {
		return verdict.Broken(ctx.Err(), "waiting for a request")
	}
	requests := w.gateway.server.Requests()
	for _, r := range requests {
		for _, o := range r.Message.Options {
			if o.Number == coap.ProxyURI && len(o.Value) > n {
				return verdict.Failed(fmt.Sprintf("no Proxy-Uri of more than %d bytes", n), fmt.Sprintf("one of %d bytes", len(o.Value)))
			}
		}
	}
	if len(requests) > 0 {
		return nil
	}
	// A device that sends nothing has to say so: it might be dead.
	if _, err := w.reported(ctx); verdict.Of(err) == verdict.Fail {
		return verdict.CannotJudge(err, "the device under test sends nothing, and does not say that it has given up")
	} else if err != nil {
		return err
	}
	return nil
}

// refusesGateway fails when the device sends a request to the gateway, or never
// tried.
func (w *World) refusesGateway(ctx context.Context) error {
	h, err := w.shaken(ctx)
	if err != nil {
		return verdict.CannotJudge(err, "the device under test has begun no handshake: whether it refuses the gateway cannot be seen")
	}
	if h.Err != nil {
		return nil
	}
	// Some look at the certificate once the handshake is over: without a request no
	// harm is done.
	waiting, cancel := patience(ctx, arrivalTimeout)
	defer cancel()
	r, err := w.gateway.server.AwaitRequest(waiting, 1)
	if err == nil {
		return verdict.Failed("no request to a gateway that the device must not trust", r.Message.String())
	}
	if ctx.Err() != nil {
		return verdict.Broken(ctx.Err(), "waiting for a request")
	}
	return nil
}
