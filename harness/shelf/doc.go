// SPDX-License-Identifier: Apache-2.0

// Package shelf is tests alone: it puts the stock targets of fixtures/targets on a
// bench, one after the other, as a vendor would, and holds what the program says of
// each against the result that stands beside its target file. The targets are
// processes of their own, other people's where that is said, on loopback addresses
// that the target files name; the stubborn device has network namespaces.
//
// It knows the built program and its reports, and nothing of the harness's inside.
package shelf
