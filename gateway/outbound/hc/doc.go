// SPDX-License-Identifier: Apache-2.0

// Package hc is the HTTP-to-CoAP proxy of RFC 8075: an HTTP client names a CoAP
// resource in the URL, and gets what the device answers. It stands beside the
// connectors, which name a resource in a configuration.
//
// The mappings themselves are those of package mapping, and calls are made by
// package call. It caches nothing, follows no observation and knows no
// multicast. Where HTTP can say something that CoAP cannot, it refuses rather
// than leave it out, unless RFC 8075 says to leave it out.
package hc
