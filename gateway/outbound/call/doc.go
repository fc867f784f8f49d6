// SPDX-License-Identifier: Apache-2.0

// Package call makes the CoAP call that a connector describes: it resolves the
// name, opens or reuses the session with the device, and exchanges the request
// for a response within the connector's timeout.
//
// It knows nothing of HTTP but the status that names the kind of a failure, and
// nothing of where providers and connectors are kept.
package call
