// SPDX-License-Identifier: Apache-2.0

package preflight

import "testing"

// udp4 is an IPv4 packet with a UDP datagram, without options.
func udp4() []byte {
	return []byte{
		0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x12, 0x34, 0x16, 0x34, 0, 12, 0, 0, 1, 2, 3, 4,
	}
}

func udp6() []byte {
	b := make([]byte, 48)
	b[0], b[6], b[23], b[39] = 0x60, 17, 1, 2
	b[40], b[41], b[42], b[43] = 0x12, 0x34, 0x16, 0x33
	return b
}

func TestTheEndsOfADatagramAreReadFromItsPacket(t *testing.T) {
	change := func(b []byte, at int, to byte) []byte {
		b[at] = to
		return b
	}
	for _, tt := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"IPv4", udp4(), "192.0.2.1:4660 192.0.2.2:5684"},
		{"IPv6", udp6(), "[::1]:4660 [::2]:5683"},
		{"TCP", change(udp4(), 9, 6), ""},
		{"a later fragment", change(udp4(), 7, 1), ""},
		{"options that are cut off", change(udp4(), 0, 0x4f), ""},
		{"IPv6 with an extension header", change(udp6(), 6, 0), ""},
		{"nothing", nil, ""},
	} {
		got := ""
		if a, ok := parseUDP(tt.packet); ok {
			got = a.from.String() + " " + a.to.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzParseUDP(f *testing.F) {
	f.Add(udp4())
	f.Add(udp6())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := parseUDP(b)
		if ok != (a.from.IsValid() && a.to.IsValid()) {
			t.Errorf("%x: %v, %v", b, a, ok)
		}
	})
}
