// SPDX-License-Identifier: Apache-2.0

// Package inbound is coap2http, the cross-proxy that devices call: it turns a
// CoAP request with a Proxy-Uri into an HTTP call of a Composite API, and the
// HTTP answer into the CoAP response (RFC 7252 §5.7, §10.1).
//
// It is never an open proxy: only the origins that it is given are called, a
// redirect is not followed, no call is repeated. It knows nothing of sockets,
// DTLS, users and how messages are exchanged.
package inbound
