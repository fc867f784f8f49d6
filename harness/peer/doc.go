// SPDX-License-Identifier: Apache-2.0

// Package peer is the scripted CoAP peer: a device that sends and answers
// exactly what a scenario asks for, legal or not, over UDP or DTLS, and keeps
// everything that came back until the scenario has asked for it.
//
// It judges an implementation under test, so it is built on the codec of
// package coap and on pion's DTLS alone and knows nothing of the gateway.
// Every datagram is in the trace before the peer acts on it, and every message
// inside DTLS beside the record that carried it.
package peer
