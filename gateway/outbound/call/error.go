// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/blockwise"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// Error is a call that came to no answer of the device. Every error of Do is one.
type Error struct {
	// Status is the kind of failure as an HTTP status: 400 for a call that makes
	// no request, 403 for a name that is not one device's, 502 for a device that can't be reached or that refused, 503 for
	// a gateway that can't call now, 504 for a timeout.
	Status int
	// Detail says what happened and what to look at.
	Detail string
	// Err is the cause; nil for none beyond the detail.
	Err error
	// RetryAfter is when to call again, in seconds; 0 for nobody knows.
	RetryAfter int
}

// Error is the detail.
func (e *Error) Error() string { return e.Detail }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(status int, cause error, format string, args ...any) *Error {
	return &Error{Status: status, Detail: fmt.Sprintf(format, args...), Err: cause}
}

// ended says what it means that the call's context ended while it was doing
// something: its time is up, for one of the reasons in hint, or the caller went
// away.
func ended(ctx context.Context, r *request.Request, doing, hint string) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fail(http.StatusGatewayTimeout, ctx.Err(), "the timeout of %d ms passed %s: %s", r.Timeout.Milliseconds(), doing, hint)
	}
	return fail(http.StatusServiceUnavailable, ctx.Err(), "the call was given up %s, because its caller left or the gateway is closing", doing)
}

// unresolved is a host that has no address.
func unresolved(r *request.Request, err error) *Error {
	if err == nil {
		return fail(http.StatusBadGateway, nil, "the name %q has no address", r.Host)
	}
	return fail(http.StatusBadGateway, err, "the name %q was not resolved: %v", r.Host, err)
}

// undialled is a device with which there is no session. The transports' errors
// name the remote address.
func undialled(r *request.Request, err error) *Error {
	switch {
	case !r.Secure:
		return fail(http.StatusBadGateway, err, "the device cannot be reached: %v", err)
	case errors.Is(err, dtls.ErrCertificate):
		return fail(http.StatusBadGateway, err, "%v: the device's certificate must be for %s, valid now, and lead to a root that the gateway trusts", err, r.ServerName())
	case r.PSK != nil:
		return fail(http.StatusBadGateway, err, "%v: the gateway offers TLS_PSK_WITH_AES_128_CCM_8 alone, as the identity %q; compare suite, identity and key with the device's", err, r.PSK.Identity)
	}
	return fail(http.StatusBadGateway, err, "%v: the gateway offers TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 alone; the device needs a certificate with a P-256 key, or the provider an identity and a key", err)
}

// unfinished is a DTLS handshake that the call's context ended.
func unfinished(ctx context.Context, r *request.Request, remote string) *Error {
	hint := "the device is off, is at another address, or does not take certificates with TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
	if r.PSK != nil {
		hint = "the device is off, is at another address, or has another key (a wrong key is often met with silence)"
	}
	return ended(ctx, r, "in the DTLS handshake with "+remote, hint)
}

// unanswered is an exchange that brought no response.
func unanswered(ctx context.Context, r *request.Request, remote string, err error) *Error {
	var soon *tooSoonError
	switch {
	case errors.As(err, &soon):
		e := fail(http.StatusServiceUnavailable, err, "%s has not answered what was sent to it, and PROBING_RATE (RFC 7252 §4.7: on average %d byte/s to a device that does not respond) allows the next request in %d s: see that the device is on, and call again then; the gateway's operator can set probing-rate higher", remote, soon.rate, soon.seconds())
		e.RetryAfter = soon.seconds()
		return e
	case errors.Is(err, endpoint.ErrReset):
		return fail(http.StatusBadGateway, err, "%s rejected the request with a Reset (RFC 7252 §4.2): it could not process the message, or knows nothing of CoAP requests", remote)
	case errors.Is(err, endpoint.ErrBadResponse):
		return fail(http.StatusBadGateway, err, "%s sent a response that had to be rejected: %v", remote, err)
	case errors.Is(err, blockwise.ErrBroken), errors.Is(err, blockwise.ErrChanged), errors.Is(err, blockwise.ErrTooLarge):
		return fail(http.StatusBadGateway, err, "%s did not complete the block-wise transfer: %v", remote, err)
	case errors.Is(err, endpoint.ErrGaveUp):
		return fail(http.StatusGatewayTimeout, err, "%s acknowledged none of the retransmissions", remote)
	case ctx.Err() != nil:
		hint := "the device is slow, is off, or is at another address"
		if r.Message.Type == coap.NonConfirmable {
			hint += ", or the NON request was lost on its way"
		}
		return ended(ctx, r, "waiting for the response of "+remote, hint)
	case sessionEnded(err):
		return fail(http.StatusBadGateway, err, "the session with %s ended before the response came", remote)
	case errors.Is(err, endpoint.ErrClosed), errors.Is(err, endpoint.ErrNoMessageID), errors.Is(err, endpoint.ErrTokenInUse):
		return fail(http.StatusServiceUnavailable, err, "the gateway cannot call %s now: %v", remote, err)
	}
	return fail(http.StatusBadGateway, err, "%s cannot be reached: %v", remote, err)
}
