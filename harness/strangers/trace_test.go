// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/reports"
)

// remark is something that tshark says of a packet that is not malformed.
type remark struct {
	why  string
	says *regexp.Regexp
	// sure says whether the packet is one of that kind in our eyes too.
	sure func(datagram) bool
}

// What tshark says of packets that are legal; tsharkTolerates is what it does not
// say of packets that are not. Together they are all the differences between
// what tshark calls malformed and what the trace marks as illegal.
//
// A forbidden length and an unknown number make an option one to refuse or to
// ignore, but the message keeps to the format, and its receiver answers it: the
// trace does not call it illegal. Only devices may send any, never the gateway. A
// payload is no part of the format either, but all that is sent is to be what its
// Content-Format says, so the dissectors of payloads are on.
var tsharkRemarks = []remark{
	{
		"a length that the option's definition forbids: the option counts as unrecognized (RFC 7252 §5.4.3)",
		regexp.MustCompile(`^Invalid Option Range: `),
		func(d datagram) bool { return d.fromDevice() && d.hasOption(coap.BadLength) },
	},
	{
		"an option that nobody knows: refused if it is critical, else ignored (RFC 7252 §5.4.1)",
		regexp.MustCompile(`^(Unknown|Invalid) Option Number \d+$`),
		func(d datagram) bool { return d.fromDevice() && d.hasOption(coap.Unrecognized) },
	},
	{
		"the option Request-Tag, newer than this tshark (RFC 9175 §3.2)",
		regexp.MustCompile(`^(Unknown|Invalid) Option Number 292$`),
		func(d datagram) bool { return !d.Secure },
	},
	{
		"a message that was sent again",
		regexp.MustCompile(`^Retransmitted`),
		func(datagram) bool { return true },
	},
	{
		"a port by chance among those of traceroute",
		regexp.MustCompile(`^Possible traceroute: `),
		func(datagram) bool { return true },
	},
	{
		"our own comment at what was sent illegal on purpose",
		regexp.MustCompile(`^` + reports.CommentIllegal + `$`),
		func(d datagram) bool { return d.Illegal },
	},
	{
		"our own comment at what was lost on the link",
		regexp.MustCompile(`^` + reports.CommentLost + `$`),
		func(d datagram) bool { return d.Lost },
	},
}

// datagram is one of a run, with the scenario that it belongs to.
type datagram struct {
	trace.Event
	scenario *reports.Scenario
}

func (d datagram) String() string {
	return fmt.Sprintf("%s (%s), %s to %s, %x", d.scenario.Location(), d.scenario.ID, d.From.Name, d.To.Name, d.Bytes)
}

// gateway is the gateway's name in traces; all others are devices.
const gateway = "gateway"

func (d datagram) fromDevice() bool { return d.From.Name != gateway }

// hasOption says whether an option of a plain message has that problem.
func (d datagram) hasOption(kind coap.OptionProblemKind) bool {
	if d.Secure {
		return false
	}
	m := coap.Dissect(d.Bytes).Message
	return slices.ContainsFunc(m.CheckOptions(nil), func(p coap.OptionProblem) bool { return p.Why == kind })
}

// The protocols, as tshark calls them.
const (
	plain  = "coap"
	secure = "dtls"
)

func (d datagram) protocol() string {
	if d.Secure {
		return secure
	}
	return plain
}

// flow is two addresses between which datagrams went, the one that began first.
type flow struct{ client, server netip.AddrPort }

func (f flow) back() flow { return flow{f.server, f.client} }

// batch is scenarios whose datagrams tshark can read from one capture: it goes by
// the ports, and no port of theirs carries two protocols. Nor do two of them have
// the same flow, which would be one conversation to tshark.
type batch struct {
	protocols map[uint16]string // of all ports
	flows     map[flow]bool
	datagrams []datagram
	keys      []byte
}

// add adds a scenario, if it fits in.
func (b *batch) add(s *reports.Scenario) bool {
	protocols, flows := map[uint16]string{}, map[flow]bool{}
	var ds []datagram
	for _, e := range s.Trace {
		if e.Layer != trace.Datagram {
			continue
		}
		d := datagram{e, s}
		ds = append(ds, d)
		f := flow{e.From.Addr, e.To.Addr}
		if b.flows[f] || b.flows[f.back()] {
			return false
		}
		if !flows[f.back()] {
			flows[f] = true
		}
		for _, port := range []uint16{e.From.Addr.Port(), e.To.Addr.Port()} {
			if other, ok := b.protocols[port]; ok && other != d.protocol() {
				return false
			}
			protocols[port] = d.protocol()
		}
	}
	maps.Copy(b.protocols, protocols)
	maps.Copy(b.flows, flows)
	b.datagrams = append(b.datagrams, ds...)
	b.keys = append(b.keys, s.Keys...)
	return true
}

// batches is the datagrams of all scenarios, in as few batches as it takes.
func batches(scenarios []*reports.Scenario) []*batch {
	var all []*batch
	for _, s := range scenarios {
		if slices.ContainsFunc(all, func(b *batch) bool { return b.add(s) }) {
			continue
		}
		b := &batch{protocols: map[uint16]string{}, flows: map[flow]bool{}}
		b.add(s)
		all = append(all, b)
	}
	for _, b := range all {
		slices.SortStableFunc(b.datagrams, func(x, y datagram) int { return x.At.Compare(y.At) })
	}
	return all
}

// packet is a datagram as tshark reads it.
type packet struct {
	dtls     bool
	messages []message
	comments []string
	says     []string
}

// message is a CoAP message's type, code and message id, to be compared.
type message string

func messageOf(b []byte) message {
	m := coap.Dissect(b).Message
	return newMessage(m.Type, m.Code, m.MessageID)
}

func newMessage(t coap.Type, c coap.Code, id uint16) message {
	return message(fmt.Sprintf("%s %s 0x%04x", t, c, id))
}

// dissect has tshark read the capture that we write of the batch.
func (b *batch) dissect(t *testing.T) []packet {
	t.Helper()
	var capture bytes.Buffer
	events := make([]trace.Event, len(b.datagrams))
	for i, d := range b.datagrams {
		events[i] = d.Event
	}
	if err := reports.WriteCapture(&capture, events, b.keys); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "run.pcapng")
	if err := os.WriteFile(name, capture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var args []string
	for port, protocol := range b.protocols {
		args = append(args, "-d", fmt.Sprintf("udp.port==%d,%s", port, protocol))
		if protocol == secure {
			args = append(args, "-d", fmt.Sprintf("dtls.port==%d,%s", port, plain))
		}
	}
	names := []string{"frame.protocols", "coap.type", "coap.code", "coap.mid", "frame.comment", "_ws.expert.message"}
	var packets []packet
	for _, f := range fields(t, name, names, args...) {
		p := packet{dtls: slices.Contains(strings.Split(f[0], ":"), secure), comments: values(f[4]), says: values(f[5])}
		types, codes, ids := values(f[1]), values(f[2]), values(f[3])
		if len(codes) != len(types) || len(ids) != len(types) {
			t.Fatalf("tshark reads the types %q with the codes %q and the message ids %q", types, codes, ids)
		}
		for i := range types {
			p.messages = append(p.messages, newMessage(
				coap.Type(number(t, types[i], 2)), coap.Code(number(t, codes[i], 8)), uint16(number(t, ids[i], 16))))
		}
		packets = append(packets, p)
	}
	if len(packets) != len(b.datagrams) {
		t.Fatalf("tshark reads %d packets, and there were %d datagrams", len(packets), len(b.datagrams))
	}
	return packets
}

func number(t *testing.T, s string, bits int) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		t.Fatalf("tshark's fields: %v", err)
	}
	return n
}

// malformed says whether tshark calls the packet malformed. What else it says of
// it must stand among the remarks.
func (p packet) malformed(t *testing.T, d datagram) bool {
	t.Helper()
	found := false
	for _, says := range p.says {
		switch {
		case ofFormat(says):
			found = true
		case !slices.ContainsFunc(tsharkRemarks, func(r remark) bool { return r.says.MatchString(says) && r.sure(d) }):
			t.Errorf("%v: tshark says %q, and no entry of tsharkRemarks fits", d, says)
		}
	}
	return found
}

// oneWay is one direction of a flow of a scenario.
type oneWay struct {
	scenario *reports.Scenario
	sender   string
	flow
}

func wayOf(s *reports.Scenario, e trace.Event) oneWay {
	return oneWay{s, e.From.Name, flow{e.From.Addr, e.To.Addr}}
}

// compare fails unless tshark reads the messages that went this way in a DTLS
// session as the trace has them. What came last to a device and stands in no
// trace is counted as unread instead.
func (w oneWay) compare(t *testing.T, theirs, ours []message) (unread int) {
	t.Helper()
	if w.sender == gateway && len(theirs) > len(ours) {
		unread = len(theirs) - len(ours)
		theirs = theirs[:len(ours)]
	}
	slices.Sort(theirs) // Two that are sent at once may be recorded the other way round.
	slices.Sort(ours)
	if diff := cmp.Diff(ours, theirs, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (%s), the DTLS session of %s, from %s to %s (-the trace has +tshark reads):\n%s",
			w.scenario.Location(), w.scenario.ID, w.sender, w.client, w.server, diff)
	}
	return unread
}

// The whole built-in suite: the packets that tshark calls malformed are exactly
// those that the trace marks as sent illegal on purpose, and it reads the same
// messages as we do, those in DTLS sessions with the keys that the capture holds.
func TestTsharkReadsTheTraceOfAWholeRun(t *testing.T) {
	need.Program(t, "tshark", "apt-get install tshark")
	report, err := coapstone.Run(t.Context(), coapstone.Options{})
	if err != nil {
		t.Fatal(err)
	}

	// The messages in DTLS sessions.
	theirs, ours := map[oneWay][]message{}, map[oneWay][]message{}
	inSessions := 0
	for _, s := range report.Scenarios {
		for _, e := range s.Trace {
			if e.Layer != trace.CoAP {
				continue
			}
			if e.Illegal {
				t.Errorf("%s: %x was sent illegal on purpose in a DTLS session: its capture does not say so", s.Location(), e.Bytes)
			}
			w := wayOf(s, e)
			ours[w] = append(ours[w], messageOf(e.Bytes))
			theirs[w] = nil
			inSessions++
		}
	}

	datagrams, malformed, tolerated := 0, 0, 0
	for _, b := range batches(report.Scenarios) {
		datagrams += len(b.datagrams)
		for i, p := range b.dissect(t) {
			d := b.datagrams[i]
			if d.Secure != p.dtls {
				t.Errorf("%v: tshark takes it for DTLS: %t", d, p.dtls)
				continue
			}
			var faults []*coap.FormatError
			if d.Secure {
				w := wayOf(d.scenario, d.Event)
				theirs[w] = append(theirs[w], p.messages...)
			} else {
				faults = coap.Dissect(d.Bytes).Faults
				if want := []message{messageOf(d.Bytes)}; !d.Illegal && !slices.Equal(p.messages, want) {
					t.Errorf("%v: tshark reads %v, we read %v", d, p.messages, want)
				}
			}
			got := p.malformed(t, d)
			switch {
			case d.Illegal != (len(faults) > 0):
				t.Errorf("%v: the trace marks it as illegal on purpose: %t; its faults are %v", d, d.Illegal, faults)
			case got && d.Illegal:
				malformed++
			case d.Illegal && tolerates(faults):
				tolerated++
			case got || d.Illegal:
				t.Errorf("%v: the trace marks it as illegal on purpose: %t; tshark says %q", d, d.Illegal, p.says)
			}
			if marked := slices.Contains(p.comments, reports.CommentIllegal); marked != d.Illegal {
				t.Errorf("%v: the capture marks it as illegal on purpose: %t; the trace: %t", d, marked, d.Illegal)
			}
		}
	}
	unread := 0
	for w := range theirs {
		unread += w.compare(t, theirs[w], ours[w])
	}
	// A message may come in the moment in which a device closes its session.
	if most := 2; unread > most {
		t.Errorf("%d messages in DTLS sessions are not in the trace although they came to a device", unread)
	}
	t.Logf("%d datagrams of %d scenarios; %d that tshark calls malformed, %d that are so and that it reads over; %d messages in DTLS sessions",
		datagrams, len(report.Scenarios), malformed, tolerated, inSessions)
	if datagrams < 500 || malformed == 0 || inSessions < 30 {
		t.Error("there should be more of each in a whole run")
	}
}
