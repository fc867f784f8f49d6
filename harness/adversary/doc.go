// SPDX-License-Identifier: Apache-2.0

// Package adversary is nothing but tests: it sets the whole reference gateway
// between hostile devices, a bad link and a platform that hangs, and holds it
// against the figures for reliability. Each finding names a seed or a datagram
// that repeats it.
//
// It drives the gateway from outside: over sockets, or over a link in memory
// where hours have to pass in moments. What needs no whole gateway is tested
// beside the package that it is about.
package adversary
