// SPDX-License-Identifier: Apache-2.0

package containers

import "testing"

func TestRandomSubnetsAreAllOverTheSpace(t *testing.T) {
	var ever [4]byte // the bits that were 1, which all of the free ones are at some time
	for range 1000 {
		p := randomSubnet()
		if p != p.Masked() || p.Bits() != 28 || !net4.Contains(p.Addr()) {
			t.Fatalf("%v is no /28 in %v", p, net4)
		}
		for i, b := range p.Addr().As4() {
			ever[i] |= b
		}
	}
	if want := [4]byte{172, 0x1f, 0xff, 0xf0}; ever != want {
		t.Errorf("bits % x were set, want % x", ever, want)
	}
}
