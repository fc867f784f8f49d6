// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"errors"
	"fmt"

	"github.com/coapstone/coapstone/coap"
)

// What can become of a transfer, beside what endpoint.Endpoint.Do says.
var (
	// ErrChanged: the representation changed while it was fetched, again and again.
	ErrChanged = errors.New("the representation changed while its blocks were fetched (another ETag, Content-Format or code)")
	// ErrTooLarge: the response's body is longer than what is taken.
	ErrTooLarge = errors.New("the body of the response is too long")
	// ErrBroken is matched by every *BrokenError.
	ErrBroken = errors.New("the block-wise transfer broke RFC 7959")
)

// BrokenError is a peer that does not keep to RFC 7959, so that the body cannot
// be sent or put together.
type BrokenError struct {
	// Response is what it said.
	Response *coap.Message
	// What is wrong with it.
	What string
}

// Error names the response's code and the section of RFC 7959.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("the response %s breaks the block-wise transfer: %s", e.Response.Code, e.What)
}

// Is makes errors.Is(err, ErrBroken) true.
func (e *BrokenError) Is(target error) bool { return target == ErrBroken }

func broken(resp *coap.Message, format string, args ...any) error {
	return &BrokenError{resp, fmt.Sprintf(format, args...)}
}
