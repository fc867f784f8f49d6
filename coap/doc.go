// SPDX-License-Identifier: Apache-2.0

// Package coap is CoAP messages as bytes: a strict decoder with exact errors, a
// tolerant one that reads what can be read, an encoder for legal messages and
// one that can also write illegal frames (RFC 7252 §3).
//
// It does no I/O, keeps no state and knows nothing of message exchange: message
// ids, tokens and retransmission belong to whoever sends and receives. The
// gateway and the scripted peer share this package and nothing else, which is
// why its tests hold it against an independent codec.
package coap
