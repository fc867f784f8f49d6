// SPDX-License-Identifier: Apache-2.0

// Package trace is what crossed the wire, as data: datagrams with their times,
// ends and bytes, the CoAP messages inside DTLS sessions, the HTTP exchanges on
// the platform's side, and notes that a scenario leaves between them.
//
// It records and hands out; it judges nothing and draws nothing. Ladders,
// captures and reports are made from it elsewhere.
package trace
