// SPDX-License-Identifier: Apache-2.0

// Package link is a UDP relay between devices and a target that loses, repeats,
// reorders and delays datagrams, that can be cut, and that can come from a new
// source port, as a NAT does that has forgotten its binding.
//
// What it does to a datagram follows from its seed, the flow, the direction and
// the datagram's index alone, never from the time, so that a run can be
// repeated. Every decision stands in the trace.
//
// It knows nothing of what is in a datagram, but for the trace: whether it is
// DTLS, and whether it is a CoAP message at all.
package link
