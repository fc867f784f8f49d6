// SPDX-License-Identifier: Apache-2.0

// Package coapstone runs the conformance suite from Go: it selects scenarios,
// schedules them in a lab, and judges what they saw.
//
//	report, err := coapstone.Run(ctx, coapstone.Options{Tags: "@inbound and not @dtls"})
//
// or, as part of a Go test, one subtest for each scenario:
//
//	func TestGateway(t *testing.T) { coapstone.Test(t, coapstone.Options{}) }
//
// Every scenario is a godog suite of its own, under a scheduler of this
// package. It can keep a journal, from which another run goes on. It knows the
// interface of labs and the embedded lab, and nothing of containers, of terminals
// or of files that reports are written to.
package coapstone
