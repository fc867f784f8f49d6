// SPDX-License-Identifier: Apache-2.0

package target

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatementHasTheDefaultsThatTheRestOfTheFileDecides(t *testing.T) {
	const users = "users: {hello: {password: {env: A}}}\n"
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"a gateway over coap alone", minimal, []string{"clock", "coap", "extended-master-secret"}},
		{
			"a gateway over both", "name: X\ngateway: {coap: ['192.0.2.10:5683'], coaps: ['192.0.2.10:5684']}\nbench: {addresses: [192.0.2.20]}\nhooks: {console: {command: [log]}}\n",
			[]string{"certificates", "clock", "coap", "coaps", "console", "extended-master-secret", "psk", "psk-raw"},
		},
		{
			"a gateway over IPv6 with users of two forms", "name: X\ngateway: {coaps: ['[2001:db8::10]:5684']}\nbench: {addresses: ['2001:db8::20']}\n" +
				"users: {a: {password: {env: A}}, b: {password: {env: A}, psk-key: hex}}\n",
			[]string{"certificates", "clock", "coaps", "extended-master-secret", "ipv6", "psk", "psk-hex", "psk-raw"},
		},
		{"a gateway over IPv6 that the bench lacks", "name: X\ngateway: {coap: ['192.0.2.10:5683', '[2001:db8::10]:5683']}\nbench: {addresses: [192.0.2.20]}\n", []string{"clock", "coap", "extended-master-secret"}},
		{
			"a gateway whose users have keys of their own", "name: X\ngateway: {coaps: ['192.0.2.10:5684']}\nbench: {addresses: [192.0.2.20]}\nusers: {a: {password: {env: A}, psk-key: explicit, key: {env: B}}}\n",
			[]string{"certificates", "clock", "coaps", "extended-master-secret", "psk"},
		},
		{"what is stated goes before", minimal + "declares: {clock: false, observe: true, block-wise: true}\n", []string{"block-wise", "coap", "extended-master-secret", "observe"}},

		{"a device that calls, of which nothing is known", client, []string{"coap", "coaps", "extended-master-secret"}},
		{"one with a user", client + users, []string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw"}},
		{"one with a trigger that tells nothing", client + users + "hooks: {trigger: {command: [press]}}\n", []string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw"}},
		{"one with a trigger that tells too little", client + users + "hooks: {trigger: {command: [press, '{url}', '{method}', '{payload}']}}\n", []string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw"}},
		{
			"one with a program that is told all", client + users + "hooks: {trigger: {command: [press, '{url}', '{method}', '{payload}', '-p={proxy-uri}']}}\n",
			[]string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw", "told"},
		},
		{
			"one with a call that is told all", client + users + "hooks: {trigger: {http: {url: 'http://h/?u={url}', header: {X-Method: '{method}'}, body: '{payload} {api}'}}}\n",
			[]string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw", "told"},
		},
		{"one with a program that finds it all in its environment", client + users + "hooks: {trigger: {command: [press]}}\ndeclares: {told: true}\n", []string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw", "told"}},
		{"one with a person and a user", client + users + "hooks: {trigger: {person: Press.}}\n", []string{"coap", "coaps", "extended-master-secret", "psk", "psk-raw", "told"}},
		{"one for which the bench has certificates", "name: X\nrole: device-client\nbench: {addresses: [192.0.2.20], pki: pki}\n", []string{"certificates", "coap", "coaps", "extended-master-secret"}},
		{
			"one with a URL burnt in", client + users + "hooks: {trigger: {person: Press.}}\ndevice: {calls: {url: 'coaps://gw.example.com/coap2http'}}\n",
			[]string{"coaps", "extended-master-secret", "psk", "psk-raw"},
		},
		{
			"one with a user of two burnt in", client + "users: {a: {password: {env: A}}, b: {password: {env: A}, psk-key: hex}}\ndevice: {calls: {user: b}}\n",
			[]string{"coap", "coaps", "extended-master-secret", "psk", "psk-hex"},
		},

		{"a device that is called over coap alone", server + "device: {coap: '192.0.2.10:5683'}\n", []string{"coap", "extended-master-secret", "no-proxy"}},
		{
			"one with everything", server + "device: {coap: '192.0.2.10:5683', coaps: '192.0.2.10:5684', roots: r.pem, identity: i, key: {env: A}, resources: {readable: /r, stored: {path: /s, methods: [GET, PUT, POST, DELETE]}, slow: /w}}\n",
			[]string{"certificates", "coap", "coaps", "extended-master-secret", "no-proxy", "psk", "slow-resource", "stored-resource"},
		},
		{"one whose resource does not allow what is asked of it", server + "device: {coap: '192.0.2.10:5683', resources: {stored: {path: /s, methods: [GET, PUT]}}}\n", []string{"coap", "extended-master-secret", "no-proxy"}},
		{"one whose resources are absent", server + "device: {coap: '192.0.2.10:5683', resources: {stored: absent, slow: absent}}\n", []string{"coap", "extended-master-secret", "no-proxy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("x.yaml", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, f.Declared()); d != "" {
				t.Error("(-want +got)\n" + d)
			}
			for _, d := range f.Statement() {
				if !d.Stated && d.Why == "" {
					t.Errorf("%s is neither stated nor has a reason", d.Capability.Name)
				}
			}
		})
	}
}

func TestResourceIsAPathOrAMappingOrAbsent(t *testing.T) {
	f, err := Parse("x.yaml", []byte(server+"device: {coap: '192.0.2.10:5683', resources: {readable: /r, stored: {path: /s, methods: [GET, PUT]}, slow: absent, test: {path: /t, methods: [DELETE, POST, PUT, GET]}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"readable": "/r", "test": "/t"}, f.Device.Paths()); d != "" {
		t.Error("(-want +got)\n" + d)
	}
	if f.Device.Resource("readable") != "/r" || f.Device.Resource("stored") != "" || f.Device.Resource("slow") != "" {
		t.Errorf("paths: %q, %q, %q", f.Device.Resource("readable"), f.Device.Resource("stored"), f.Device.Resource("slow"))
	}
	stored := f.Device.Resources["stored"]
	if !stored.Allows("PUT") || stored.Allows("DELETE") || !f.Device.Resources["readable"].Allows("DELETE") || f.Device.Resources["slow"].Allows("GET") {
		t.Errorf("methods: %+v", f.Device.Resources)
	}
}
