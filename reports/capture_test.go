// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/need"
	"github.com/coapstone/coapstone/harness/trace"
)

// captured is a capture of a legal, an illegal and a lost datagram over IPv4, one
// over IPv6, and one whose sender has no address, with a message inside DTLS
// and an HTTP exchange that it must leave out.
func captured(t *testing.T) []byte {
	t.Helper()
	six := func(e trace.End) trace.End {
		return trace.End{Name: e.Name, Addr: netip.AddrPortFrom(netip.IPv6Loopback(), e.Addr.Port())}
	}
	ping := &coap.Message{MessageID: 1}
	illegal := trace.Event{At: at(2), Layer: trace.Datagram, From: device, To: gateway, Bytes: []byte{0x40, 1, 0, 1, 0xf1}, Illegal: true}
	lost := datagram(t, 3, device, gateway, ping)
	lost.Lost = true
	events := []trace.Event{
		datagram(t, 1, device, gateway, request(uri)), illegal, lost, datagram(t, 4, six(gateway), six(device), ping),
		datagram(t, 5, trace.End{Name: "unknown"}, gateway, ping), datagram(t, 6, trace.End{Name: "unknown"}, six(gateway), ping),
		{At: at(7), Layer: trace.CoAP, From: device, To: gateway, Bytes: encode(t, ping)},
		note(8, "a note"),
	}
	var b bytes.Buffer
	if err := WriteCapture(&b, events, []byte("CLIENT_RANDOM 00 11\n")); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestACaptureHoldsTheDatagrams(t *testing.T) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(captured(t)), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := at(len(got) + 1); !info.Timestamp.Equal(want) {
			t.Errorf("packet %d: time %s, want %s", len(got)+1, info.Timestamp, want)
		}
		first := layers.LayerTypeIPv4
		if data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
		p := gopacket.NewPacket(data, first, gopacket.Default)
		if err := p.ErrorLayer(); err != nil {
			t.Fatal(err.Error())
		}
		udp, ok := p.TransportLayer().(*layers.UDP)
		if !ok {
			t.Fatalf("%s is no UDP", p)
		}
		got = append(got, p.NetworkLayer().NetworkFlow().String()+" "+udp.TransportFlow().String()+" "+hex.EncodeToString(udp.Payload[:4]))
	}
	want := []string{
		"127.1.2.3->127.1.2.1 40001->5683 42011a2b", "127.1.2.3->127.1.2.1 40001->5683 40010001", "127.1.2.3->127.1.2.1 40001->5683 40000001",
		"::1->::1 5683->40001 40000001", "0.0.0.0->127.1.2.1 0->5683 40000001", "::->::1 0->5683 40000001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
}

// Wireshark's own dissector finds the comments, and nothing wrong but what was
// sent wrong.
func TestTsharkReadsACapture(t *testing.T) {
	tshark := need.Program(t, "tshark", "apt-get install tshark")
	name := filepath.Join(t.TempDir(), "a.pcapng")
	if err := os.WriteFile(name, captured(t), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tshark, "-n", "-r", name, "-o", "udp.check_checksum:TRUE", "-T", "fields",
		"-e", "frame.number", "-e", "coap.mid", "-e", "udp.checksum.status", "-e", "frame.comment", "-e", "_ws.malformed")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var bad []string
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for _, l := range lines {
		fields := strings.Split(l, "\t")
		if fields[2] != "1" {
			t.Errorf("packet %s: the UDP checksum is wrong", fields[0])
		}
		if fields[4] != "" || fields[3] != "" {
			bad = append(bad, fields[0]+" "+fields[3])
		}
	}
	if diff := cmp.Diff([]string{"2 " + CommentIllegal, "3 " + CommentLost}, bad); diff != "" || len(lines) != 6 {
		t.Errorf("%d packets, with comments or malformed (-want +got):\n%s\n%s", len(lines), diff, out)
	}
	for _, l := range lines[:1] {
		if !strings.Contains(l, "6699") { // 0x1a2b
			t.Errorf("tshark found no message id in %q", l)
		}
	}
}
