// SPDX-License-Identifier: Apache-2.0

// Package hook makes a target do things: it runs the hooks of a target file. A
// hook is a program, an HTTP call, or a person who is asked.
//
// Whatever it starts, it ends: a program runs in a process group of its own, and
// the group is gone when Run returns. Secrets are blotted out in all that it hands
// out. A person at the terminal alone sees them, as they have to be typed.
//
// It knows the target file, and nothing of labs, scenarios or verdicts: what a
// failed hook means is for its caller to say.
package hook
