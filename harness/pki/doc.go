// SPDX-License-Identifier: Apache-2.0

// Package pki is the test PKI: "Coapstone Test Root", an intermediate, and
// leaves, all P-256, right ones and wrong ones. The authority is made on first
// use and kept with the operator; no key of it is in the repository or the
// program, or every device that trusts it would be open to anybody.
//
// It issues certificates and judges none.
package pki
