// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Question is one that is asked. Its key is the place of the answer in the file.
type Question struct {
	Key string
	// Ask is the question, Help what else one has to know.
	Ask, Help string
	// Required questions have to be answered; the others may be left empty.
	Required bool

	instead string              // the key of another one: one of the two is required
	when    func(*Draft) bool   // nil is always
	offer   func(*Draft) string // nil is nothing
	help    func(*Draft) string // goes after Help; nil is nothing
}

// questions are all of them, in their order.
func questions() []Question {
	return slices.Concat(about(), gatewayQuestions(), serverQuestions(), clientQuestions(), userQuestions(), benchQuestions(), statementQuestions(), hookQuestions())
}

// required says whether the question has to be answered.
func (q Question) required(d *Draft) bool {
	return q.Required || q.instead != "" && d.answers[q.instead] == ""
}

// given asks only for a role that has given another answer.
func given(role verdict.Role, key string) func(*Draft) bool {
	return func(d *Draft) bool { return d.Role() == role && d.answers[key] != "" }
}

func offering(s string) func(*Draft) string { return func(*Draft) string { return s } }

func about() []Question {
	return []Question{
		{Key: "role", Ask: "What is it?", Help: "gateway; device-server, a device that is called; or device-client, a device that calls by itself.", Required: true, offer: offering(string(verdict.Gateway))},
		{Key: "name", Ask: "What is the product called?", Required: true},
		{Key: "vendor", Ask: "Who makes it?"},
		{Key: "version", Ask: "Which version of the product is it?"},
		{Key: "firmware.version", Ask: "Which version of the firmware runs on it?"},
	}
}

func gatewayQuestions() []Question {
	return []Question{
		{Key: "gateway.coaps", Ask: "At which addresses does it speak CoAP over DTLS?", Help: "Addresses with ports, for example 192.0.2.10:5684 [2001:db8::10]:5684."},
		{Key: "gateway.coap", instead: "gateway.coaps", Ask: "And plain CoAP, for testing?", Help: "Addresses with ports. Leave it empty if it has none.", offer: sibling("gateway.coaps", "5684", "5683")},
		{Key: "gateway.host", Ask: "Which host name is its certificate for?", Help: "Empty: for its address, or it has no certificate.", when: given(verdict.Gateway, "gateway.coaps")},
		{Key: "gateway.roots", Ask: "Which PEM file holds the root of its certificate?", Help: "Empty: certificates are not verified.", when: given(verdict.Gateway, "gateway.coaps")},
		{Key: "gateway.api", Ask: "At which base URL is its HTTP API, if it has that of the reference gateway?", Help: "Without it, steps that configure the gateway do not apply."},
		{Key: "gateway.proxy", Ask: "And the URI template of its HTTP-to-CoAP proxy (RFC 8075)?", Help: "For example http://192.0.2.10:8080/hc/{+tu}. Without it, connectors cannot be called.", when: func(d *Draft) bool { return d.Role() == verdict.Gateway && d.answers["gateway.api"] == "" }},
		{Key: "platform.admin", Ask: "At which base URL is the admin API of the mock platform (coapstone mockrmp), if one runs?", Help: "Without it, steps that look at what reached the platform do not apply."},
		{Key: "platform.http", Ask: "Under which origin does the gateway reach the mock platform?", Required: true, when: given(verdict.Gateway, "platform.admin")},
	}
}

func serverQuestions() []Question {
	secure := given(verdict.DeviceServer, "device.coaps")
	return []Question{
		{Key: "device.coap", Ask: "At which address does it speak plain CoAP?", Help: "An address with a port, for example 192.0.2.10:5683. Empty: it speaks none."},
		{Key: "device.coaps", instead: "device.coap", Ask: "And CoAP over DTLS?", Help: "An address with a port, for example 192.0.2.10:5684. Empty: it speaks none."},
		{Key: "device.identity", Ask: "Which PSK identity does it take?", Help: "Empty: pre-shared keys are not tried.", when: secure},
		{Key: "device.key", Ask: "Where is the key for it?", Help: "env:NAME or file:PATH, never the key itself: text, or bytes in hex behind hex:.", Required: true, offer: offering("env:DEVICE_KEY"), when: given(verdict.DeviceServer, "device.identity")},
		{Key: "device.roots", instead: "device.identity", Ask: "Which PEM file holds the root of its certificate?", Help: "Empty: certificates are not tried. One of the two, a key or a root, is needed for a session.", when: secure},
		{Key: "device.host", Ask: "Which host name is its certificate for?", Help: "Empty: for its address.", when: given(verdict.DeviceServer, "device.roots")},
		{Key: "device.resources.readable", Ask: "Which path answers GET with the same text each time?", Help: "Empty, here and below: it has no such resource, and what needs it does not apply.", offer: offering("/.well-known/core")},
		{Key: "device.resources.stored", Ask: "Which path takes PUT and DELETE, for testing?"},
		{Key: "device.resources.slow", Ask: "Which path answers so slowly that an acknowledgement goes before the answer?"},
	}
}

func clientQuestions() []Question {
	burnt := given(verdict.DeviceClient, "device.calls.url")
	return []Question{
		{Key: "device.calls.url", Ask: "Which URL of the gateway is burnt in?", Help: "For example coaps://192.0.2.20/coap2http. Empty: it can be told where to send."},
		{Key: "device.calls.api", Ask: "Which Composite API is burnt in, with its query and without the AuthToken?", when: burnt},
		{Key: "device.calls.method", Ask: "Which method does it send?", offer: offering("POST"), when: burnt},
		{Key: "device.calls.payload", Ask: "Which payload does it send, if it is always the same?", when: burnt},
		{Key: "hooks.trigger", Ask: "How is it made to send?", Help: triggerHelp},
	}
}

// hookHelp says how a hook is written on one line.
const (
	hookHelp    = "A command (./press {url}), an http or https URL that is called, or what a person does: \"person: Press the button.\""
	triggerHelp = hookHelp + " {url}, {api}, {proxy-uri}, {method}, {payload}, {user}, {password}, {token}, {identity} and {key} are put in. Empty: it sends by itself."
)

func userQuestions() []Question {
	needed := func(d *Draft) bool { return d.Role() != verdict.DeviceServer }
	user := func(d *Draft) bool { return needed(d) && d.answers["users.hello.name"] != "" }
	explicit := func(d *Draft) bool { return user(d) && d.answers["users.hello.psk-key"] == "explicit" }
	return []Question{
		{Key: "users.hello.name", Ask: "Which user of the platform may it be?", Help: "The features call this user hello. Empty: none, and what needs a user does not apply.", when: needed},
		{Key: "users.hello.password", Ask: "Where is the user's password?", Help: "env:NAME or file:PATH, never the password itself.", Required: true, offer: offering("env:TARGET_PASSWORD"), when: user},
		{Key: "users.hello.psk-key", Ask: "In which form does it have the pre-shared key?", Help: "raw: the 32 bytes of the password's SHA-256. hex: its 64 digits as text. explicit: a key of its own, for stacks that take no 32 bytes.", offer: offering("raw"), when: user},
		{Key: "users.hello.key", Ask: "Where is this key of its own?", Help: "env:NAME or file:PATH: text, or bytes in hex behind hex:.", Required: true, offer: offering("env:TARGET_KEY"), when: explicit},
		{Key: "limits.psk-key", Ask: "How many bytes may a pre-shared key have in its stack?", Help: "Empty: no limit is known.", when: explicit},
	}
}

func benchQuestions() []Question {
	return []Question{
		{Key: "bench.addresses", Ask: "Under which addresses of this machine does it reach the bench?", Required: true, offer: benchOffer, help: benchHelp},
		{Key: "bench.pki", Ask: "In which folder is the test PKI whose root it trusts?", Help: "It is made there at first use, and the device gets its root. Empty: the bench has no certificates.", when: func(d *Draft) bool { return d.Role() != verdict.DeviceServer }},
	}
}

func statementQuestions() []Question {
	return []Question{
		{Key: "denies", Ask: "What of this does it not do?", when: func(d *Draft) bool { return len(d.askable(true)) > 0 }, Help: "Names with spaces between them; empty: it does all of it.", help: func(d *Draft) string { return capabilities(d, true) }},
		{Key: "declares", Ask: "And what of this does it do?", Help: "Names with spaces between them; empty: nothing of it.", help: func(d *Draft) string { return capabilities(d, false) }},
	}
}

func hookQuestions() []Question {
	return []Question{
		{Key: "hooks.reset", Ask: "How is it restarted?", Help: hookHelp + " Empty: it cannot be."},
		{Key: "hooks.console", Ask: "How is its console or log read?", Help: hookHelp + " Empty: it cannot be."},
	}
}

// decided says whether the rest of the file decides a capability, so that nobody
// is asked for it.
func (d *Draft) decided(capability string) bool {
	switch capability {
	case "coap", "coaps", "ipv6", "console", "told", "slow-resource", "stored-resource", "psk-raw", "psk-hex":
		return true
	case "psk", "certificates": // a device has what it has credentials for
		return d.Role() != verdict.Gateway || !d.secure()
	case "extended-master-secret", "connection-id", "resumption":
		return !d.secure()
	}
	return false
}

// secure says whether the target speaks CoAP over DTLS, as far as is known.
func (d *Draft) secure() bool {
	switch d.Role() {
	case verdict.DeviceServer:
		return d.answers["device.coaps"] != ""
	case verdict.DeviceClient:
		return !strings.HasPrefix(d.answers["device.calls.url"], "coap:")
	default:
		return d.answers["gateway.coaps"] != ""
	}
}

// askable are the capabilities of the draft's role that are, or are not, declared
// by default.
func (d *Draft) askable(byDefault bool) []target.Capability {
	return slices.DeleteFunc(target.Capabilities(), func(c target.Capability) bool {
		return !c.For(d.Role()) || c.Default != byDefault || d.decided(c.Name)
	})
}
