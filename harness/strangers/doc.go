// SPDX-License-Identifier: Apache-2.0

// Package strangers is tests alone: programs that others wrote, on the other
// side of the wire. libcoap's client is the inbound device and its server the
// outbound one; OpenSSL's client says which cipher suites the gateway takes;
// tshark reads what our codec reads. What we write and what we judge with is ours
// on both sides everywhere else, so an error could cancel itself out; not here.
//
// Where a program is missing its tests skip and say what to install; package
// need has the way to require it.
package strangers
