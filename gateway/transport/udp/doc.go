// SPDX-License-Identifier: Apache-2.0

// Package udp carries datagrams between UDP sockets and a Receiver: listeners
// whose answers leave from the address that the request came to, and dialers
// with a socket of their own. It knows nothing of CoAP.
package udp
