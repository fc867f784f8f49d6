// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/verdict"
)

// File is a target file.
type File struct {
	// Vendor is who makes it.
	Vendor string `yaml:"vendor,omitempty"`
	// Name is the product, as a report should call it.
	Name string `yaml:"name"`
	// Version is the product's version, between quotes: "2.10".
	Version string `yaml:"version,omitempty"`
	// Hardware is the hardware revision.
	Hardware string `yaml:"hardware,omitempty"`
	// Firmware is what runs on it.
	Firmware Firmware `yaml:"firmware,omitempty"`
	// Role is what the target is: a gateway, a device that calls, or one that is
	// called; gateway when absent.
	Role verdict.Role `yaml:"role,omitempty"`
	// Declares is the conformance statement: capabilities by name, declared or
	// denied. What it does not name follows from the rest of the file, or has the
	// default that the document asks for.
	Declares map[string]bool `yaml:"declares,omitempty"`
	// Limits are what the target's stack cannot exceed.
	Limits Limits `yaml:"limits,omitempty"`
	// Gateway is where the gateway is reached. It stands there when the role is
	// gateway, and then alone.
	Gateway *Gateway `yaml:"gateway,omitempty"`
	// Device is where a device is called, or what it sends. It must be there when
	// the role is device-server, and cannot when it is gateway.
	Device *Device `yaml:"device,omitempty"`
	// Bench is where the harness's own devices, and its gateway, stand.
	Bench Bench `yaml:"bench"`
	// Hooks are how the target is made to do things.
	Hooks Hooks `yaml:"hooks,omitempty"`
	// Platform is the mock platform that the gateway calls; absent when it calls one
	// that the harness cannot look into.
	Platform *Platform `yaml:"platform,omitempty"`
	// Users are users that exist, by their names in the features: hello, stranger.
	Users map[string]*User `yaml:"users,omitempty"`
	// APIs are the URLs of Composite APIs that exist, by their names in the features,
	// without any query.
	APIs map[string]string `yaml:"apis,omitempty"`
	// Connectors are connectors that exist on the gateway, by their names in the
	// features.
	Connectors map[string]string `yaml:"connectors,omitempty"`

	dir string
}

// Dir is the folder of the file, for what is named relative to it; "" when it was
// only parsed.
func (f *File) Dir() string { return f.dir }

// Title is what a report calls the target: vendor, product and version.
func (f *File) Title() string {
	return strings.Join(strings.Fields(f.Vendor+" "+f.Name+" "+f.Version), " ")
}

// Firmware is what runs on a target.
type Firmware struct {
	// Version is that of the firmware, between quotes: "3.10".
	Version string `yaml:"version,omitempty"`
	// Digest is that of its image: sha256: and 64 hexadecimal digits, as sha256sum
	// prints them.
	Digest string `yaml:"digest,omitempty"`
}

// Limits are what a target's stack cannot exceed; 0 is no limit.
type Limits struct {
	// PSKKey is how long a pre-shared key may be, in bytes. The document's key has 32;
	// a target that takes fewer needs users with psk-key: explicit.
	PSKKey int `yaml:"psk-key,omitempty"`
	// PSKIdentity is how long a PSK identity may be, in bytes.
	PSKIdentity int `yaml:"psk-identity,omitempty"`
}

// Hooks are how the target is made to do things. One that is absent cannot be
// done.
type Hooks struct {
	// Trigger has a device that calls send its request.
	Trigger *Hook `yaml:"trigger,omitempty"`
	// Provision gives a device other credentials, another URL.
	Provision *Hook `yaml:"provision,omitempty"`
	// Reset restarts its software.
	Reset *Hook `yaml:"reset,omitempty"`
	// PowerCycle takes its power away and gives it back.
	PowerCycle *Hook `yaml:"power-cycle,omitempty"`
	// FactoryReset has it forget what it was told.
	FactoryReset *Hook `yaml:"factory-reset,omitempty"`
	// Console prints what the target has said so far.
	Console *Hook `yaml:"console,omitempty"`
}

// Hook is one way to make the target do something: exactly one of command, http
// and person. {name} in their texts stands for a variable of the occasion: {url},
// {api}, {proxy-uri}, {method}, {payload}, {user}, {password}, {token},
// {identity}, {key}.
type Hook struct {
	// Command is a program and its arguments; no shell reads them.
	Command []string `yaml:"command,omitempty"`
	// HTTP is a call to make.
	HTTP *HTTPCall `yaml:"http,omitempty"`
	// Person is what somebody is asked to do.
	Person string `yaml:"person,omitempty"`
	// Timeout bounds it; 0 is 30 s, and 5 min for a person.
	Timeout Duration `yaml:"timeout,omitempty"`
}

// HTTPCall is a hook's HTTP call. Any 2xx status is success.
type HTTPCall struct {
	// Method is GET, POST, PUT, PATCH or DELETE; POST when absent.
	Method string `yaml:"method,omitempty"`
	// URL is what is called; the values of variables are escaped in it.
	URL string `yaml:"url"`
	// Header is the header fields of the call.
	Header map[string]string `yaml:"header,omitempty"`
	// Body is what is sent.
	Body string `yaml:"body,omitempty"`
}

// Gateway is where a gateway is reached.
type Gateway struct {
	// CoAP is its addresses for coap with ports, between quotes: "192.0.2.10:5683",
	// "[2001:db8::10]:5683".
	CoAP []string `yaml:"coap,omitempty"`
	// CoAPS is its addresses for coaps with ports: "192.0.2.10:5684".
	CoAPS []string `yaml:"coaps,omitempty"`
	// Host is the host name that its certificate is for.
	Host string `yaml:"host,omitempty"`
	// Roots is a PEM file: what a device's trust store must hold to accept its
	// certificate. Relative to the target file.
	Roots string `yaml:"roots,omitempty"`
	// API is the base URL of its HTTP API, if it has the reference gateway's.
	// Without it, steps that configure the gateway do not apply.
	API string `yaml:"api,omitempty"`
	// Proxy is the URI template of its HTTP-to-CoAP proxy (RFC 8075 §5.4), if it has
	// one: "http://192.0.2.10:8080/hc/{+tu}". Where there is no API, connectors are
	// called through it.
	Proxy string `yaml:"proxy,omitempty"`
	// ProxyUser is the name under which users binds who may use the proxy (HTTP
	// Basic); empty where it asks for nobody.
	ProxyUser string `yaml:"proxy-user,omitempty"`
}

// Device is where a device is called.
type Device struct {
	// Address is where a device that calls sends from, without a port: what comes from
	// elsewhere is not its. When absent, the first that sends is taken for it.
	Address string `yaml:"address,omitempty"`
	// CoAP is its address for coap with a port: "192.0.2.10:5683". One of coap and
	// coaps is enough.
	CoAP string `yaml:"coap,omitempty"`
	// CoAPS is its address for coaps with a port: "192.0.2.10:5684".
	CoAPS string `yaml:"coaps,omitempty"`
	// Host is the host name that its certificate is for; its address when absent.
	Host string `yaml:"host,omitempty"`
	// Roots is a PEM file: what vouches for its certificate. Relative to the target
	// file. Without it certificates are not tried.
	Roots string `yaml:"roots,omitempty"`
	// Identity is the PSK identity that it takes. Without identity and key pre-shared
	// keys are not tried.
	Identity string `yaml:"identity,omitempty"`
	// Key says where the pre-shared key is: text, or bytes in hexadecimal digits
	// behind "hex:".
	Key Source `yaml:"key,omitempty"`
	// Resources are where its resources are, by what they are good for. Each is a
	// path, a path with methods, or the word absent. What needs one that is absent, or
	// not named, does not apply.
	Resources map[string]Resource `yaml:"resources,omitempty"`
	// Calls is what a device that calls has burnt in; what is absent it can be told
	// by the trigger.
	Calls Calls `yaml:"calls,omitempty"`
}

// Calls is what a device that calls has burnt in. What is empty it can be told.
type Calls struct {
	// URL is where its messages go: "coaps://gateway.example.com/coap2http".
	URL string `yaml:"url,omitempty"`
	// API is the URL of the Composite API with its query, without the AuthToken.
	API string `yaml:"api,omitempty"`
	// Method is that of its request: GET, PUT, POST or DELETE.
	Method string `yaml:"method,omitempty"`
	// Payload is that of its request, as text.
	Payload string `yaml:"payload,omitempty"`
	// User is the name under which users binds the one user that it has.
	User string `yaml:"user,omitempty"`
}

// Bench is where the harness's own devices stand.
type Bench struct {
	// Addresses are addresses of this machine under which the target reaches it.
	Addresses []string `yaml:"addresses"`
	// PKI is the folder of the test PKI whose root the target trusts. Without it
	// devices have no certificates. Relative to the target file.
	PKI string `yaml:"pki,omitempty"`
	// Reached are the addresses under which the target reaches those of the bench, in
	// the same order, where they differ (a translator of addresses between them).
	Reached []string `yaml:"reached,omitempty"`
	// Interface is the network interface that the addresses are on; target check
	// looks there.
	Interface string `yaml:"interface,omitempty"`
	// Ports are where the harness listens when it plays the gateway.
	Ports Ports `yaml:"ports,omitempty"`
	// Devices are the UDP ports on which the harness's own devices are called,
	// "40000-40031", where a firewall or an allow-list must know them; any when absent.
	Devices string `yaml:"devices,omitempty"`
	// Certificate is the vendor's own, for the name in the firmware. It goes before
	// pki.
	Certificate *Certificate `yaml:"certificate,omitempty"`
	// Exchanges is how many scenarios may speak to the target at once; 0 is 1 for a
	// device, and 32 for a gateway.
	Exchanges int `yaml:"exchanges,omitempty"`
	// Pause is left between two scenarios, for a target that needs it.
	Pause Duration `yaml:"pause,omitempty"`
	// Boot is how long the target takes to be back after a reset; 0 is 30 s.
	Boot Duration `yaml:"boot,omitempty"`
}

// Ports are UDP ports. 0 is the default port: 5683 and 5684.
type Ports struct {
	// CoAP is the port for coap; 5683 when absent.
	CoAP uint16 `yaml:"coap,omitempty"`
	// CoAPS is the port for coaps; 5684 when absent.
	CoAPS uint16 `yaml:"coaps,omitempty"`
}

// Certificate is a certificate that the harness shows as the gateway.
type Certificate struct {
	// Chain is a PEM file, the leaf first. Relative to the target file.
	Chain string `yaml:"chain"`
	// Key is a PEM file with its private key. Relative to the target file.
	Key string `yaml:"key"`
	// Host is the DNS name that it is for.
	Host string `yaml:"host"`
}

// Platform is a mock platform: one that runs elsewhere (coapstone mockrmp), or
// one that is started for the run on the bench.
type Platform struct {
	// Admin is the base URL of its admin API, as this machine reaches it. Without it
	// the platform is started for the run, at the ports of http and https.
	Admin string `yaml:"admin,omitempty"`
	// HTTP is its origin for http, as the target reaches it. One of http and https is
	// enough.
	HTTP string `yaml:"http,omitempty"`
	// HTTPS is its origin for https: "https://platform.example.com:8443".
	HTTPS string `yaml:"https,omitempty"`
}

// User is a user that exists on the target and on its platform.
type User struct {
	// Name is the user name; the name in the features when absent.
	Name string `yaml:"name,omitempty"`
	// Password says where the password is.
	Password Source `yaml:"password"`
	// PSKKey is the form of the user's pre-shared key: raw (the default), hex, or
	// explicit, which takes the bytes of key.
	PSKKey string `yaml:"psk-key,omitempty"`
	// Key says where the explicit key is: text, or bytes in hex behind "hex:".
	Key Source `yaml:"key,omitempty"`
}

// Source says where a secret is. One of the two is given. The zero value means
// that there is none.
type Source struct {
	// Env is the name of a variable of the environment.
	Env string `yaml:"env,omitempty"`
	// File is a file whose first line is the secret. Relative to the target file.
	File string `yaml:"file,omitempty"`

	value   secret.Text
	literal bool // something else than a mapping stood there
}

// UnmarshalYAML takes a mapping, and remembers anything else for a better error
// than that of its type.
func (s *Source) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if unmarshal(&text) == nil {
		*s = Source{literal: true}
		return nil
	}
	type plain Source
	return unmarshal((*plain)(s))
}

// Value is the secret that was found there.
func (s *Source) Value() secret.Text { return s.value }

// CoAPAddrs is the gateway's addresses for coap, IPv4 before IPv6.
func (g *Gateway) CoAPAddrs() []netip.AddrPort { return addrPorts(g.CoAP) }

// CoAPSAddrs is the gateway's addresses for coaps, IPv4 before IPv6.
func (g *Gateway) CoAPSAddrs() []netip.AddrPort { return addrPorts(g.CoAPS) }

// CoAPAddr is the device's address for coap; the zero AddrPort where it has none.
func (d *Device) CoAPAddr() netip.AddrPort { return addrPort(d.CoAP) }

// CoAPSAddr is the device's address for coaps; the zero AddrPort where it has none.
func (d *Device) CoAPSAddr() netip.AddrPort { return addrPort(d.CoAPS) }

func addrPort(s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return a
}

// PSK is the device's pre-shared key as bytes; nil when it has none.
func (d *Device) PSK() ([]byte, error) {
	if !d.Key.given() {
		return nil, nil
	}
	return decodeKey(d.Key.Value().Reveal())
}

// addrPorts is a list that check has passed.
func addrPorts(list []string) []netip.AddrPort {
	var v4, v6 []netip.AddrPort
	for _, s := range list {
		switch a, err := netip.ParseAddrPort(s); {
		case err != nil:
		case a.Addr().Is4():
			v4 = append(v4, a)
		default:
			v6 = append(v6, a)
		}
	}
	return append(v4, v6...)
}

func (s *Source) given() bool { return s.Env != "" || s.File != "" }
