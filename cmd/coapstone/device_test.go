// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"
)

func TestShortUintHasNoLeadingZeros(t *testing.T) {
	for n, want := range map[uint16][]byte{0: {}, 1: {1}, 255: {255}, 256: {1, 0}, 11542: {0x2d, 0x16}, 65535: {255, 255}} {
		if got := shortUint(n); !bytes.Equal(got, want) {
			t.Errorf("%d: % x, want % x", n, got, want)
		}
	}
}
