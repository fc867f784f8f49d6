// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"crypto/tls"
	"encoding/json"
	"net/netip"

	"github.com/coapstone/coapstone/harness/pki"
)

// The names of a lab's parts, in certificates and URLs.
const (
	GatewayName  = "gateway.coapstone.test"
	PlatformName = "platform.coapstone.test"
	DeviceName   = "device.coapstone.test" // of the devices that are called by a name
)

// GatewayConfig is what a lab configures its gateway with.
type GatewayConfig struct {
	// CoAP, CoAPS and API are where it listens.
	CoAP, CoAPS []netip.AddrPort
	API         netip.AddrPort
	// Certificate is the gateway's own.
	Certificate tls.Certificate
	// Roots is PEM: what it trusts, devices and platform alike.
	Roots []byte
	// Allow is the platform's origins.
	Allow []string
	// Platform is the address behind the name of the platform.
	Platform netip.Addr
	// Device is the address behind the name of devices.
	Device netip.Addr
}

// YAML is the configuration as the gateway reads it. It holds a private key.
func (c GatewayConfig) YAML() ([]byte, error) {
	cert, key, err := pki.EncodePEM(c.Certificate)
	if err != nil {
		return nil, err
	}
	roots := []string{string(c.Roots)}
	// JSON is YAML, and needs no care with indentation.
	return json.MarshalIndent(map[string]any{
		"listen":   map[string]any{"coap": c.CoAP, "coaps": c.CoAPS, "api": c.API},
		"names":    []string{GatewayName},
		"dtls":     map[string]any{"certificate": string(cert), "key": string(key)},
		"trust":    roots,
		"platform": map[string]any{"allow": c.Allow, "roots": roots},
		"hosts":    map[string]any{PlatformName: c.Platform, DeviceName: c.Device},
	}, "", "  ")
}
