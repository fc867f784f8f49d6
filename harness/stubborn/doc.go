// SPDX-License-Identifier: Apache-2.0

// Package stubborn is the stubborn device: what a vendor has on the desk. It calls
// one gateway, whose URL is burnt in, as one user, with one key of at most 16
// bytes. Its DTLS has pre-shared keys alone and no extended master secret. It has
// no clock, one session at a time, and sends nothing until its button is pressed.
// What it has to say it says on its console.
//
// It is there so that a bench can be tried, and tested, before a real device stands
// on it. Its stack is small and its own, on pion's DTLS: it shares the codec in
// coap with the gateway and nothing else, knows nothing of target files, labs and
// verdicts, and judges nothing.
package stubborn
