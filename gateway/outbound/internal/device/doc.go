// SPDX-License-Identifier: Apache-2.0

// Package device is devices for the tests of outbound calls: go-coap's server,
// which shares no code with the gateway, over UDP and DTLS, and a UDP socket
// that answers with whatever a test likes. It knows nothing of the gateway.
package device
