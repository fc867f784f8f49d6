// SPDX-License-Identifier: Apache-2.0

// Package admin is what an operator looks at: metrics, health and readiness, and
// Go's profiles, on a listener of their own. None of it is served anywhere else,
// for profiles and metrics tell of the inside, and asking for them costs.
package admin
