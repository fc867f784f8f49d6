// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"errors"
	"fmt"

	"github.com/coapstone/coapstone/reports"
)

// Why a statement does not verify. Each is the kind of an error that says more.
var (
	// ErrForm: it is no statement of the kind that Write makes.
	ErrForm = errors.New("this is no statement as coapstone certify writes it")
	// ErrSignature: it says that a key signed it that did not sign this.
	ErrSignature = errors.New("the signature does not hold")
	// ErrUnknownSigner: no key was given that signed it.
	ErrUnknownSigner = errors.New("the signer is unknown")
	// ErrDigest: a file beside it is missing, or is another one.
	ErrDigest = errors.New("a file is not the one that was signed for")
	// ErrClaim: it is signed, and says something else than the files beside it.
	ErrClaim = errors.New("the statement says something else than its files")
)

// unverified is one of the kinds above with what was found and what to do.
type unverified struct {
	kind error
	name string // the file that it is about
	what string
	next string
}

// Error is kind, file, finding and next step, in one sentence.
func (e *unverified) Error() string {
	return printable(fmt.Sprintf("%s: %v: %s; %s", e.name, e.kind, e.what, e.next))
}

// Unwrap is the kind.
func (e *unverified) Unwrap() error { return e.kind }

// ExitCode is that of a statement that does not verify.
func (e *unverified) ExitCode() int { return reports.ExitUnverified }
