// SPDX-License-Identifier: Apache-2.0

// Package request turns a provider, a connector and a call into one CoAP
// request: it fills in variables, reads the advanced parameters, and decomposes
// the URL into options (RFC 7252 §6.4).
//
// It is pure: it resolves no name, opens no socket and knows nothing of message
// exchange or HTTP. Everything it refuses is a *Error that says what to change,
// and it never repeats a key, a body or a query.
package request
