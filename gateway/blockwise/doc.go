// SPDX-License-Identifier: Apache-2.0

// Package blockwise puts bodies together from blocks and cuts them into blocks
// (RFC 7959), on both sides: a Handler stands between an endpoint and the
// handler that wants whole requests, a Client between an endpoint and a caller
// that wants whole responses.
//
// It knows messages and peers, and nothing of sockets, retransmission, URIs or
// HTTP. What it keeps is bounded in number, in bytes and in time.
package blockwise
