// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// TestedName is the name of a device under test, in its certificate.
const TestedName = "tested.coapstone.test"

// served is the device under test that is called, as long as it runs.
type served struct {
	device lab.Served
	stop   func() error
}

// device is the device under test, or the finding that there is none.
func (s *stage) device() (lab.DeviceUnderTest, error) {
	if s.bench.Device != nil {
		return s.bench.Device, nil
	}
	why := s.bench.NoDevice
	if why == "" {
		why = "run the role in the embedded lab: it has the stock device"
	}
	return nil, verdict.DoesNotApply("the lab has no device under test: %s", why)
}

// caller is the device under test, where something is known of it beforehand.
func (s *stage) caller() (lab.Caller, bool) {
	c, ok := s.bench.Device.(lab.Caller)
	return c, ok
}

// DeviceCalling is what is known of the device under test that calls.
func (s *stage) DeviceCalling() lab.Calling {
	if c, ok := s.caller(); ok {
		return c.Calling()
	}
	return lab.Calling{}
}

// GatewayStand is where the harness plays the gateway: an address for a server,
// unless the device calls one of its own.
func (s *stage) GatewayStand(ctx context.Context, secure bool, port uint16) (lab.Stand, error) {
	if c, ok := s.caller(); ok {
		return c.Stand(ctx, secure)
	}
	addr, err := s.ServerAddr(ctx, port, false)
	return lab.Stand{Local: addr, Reached: addr.Addr()}, err
}

// Guard keeps what the lab sends to its target, where it has one.
func (s *stage) Guard(to netip.Addr) error {
	same := func(a netip.Addr) bool { return a.WithZone("") == to.Unmap().WithZone("") }
	if only := s.bench.Only; only != nil && !slices.ContainsFunc(only, same) {
		return verdict.CannotJudge(nil, "the scenario would send to %s, which the target file does not name: nothing leaves for anywhere else", to)
	}
	return nil
}

// DeviceCalls has the device under test begin an errand.
func (s *stage) DeviceCalls(ctx context.Context, e lab.Errand) (func() (lab.Report, error), error) {
	d, err := s.device()
	if err != nil {
		return nil, err
	}
	var report lab.Report
	done := make(chan struct{})
	go func() {
		defer close(done)
		report, err = d.Call(ctx, e)
	}()
	return func() (lab.Report, error) {
		<-done
		return report, err
	}, nil
}

// DeviceServes has the device under test serve on the default ports of an
// address of its own.
func (s *stage) DeviceServes(ctx context.Context) (lab.Served, error) {
	d, err := s.device()
	if err != nil {
		return lab.Served{}, err
	}
	if s.served != nil {
		return s.served.device, nil
	}
	place, err := s.serving(ctx)
	if err != nil {
		return lab.Served{}, err
	}
	device, stop, err := d.Serve(ctx, place)
	if err != nil {
		return lab.Served{}, err
	}
	s.served = &served{device, stop}
	return device, nil
}

// serving is how a device is to serve that can be told.
func (s *stage) serving(ctx context.Context) (p lab.Serving, err error) {
	if s.bench.Elsewhere {
		return p, nil
	}
	if p.CoAP, err = s.ServerAddr(ctx, coap.DefaultPort, false); err != nil {
		return p, err
	}
	if p.CoAPS, err = s.ServerAddr(ctx, coap.DefaultSecurePort, false); err != nil {
		return p, err
	}
	key := sha256.Sum256([]byte(s.customer))
	p.Identity, p.Key = "connector-of-"+s.customer, key[:16]
	if s.bench.Issue != nil {
		p.Roots = s.bench.Gateway.Roots // the lab's devices are vouched for as its gateway is
		p.Certificate, err = s.bench.Issue(pki.Leaf{
			Names: []string{TestedName}, Addrs: []netip.Addr{p.CoAP.Addr(), p.CoAPS.Addr()},
		})
	}
	return p, err
}

// stopDevice ends the device under test, if it serves.
func (s *stage) stopDevice() error {
	if s.served == nil {
		return nil
	}
	stop := s.served.stop
	s.served = nil
	return stop()
}
