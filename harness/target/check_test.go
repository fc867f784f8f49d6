// SPDX-License-Identifier: Apache-2.0

package target

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The least that a target file of each role says.
const (
	minimal = `name: X
gateway: {coap: ["192.0.2.10:5683"]}
bench: {addresses: [192.0.2.20]}
`
	client = `name: X
role: device-client
bench: {addresses: [192.0.2.20]}
`
	server = `name: X
role: device-server
bench: {addresses: [192.0.2.20]}
`
	// called is a device that is called over both schemes, with a key.
	called = server + "device: {coap: '192.0.2.10:5683', coaps: '192.0.2.10:5684', identity: i, key: {env: A}}\n"
	// caller is a device that calls, with one user.
	caller = client + "users: {hello: {password: {env: A}}}\n"
)

// refusal is a target file with a fault, and what is said of it.
type refusal struct {
	name, in, want string
	// beyond says that a JSON Schema cannot say it: the reader alone refuses.
	beyond bool
}

func refusals() []refusal {
	return slices.Concat(refusedKeys(), refusedTargets(), refusedDevices(), refusedCalls(), refusedBenches(), refusedHooks(), refusedUsers(), refusedStatements())
}

func refusedKeys() []refusal {
	return []refusal{
		{"empty", "", "x.yaml: name: not given", false},
		{"unknown key", minimal + "colour: red\n", "x.yaml:4:1: colour: unknown key: want apis, bench, connectors, declares, device,", false},
		{"key with a slip", minimal + "verison: 1\n", "x.yaml:4:1: verison: unknown key: did you mean version?", false},
		{"key with a slip below", "name: X\ngateway:\n  coap: [\"192.0.2.10:5683\"]\n  root: r\nbench: {addresses: [192.0.2.20]}\n", "x.yaml:4:3: gateway.root: unknown key: did you mean roots?", false},
		{"key with an underscore", minimal + "limits: {psk_key: 16}\n", "x.yaml:4:10: limits.psk_key: unknown key: did you mean psk-key?", false},
		{"key below a name", minimal + "users: {a.b: {pasword: {env: A}}}\n", "x.yaml:4:15: users.a.b.pasword: unknown key: did you mean password?", false},
		{"unknown source", minimal + "users:\n  hello:\n    password: {vault: x}\n", "x.yaml:6:16: users.hello.password.vault: unknown key: want env or file", false},
		{"doubled key", minimal + "name: Y\n", "x.yaml:4:1: mapping key \"name\" already defined", false},
		{"no YAML", "name: [", "x.yaml:1:7: ", false},
		{"tag for a list", "name: X\ngateway: {coap: !!binary aGVsbG8=}\n", "x.yaml:2:17: gateway.coap: cannot be read with the tag !!binary: take it out", false},
		{"two documents", minimal + "---\nname: Y\n", "x.yaml:5:1: a second document: want one target to a file", true},
		{"version that is a number", minimal + "version: 3.10\n", "x.yaml:4:10: version: want text here: put it between quotes", false},
		{"name that is a list", strings.Replace(minimal, "name: X", "name: [X]", 1), "x.yaml:1:7: name: want one text here, not a list", false},
		{"key without a value", minimal + "hooks: {reset: }\n", "x.yaml:4:15: hooks.reset: empty: say something here, or take the line out", false},
		{"address without a list", "name: X\ngateway: {coap: '192.0.2.10:5683'}\nbench: {addresses: [192.0.2.20]}\n", "gateway.coap: want a list here: put it between [ and ]", false},
		{"list for keys", minimal + "hooks: [reset]\n", "hooks: want keys with values here", false},
		{"number between quotes", minimal + "limits: {psk-key: '16'}\n", "limits.psk-key: want a whole number, without quotes", false},
		{"number with a point", minimal + "limits: {psk-key: 16.5}\n", "limits.psk-key: want a whole number", false},
		{"declared with a word", minimal + "declares: {observe: yes}\n", "x.yaml:4:21: declares.observe: want true or false, without quotes", false},
		{"host:port without quotes", strings.Replace(minimal, `"192.0.2.10:5683"`, "192.0.2.10:5683", 1), "want text here, got a mapping: put it between quotes", false},
	}
}

func refusedTargets() []refusal {
	return []refusal{
		{"no address", "name: X\ngateway: {host: h}\nbench: {addresses: [192.0.2.20]}\n", "x.yaml:2:10: gateway: neither coap nor coaps", false},
		{"bad address", strings.Replace(minimal, "192.0.2.10:5683", "192.0.2.10", 1), `x.yaml:2:18: gateway.coap[0]: "192.0.2.10": want an IP address with a port`, false},
		{"address of nobody", strings.Replace(minimal, "192.0.2.10:5683", "0.0.0.0:5683", 1), "nobody is reached there", true},
		{"address of many", strings.Replace(minimal, "192.0.2.10:5683", "224.0.1.187:5683", 1), "nobody is reached there", true},
		{"port nought", strings.Replace(minimal, "192.0.2.10:5683", "192.0.2.10:0", 1), "the port 0 is none", true},
		{"role", minimal + "role: toaster\n", `x.yaml:4:7: role: "toaster": want gateway, device-client or device-server`, false},
		{"role with a slip", minimal + "role: device_sever\n", `x.yaml:4:7: role: "device_sever": did you mean device-server?`, false},
		{"no gateway", "name: X\nbench: {addresses: [192.0.2.20]}\n", "x.yaml: gateway: not given", false},
		{"gateway of a device", caller + "gateway: {coap: [\"192.0.2.10:5683\"]}\n", "x.yaml:5:10: gateway: given, but the role is device-client: its place is device (role stands in line 2)", false},
		{"firmware's digest", minimal + "firmware: {digest: 'sha256:ABC'}\n", "x.yaml:4:20: firmware.digest: \"sha256:ABC\": want sha256: and 64 hexadecimal digits", false},
		{"limit below nought", minimal + "limits: {psk-key: -1}\n", "x.yaml:4:19: limits.psk-key: -1: want a number of bytes", false},
		{"limit of identities below nought", minimal + "limits: {psk-identity: -1}\n", "limits.psk-identity: -1: want a number of bytes", false},
		{"proxy without a variable", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy: 'http://192.0.2.10/hc/'}\nbench: {addresses: [192.0.2.20]}\n", "gateway.proxy: the URI template names no whole URI", true},
		{"proxy without a host", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy: '/hc/{+tu}'}\nbench: {addresses: [192.0.2.20]}\n", "want an http or https URL with variables in it", false},
		{"user of no proxy", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy-user: hello}\nbench: {addresses: [192.0.2.20]}\n", "gateway.proxy-user: given without a proxy", false},
		{"user of the proxy who is not bound", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy: 'http://h/{+tu}', proxy-user: hallo}\nbench: {addresses: [192.0.2.20]}\nusers: {hello: {password: {env: A}}}\n", `gateway.proxy-user: no user "hallo" is bound: did you mean hello?`, true},
		{"gateway's API with a path", "name: X\ngateway: {coap: ['192.0.2.10:5683'], api: 'http://h/x'}\nbench: {addresses: [192.0.2.20]}\n", "want scheme, host and port alone", false},
		{"password in an origin", "name: X\ngateway: {coap: ['192.0.2.10:5683'], api: 'http://u:sesame@h'}\nbench: {addresses: [192.0.2.20]}\n", `"http://•••@h": want scheme, host and port alone`, false},
		{"API with a query", minimal + "apis: {orders: 'https://h/x?y=1'}\n", "without a query", false},
		{"API with another scheme and a password", minimal + "apis: {orders: 'ftp://u:sesame@h/x'}\n", "want an http or https URL", false},
		{"proxy with a password", "name: X\ngateway: {coap: ['192.0.2.10:5683'], proxy: 'http://u:sesame@h/{+tu}'}\nbench: {addresses: [192.0.2.20]}\n", "want an http or https URL with variables in it", false},
		{"API with another scheme", minimal + "apis: {orders: 'ftp://h/x'}\n", "want an http or https URL", false},
		{"API with a password", minimal + "apis: {orders: 'https://u:sesame@h/x'}\n", "a secret does not stand in a target file", false},
		{"connector without a name", minimal + "connectors: {lamp: ''}\n", "connectors.lamp: empty", false},
		{"platform without origin", minimal + "platform: {admin: 'http://h:1'}\n", "neither http nor https", false},
		{"platform's admin API with a path", minimal + "platform: {admin: 'http://h:1/x', http: 'http://h:2'}\n", "platform.admin: ", false},
		{"platform's origin for http", minimal + "platform: {admin: 'http://h:1', http: 'h:2'}\n", "platform.http: ", false},
		{"platform's origin", minimal + "platform: {admin: 'http://h:1', https: 'h:2'}\n", "platform.https: ", false},
	}
}

func refusedDevices() []refusal {
	return []refusal{
		{"device-server without a device", server, "x.yaml: device: not given", false},
		{"device of a gateway", minimal + "device: {coap: '192.0.2.10:5683'}\n", "x.yaml:4:9: device: given, but the role is gateway", false},
		{"device without an address", server + "device: {host: h}\n", "neither coap nor coaps", false},
		{"device's bad address", server + "device: {coaps: h}\n", `device.coaps: "h": want an IP address with a port`, false},
		{"device's identity alone", server + "device: {coaps: '192.0.2.10:5684', identity: i}\n", "identity and key go together", false},
		{"device's key alone", server + "device: {coaps: '192.0.2.10:5684', key: {env: A}}\n", "identity and key go together", false},
		{"device's literal key", server + "device: {coaps: '192.0.2.10:5684', identity: i, key: k}\n", "a secret does not stand in a target file", false},
		{"device's unknown resource", server + "device: {coap: '192.0.2.10:5683', resources: {fast: /x}}\n", "device.resources.fast: no such resource: want readable, stored, slow, test,", false},
		{"device's resource with a slash", server + "device: {coap: '192.0.2.10:5683', resources: {/large-updat: /x}}\n", "did you mean large-update?", false},
		{"device's resource without a path", server + "device: {coap: '192.0.2.10:5683', resources: {slow: x}}\n", `device.resources.slow: "x": want a path`, false},
		{"device's resource that is nothing", server + "device: {coap: '192.0.2.10:5683', resources: {slow: }}\n", "device.resources.slow: empty: say something", false},
		{"device's resource with an empty path", server + "device: {coap: '192.0.2.10:5683', resources: {slow: ''}}\n", "want a path", false},
		{"device's absent resource with methods", server + "device: {coap: '192.0.2.10:5683', resources: {slow: {path: absent, methods: [GET]}}}\n", "want a path", false},
		{"device's resource with a method of its own", server + "device: {coap: '192.0.2.10:5683', resources: {slow: {path: /x, methods: [GTE]}}}\n", `device.resources.slow.methods[0]: "GTE": did you mean GET?`, false},
		{"device's identity beyond the limit", strings.Replace(called, "identity: i", "identity: door-7", 1) + "limits: {psk-identity: 5}\n", "device.identity: 6 bytes, and the target takes identities of 5 (limits.psk-identity stands in line 5)", true},
	}
}

func refusedCalls() []refusal {
	calls := func(s string) string { return caller + "device: {calls: {" + s + "}}\n" }
	return []refusal{
		{"calls of a device that is called", server + "device: {coap: '192.0.2.10:5683', calls: {method: GET}}\n", "device.calls: given, but the role is device-server", false},
		{"sends from a port", caller + "device: {address: '192.0.2.10:5683'}\n", "x.yaml:5:19: device.address: \"192.0.2.10:5683\": want the IP address of the device without a port", true},
		{"sends from an address, but is called", server + "device: {address: 192.0.2.10, coap: '192.0.2.10:5683'}\n", "device.address: given, but the role is device-server", true},
		{"calls another scheme", calls("url: 'http://h/x'"), "want a coap or coaps URL", false},
		{"calls nobody", calls("url: 'coap://'"), "want a coap or coaps URL", false},
		{"calls a port too high", calls("url: 'coap://h:70000/x'"), "70000 is no UDP port", true},
		{"calls with another method", calls("method: FETCH"), `"FETCH": want GET, PUT, POST or DELETE`, false},
		{"calls with a token", calls("api: 'https://h/x?P_mode=TEST&AuthToken=eA=='"), "leave the AuthToken out", false},
		{"calls no URL of an API", calls("api: orders"), "want the http or https URL of the Composite API", false},
		{"calls as nobody", calls("user: hallo"), `no user "hallo" is bound: did you mean hello?`, true},
		{"calls as one of none", client + "device: {calls: {user: a}}\n", `no user "a" is bound: say under users`, true},
	}
}

func refusedBenches() []refusal {
	bench := func(s string) string {
		return strings.Replace(minimal, "addresses: [192.0.2.20]", "addresses: [192.0.2.20], "+s, 1)
	}
	return []refusal{
		{"no bench", "name: X\ngateway: {coap: [\"192.0.2.10:5683\"]}\n", "x.yaml: bench.addresses: none given", false},
		{"bench's address with a port", strings.Replace(minimal, "[192.0.2.20]", "['192.0.2.20:1']", 1), "want an IP address of this machine without a port", true},
		{"bench everywhere", strings.Replace(minimal, "[192.0.2.20]", "['::']", 1), "want one address of this machine", true},
		{"reached as fewer", strings.Replace(minimal, "[192.0.2.20]", "[192.0.2.20, '2001:db8::20'], reached: [198.51.100.1]", 1), "has 1 addresses where addresses has 2", true},
		{"reached as no address", bench("reached: [h]"), `"h": want the IP address under which the target reaches 192.0.2.20`, true},
		{"reached in another family", bench("reached: ['2001:db8::1']"), "another family", true},
		{"exchanges", bench("exchanges: -1"), "x.yaml:3:45: bench.exchanges: -1: want how many scenarios", false},
		{"a pause beyond a scenario", bench("pause: 31s"), "bench.pause: 31s: want 30s at most", true},
		{"one port for both", bench("ports: {coap: 5684}"), "coap and coaps have the same port 5684", true},
		{"port too high", bench("ports: {coap: 70000}"), "x.yaml:3:", false},
		{"pause without a unit", bench("pause: 3"), `"3": want a time span with its unit`, false},
		{"pause before it began", bench("pause: -3s"), `"-3s": want a time span with its unit`, false},
		{"pause that is nothing", bench("pause: ''"), `"": want a time span with its unit`, false},
		{"devices' ports that are no range", bench("devices: '40000'"), `bench.devices: "40000": want a range of UDP ports`, false},
		{"devices' ports the wrong way round", bench("devices: 40010-40000"), "want a range of UDP ports", true},
		{"devices' ports that are too few", bench("devices: 40000-40002"), "want 4 ports or more", true},
		{"interface that is nothing", bench("interface: ''"), "bench.interface: empty: say something here, or take the line out", false},
		{"certificate without a key", bench("certificate: {chain: c.pem, host: h}"), "bench.certificate.key: not given: chain, key and host go together", false},
		{"certificate without a host", bench("certificate: {chain: c.pem, key: k.pem}"), "the DNS name that the firmware looks for", false},
	}
}

func refusedHooks() []refusal {
	hook := func(s string) string { return minimal + "hooks: {reset: {" + s + "}}\n" }
	return []refusal{
		{"hook that is nothing", hook(""), "x.yaml:4:16: hooks.reset: says nothing to do: want one of command, http and person", false},
		{"hook that is two", hook("command: [a], person: b"), "command and person are given: want one of them", false},
		{"hook with no program", hook("command: []"), "names no program", false},
		{"hook with an empty program", hook("command: ['']"), "names no program", false},
		{"hook with an unknown variable", hook("command: [a, '-u={usr}']"), "x.yaml:4:30: hooks.reset.command[1]: {usr}: no such variable: did you mean {user}?", true},
		{"hook with a variable of its own", hook("person: 'Press {button}.'"), "hooks.reset.person: {button}: no such variable: want {api}, {identity},", true},
		{"hook with a variable in a header", hook("http: {url: 'http://h/', header: {X-Key: '{kee}'}}"), "hooks.reset.http.header.X-Key: {kee}: no such variable: did you mean {key}?", true},
		{"hook with a header of two words", hook("http: {url: 'http://h/', header: {'X Key': a}}"), "no name of a header field", false},
		{"hook with an unknown variable in its URL", hook("http: {url: 'http://h/{x}'}"), "hooks.reset.http.url: {x}: no such variable", true},
		{"hook with an unknown variable in its body", hook("http: {url: 'http://h/', body: '{x}'}"), "hooks.reset.http.body: {x}: no such variable", true},
		{"hook with no URL", hook("http: {method: GET}"), "hooks.reset.http.url: \"\": want an http or https URL", false},
		{"hook with another scheme", hook("http: {url: 'mqtt://h/'}"), "want an http or https URL", false},
		{"hook with another method", hook("http: {url: 'http://h/', method: PUTS}"), `"PUTS": did you mean PUT?`, false},
		{"hook of a name of its own", minimal + "hooks: {reboot: {person: x}}\n", "hooks.reboot: unknown key: want console, factory-reset,", false},
	}
}

func refusedUsers() []refusal {
	return []refusal{
		{"literal password", minimal + "users:\n  hello:\n    password: world\n", "x.yaml:6:15: users.hello.password: a secret does not stand in a target file", false},
		{"user that is nothing", minimal + "users: {hello: }\n", "users.hello: empty", false},
		{"no password", minimal + "users:\n  hello: {name: a}\n", "password: not given: say where it is", false},
		{"password from nowhere", minimal + "users:\n  hello:\n    password: {}\n", "users.hello.password: not given: say where it is", false},
		{"two sources", minimal + "users:\n  hello:\n    password: {env: A, file: b}\n", "x.yaml:6:15: users.hello.password: both env and file", false},
		{"explicit without key", minimal + "users:\n  hello:\n    password: {env: A}\n    psk-key: explicit\n", "x.yaml:7:14: users.hello.psk-key: explicit needs the key", false},
		{"key without explicit", minimal + "users:\n  hello:\n    password: {env: A}\n    key: {env: B}\n", "psk-key: explicit", false},
		{"form of a key", minimal + "users: {hello: {password: {env: A}, psk-key: explict}}\n", `users.hello.psk-key: "explict": did you mean explicit?`, false},
		{"name with a colon", minimal + "users: {hello: {name: 'a:b', password: {env: A}}}\n", "a user name has no colon", false},
		{
			"derived key beyond the limit", caller + "limits: {psk-key: 16}\n",
			"x.yaml:4:16: users.hello: the key that is made of the password has 32 bytes as raw, and the target takes 16: say psk-key: explicit with a key of at most 16 bytes; " +
				"that the key is the hash of the password (the document, §4.2) is then not judged, and not certified (limits.psk-key stands in line 5)", true,
		},
		{"key in hexadecimal beyond the limit", client + "limits: {psk-key: 32}\nusers: {a: {password: {env: A}, psk-key: hex}}\n", "has 64 bytes as hex, and the target takes 32", true},
		{"name beyond the limit", caller + "limits: {psk-identity: 4}\n", `the name "hello" has 5 bytes, and the target takes identities of 4`, true},
	}
}

func refusedStatements() []refusal {
	says := func(file, declares string) string { return file + "declares: {" + declares + "}\n" }
	return []refusal{
		{"capability with a slip", says(minimal, "ipv5: true"), "x.yaml:4:18: declares.ipv5: no such capability: did you mean ipv6?", false},
		{"capability of its own", says(minimal, "teleport: true"), "declares.teleport: no such capability: want block-wise, certificates,", false},
		{"capability that is text", says(minimal, "observe: maybe"), "x.yaml:4:", false},
		{"capability of another role", says(minimal, "told: true"), "means nothing for the role gateway, only for device-client", true},
		{"coap denied beside its address", says(minimal, "coap: false"), "x.yaml:4:18: declares.coap: denied, but gateway.coap gives an address for it: take one of them out (gateway.coap stands in line 2)", true},
		{"coaps declared without an address", says(minimal, "coaps: true"), "declares.coaps: declared, but gateway.coaps gives no address", true},
		{"coaps denied beside a device's address", says(called, "coaps: false"), "(device.coaps stands in line 4)", true},
		{"coap denied beside a URL", says(caller+"device: {calls: {url: 'coap://192.0.2.20/coap2http'}}\n", "coap: false"), "(device.calls.url stands in line 5)", true},
		{"IPv6 without an address of the bench", says(minimal, "ipv6: true"), "the bench has no IPv6 address", true},
		{"IPv6 without an address of the target", says(strings.Replace(minimal, "[192.0.2.20]", "[192.0.2.20, '2001:db8::20']", 1), "ipv6: true"), "no IPv6 address of it is given", true},
		{"resumption without coaps", says(minimal, "resumption: true"), "declares.resumption: declared, but without coaps there is no DTLS", true},
		{"psk denied beside a device's identity", says(called, "psk: false"), "declares.psk: denied, but the device has an identity and a key: take one of them out (device.identity stands in line 4)", true},
		{"psk denied beside a user's form", says(client+"users: {a: {password: {env: A}, psk-key: raw}}\n", "psk: false"), "(users.a.psk-key stands in line 4)", true},
		{"psk without a key", says(server+"device: {coaps: '192.0.2.10:5684', roots: r.pem}\n", "psk: true"), "the device has no identity and key", true},
		{"psk without a user", says(client, "psk: true"), "no user is bound", true},
		{"certificates without roots", says(called, "certificates: true"), "device.roots does not say", true},
		{"certificates without one to show", says(caller, "certificates: true"), "the bench has no certificate to show", true},
		{"certificates denied beside roots", says(server+"device: {coap: '192.0.2.10:5683', coaps: '192.0.2.10:5684', roots: r.pem}\n", "certificates: false"), "(device.roots stands in line 4)", true},
		{"certificates denied beside one", says("name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], certificate: {chain: c, key: k, host: h}}\n", "certificates: false"), "(bench.certificate stands in line 3)", true},
		{"coaps with neither", server + "device: {coaps: '192.0.2.10:5684'}\n", "device.coaps: nobody can open a session", true},
		{"form that no user has", says(caller, "psk-hex: true"), "no user has psk-key: hex", true},
		{"form beyond the limit", says("name: X\nlimits: {psk-key: 16}\ngateway: {coaps: ['192.0.2.10:5684']}\nbench: {addresses: [192.0.2.20]}\n", "psk-raw: true"), "such a key has 32 bytes, and the target takes 16", true},
		{"form denied that a user has", says(client+"users: {a: {password: {env: A}, psk-key: hex}}\n", "psk-hex: false"), "(users.a.psk-key stands in line 4)", true},
		{"stored resource that is not there", says(called, "stored-resource: true"), "device.resources.stored names no resource that allows GET, PUT, POST, DELETE", true},
		{"slow resource denied", says(server+"device: {coap: '192.0.2.10:5683', resources: {slow: /s}}\n", "slow-resource: false"), "(device.resources.slow stands in line 4)", true},
		{"told without a trigger", says(caller, "told: true"), "without hooks.trigger nobody can tell it anything", true},
		{"console without a hook", says(minimal, "console: true"), "without hooks.console nobody can read it", true},
		{"burnt-in port where nobody listens", "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], ports: {coap: 15683}}\ndevice: {calls: {url: 'coap://gw.example.com/x'}}\n", "sends to port 5683, and the harness listens at 15683", true},
		{"burnt-in address where nobody is", client + "device: {calls: {url: 'coap://192.0.2.99/x'}}\n", "sends to 192.0.2.99, and the harness is reached at 192.0.2.20", true},
		{"burnt-in name of another certificate", "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], certificate: {chain: c, key: k, host: h}}\ndevice: {calls: {url: 'coaps://gw.example.com/x'}}\n", "looks for gw.example.com, and the certificate is for h", true},
	}
}

func TestTargetFileFaultsNameThePlaceAndTheRemedy(t *testing.T) {
	placed := regexp.MustCompile(`^x\.yaml(:\d+:\d+)?: `)
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want it to contain %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") || !placed.MatchString(err.Error()) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("want one line that begins with the place and tells no secret, got %q", err)
			}
		})
	}
}

func TestFaultIsTheSameEachTime(t *testing.T) {
	in := []byte(minimal + "users: {a: {password: {env: A}, key: {env: B}}, b: {password: x}}\napis: {x: y, z: q}\ndeclares: {told: true, says: true}\n")
	_, first := Parse("x.yaml", in)
	for range 50 {
		if _, err := Parse("x.yaml", in); err == nil || err.Error() != first.Error() {
			t.Fatalf("first %v, then %v", first, err)
		}
	}
}
