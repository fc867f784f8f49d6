// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/secret"
)

// Config is the whole configuration of a gateway. It is read from YAML with
// ParseConfig, or put together in Go.
//
// Where it wants a file with PEM, it takes PEM text as well: a value that
// contains "-----BEGIN". A relative file name is relative to the configuration
// file, or to the working directory when there is none.
type Config struct {
	Listen Listen `yaml:"listen"`
	// Names are the host names under which devices reach the gateway: a
	// Proxy-Uri with one of them is a local request (RFC 7252 §5.7.2). Its
	// addresses it knows itself.
	Names []string `yaml:"names,omitempty"`
	DTLS  DTLS     `yaml:"dtls,omitempty"`
	// Trust is PEM with the root certificates for devices that are called over
	// coaps. None means that no certificate of a device is accepted.
	Trust    []string `yaml:"trust,omitempty"`
	Platform Platform `yaml:"platform,omitempty"`
	// Hosts maps names to IP addresses, before any name service is asked: those
	// of devices and of the platform.
	Hosts map[string]string `yaml:"hosts,omitempty"`
	// Users are the PSK identities to begin with; the HTTP API can change them.
	Users []User `yaml:"users,omitempty"`
	// Providers and Connectors are those to begin with, by name; the HTTP API
	// can change them.
	Providers  map[string]outbound.Provider  `yaml:"providers,omitempty"`
	Connectors map[string]outbound.Connector `yaml:"connectors,omitempty"`
	// ProbingRate is PROBING_RATE (RFC 7252 §4.7, §4.8): how many bytes a second,
	// on average, a connector may send to a device that does not answer. Zero
	// means 1, as the RFC has it; more is for networks where that does no harm.
	ProbingRate int `yaml:"probing-rate,omitempty"`
	// HC is the HTTP-to-CoAP proxy beside the connectors.
	HC HC `yaml:"hc,omitempty"`

	dir string // of the configuration file
}

// Listen is where the gateway listens. Each address is IP:port, or :port for
// all addresses of the machine; port 0 is any free one.
type Listen struct {
	// CoAP is for plain CoAP, which is unencrypted and for testing only. None
	// means that it is not served.
	CoAP []string `yaml:"coap,omitempty"`
	// CoAPS is for CoAP over DTLS.
	CoAPS []string `yaml:"coaps,omitempty"`
	// API is for the HTTP API, which has no authentication of its own: give a
	// loopback address, or one of a protected network. Empty means no API.
	API string `yaml:"api,omitempty"`
	// Admin is for metrics, health, readiness and Go's profiles, over HTTP and
	// without authentication: give a loopback address. They are served nowhere
	// else. Empty means not at all.
	Admin string `yaml:"admin,omitempty"`
}

// DTLS is what the gateway shows to devices that call over coaps.
type DTLS struct {
	// Certificate and Key are the chain, leaf first, and its key, P-256, as PEM.
	// Without them only pre-shared keys are accepted.
	Certificate string      `yaml:"certificate,omitempty"`
	Key         secret.Text `yaml:"key,omitempty"`
}

// Platform is the HTTP side of coap2http.
type Platform struct {
	// Allow are the origins that coap2http calls, such as
	// https://live.runmyprocess.com: scheme, host and port. A request for any
	// other is refused with 5.05. None means that all are refused.
	Allow []string `yaml:"allow,omitempty"`
	// Networks are where else than at public addresses the name service may say
	// that the platform is, such as 10.0.0.0/8: what it says beside them is not
	// believed (DNS rebinding). An address in Allow or Hosts needs no network.
	Networks []string `yaml:"networks,omitempty"`
	// Roots is PEM with the root certificates for https origins. None means those of the system.
	Roots []string `yaml:"roots,omitempty"`
	// Timeout bounds one HTTP call; past it the device gets 5.04. Zero means 30 s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// User is a user of the platform as the DTLS layer knows it: the identity is the
// name, the key comes from the password. It decides whether a session comes
// about and authenticates nothing towards the platform.
type User struct {
	Name string `yaml:"name"`
	// Password is for the forms raw and hex.
	Password secret.Text `yaml:"password,omitempty"`
	// PSKKey is raw (the default), hex or explicit.
	PSKKey api.PSKForm `yaml:"psk-key,omitempty"`
	// Key is for the form explicit: its UTF-8 bytes, or the bytes behind "hex:".
	Key secret.Text `yaml:"key,omitempty"`
}
