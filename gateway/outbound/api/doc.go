// SPDX-License-Identifier: Apache-2.0

// Package api is the HTTP face of the gateway: it configures providers,
// connectors and users, and calls connectors. openapi.yaml describes it and is
// served by it; errors are problem details (RFC 9457).
//
// It knows nothing of message exchange. A secret goes in and never comes out.
package api
