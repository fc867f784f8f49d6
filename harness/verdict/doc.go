// SPDX-License-Identifier: Apache-2.0

// Package verdict is what the suite says of a target: requirements, the
// verdicts they can get, and the errors by which a step reaches one.
//
// It knows nothing of features, wires or reports.
package verdict
