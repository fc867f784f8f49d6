// SPDX-License-Identifier: Apache-2.0

// Package devices is devices that are right in all but one point, for package
// deviant: some that call a gateway, some that are called by one. They are made of
// the scripted peer, with pion's DTLS where that will not do wrong.
package devices
