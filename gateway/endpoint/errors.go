// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"errors"
	"fmt"

	"github.com/coapstone/coapstone/coap"
)

// What can become of a message that was sent.
var (
	// ErrReset: the peer rejected the message with a Reset (RFC 7252 §4.2).
	ErrReset = errors.New("the peer rejected the message with a Reset")
	// ErrGaveUp: no acknowledgement came for any of the transmissions (RFC 7252 §4.2).
	ErrGaveUp = errors.New("no acknowledgement came, not even after the last retransmission")
	// ErrClosed: the endpoint is closed, or closing.
	ErrClosed = errors.New("the CoAP endpoint is closed")
	// ErrForgotten: the peer's session ended before an answer came.
	ErrForgotten = errors.New("the session with the peer ended before an answer came")
	// ErrTokenInUse: another request to this peer waits with the same token
	// (RFC 7252 §5.3.1).
	ErrTokenInUse = errors.New("the token is in use with this peer")
	// ErrNoMessageID: every message id was used with this peer within
	// EXCHANGE_LIFETIME, and none may be used again so soon (RFC 7252 §4.4).
	ErrNoMessageID = errors.New("all message ids are used up with this peer for the moment")
	// ErrBadResponse is matched by every *BadResponseError.
	ErrBadResponse = errors.New("the response must be rejected")
)

// BadResponseError is a response that came but had to be rejected, because it
// carries critical options that cannot be processed (RFC 7252 §5.4.1).
type BadResponseError struct {
	// Code is the code of the response.
	Code coap.Code
	// Problems is the critical options that made it one to reject.
	Problems []coap.OptionProblem
}

// Error names every option.
func (e *BadResponseError) Error() string {
	return fmt.Sprintf("the response %s must be rejected: %s (RFC 7252 §5.4.1)", e.Code, sentence(e.Problems))
}

// Is makes errors.Is(err, ErrBadResponse) true.
func (e *BadResponseError) Is(target error) bool { return target == ErrBadResponse }
