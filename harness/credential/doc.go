// SPDX-License-Identifier: Apache-2.0

// Package credential derives what a device needs from a user name and a
// password: the tools that the document describes in §3.1 and §4.2. The program's
// key commands and the words of the features use the same code, so that what is
// tried against a gateway is what a person is given. The reference gateway has a
// derivation of its own, and is held against this one.
package credential
