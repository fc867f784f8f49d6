// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Declaration is one line of the conformance statement: a capability, whether the
// target has it, and who says so.
type Declaration struct {
	Capability Capability
	Declared   bool
	// Stated says that the file declares or denies it outright.
	Stated bool
	// Why is what the declaration follows from where the file does not state it,
	// in a few words.
	Why string
}

// Statement is the conformance statement with its defaults: every capability that
// means something for the target's role, by name.
func (f *File) Statement() []Declaration {
	var all []Declaration
	for _, c := range Capabilities() {
		if !c.For(f.Role) {
			continue
		}
		d := Declaration{Capability: c}
		if d.Declared, d.Stated = f.Declares[c.Name]; !d.Stated {
			d.Declared, d.Why = f.follows(c)
		}
		all = append(all, d)
	}
	return all
}

// Declared is the names of the capabilities that the target declares, outright
// or by default, in order. It is never nil.
func (f *File) Declared() []string {
	names := []string{}
	for _, d := range f.Statement() {
		if d.Declared {
			names = append(names, d.Capability.Name)
		}
	}
	return names
}

// Has says whether the target declares a capability, outright or by default.
func (f *File) Has(capability string) bool { return slices.Contains(f.Declared(), capability) }

// follows is what is declared of a capability that the file does not state, and
// why: first what the rest of the file decides, then what the document demands.
func (f *File) follows(c Capability) (declared bool, why string) {
	switch c.Name {
	case "coap", "coaps":
		return f.followsScheme(c.Name)
	case "ipv6":
		return f.hasIPv6(), "the addresses of target and bench"
	case "certificates":
		return f.followsCertificates()
	case "psk":
		return f.followsPSK()
	case "psk-raw", "psk-hex":
		return f.followsForm(strings.TrimPrefix(c.Name, "psk-"))
	case "console":
		return f.Hooks.Console != nil, "hooks.console"
	case "told":
		return f.Hooks.Trigger.tellsAll() && f.calls() == (Calls{}), "hooks.trigger and device.calls"
	case "slow-resource":
		return f.Device.has("slow"), "device.resources.slow"
	case "stored-resource":
		return f.Device.has("stored"), "device.resources.stored"
	case "clock":
		// Reading 11: dates are judged only on devices that declare a clock.
		return f.Role == verdict.Gateway, c.From
	}
	return c.Default, c.From
}

// followsScheme says whether the target speaks coap, or coaps.
func (f *File) followsScheme(scheme string) (declared bool, why string) {
	switch {
	case f.Role == verdict.Gateway && f.Gateway != nil:
		given := map[string][]string{"coap": f.Gateway.CoAP, "coaps": f.Gateway.CoAPS}
		return len(given[scheme]) > 0, "gateway." + scheme
	case f.Role == verdict.DeviceServer && f.Device != nil:
		given := map[string]string{"coap": f.Device.CoAP, "coaps": f.Device.CoAPS}
		return given[scheme] != "", "device." + scheme
	}
	if u, err := url.Parse(f.calls().URL); err == nil && u.Scheme != "" {
		return u.Scheme == scheme, "device.calls.url"
	}
	return true, "the document"
}

// followsCertificates says whether DTLS with certificates is tried. The document
// demands it of a gateway; a device chooses, and has what it chose.
func (f *File) followsCertificates() (declared bool, why string) {
	switch {
	case !f.speaks("coaps"):
		return false, "no coaps"
	case f.Role == verdict.DeviceServer:
		return f.Device != nil && f.Device.Roots != "", "device.roots"
	case f.Role == verdict.DeviceClient:
		return f.Bench.PKI != "" || f.Bench.Certificate != nil, "bench.pki and bench.certificate"
	}
	return true, "the document"
}

// followsPSK says whether DTLS with pre-shared keys is tried.
func (f *File) followsPSK() (declared bool, why string) {
	switch {
	case !f.speaks("coaps"):
		return false, "no coaps"
	case f.Role == verdict.DeviceServer:
		return f.Device != nil && f.Device.Identity != "", "device.identity"
	case f.Role == verdict.DeviceClient:
		return len(f.Users) > 0, "users"
	}
	return true, "the document"
}

// followsForm says whether the derived key has a form, raw or hex: that of the
// users which are bound. With none bound it is the document's.
func (f *File) followsForm(form string) (declared bool, why string) {
	if psk, stated := f.Declares["psk"]; stated && !psk {
		return false, "psk is denied"
	}
	if psk, why := f.followsPSK(); !psk && !f.Declares["psk"] {
		return false, why
	}
	users := f.Users
	if u := f.caller(); u != nil {
		users = map[string]*User{f.calls().User: u}
	}
	if len(users) == 0 {
		return form == "raw", "the document, §4.2"
	}
	for _, u := range users {
		if u != nil && or(u.PSKKey, "raw") == form {
			return true, "users"
		}
	}
	return false, "users"
}

// speaks says whether a scheme is declared, outright or by default.
func (f *File) speaks(scheme string) bool {
	if declared, stated := f.Declares[scheme]; stated {
		return declared
	}
	declared, _ := f.followsScheme(scheme)
	return declared
}

// hasIPv6 says whether target and bench can meet over IPv6.
func (f *File) hasIPv6() bool {
	if !f.Bench.Addr(true).IsValid() {
		return false
	}
	if f.Role == verdict.DeviceClient {
		return urlAddr(f.calls().URL).Is6() // the bench may have more than the device uses
	}
	return slices.ContainsFunc(f.Addresses(), func(a netip.Addr) bool { return a.Is6() && !a.Is4In6() })
}

// calls is what a device that calls has burnt in.
func (f *File) calls() Calls {
	if f.Device == nil {
		return Calls{}
	}
	return f.Device.Calls
}

// caller is the one user that a device that calls has; nil where it can be told.
func (f *File) caller() *User {
	if f.Role != verdict.DeviceClient {
		return nil
	}
	return f.Users[f.calls().User]
}
