// SPDX-License-Identifier: Apache-2.0

// Package steps is the words of the features: for each step of a scenario a
// cucumber expression, a sentence that explains it, an example, and what it does.
//
// Steps speak to a lab's stage and to the scripted peers, never to a gateway's
// inside. They know nothing of godog, of scheduling or of reports.
package steps
