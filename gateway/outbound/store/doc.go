// SPDX-License-Identifier: Apache-2.0

// Package store keeps the gateway's providers and connectors by name, in
// memory. It refuses what could never be called, and knows nothing of calls,
// sockets or HTTP. A connector may come before its provider.
package store
