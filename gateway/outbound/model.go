// SPDX-License-Identifier: Apache-2.0

package outbound

import "github.com/coapstone/coapstone/gateway/secret"

// Mode is an environment of a provider: the state of the calling project
// version picks it.
type Mode string

// The three environments.
const (
	Test       Mode = "TEST"
	Acceptance Mode = "ACCEPTANCE"
	Live       Mode = "LIVE" // the default of a call
)

// Provider is a remote CoAP server, which could also be a device: the means of
// grouping the connectors that are available at one web address.
type Provider struct {
	Title string   `json:"title,omitempty" yaml:"title,omitempty"`
	Tags  []string `json:"tags,omitempty" yaml:"tags,omitempty"`
	// Environments is by mode; a call in a mode that is missing is refused.
	Environments map[Mode]Environment `json:"environments" yaml:"environments"`
	// Variables are the defaults for ${name} in URLs, bodies and parameters.
	Variables map[string]string `json:"variables,omitempty" yaml:"variables,omitempty"`
}

// Environment is where a provider is reached in one mode.
type Environment struct {
	// URL is coap:// or coaps://, a host, a port (5683 or 5684 when absent) and
	// perhaps a path. It may contain variables, or be one.
	URL string `json:"url" yaml:"url"`
	// Authentication is absent for "No Authentication": coaps then uses
	// certificates. With it, coaps uses the pre-shared key.
	Authentication *Authentication `json:"authentication,omitempty" yaml:"authentication,omitempty"`
}

// Authentication is the authentication scheme "Identity / Key".
type Authentication struct {
	Identity string `json:"identity" yaml:"identity"`
	// Key is typed text: its UTF-8 bytes, or the bytes behind the prefix "hex:".
	Key secret.Text `json:"key" yaml:"key"`
}

// Connector is one CoAP message to a provider, with variables in all its parts.
type Connector struct {
	Title    string `json:"title,omitempty" yaml:"title,omitempty"`
	Provider string `json:"provider" yaml:"provider"`
	// URL is appended to the provider's.
	URL string `json:"url,omitempty" yaml:"url,omitempty"`
	// DynamicEndpoint, when given, is the whole URL, from a variable at call
	// time: "${endpoint}". The provider still gives the credentials.
	DynamicEndpoint string `json:"dynamicEndpoint,omitempty" yaml:"dynamicEndpoint,omitempty"`
	Method          string `json:"method" yaml:"method"` // GET, POST, PUT or DELETE
	// Accept and Content are the media types that it accepts and sends.
	Accept  string `json:"accept,omitempty" yaml:"accept,omitempty"`
	Content string `json:"content,omitempty" yaml:"content,omitempty"`
	Body    string `json:"body,omitempty" yaml:"body,omitempty"`
	// Parameters are the advanced parameters: message-type, proxi-URI (or
	// proxy-URI) and timeout.
	Parameters map[string]string `json:"parameters,omitempty" yaml:"parameters,omitempty"`
}

// Call is what a caller gives with one call of a connector.
type Call struct {
	Mode Mode `json:"mode,omitempty"`
	// Variables go before the provider's.
	Variables map[string]string `json:"variables,omitempty"`
}
