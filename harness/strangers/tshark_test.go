// SPDX-License-Identifier: Apache-2.0

package strangers_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/harness/need"
)

// tsharkSeed makes the corpus; it is fixed, so that a failure can be repeated.
const tsharkSeed = 7252

// looksInside says whether tshark takes an option's value, or the payload for its
// sake, to pieces, so that what it says is no longer about the format of CoAP.
func looksInside(n coap.OptionNumber) bool { return n == coap.OSCORE }

// reassembles says whether tshark puts the payload away, to join it with others.
func reassembles(n coap.OptionNumber) bool { return n == coap.Block1 || n == coap.Block2 }

// corpus is the hostile datagrams and n more, made from legal messages by
// changing some of their bytes, or none.
func corpus(t *testing.T, n int) [][]byte {
	t.Helper()
	ds, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, d := range ds {
		if len(d.Bytes) > 0 { // tshark does not call CoAP for nothing.
			all = append(all, d.Bytes)
		}
	}
	r := rand.New(rand.NewPCG(tsharkSeed, 0))
	random := func(most int) []byte {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	definitions := slices.DeleteFunc(coap.Definitions(), func(d coap.OptionDefinition) bool { return looksInside(d.Number) })
	for range n {
		m := coap.Message{Type: coap.Type(r.IntN(4)), Code: coap.Code(r.IntN(256)), MessageID: uint16(r.Uint32())}
		if !m.Empty() {
			m.Token = random(8)
			for range r.IntN(5) {
				d := definitions[r.IntN(len(definitions))]
				number := d.Number
				if r.IntN(8) == 0 {
					number = coap.OptionNumber(r.Uint32())
				}
				m.Add(number, random(min(d.Max, 300)))
			}
			m.Payload = random(20)
		}
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for range max(0, r.IntN(8)-2) {
			switch i := r.IntN(len(b)); r.IntN(3) {
			case 0:
				b[i] = byte(r.Uint32())
			case 1:
				b[min(i, 8)] ^= 1 << r.IntN(8)
			default:
				b = b[:max(1, i)]
			}
		}
		all = append(all, b)
	}
	return all
}

// writeCapture writes each datagram as a packet to CoAP's port, every one from a
// port of its own, so that tshark sees no conversation.
func writeCapture(t *testing.T, name string, datagrams [][]byte) {
	t.Helper()
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(1<<17, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for i, d := range datagrams {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(127, 0, 0, 1), DstIP: net.IPv4(127, 0, 0, 2)}
		udp := &layers.UDP{SrcPort: layers.UDPPort(10000 + i), DstPort: coap.DefaultPort}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(d)); err != nil {
			t.Fatal(err)
		}
		packet := b.Bytes()
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(packet), Length: len(packet)}, packet); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dissected is one datagram as tshark reads it.
type dissected struct {
	version, typ, tokenLength, code, messageID string
	token                                      string
	options                                    int
	payload                                    string // its length, or ""
	complaints                                 []string
}

// fields has tshark read a capture, and returns the fields of each packet. A
// field that a packet has more than once has its values between bars.
func fields(t *testing.T, capture string, names []string, args ...string) [][]string {
	t.Helper()
	path := need.Program(t, "tshark", "apt-get install tshark")
	args = append([]string{"-n", "-r", capture, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"}, args...)
	for _, name := range names {
		args = append(args, "-e", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), strangerTimeout)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+t.TempDir()) // nobody's own settings
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	var all [][]string
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != len(names) {
			t.Fatalf("tshark printed %d fields, want %d: %q", len(f), len(names), line)
		}
		all = append(all, f)
	}
	return all
}

// values is the values of a field.
func values(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, "|")
}

// tshark reads a capture of datagrams that are each meant to be one CoAP message.
func tshark(t *testing.T, capture string) []dissected {
	t.Helper()
	names := []string{
		"coap.version", "coap.type", "coap.token_len", "coap.code", "coap.mid", "coap.token", "coap.opt.delta", "coap.payload_length",
		"_ws.expert.message",
	}
	args := []string{"-d", "udp.port==5683,coap"}
	// What a payload holds is not what is asked.
	for _, protocol := range []string{"cbor", "cose", "json", "lwm2mtlv", "senml", "xml"} {
		args = append(args, "--disable-protocol", protocol)
	}
	var all []dissected
	for _, f := range fields(t, capture, names, args...) {
		all = append(all, dissected{f[0], f[1], f[2], f[3], f[4], f[5], len(values(f[6])), f[7], values(f[8])})
	}
	return all
}

// What tshark says of a datagram is one of three things: that it cannot be
// read, that an option is not to its table, or nothing.
var (
	unreadable = []*regexp.Regexp{
		regexp.MustCompile(`^Malformed Packet`),
		regexp.MustCompile(`^end-of-options marker found, but option (length|delta) isn't 15$`),
		regexp.MustCompile(`^option longer than the package$`),
	}
	ofOptions = []*regexp.Regexp{
		regexp.MustCompile(`^Invalid Option Number \d+$`),
		regexp.MustCompile(`^Unknown Option Number \d+$`),
		regexp.MustCompile(`^Invalid Option Range: \d+ \(\d+ < x < \d+\)$`),
		regexp.MustCompile(`^Trailing stray characters$`),
	}
	optionNumber = regexp.MustCompile(`^(?:Invalid|Unknown) Option Number (\d+)$`)
)

// cannotRead says whether tshark gave up on the datagram's format.
func (d dissected) cannotRead(t *testing.T) bool {
	t.Helper()
	found := false
	for _, c := range d.complaints {
		switch {
		case ofFormat(c):
			found = true
		case !saysOneOf(ofOptions, c):
			t.Logf("tshark says %q, which counts as neither: put it where it belongs", c)
		}
	}
	return found
}

// ofFormat says whether a complaint means that the datagram cannot be read.
func ofFormat(complaint string) bool {
	if m := optionNumber.FindStringSubmatch(complaint); m != nil {
		n, err := strconv.Atoi(m[1])
		return err != nil || n > math.MaxUint16
	}
	return saysOneOf(unreadable, complaint)
}

func saysOneOf(list []*regexp.Regexp, complaint string) bool {
	return slices.ContainsFunc(list, func(r *regexp.Regexp) bool { return r.MatchString(complaint) })
}

// tolerance is a fault that tshark reads over.
type tolerance struct {
	why   string
	fault func(*coap.FormatError) bool
}

// What tshark reads, in one version or another, although RFC 7252 does not allow
// it. A difference that stands here in no entry fails.
var tsharkTolerates = []tolerance{
	{
		"it shows other versions as if they were version 1",
		func(f *coap.FormatError) bool { return strings.HasPrefix(f.What, "version ") },
	},
	{
		"it reads tokens of 9 to 15 bytes",
		func(f *coap.FormatError) bool { return strings.HasPrefix(f.What, "token length ") },
	},
	{
		"it reads what stands behind an Empty message's header",
		func(f *coap.FormatError) bool { return f.Section == "RFC 7252 §4.1" },
	},
	{
		"a payload marker with nothing behind it ends the packet",
		func(f *coap.FormatError) bool { return strings.HasPrefix(f.What, "a payload marker") },
	},
}

// tolerates says whether one of the faults is among those that tshark reads over.
func tolerates(faults []*coap.FormatError) bool {
	return slices.ContainsFunc(faults, func(f *coap.FormatError) bool {
		return slices.ContainsFunc(tsharkTolerates, func(t tolerance) bool { return t.fault(f) })
	})
}

func TestTsharkReadsWhatWeRead(t *testing.T) {
	datagrams := corpus(t, 5000)
	capture := filepath.Join(t.TempDir(), "corpus.pcap")
	writeCapture(t, capture, datagrams)
	theirs := tshark(t, capture)
	if len(theirs) != len(datagrams) {
		t.Fatalf("tshark read %d packets, want %d", len(theirs), len(datagrams))
	}
	legal, illegal, tolerated := 0, 0, 0
	for i, b := range datagrams {
		ours := coap.Dissect(b)
		has := func(match func(coap.OptionNumber) bool) bool {
			return slices.ContainsFunc(ours.Message.Options, func(o coap.Option) bool { return match(o.Number) })
		}
		if has(looksInside) {
			continue
		}
		if tolerates(ours.Faults) {
			tolerated++
			continue
		}
		if got, want := theirs[i].cannotRead(t), len(ours.Faults) > 0; got != want {
			t.Errorf("packet %d: %x: tshark cannot read it: %t, %q; we name %v", i+1, b, got, theirs[i].complaints, ours.Faults)
			continue
		}
		if len(ours.Faults) > 0 {
			illegal++
			continue
		}
		legal++
		m := &ours.Message
		payload := ""
		switch {
		case has(reassembles):
			payload = theirs[i].payload
		case len(m.Payload) > 0:
			payload = strconv.Itoa(len(m.Payload))
		}
		want := dissected{
			fmt.Sprint(ours.Version), fmt.Sprint(uint8(m.Type)), fmt.Sprint(ours.TokenLength), fmt.Sprint(uint8(m.Code)), fmt.Sprint(m.MessageID),
			hex.EncodeToString(m.Token), len(m.Options), payload, theirs[i].complaints,
		}
		if got := theirs[i]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("packet %d: %x: tshark reads\n\t%+v, we\n\t%+v", i+1, b, got, want)
		}
	}
	t.Logf("%d legal, %d illegal, %d illegal in a way that tshark tolerates", legal, illegal, tolerated)
	if least := len(datagrams) / 8; legal < least || illegal < least {
		t.Errorf("%d legal and %d illegal datagrams: the corpus should have many of both kinds", legal, illegal)
	}
}
