// SPDX-License-Identifier: Apache-2.0

// Package stage is one scenario's part of a lab, the same for every kind of
// lab: it configures the gateway through its HTTP API and the platform through
// its admin API, keeps scenarios apart by names, and fills the trace's HTTP
// layer from the platform's journal and the calls of connectors.
//
// What differs between labs comes in a Bench: where things are, which of them
// can be configured, and how addresses for devices are handed out. It starts
// and stops nothing and never sees a gateway's inside.
package stage
