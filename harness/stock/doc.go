// SPDX-License-Identifier: Apache-2.0

// Package stock is the stock device: go-coap's client and server, an
// independent stack on the other side of the wire, to try things by hand and to
// keep our own stacks from agreeing with themselves.
//
// It is go-coap as it comes, with the defects that would confuse whoever calls
// it mended from outside: a ping is answered with a Reset, a NON with a NON, and
// nothing with an answer that is no request. What stays go-coap's own: repetition
// at fixed intervals, unknown critical options that go unnoticed, and silence to
// what it cannot read. It knows nothing of the gateway, and judges nothing.
package stock
