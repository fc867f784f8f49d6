// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package hook

import "os/exec"

// ownGroup does nothing: there are no process groups here, and the context ends
// the program alone.
func ownGroup(*exec.Cmd) {}

// endGroup does nothing.
func endGroup(*exec.Cmd) {}
