// SPDX-License-Identifier: Apache-2.0

// Package outbound is what the platform configures in the gateway to reach
// devices: providers, with their environments, and connectors.
//
// It is data alone. Package call makes the CoAP call that a connector
// describes; package api is the HTTP face of both.
package outbound
