// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what a gateway does, for Prometheus: in a registry of
// the gateway's own, never in the global one, so that two gateways in one process
// do not meet.
//
// Labels have few values and are the gateway's own words: schemes, methods,
// codes, outcomes. No address, name, URI, identity or payload is ever a label: a
// metric must hold no secret, and no stranger may make it grow.
package metrics
