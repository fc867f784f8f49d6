// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/coapstone/coapstone/harness/trace"
)

// linkRaw is the link type of packets that begin with their IP header.
const linkRaw layers.LinkType = 101

// WriteCapture writes the datagrams of a trace as pcapng, for Wireshark and
// tshark: with IP and UDP headers made from the events' addresses, the TLS keys
// in a Decryption Secrets Block, and a comment at what was sent illegal on
// purpose or was lost. Messages inside DTLS sessions are in their datagrams.
func WriteCapture(w io.Writer, events []trace.Event, keys []byte) error {
	intf := pcapgo.NgInterface{Name: "coapstone", LinkType: linkRaw, TimestampResolution: 9}
	section := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "coapstone"}}
	ng, err := pcapgo.NewNgWriterInterface(w, intf, section)
	if err != nil {
		return err
	}
	if err := ng.Flush(); err != nil {
		return err
	}
	if len(keys) > 0 {
		if _, err := w.Write(secretsBlock(keys)); err != nil {
			return err
		}
	}
	for _, e := range events {
		if e.Layer != trace.Datagram {
			continue
		}
		packet, err := packetOf(e)
		if err != nil {
			return fmt.Errorf("datagram of %s from %s: %w", e.At, e.From.Addr, err)
		}
		info := gopacket.CaptureInfo{Timestamp: e.At, CaptureLength: len(packet), Length: len(packet)}
		if err := ng.WritePacketWithOptions(info, packet, pcapgo.NgPacketOptions{Comments: commentsOf(e)}); err != nil {
			return err
		}
	}
	return ng.Flush()
}

// The comments of a capture.
const (
	CommentIllegal = "sent illegal on purpose"
	CommentLost    = "lost on the link"
)

func commentsOf(e trace.Event) []string {
	var cs []string
	if e.Illegal {
		cs = append(cs, CommentIllegal)
	}
	if e.Lost {
		cs = append(cs, CommentLost)
	}
	return cs
}

// packetOf is the datagram with its headers.
func packetOf(e trace.Event) ([]byte, error) {
	from, to := e.From.Addr.Addr().Unmap(), e.To.Addr.Addr().Unmap()
	if !from.IsValid() || !to.IsValid() || from.Is4() != to.Is4() {
		// An end without an address still has its bytes worth seeing.
		from, to = standIn(from, to), standIn(to, from)
	}
	udp := &layers.UDP{SrcPort: layers.UDPPort(e.From.Addr.Port()), DstPort: layers.UDPPort(e.To.Addr.Port())}
	var ip gopacket.SerializableLayer
	if from.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
		ip = v4
		if err := udp.SetNetworkLayerForChecksum(v4); err != nil {
			return nil, err
		}
	} else {
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
		ip = v6
		if err := udp.SetNetworkLayerForChecksum(v6); err != nil {
			return nil, err
		}
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload(e.Bytes))
	return b.Bytes(), err
}

// standIn is an address of the other one's family for an end that has none, or
// one of another family.
func standIn(a, other netip.Addr) netip.Addr {
	switch {
	case other.IsValid() && other.Is6() && !a.Is6():
		return netip.IPv6Unspecified()
	case a.IsValid() && (!other.IsValid() || a.Is4() == other.Is4()):
		return a
	case a.Is6():
		return a
	}
	return netip.IPv4Unspecified()
}

// secretsBlock is a Decryption Secrets Block with a TLS key log
// (draft-ietf-opsawg-pcapng §4.7).
func secretsBlock(keys []byte) []byte {
	const blockType, tlsKeyLog, frame = 0x0000000a, 0x544c534b, 20
	padded := (len(keys) + 3) &^ 3
	b := make([]byte, frame+padded)
	length := uint32(len(b)) //nolint:gosec // a key log is a few kilobytes
	le := binary.LittleEndian
	le.PutUint32(b, blockType)
	le.PutUint32(b[4:], length)
	le.PutUint32(b[8:], tlsKeyLog)
	le.PutUint32(b[12:], uint32(len(keys))) //nolint:gosec // as above
	copy(b[16:], keys)
	le.PutUint32(b[len(b)-4:], length)
	return b
}

// SensitiveDir is where a certification keeps what cannot be redacted, in the
// folder of its report.
const SensitiveDir = "sensitive"

// sensitiveReadme says to whoever comes across the folder what it is.
const sensitiveReadme = `What stands here is sensitive: keep it to yourself.

captures/       what crossed the wire, with the keys that decrypt it: passwords, AuthTokens
                and payloads can be read in it. Wireshark and tshark open it.
journal.jsonl   what was judged so far, with the same content. coapstone certify --resume
                goes on from it.

It cannot be redacted. No report and no statement covers it, and nobody needs it
to verify one: hand on the folder above without this one, and delete this one when
nothing is left to look into.
`

// MakeSensitive makes the folder for what is sensitive, for its owner alone.
func MakeSensitive(dir string) error {
	name := filepath.Join(dir, SensitiveDir)
	if err := os.MkdirAll(name, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(name, 0o700); err != nil { //nolint:gosec // a folder has to be entered
		return err
	}
	return writeFile(filepath.Join(name, "README"), func(w io.Writer) error {
		_, err := io.WriteString(w, sensitiveReadme)
		return err
	})
}

// WriteSensitive writes a capture of each scenario into the folder for what is
// sensitive. Each scenario's Files name its capture afterwards.
func WriteSensitive(dir string, r *Report) error {
	if err := MakeSensitive(dir); err != nil {
		return err
	}
	return writeCaptures(dir, path.Join(SensitiveDir, captureDir), r)
}
