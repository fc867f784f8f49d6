// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// checkFit says which two places of the file contradict each other.
func (f *File) checkFit() error {
	for _, part := range []func() error{f.fitSchemes, f.fitCredentials, f.fitForms, f.fitDevice, f.fitCalls} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// stated is what the statement says outright of a capability.
func (f *File) stated(capability string) (here path, yes, no bool) {
	declared, stated := f.Declares[capability]
	return path{"declares", capability}, stated && declared, stated && !declared
}

// fitSchemes holds the schemes and the address family against the addresses.
func (f *File) fitSchemes() error {
	for _, scheme := range []string{"coap", "coaps"} {
		here, yes, no := f.stated(scheme)
		follows, _ := f.followsScheme(scheme)
		place := path{"gateway", scheme}
		switch f.Role {
		case verdict.Gateway:
		case verdict.DeviceServer:
			place = path{"device", scheme}
		case verdict.DeviceClient:
			if place = (path{"device", "calls", "url"}); f.calls().URL == "" {
				continue
			}
		}
		if no && follows {
			return clash(here, place, "denied, but %s gives an address for it: take one of them out", place)
		}
		if yes && !follows {
			return clash(here, place, "declared, but %s gives no address for it: say where, or take the line out", place)
		}
	}
	if here, yes, _ := f.stated("ipv6"); yes && !f.Bench.Addr(true).IsValid() {
		return clash(here, path{"bench", "addresses"}, "declared, but the bench has no IPv6 address: add one, or take the line out")
	}
	if here, yes, _ := f.stated("ipv6"); yes && f.Role != verdict.DeviceClient && !f.hasIPv6() {
		return clash(here, path{or(map[verdict.Role]string{verdict.DeviceServer: "device"}[f.Role], "gateway")}, "declared, but no IPv6 address of it is given: add one, or take the line out")
	}
	return nil
}

// fitCredentials holds what is declared of DTLS against the credentials.
func (f *File) fitCredentials() error {
	for _, name := range []string{"certificates", "psk", "psk-raw", "psk-hex", "resumption", "connection-id"} {
		if here, yes, _ := f.stated(name); yes && !f.speaks("coaps") {
			return clash(here, path{"declares", "coaps"}, "declared, but without coaps there is no DTLS: take the line out, or say where coaps is spoken")
		}
	}
	if err := f.fitPSK(); err != nil {
		return err
	}
	if err := f.fitCertificates(); err != nil {
		return err
	}
	if f.Role == verdict.DeviceServer && f.speaks("coaps") && !f.Has("psk") && !f.Has("certificates") {
		return at(path{"device", "coaps"}, "nobody can open a session: say identity and key for pre-shared keys, roots for certificates, or both")
	}
	return nil
}

func (f *File) fitPSK() error {
	here, yes, no := f.stated("psk")
	follows, _ := f.followsPSK()
	switch {
	case yes && !follows && f.Role == verdict.DeviceServer:
		return clash(here, path{"device"}, "declared, but the device has no identity and key: say them, or take the line out")
	case yes && !follows && f.Role == verdict.DeviceClient:
		return clash(here, path{"users"}, "declared, but no user is bound whose key it could have: bind one, or take the line out")
	case no && f.Role == verdict.DeviceServer && f.Device.Identity != "":
		return clash(here, path{"device", "identity"}, "denied, but the device has an identity and a key: take one of them out")
	}
	if !no {
		return nil
	}
	for _, name := range sorted(f.Users) {
		if f.Users[name].PSKKey != "" {
			return clash(here, path{"users", name, "psk-key"}, "denied, but the user %q has the form of a pre-shared key: take one of them out", name)
		}
	}
	return nil
}

func (f *File) fitCertificates() error {
	here, yes, no := f.stated("certificates")
	follows, _ := f.followsCertificates()
	switch {
	case yes && !follows && f.Role == verdict.DeviceServer:
		return clash(here, path{"device"}, "declared, but device.roots does not say what vouches for the certificate: name the PEM file, or take the line out")
	case yes && !follows && f.Role == verdict.DeviceClient:
		return clash(here, path{"bench"}, "declared, but the bench has no certificate to show: say bench.pki or bench.certificate, or take the line out")
	case no && f.Role == verdict.DeviceServer && f.Device.Roots != "":
		return clash(here, path{"device", "roots"}, "denied, but device.roots says what vouches for the certificate: take one of them out")
	case no && f.Bench.Certificate != nil:
		return clash(here, path{"bench", "certificate"}, "denied, but the bench has a certificate to show: take one of them out")
	}
	return nil
}

// fitForms holds the forms of the derived key against the users.
func (f *File) fitForms() error {
	for _, form := range []string{"raw", "hex"} {
		here, yes, no := f.stated("psk-" + form)
		follows, _ := f.followsForm(form)
		if yes && !follows && f.Role == verdict.DeviceClient {
			return clash(here, path{"users"}, "declared, but no user has psk-key: %s: give the user that form, or take the line out", form)
		}
		if yes && f.Limits.PSKKey > 0 && keyLength(form) > f.Limits.PSKKey {
			return clash(here, path{"limits", "psk-key"}, "declared, but such a key has %d bytes, and the target takes %d: take one of them out", keyLength(form), f.Limits.PSKKey)
		}
		if !no {
			continue
		}
		for _, name := range sorted(f.Users) {
			if f.Users[name].PSKKey == form {
				return clash(here, path{"users", name, "psk-key"}, "denied, but the user %q has a key of this form: take one of them out", name)
			}
		}
	}
	return nil
}

// fitDevice holds what is declared of a device against its resources and hooks.
func (f *File) fitDevice() error {
	for _, name := range []string{"slow", "stored"} {
		here, yes, no := f.stated(name + "-resource")
		has := f.Device.has(name)
		if yes && !has {
			return clash(here, path{"device", "resources"}, "declared, but device.resources.%s names no resource that allows %s: name one, or take the line out", name, strings.Join(use(name).Methods, ", "))
		}
		if no && has {
			return clash(here, path{"device", "resources", name}, "denied, but device.resources names such a resource: take one of them out")
		}
	}
	if here, yes, _ := f.stated("told"); yes && f.Hooks.Trigger == nil {
		return clash(here, path{"hooks"}, "declared, but without hooks.trigger nobody can tell it anything: say how, or take the line out")
	}
	if here, yes, _ := f.stated("console"); yes && f.Hooks.Console == nil {
		return clash(here, path{"hooks"}, "declared, but without hooks.console nobody can read it: say how, or take the line out")
	}
	return nil
}

// fitCalls holds the URL that is burnt in against where the harness listens.
func (f *File) fitCalls() error {
	u, err := url.Parse(f.calls().URL)
	if err != nil {
		return nil //nolint:nilerr // checkCallsURL has seen it
	}
	if u.Scheme == "" {
		return nil
	}
	here, ports := path{"device", "calls", "url"}, f.Bench.Ports
	asked := map[string]uint16{"coap": defaultCoAP, "coaps": defaultCoAPS}[u.Scheme]
	if n, err := parsePort(u.Port()); err == nil {
		asked = n
	}
	listens := map[string]uint16{"coap": ports.CoAP, "coaps": ports.CoAPS}[u.Scheme]
	if listens != 0 && listens != asked && len(f.Bench.Reached) == 0 {
		return clash(here, path{"bench", "ports", u.Scheme}, "the device sends to port %s, and the harness listens at %d: give bench.ports the same, or say with bench.reached that something translates between them", strconv.Itoa(int(asked)), listens)
	}
	if c := f.Bench.Certificate; c != nil && u.Scheme == "coaps" && c.Host != u.Hostname() {
		return clash(here, path{"bench", "certificate", "host"}, "the device looks for %s, and the certificate is for %s: want the same", u.Hostname(), c.Host)
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // a name: who resolves it is the bench's business
	}
	var meets []string
	for _, s := range f.Bench.Addresses {
		if own, err := netip.ParseAddr(s); err == nil {
			meets = append(meets, f.Bench.ReachedAs(own).String())
		}
	}
	if !slices.Contains(meets, a.String()) {
		return clash(here, path{"bench", "addresses"}, "the device sends to %s, and the harness is reached at %s: want the same, or bench.reached", a, list(meets))
	}
	return nil
}
