// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

func TestAFixedPortOfASharedAddressGoesFromHandToHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Shared{V4: netip.MustParseAddr("192.0.2.1")}
		first, release, err := s.Server(t.Context(), 5683, false)
		if err != nil {
			t.Fatal(err)
		}
		if want := netip.MustParseAddrPort("192.0.2.1:5683"); first != want {
			t.Errorf("got %s, want %s", first, want)
		}
		got := make(chan error, 1)
		go func() {
			_, release, err := s.Server(t.Context(), 5683, false)
			if err == nil {
				release()
			}
			got <- err
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("two devices have the same port")
		default:
		}
		// Another port, and any port, are nobody's business.
		for _, port := range []uint16{5684, 0, 0} {
			if a, _, err := s.Server(t.Context(), port, false); err != nil || a.Port() != port {
				t.Errorf("port %d: got %s, %v", port, a, err)
			}
		}
		release()
		release() // once more does no harm
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingForAPortEndsWithTheContextAsAFaultOfTheHarness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Shared{V4: netip.MustParseAddr("192.0.2.1")}
		if _, _, err := s.Server(t.Context(), 5683, false); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.Server(ctx, 5683, false); verdict.Of(err) != verdict.Error {
			t.Errorf("got %v, want an error of the harness", err)
		}
	})
}

func TestAMissingFamilyDoesNotApply(t *testing.T) {
	s := &Shared{V4: netip.MustParseAddr("192.0.2.1")}
	if _, err := s.Client(t.Context(), true); verdict.Of(err) != verdict.NotApplicable || err == nil {
		t.Errorf("got %v, want not-applicable", err)
	}
}

func TestEveryDeviceHasAnAddressOfItsOwn(t *testing.T) {
	o := &Own{Prefix: netip.MustParsePrefix("127.9.0.0/16")}
	seen := map[netip.Addr]bool{}
	for i := range 60000 {
		a, err := o.Client(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		b := a.As4()
		if seen[a] || !o.Prefix.Contains(a) || b[2] == 0 || b[3] == 0 || b[3] == 255 {
			t.Fatalf("address %d is %s: given before, or kept for others", i, a)
		}
		seen[a] = true
	}
	// Past the end it begins anew, and never hands out what is the lab's own.
	for range 10000 {
		if a, _ := o.Client(t.Context(), false); a.As4()[2] == 0 {
			t.Fatalf("%s is the lab's own", a)
		}
	}
}
