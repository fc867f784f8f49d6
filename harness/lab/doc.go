// SPDX-License-Identifier: Apache-2.0

// Package lab is where scenarios happen: a gateway, a platform and room for
// devices, wired up. One lab serves a whole run; each scenario gets a stage of
// its own in it, kept apart by names.
//
// This package is the interface alone. The embedded, container and external
// labs stand in packages below, and none of them is known here.
package lab
