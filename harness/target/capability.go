// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Capability is something that a target may declare in its conformance
// statement. Requirements and scenarios name it as what they depend on.
type Capability struct {
	Name string
	// Doc is what declaring it says.
	Doc string
	// Default is what a target declares that does not speak of it, and whose file
	// does not decide it otherwise (File.Statement): what the document demands is
	// declared, what it leaves open is not.
	Default bool
	// From is where the default comes from.
	From string
	// Roles are those for which it means something; nil is all.
	Roles []verdict.Role
}

// For says whether the capability means something for a role.
func (c Capability) For(role verdict.Role) bool {
	return len(c.Roles) == 0 || slices.Contains(c.Roles, role)
}

// Capabilities are all that can be declared, by name.
func Capabilities() []Capability {
	client, server := []verdict.Role{verdict.DeviceClient}, []verdict.Role{verdict.DeviceServer}
	gateway := []verdict.Role{verdict.Gateway}
	return []Capability{
		{
			Name: "block-wise", Doc: "It transfers what is large block by block (RFC 7959).",
			From: "the document does not ask for it",
		},
		{
			Name: "certificates", Doc: "It does DTLS with certificates.", Default: true,
			From: "a gateway: yes (the document, §4.1); a device chooses one of the two schemes (§3.2): one that is called has device.roots, for one that calls the bench has pki or certificate",
		},
		{
			Name: "clock", Doc: "It knows the date, and judges certificates by it.", Default: true, Roles: slices.Concat(gateway, client),
			From: "a gateway: yes; a device: no (reading 11)",
		},
		{
			Name: "coap", Doc: "It speaks plain CoAP, for testing.", Default: true,
			From: "an address for it, or the URL burnt in; else yes (the document, §2.1.1 and §3)",
		},
		{
			Name: "coaps", Doc: "It speaks CoAP over DTLS.", Default: true,
			From: "an address for it, or the URL burnt in; else yes (the document, §2.1.2 and §3)",
		},
		{
			Name: "connection-id", Doc: "It uses DTLS connection ids (RFC 9146).",
			From: "the document does not ask for it",
		},
		{
			Name: "console", Doc: "What it says to whoever runs it can be read.", Default: true,
			From: "hooks.console",
		},
		{
			Name: "extended-master-secret", Doc: "Its DTLS has the extended master secret (RFC 7627).", Default: true,
			From: "yes (RFC 7925 §16); the document does not speak of it",
		},
		{
			Name: "ipv6", Doc: "It speaks IPv6.",
			From: "target and bench both have an IPv6 address; a device that calls has one burnt in",
		},
		{
			Name: "no-proxy", Doc: "It is no proxy, so that a request with a Proxy-Uri is answered 5.05 (RFC 7252 §5.10.2).", Default: true, Roles: server,
			From: "yes (RFC 7252 §5.10.2); a device that is a proxy denies it",
		},
		{
			Name: "observe", Doc: "Its resources can be observed, or it observes (RFC 7641).",
			From: "the document does not ask for it",
		},
		{
			Name: "proxy-scheme", Doc: "It takes Proxy-Scheme with Uri-* options (RFC 7252 §5.10.2).", Roles: gateway,
			From: "the document knows Proxy-Uri alone",
		},
		{
			Name: "psk", Doc: "It does DTLS with pre-shared keys.", Default: true,
			From: "a gateway: yes (the document, §4.2); a device that is called has device.identity, for one that calls a user is bound",
		},
		{
			Name: "psk-hex", Doc: "Its pre-shared key is the 64 hexadecimal digits of the hash, as text.", Roles: slices.Concat(gateway, client),
			From: "a user with psk-key: hex",
		},
		{
			Name: "psk-raw", Doc: "Its pre-shared key is the 32 bytes of the hash.", Default: true, Roles: slices.Concat(gateway, client),
			From: "a user with psk-key: raw, or without psk-key; yes where no user is bound (the document, §4.2, reading 8)",
		},
		{
			Name: "resumption", Doc: "It resumes DTLS sessions (RFC 5246 §7.3, RFC 5077).",
			From: "the document does not ask for it",
		},
		{
			Name: "says", Doc: "It tells what it received, so that this can be judged.", Roles: client,
			From: "the document does not ask for it",
		},
		{
			Name: "slow-resource", Doc: "It has a resource that answers in a separate response.", Default: true, Roles: server,
			From: "device.resources.slow",
		},
		{
			Name: "stored-resource", Doc: "It has a resource that takes PUT, POST and DELETE.", Default: true, Roles: server,
			From: "device.resources.stored, with all four methods",
		},
		{
			Name: "told", Doc: "It can be told which request to send: its URL, method, Composite API, user and payload.", Default: true, Roles: client,
			From: "hooks.trigger is a person, or has {url}, {method}, {payload} and {api} or {proxy-uri} in it; and nothing stands in device.calls",
		},
	}
}
