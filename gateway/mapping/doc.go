// SPDX-License-Identifier: Apache-2.0

// Package mapping is what CoAP and HTTP have to say to each other, as data and
// pure functions: codes and statuses, Content-Formats and media types, charsets,
// freshness, entity-tags, URIs, and the AuthToken of the platform (RFC 7252 §6,
// §10; RFC 8075 §6, §7).
//
// It does no I/O and knows neither endpoints nor HTTP clients. Both sides of the
// gateway use it.
package mapping
