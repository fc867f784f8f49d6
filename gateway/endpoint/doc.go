// SPDX-License-Identifier: Apache-2.0

// Package endpoint is the CoAP message layer: message types, message ids and
// tokens, acknowledgement, reset, retransmission, deduplication, and the
// matching of responses to requests (RFC 7252 §4, §5).
//
// It stands on any datagram transport: a transport hands it what it receives
// (Receiver) and gives it Peers to send to. It knows nothing of sockets, DTLS,
// URIs, resources or HTTP, and it does not put blocks together: package blockwise
// stands before the Handler, and between Do and its caller.
package endpoint
