// SPDX-License-Identifier: Apache-2.0

// Package draft makes a target file out of answers. It knows the questions, which
// of them a role needs, what to offer as an answer and what a sensible one looks
// like; and it writes the file, which can be read before it is handed out.
//
// It never takes a secret: only where one is. It opens no socket and reads no
// terminal: whoever asks hands in the reader and the writer, and what this machine
// has.
package draft
