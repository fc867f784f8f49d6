// SPDX-License-Identifier: Apache-2.0

// Package preflight proves a target file before any verdict: that the bench is
// this machine's, that the target is reached and answers, that each kind of
// handshake it declares comes about and those it denies do not, that its hooks
// work. Each step says what was seen and, where that is not well, what to do next.
//
// It tells apart what stands in the way (a cable, a firewall, a wrong address: the
// environment) from what the target declares and is not so (the statement). It
// judges no requirement, and knows neither features nor verdicts.
package preflight
