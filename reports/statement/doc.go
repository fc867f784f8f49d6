// SPDX-License-Identifier: Apache-2.0

// Package statement is the signed statement beside a report: an in-toto
// test-result attestation in a DSSE envelope, written with an operator's key and
// verified with its public half.
//
// Envelope and signature are go-securesystemslib's, the attestation's types
// in-toto's. The package knows a report and the files beside it. It knows nothing
// of how a run is made, of labs or of targets: of the target file it reads the
// few lines that say who was tested.
package statement
