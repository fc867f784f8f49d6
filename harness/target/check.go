// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/outbound/hc"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/verdict"
)

// check says what is wrong with what the file says, without a look at what it
// names: each part by itself, then the parts beside each other.
func (f *File) check() error {
	for _, part := range []func() error{
		f.checkTarget, f.checkGateway, f.checkDevice, f.checkCalls, f.checkBench, f.checkPlatform,
		f.checkUsers, f.checkAPIs, f.checkHooks, f.checkDeclares, f.checkFit,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

var imageDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// checkTarget says what is wrong with what the target is.
func (f *File) checkTarget() error {
	if strings.TrimSpace(f.Name) == "" {
		return at(path{"name"}, "not given: say what is under test, as a report should call it")
	}
	err := oneOf(path{"role"}, string(f.Role), string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer))
	if err != nil {
		return err
	}
	if d := f.Firmware.Digest; d != "" && !imageDigest.MatchString(d) {
		return at(path{"firmware", "digest"}, "%q: want sha256: and 64 hexadecimal digits in small letters, as sha256sum prints them", d)
	}
	if f.Limits.PSKKey < 0 {
		return at(path{"limits", "psk-key"}, "%d: want a number of bytes, or nothing where there is no limit", f.Limits.PSKKey)
	}
	if f.Limits.PSKIdentity < 0 {
		return at(path{"limits", "psk-identity"}, "%d: want a number of bytes, or nothing where there is no limit", f.Limits.PSKIdentity)
	}
	return nil
}

// checkGateway says what is wrong with where the gateway is.
func (f *File) checkGateway() error {
	g, here := f.Gateway, path{"gateway"}
	switch {
	case g == nil && f.Role == verdict.Gateway:
		return at(here, "not given: say where the gateway is reached, for example gateway: {coaps: [\"192.0.2.10:5684\"]}")
	case g == nil:
		return nil
	case f.Role != verdict.Gateway:
		return clash(here, path{"role"}, "given, but the role is %s: its place is device", f.Role)
	case len(g.CoAP)+len(g.CoAPS) == 0:
		return at(here, "neither coap nor coaps is given: say at least one address, for example coaps: [\"192.0.2.10:5684\"]")
	}
	for i, s := range g.CoAP {
		if err := addressed(here.in("coap", i), s); err != nil {
			return err
		}
	}
	for i, s := range g.CoAPS {
		if err := addressed(here.in("coaps", i), s); err != nil {
			return err
		}
	}
	if err := origin(here.in("api"), g.API); err != nil {
		return err
	}
	if err := proxy(here.in("proxy"), g.Proxy); err != nil || g.ProxyUser == "" {
		return err
	}
	here = here.in("proxy-user")
	if g.Proxy == "" {
		return at(here, "given without a proxy: say gateway.proxy, or take the line out")
	}
	if bound := sorted(f.Users); !slices.Contains(bound, g.ProxyUser) {
		return at(here, "no user %q is bound: %s", g.ProxyUser, wantedUser(g.ProxyUser, bound))
	}
	return nil
}

// proxy says what is wrong with the template of an HTTP-to-CoAP proxy.
func proxy(p path, template string) error {
	if template == "" {
		return nil
	}
	base, _, _ := strings.Cut(template, "{")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return at(p, "%q: want an http or https URL with variables in it, for example http://192.0.2.10:8080/hc/{+tu}", masked(template))
	}
	if _, err := hc.ParseTemplate(template); err != nil {
		return at(p, "%w", err)
	}
	return nil
}

// addressed says what is wrong with an address and a port of the target.
func addressed(p path, s string) error {
	a, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return at(p, "%q: want an IP address with a port, for example 192.0.2.10:5684 or [2001:db8::10]:5684", s)
	case a.Port() == 0:
		return at(p, "%q: the port 0 is none: the default ports are 5683 for coap and 5684 for coaps", s)
	case a.Addr().IsUnspecified(), a.Addr().IsMulticast():
		return at(p, "%q: nobody is reached there: want the address of one target", s)
	}
	return nil
}

// checkPlatform says what is wrong with the platform.
func (f *File) checkPlatform() error {
	p, here := f.Platform, path{"platform"}
	switch {
	case p == nil:
		return nil
	case p.HTTP == "" && p.HTTPS == "":
		return at(here, "neither http nor https is given: say under which origin the target reaches the platform")
	}
	if err := origin(here.in("admin"), p.Admin); err != nil {
		return err
	}
	if err := origin(here.in("http"), p.HTTP); err != nil {
		return err
	}
	return origin(here.in("https"), p.HTTPS)
}

// checkAPIs says what is wrong with the Composite APIs and connectors that exist.
func (f *File) checkAPIs() error {
	for _, name := range sorted(f.APIs) {
		p := path{"apis", name}
		u, err := url.Parse(f.APIs[name])
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			return at(p, "%q: want an http or https URL", masked(f.APIs[name]))
		case u.User != nil:
			return at(p, "a secret does not stand in a target file: leave out what stands before the @")
		case u.RawQuery != "" || u.Fragment != "":
			return at(p, "want the URL without a query; features add it")
		}
	}
	for _, name := range sorted(f.Connectors) {
		if strings.TrimSpace(f.Connectors[name]) == "" {
			return at(path{"connectors", name}, "empty: say what the connector is called on the gateway")
		}
	}
	return nil
}

// origin says what is wrong with scheme, host and port of a URL.
func origin(p path, s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return at(p, "%q: want scheme, host and port alone, for example http://192.0.2.10:8080", masked(s))
	}
	return nil
}

// masked is a URL that may have a password in it, for an error.
func masked(s string) string {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			return scheme + "://•••" + rest[i:]
		}
	}
	return s
}

// checkUsers says what is wrong with the users, and gives those without a name
// that of the features.
func (f *File) checkUsers() error {
	for _, name := range sorted(f.Users) {
		u, here := f.Users[name], path{"users", name}
		if u == nil {
			return at(here, "empty: say at least where its password is, for example password: {env: TARGET_PASSWORD}")
		}
		if u.Name == "" {
			u.Name = name
		}
		if err := u.check(here); err != nil {
			return err
		}
		if strings.Contains(u.Name, ":") {
			return at(here.in("name"), "%q: a user name has no colon: it ends there in the AuthToken", u.Name)
		}
		if limit := f.Limits.PSKIdentity; tooLong(u.Name, limit) && f.speaksPSK() {
			return clash(here, path{"limits", "psk-identity"},
				"the name %q has %d bytes, and the target takes identities of %d: bind a user with a shorter name", u.Name, len(u.Name), limit)
		}
		if err := f.checkDerived(here, u); err != nil {
			return err
		}
	}
	return nil
}

// tooLong says whether an identity is longer than the target takes; how long one is
// that was redacted nobody knows.
func tooLong(identity string, limit int) bool {
	return limit > 0 && len(identity) > limit && !strings.Contains(identity, secret.Mask)
}

// keyLength is the length of the key that is derived from a password, by its form.
func keyLength(form string) int {
	if form == "hex" {
		return 64
	}
	return 32
}

// checkDerived says whether the target's stack can hold the derived key.
func (f *File) checkDerived(here path, u *User) error {
	length, limit := keyLength(u.PSKKey), f.Limits.PSKKey
	if u.PSKKey == "explicit" || limit == 0 || length <= limit || !f.speaksPSK() {
		return nil
	}
	return clash(here, path{"limits", "psk-key"},
		"the key that is made of the password has %d bytes as %s, and the target takes %d: say psk-key: explicit with a key of at most %d bytes; "+
			"that the key is the hash of the password (the document, §4.2) is then not judged, and not certified", length, or(u.PSKKey, "raw"), limit, limit)
}

// speaksPSK says whether pre-shared keys are tried at all.
func (f *File) speaksPSK() bool {
	if psk, stated := f.Declares["psk"]; stated {
		return psk
	}
	psk, _ := f.followsPSK()
	return psk
}

func (u *User) check(here path) error {
	if err := u.Password.check(here.in("password")); err != nil {
		return err
	}
	if err := u.Key.check(here.in("key")); err != nil {
		return err
	}
	if !u.Password.given() {
		return at(here.in("password"), "not given: say where it is: {env: NAME} or {file: PATH}")
	}
	switch u.PSKKey {
	case "", "raw", "hex":
		if u.Key.given() {
			return at(here.in("key"), "given beside psk-key %s: a key of its own needs psk-key: explicit", or(u.PSKKey, "raw"))
		}
	case "explicit":
		if !u.Key.given() {
			return at(here.in("psk-key"), "explicit needs the key: say where it is: key: {env: NAME} or {file: PATH}")
		}
	}
	return oneOf(here.in("psk-key"), or(u.PSKKey, "raw"), "raw", "hex", "explicit")
}

// check says what is wrong with where a secret is said to be.
func (s *Source) check(here path) error {
	switch {
	case s.literal:
		return at(here, "a secret does not stand in a target file: say where it is: {env: NAME} or {file: PATH}")
	case s.Env != "" && s.File != "":
		return at(here, "both env and file are given: one is enough")
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// checkDeclares says what is wrong with the names in the statement.
func (f *File) checkDeclares() error {
	var names []string
	for _, c := range Capabilities() {
		names = append(names, c.Name)
	}
	for _, name := range sorted(f.Declares) {
		here := path{"declares", name}
		i := slices.Index(names, name)
		if i < 0 {
			return at(here, "no such capability: %s", wanted(name, names))
		}
		if c := Capabilities()[i]; !c.For(f.Role) {
			return at(here, "means nothing for the role %s, only for %s: take it out", f.Role, list(roles(c.Roles)))
		}
	}
	return nil
}

func roles(rs []verdict.Role) []string {
	var names []string
	for _, r := range rs {
		names = append(names, string(r))
	}
	return names
}
