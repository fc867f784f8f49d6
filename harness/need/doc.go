// SPDX-License-Identifier: Apache-2.0

// Package need is for tests that lean on something that a machine may not
// have: a program of somebody else's, or a Docker daemon. Such a test skips and
// says what to install; where the environment says that it is required, in CI,
// it fails instead, so that a green run never stands for one that did not happen.
//
// It knows nothing of the project and is imported by tests alone.
package need
