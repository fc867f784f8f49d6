// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

func TestSiftTakesOutWhatIsForgedOrBroken(t *testing.T) {
	const (
		alert   = "15fefd0000000000000063000202" + "28"
		data    = "17fefd0000000000000061000741" + "01004d4db161"
		sealed  = "17fefd000100000000006100020102"
		withID  = "19fefd0001000000000061" + "0102030405060708" + "00020102"
		ccs     = "14fefd0000000000000060000101"
		unknown = "63fefd0000000000000060000101"
		empty   = "16fefd00000000000000600000"
		cut     = "16fefd0000000000000000000c01"
		garbage = "40010203"
	)
	for in, want := range map[string]string{
		"":                                  "",
		alert:                               alert,
		data:                                "",
		sealed:                              sealed,
		withID:                              withID,
		withID + sealed:                     withID + sealed,
		"19fefd0000" + withID[10:]:          "", // in the clear
		alert + data + sealed:               alert + sealed,
		data + alert:                        alert,
		ccs:                                 ccs,
		ccs[:26] + "02":                     "",
		unknown + ccs:                       ccs,
		"18fefd" + unknown[6:]:              "",
		empty + sealed:                      sealed, // pion would discard both
		"16fefd0001000000000060" + "0000":   "",
		"15fefd00000000000000630001" + "02": "",
		alert + cut:                         alert,
		garbage:                             "",
		sealed + garbage + "00":             sealed,
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(sift(b, idLength)); got != want {
			t.Errorf("sift(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzSift(f *testing.F) {
	for _, s := range []string{
		"15fefd000000000000006300020228", "17fefd000000000000006100074101004d4db161",
		"16fefd0000000000000000000c010000000000000001000000", "19fefd0001000000000061010203040506070800020102",
	} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, ids := range []int{0, idLength} {
			got := sift(slices.Clone(b), ids)
			if again := sift(slices.Clone(got), ids); !bytes.Equal(again, got) {
				t.Errorf("sifted twice: % x, then % x", got, again)
			}
			for rest := got; len(rest) > 0; {
				r, next, ok := record(rest, ids)
				if !ok || epoch(r) == 0 && !open(r) {
					t.Fatalf("% x is left of % x", rest, b)
				}
				rest = next
			}
		}
	})
}
