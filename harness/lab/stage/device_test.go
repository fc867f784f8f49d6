// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// counted is a device under test that counts what is asked of it.
type counted struct {
	serving, stopped int
	place            lab.Serving
}

func (*counted) About() string { return "counted" }

func (*counted) Call(context.Context, lab.Errand) (lab.Report, error) {
	return lab.Report{Known: true, Failure: "no"}, nil
}

func (c *counted) Serve(_ context.Context, s lab.Serving) (lab.Served, func() error, error) {
	c.serving++
	c.place = s
	return lab.Served{CoAP: s.CoAP, CoAPS: s.CoAPS}, func() error { c.stopped++; return errors.New("stopped badly") }, nil
}

func TestWithoutADeviceUnderTestItsRolesDoNotApply(t *testing.T) {
	s := New(&Bench{NoDevice: "say where it is"}).Stage("x", &trace.Log{})
	_, called := s.DeviceCalls(t.Context(), lab.Errand{})
	_, served := s.DeviceServes(t.Context())
	for _, err := range []error{called, served} {
		if verdict.Of(err) != verdict.NotApplicable || !strings.Contains(err.Error(), "say where it is") {
			t.Errorf("got %v, want not-applicable with the reason", err)
		}
	}
}

func TestOneDeviceServesAStageUntilThatIsClosed(t *testing.T) {
	d := &counted{}
	s := New(&Bench{Device: d, Addresses: &Own{Prefix: netip.MustParsePrefix("127.9.0.0/16")}}).Stage("x", &trace.Log{})
	first, err := s.DeviceServes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.DeviceServes(t.Context())
	if err != nil || d.serving != 1 || first.CoAP != second.CoAP {
		t.Errorf("serves %d times, at %s and %s, %v; want one device", d.serving, first.CoAP, second.CoAP, err)
	}
	if d.place.CoAP.Port() != 5683 || d.place.CoAPS.Port() != 5684 || d.place.Identity == "" || len(d.place.Key) != 16 {
		t.Errorf("told to serve as %+v, want the default ports and a key", d.place)
	}
	if err := s.Close(t.Context()); d.stopped != 1 || err == nil || !strings.Contains(err.Error(), "stopped badly") {
		t.Errorf("stopped %d times, %v; want once, and its error", d.stopped, err)
	}
}

func TestAnErrandEndsWithTheReportOfTheDevice(t *testing.T) {
	s := New(&Bench{Device: &counted{}}).Stage("x", &trace.Log{})
	wait, err := s.DeviceCalls(t.Context(), lab.Errand{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := wait(); err != nil || r.Failure != "no" {
		t.Errorf("got %+v, %v", r, err)
	}
}
