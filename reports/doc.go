// SPDX-License-Identifier: Apache-2.0

// Package reports is a run as data, and what is made from it: report.json,
// JUnit, Cucumber JSON, text and a page for people with the ladders of exchanges,
// and captures for Wireshark.
//
// report.json is the truth; everything else can be made from it again, except
// that a capture's TLS keys are never written there. The package knows verdicts
// and traces, and nothing of godog, of labs or of steps.
package reports
