// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/verdict"
)

// device is a device that stands somewhere and is called there.
type device struct{ served lab.Served }

// About is where it is.
func (d device) About() string {
	var at []string
	for scheme, a := range map[string]netip.AddrPort{"coap": d.served.CoAP, "coaps": d.served.CoAPS} {
		if a.IsValid() {
			at = append(at, scheme+" "+a.String())
		}
	}
	if len(at) == 2 && at[0] > at[1] {
		at[0], at[1] = at[1], at[0]
	}
	return strings.Join(at, ", ")
}

// Call is what nobody can tell it.
func (device) Call(context.Context, lab.Errand) (lab.Report, error) {
	return lab.Report{}, verdict.DoesNotApply("the target file says role: device-server: it calls nobody")
}

// Serve says where it serves already.
func (d device) Serve(context.Context, lab.Serving) (lab.Served, func() error, error) {
	return d.served, func() error { return nil }, nil
}

func about(d lab.DeviceUnderTest) string {
	if d == nil {
		return ""
	}
	return d.About()
}

// openDevice makes the lab around a device that is called.
func (l *Lab) openDevice(ctx context.Context) error {
	t := l.target.Device
	roots, err := t.TrustStore()
	if err != nil {
		return err
	}
	key, err := t.PSK()
	if err != nil {
		return err
	}
	d := device{lab.Served{
		CoAP: t.CoAPAddr(), CoAPS: t.CoAPSAddr(), Name: t.Host, Roots: roots, Identity: t.Identity, Key: key,
		Resources: map[lab.Resource]string{},
	}}
	d.served.DefaultPorts = isOr(d.served.CoAP, 5683) && isOr(d.served.CoAPS, 5684)
	for name, path := range t.Paths() {
		d.served.Resources[lab.Resource(name)] = path
	}
	l.bench = stage.New(&stage.Bench{
		Device: d, Elsewhere: true, Only: l.target.Addresses(),
		Addresses: &stage.Shared{V4: l.target.Bench.Addr(false), V6: l.target.Bench.Addr(true)},
	})
	if !d.served.CoAP.IsValid() {
		return nil // whether it answers, its scenarios see
	}
	return l.awaitPing(ctx, "device.coap", d.served.CoAP)
}

// isOr says whether the address, if there is one, has the port.
func isOr(a netip.AddrPort, port uint16) bool { return !a.IsValid() || a.Port() == port }
