// SPDX-License-Identifier: Apache-2.0

// Package gateway is the reference gateway as one thing: its configuration, its
// users, and the wiring of endpoint, transports, coap2http and the outbound
// side into something that starts and closes.
//
// What a message means is decided in the packages below it. It knows nothing of
// the harness, of the mock platform, or of how a suite runs.
package gateway
