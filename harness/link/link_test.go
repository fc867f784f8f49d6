// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/trace"
)

const (
	// patience is how long a test waits for what must come.
	patience = 10 * time.Second
	// silence is how long it waits for what must not.
	silence = 50 * time.Millisecond
)

// end is one end of the link: a socket.
type end struct {
	*testing.T
	*net.UDPConn
}

func newEnd(t *testing.T, addr string) end {
	t.Helper()
	c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return end{t, c.(*net.UDPConn)}
}

func (e end) addr() netip.AddrPort { return e.LocalAddr().(*net.UDPAddr).AddrPort() }

func (e end) send(to netip.AddrPort, text string) {
	e.Helper()
	if _, err := e.WriteToUDPAddrPort([]byte(text), to); err != nil {
		e.Fatal(err)
	}
}

// get is the next datagram, or "nothing".
func (e end) get(wait time.Duration) (string, netip.AddrPort) {
	e.Helper()
	if err := e.SetReadDeadline(time.Now().Add(wait)); err != nil {
		e.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, from, err := e.ReadFromUDPAddrPort(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "nothing", from
	} else if err != nil {
		e.Fatal(err)
	}
	return string(buf[:n]), from
}

func (e end) want(texts ...string) (from netip.AddrPort) {
	e.Helper()
	for _, text := range texts {
		wait := patience
		if text == "nothing" {
			wait = silence
		}
		var got string
		if got, from = e.get(wait); got != text {
			e.Fatalf("got %q, want %q", got, text)
		}
	}
	return from
}

func open(t *testing.T, target end, o Options) *Link {
	t.Helper()
	o.Target = target.addr()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// notes is the notes of a trace, without the seed.
func notes(log *trace.Log) (texts []string) {
	for _, e := range log.Events() {
		if e.Layer == trace.Note {
			text, _, _ := strings.Cut(e.Text, " (seed")
			texts = append(texts, text)
		}
	}
	return texts
}

// crossings is the datagrams of a trace: "device>gateway text".
func crossings(log *trace.Log) (texts []string) {
	for _, e := range log.Events() {
		if e.Layer != trace.Datagram {
			continue
		}
		text := e.From.Name + ">" + e.To.Name + " " + string(e.Bytes)
		if e.Lost {
			text += " lost"
		}
		if !e.From.Addr.IsValid() || !e.To.Addr.IsValid() {
			text += " without an address"
		}
		texts = append(texts, text)
	}
	return texts
}

func TestDatagramsPassBothWaysAndDevicesAreKeptApart(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		target, one, two := newEnd(t, addr), newEnd(t, addr), newEnd(t, addr)
		l := open(t, target, Options{})
		big := strings.Repeat("x", 60_000)
		one.send(l.Addr(), big)
		from1 := target.want(big)
		two.send(l.Addr(), "")
		from2 := target.want("")
		if from1 == from2 || from1.Addr() != one.addr().Addr() {
			t.Errorf("the devices come from %v and %v", from1, from2)
		}
		target.send(from2, "for two")
		target.send(from1, "for one")
		for e, text := range map[end]string{one: "for one", two: "for two"} {
			if from := e.want(text); from != l.Addr() {
				t.Errorf("an answer from %v, want %v", from, l.Addr())
			}
		}
	}
}

func TestTheFirstFatesAreDoneInOrder(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	var log trace.Log
	l := open(t, target, Options{
		Trace: &log, Seed: 7,
		Up:   Conditions{First: []Fate{{Lose: true}, {Twice: true}, {HoldBack: true}, {}}, Hold: time.Hour},
		Down: Conditions{First: []Fate{{HoldBack: true}, {Lose: true}}, Hold: time.Millisecond},
	})
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		device.send(l.Addr(), text)
	}
	from := target.want("2", "2", "4", "3", "5")
	target.want("nothing")
	target.send(from, "a") // no other follows: it leaves after Hold
	device.want("a")
	target.send(from, "b")
	target.send(from, "c")
	device.want("c", "nothing")

	wantNotes := []string{
		"link: datagram 1 up of flow 1: lost", "link: datagram 2 up of flow 1: twice", "link: datagram 3 up of flow 1: held back",
		"link: datagram 1 down of flow 1: held back", "link: datagram 2 down of flow 1: lost",
	}
	if d := cmp.Diff(wantNotes, notes(&log)); d != "" {
		t.Error(d)
	}
	wantCrossings := []string{
		"link>gateway 1 lost", "link>gateway 2", "link>gateway 2", "link>gateway 4", "link>gateway 3", "link>gateway 5",
		"gateway>link a", "gateway>link b lost", "gateway>link c",
	}
	got := crossings(&log)
	slices.Sort(got)
	slices.Sort(wantCrossings)
	if d := cmp.Diff(wantCrossings, got); d != "" {
		t.Error(d)
	}
}

func TestADelayIsKept(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	const delay = 80 * time.Millisecond
	l := open(t, target, Options{Up: Conditions{Delay: delay}, Down: Conditions{First: []Fate{{Delay: delay}}}})
	start := time.Now()
	device.send(l.Addr(), "1")
	device.send(l.Addr(), "2")
	from := target.want("1", "2")
	if took := time.Since(start); took < delay {
		t.Errorf("up it took %v, want %v", took, delay)
	}
	start = time.Now()
	target.send(from, "a")
	target.send(from, "b")
	device.want("b", "a")
	if took := time.Since(start); took < delay {
		t.Errorf("down it took %v, want %v", took, delay)
	}
}

func TestACutLinkLosesEverythingUntilMended(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	var log trace.Log
	l := open(t, target, Options{Trace: &log, TargetName: "device 2", DeviceName: "gateway", TargetTraced: true})
	device.send(l.Addr(), "1")
	from := target.want("1")
	l.Cut()
	device.send(l.Addr(), "2")
	target.send(from, "a")
	device.want("nothing")
	target.want("nothing")
	l.Mend(Up)
	device.send(l.Addr(), "3")
	target.want("3")
	target.send(from, "b")
	device.want("nothing")
	l.Mend()
	target.send(from, "c")
	device.want("c")
	want := []string{
		"gateway>link 1", "gateway>link 2 lost", "link>gateway a lost", "gateway>link 3", "link>gateway b lost", "link>gateway c",
	}
	got := crossings(&log)
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := notes(&log); !slices.Contains(got, "link: up, cut") || !slices.Contains(got, "link: datagram 2 up of flow 1: lost, as the link is cut") {
		t.Errorf("notes: %q", got)
	}
}

func TestARebindingGivesANewSourcePortAndLosesWhatComesToTheOld(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	var log trace.Log
	l := open(t, target, Options{Trace: &log})
	device.send(l.Addr(), "1")
	old := target.want("1")
	if err := l.Rebind(t.Context()); err != nil {
		t.Fatal(err)
	}
	target.send(old, "late")
	device.want("nothing")
	device.send(l.Addr(), "2")
	now := target.want("2")
	if now == old || now.Addr() != old.Addr() {
		t.Errorf("now %v, before %v", now, old)
	}
	target.send(now, "a")
	device.want("a")
	want := []string{
		fmt.Sprintf("link: flow 1 comes from %v now, no more from %v", now, old),
		fmt.Sprintf("link: datagram 1 down of flow 1: lost, as it came to the old port %v", old),
	}
	if d := cmp.Diff(want, notes(&log)); d != "" {
		t.Error(d)
	}
	for _, e := range log.Events() {
		if e.Lost && e.To.Addr != old {
			t.Errorf("what came late stands in the trace as sent to %v, not to %v", e.To.Addr, old)
		}
	}
}

func TestTheSameSeedDoesTheSame(t *testing.T) {
	// A jitter gives every datagram a note of its own.
	conditions := Conditions{Loss: 0.2, Duplicate: 0.2, HoldBack: 0.2, Jitter: time.Millisecond}
	const sent = 40
	run := func(seed uint64) []string {
		target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
		var log trace.Log
		l := open(t, target, Options{Seed: seed, Up: conditions, Trace: &log})
		for i := range sent {
			changed := log.Changed()
			device.send(l.Addr(), fmt.Sprint(i))
			for len(notes(&log)) <= i {
				select {
				case <-changed:
					changed = log.Changed()
				case <-time.After(patience):
					t.Fatalf("datagram %d did not come", i)
				}
			}
		}
		return notes(&log)[:sent]
	}
	one := run(1)
	if d := cmp.Diff(one, run(1)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(one, run(2)) {
		t.Error("another seed does the same")
	}
}

func TestAFateFollowsFromSeedFlowDirectionAndIndexAlone(t *testing.T) {
	c := Conditions{Loss: 0.3, Duplicate: 0.1, HoldBack: 0.2, Delay: time.Second, Jitter: time.Second}
	const n = 20_000
	var lost, twice, held, pairs int
	var delay time.Duration
	differs := map[string]int{}
	before := false
	for i := 1; i <= n; i++ {
		f := c.Fate(1, 1, Up, i)
		if f != c.Fate(1, 1, Up, i) {
			t.Fatalf("datagram %d has two fates", i)
		}
		for what, other := range map[string]Fate{"seed": c.Fate(2, 1, Up, i), "flow": c.Fate(1, 2, Up, i), "direction": c.Fate(1, 1, Down, i)} {
			if other.Lose != f.Lose {
				differs[what]++
			}
		}
		less := c
		less.Loss = 0
		if g := c.Fate(1, 1, Up, i); less.Fate(1, 1, Up, i).Delay != g.Delay {
			t.Fatalf("without loss datagram %d has another delay", i)
		}
		if f.Lose {
			lost++
			if before {
				pairs++
			}
		}
		if f.Twice {
			twice++
		}
		if f.HoldBack {
			held++
		}
		if f.Delay < time.Second || f.Delay > 2*time.Second {
			t.Fatalf("datagram %d takes %v", i, f.Delay)
		}
		delay += f.Delay
		before = f.Lose
	}
	for _, share := range []struct {
		what      string
		got, want float64
	}{
		{"lost", float64(lost) / n, 0.3},
		{"twice", float64(twice) / n, 0.1},
		{"held back", float64(held) / n, 0.2},
		{"lost after a lost one", float64(pairs) / float64(lost), 0.3},
		{"mean delay", delay.Seconds() / n, 1.5},
		{"other by the seed", float64(differs["seed"]) / n, 0.42},
		{"other by the flow", float64(differs["flow"]) / n, 0.42},
		{"other by the direction", float64(differs["direction"]) / n, 0.42},
	} {
		if math.Abs(share.got-share.want) > 0.02 {
			t.Errorf("%s: %.3f, want %.3f", share.what, share.got, share.want)
		}
	}
}

func TestATargetThatIsGoneDoesNotEndTheLink(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	l := open(t, target, Options{})
	addr := target.addr()
	_ = target.Close()
	for range 3 {
		device.send(l.Addr(), "x")
		device.want("nothing")
	}
	back := newEnd(t, addr.String())
	for got := ""; got != "y"; { // a datagram may be eaten by an ICMP error of the one before
		device.send(l.Addr(), "y")
		got, _ = back.get(silence)
		if t.Context().Err() != nil {
			t.Fatal("nothing arrives")
		}
	}
}

func TestCloseLosesWhatIsUnderWayAndSaysSo(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	var log trace.Log
	l := open(t, target, Options{Trace: &log, Up: Conditions{First: []Fate{{Delay: time.Hour}, {HoldBack: true}, {}}, Hold: time.Hour}})
	device.send(l.Addr(), "1")
	device.send(l.Addr(), "2")
	for changed := log.Changed(); len(notes(&log)) < 2; {
		select {
		case <-changed:
			changed = log.Changed()
		case <-time.After(patience):
			t.Fatal("the datagrams did not come")
		}
	}
	l.Close()
	l.Close()
	got := crossings(&log)
	slices.Sort(got)
	if d := cmp.Diff([]string{"link>gateway 1 lost", "link>gateway 2 lost"}, got); d != "" {
		t.Error(d)
	}
	if err := l.Rebind(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Rebind after Close: %v", err)
	}
}

func TestTheTraceSaysWhatIsSecureAndWhatIsIllegal(t *testing.T) {
	target, device := newEnd(t, "127.0.0.1:0"), newEnd(t, "127.0.0.1:0")
	var log trace.Log
	l := open(t, target, Options{Trace: &log})
	ping, record := "\x40\x00\x00\x01", "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	var from netip.AddrPort
	for _, text := range []string{ping, "\x80\x00\x00\x01", record, "\x16"} {
		device.send(l.Addr(), text)
		from = target.want(text)
	}
	target.send(from, "\x80")
	device.want("\x80")
	var got []string
	for _, e := range log.Events() {
		got = append(got, fmt.Sprintf("secure %v illegal %v", e.Secure, e.Illegal))
	}
	want := []string{
		"secure false illegal false", "secure false illegal true", "secure true illegal false", "secure false illegal true",
		"secure false illegal false", // what the gateway sends is never illegal on purpose
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	target := netip.MustParseAddrPort("127.0.0.1:5683")
	for want, o := range map[string]Options{
		"want an address with a port": {},
		"want a concrete address":     {Target: target, Listen: netip.MustParseAddrPort("0.0.0.0:0")},
		"loss: 2 is no chance":        {Target: target, Up: Conditions{Loss: 2}},
		"duplicate: NaN is no chance": {Target: target, Down: Conditions{Duplicate: math.NaN()}},
		"jitter: -1s lies in":         {Target: target, Up: Conditions{Jitter: -time.Second}},
		"cannot listen on":            {Target: target, Listen: netip.MustParseAddrPort("192.0.2.1:1")},
	} {
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestTheQueueDoesWhatIsDueInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q := newQueue()
		start := time.Now()
		var got []string
		do := func(name string) func(bool) {
			return func(ended bool) {
				got = append(got, fmt.Sprintf("%s after %v, ended %v", name, time.Since(start), ended))
			}
		}
		q.at(start.Add(2*time.Second), do("late"))
		q.at(start.Add(time.Second), do("first"))
		q.at(start.Add(time.Second), do("second"))
		done := make(chan struct{})
		go func() { q.run(ctx); close(done) }()
		time.Sleep(500 * time.Millisecond)
		q.at(start, do("overdue"))
		q.at(start.Add(24*time.Hour), do("tomorrow"))
		q.at(start.Add(48*time.Hour), do("never"))
		time.Sleep(30 * time.Hour)
		cancel()
		<-done
		want := []string{
			"overdue after 500ms, ended false", "first after 1s, ended false", "second after 1s, ended false",
			"late after 2s, ended false", "tomorrow after 24h0m0s, ended false", "never after 30h0m0.5s, ended true",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
