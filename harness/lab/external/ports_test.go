// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/target"
)

func TestDevicesHaveThePortsOfTheRangeInTurn(t *testing.T) {
	a, err := withPorts(&stage.Shared{V4: netip.MustParseAddr("192.0.2.20")}, &target.Bench{Devices: "40000-40003"})
	if err != nil {
		t.Fatal(err)
	}
	take := func() (uint16, func()) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		at, release, err := a.Server(ctx, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		return at.Port(), release
	}
	first, release := take()
	release()
	release() // which counts once
	var later []uint16
	for range 4 {
		port, _ := take()
		later = append(later, port)
	}
	if first != 40000 || later[0] != 40001 || later[3] != 40000 {
		t.Errorf("got %d and then %v, want what was given back to be the last again", first, later)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := a.Server(ctx, 0, false); err == nil || !strings.Contains(err.Error(), "bench.devices") {
		t.Errorf("got %v, want it to name bench.devices", err)
	}
	if at, _, err := a.Server(t.Context(), 5683, false); err != nil || at.Port() != 5683 {
		t.Errorf("a port that is asked for: %v, %v", at, err)
	}
}
