// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// checkDevice says what is wrong with the device.
func (f *File) checkDevice() error {
	d, here := f.Device, path{"device"}
	switch {
	case d == nil && f.Role == verdict.DeviceServer:
		return at(here, "not given: say where the device is called, for example device: {coap: \"192.0.2.10:5683\"}")
	case d == nil:
		return nil
	case f.Role == verdict.Gateway:
		return clash(here, path{"role"}, "given, but the role is gateway: want role: device-server for a device that is called, role: device-client for one that calls")
	case f.Role == verdict.DeviceServer && d.CoAP == "" && d.CoAPS == "":
		return at(here, "neither coap nor coaps is given: say at least one address, for example coaps: \"192.0.2.10:5684\"")
	}
	if err := f.checkSender(here.in("address")); err != nil {
		return err
	}
	if err := d.Key.check(here.in("key")); err != nil {
		return err
	}
	if (d.Identity == "") == d.Key.given() {
		return at(here, "identity and key go together: a pre-shared key is both")
	}
	for _, a := range []struct{ scheme, at string }{{"coap", d.CoAP}, {"coaps", d.CoAPS}} {
		if a.at == "" {
			continue
		}
		if err := addressed(here.in(a.scheme), a.at); err != nil {
			return err
		}
	}
	if limit := f.Limits.PSKIdentity; tooLong(d.Identity, limit) {
		return clash(here.in("identity"), path{"limits", "psk-identity"}, "%d bytes, and the target takes identities of %d", len(d.Identity), limit)
	}
	return f.checkResources()
}

// checkSender says what is wrong with where a device that calls sends from.
func (f *File) checkSender(here path) error {
	s := f.Device.Address
	if s == "" {
		return nil
	}
	if f.Role != verdict.DeviceClient {
		return clash(here, path{"role"}, "given, but the role is %s: a device that is called has coap and coaps", f.Role)
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return at(here, "%q: want the IP address of the device without a port, for example 192.0.2.10", s)
	}
	return nil
}

// checkResources says what is wrong with the resource map.
func (f *File) checkResources() error {
	var names []string
	for _, use := range Resources() {
		names = append(names, use.Name)
	}
	for _, name := range sorted(f.Device.Resources) {
		here := path{"device", "resources", name}
		if !slices.Contains(names, name) {
			return at(here, "no such resource: %s", wanted(name, names))
		}
		r := f.Device.Resources[name]
		if r.absent {
			continue
		}
		if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "?# \t\r\n") {
			return at(here, "%q: want a path without a query, for example /temperature, or the word absent", r.Path)
		}
		for i, m := range r.Methods {
			if err := oneOf(here.in("methods", i), m, methods()...); err != nil {
				return err
			}
		}
	}
	return nil
}

func methods() []string { return []string{"GET", "PUT", "POST", "DELETE"} }

// checkCalls says what is wrong with what a device that calls has burnt in.
func (f *File) checkCalls() error {
	c, here := f.calls(), path{"device", "calls"}
	if c == (Calls{}) {
		return nil
	}
	if f.Role != verdict.DeviceClient {
		return clash(here, path{"role"}, "given, but the role is %s: it belongs to a device-client", f.Role)
	}
	if c.Method != "" {
		if err := oneOf(here.in("method"), c.Method, methods()...); err != nil {
			return err
		}
	}
	if c.User != "" && !slices.Contains(sorted(f.Users), c.User) {
		return at(here.in("user"), "no user %q is bound: %s", c.User, wantedUser(c.User, sorted(f.Users)))
	}
	if err := f.checkCallsURL(); err != nil {
		return err
	}
	if c.API == "" {
		return nil
	}
	u, err := url.Parse(c.API)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Fragment != "":
		return at(here.in("api"), "%q: want the http or https URL of the Composite API, with its query", masked(c.API))
	case u.User != nil || u.Query().Has("AuthToken"):
		return at(here.in("api"), "a secret does not stand in a target file: leave the AuthToken out, it is made of the user's name and password")
	}
	return nil
}

func wantedUser(name string, bound []string) string {
	if len(bound) == 0 {
		return "say under users what it is called and where its password is"
	}
	return wanted(name, bound)
}

// checkCallsURL says what is wrong with the URL that a device has burnt in.
func (f *File) checkCallsURL() error {
	s, here := f.calls().URL, path{"device", "calls", "url"}
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "coap" && u.Scheme != "coaps") {
		return at(here, "%q: want a coap or coaps URL, for example coaps://gateway.example.com/coap2http", masked(s))
	}
	port := u.Port()
	if port == "" {
		return nil
	}
	if n, err := parsePort(port); err != nil || n == 0 {
		return at(here, "%q: %s is no UDP port", s, port)
	}
	return nil
}
